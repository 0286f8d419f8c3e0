"""TextAutoencoder: learns a space, goes there and back, saves, resumes; refuses what is no sentence and no z."""

import json
import warnings

import numpy as np
import pytest
from autoencoder_tools import TINY, make, sentences
from estimator_tools import press_ctrl_c_at
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minigen.estimators import TextAutoencoder, load_estimator
from minigen.vae_presets import VAE_PRESETS

QUICK = {"steps": 2, "progress": False}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> TextAutoencoder:
    """An autoencoder that has learned a little, and its folder as `folder_`."""
    folder = tmp_path_factory.mktemp("trained")
    space = make(beta=0.1).fit(sentences(), sentences(60, seed=1), steps=60, out=folder, progress=False)
    space.folder_ = folder
    return space


def test_it_learns(trained):
    first, last = (trained.history_.rows[i]["val_loss"] for i in (0, -1))
    assert last < 0.6 * first
    assert {"val_elbo", "val_kl", "val_active_units", "val_gap", "val_reconstructed"} <= trained.summary_.keys()


def test_it_goes_to_z_and_back(trained):
    texts = sentences(5, seed=2)
    z = trained.transform(texts)
    assert z.shape == (5, 4)
    assert z.dtype == np.float32
    mean, deviation = trained.posterior(texts)
    np.testing.assert_array_equal(z, mean)
    assert (deviation > 0).all()
    assert trained.inverse_transform(z) == trained.reconstruct(texts)
    alone = [trained.transform([text])[0] for text in texts]
    np.testing.assert_allclose(z, alone, atol=1e-5)
    assert trained.transform(["cat"]).shape == (1, 4), "one word is a sentence"
    assert trained.inverse_transform(np.zeros((0, 4))) == []


def test_the_same_seed_gives_the_same_samples(trained):
    assert trained.sample(4, seed=1) == trained.sample(4, seed=1)
    drawn = trained.sample(6, temperature=1.0, seed=2)
    assert drawn == trained.sample(6, temperature=1.0, seed=2)
    assert len(set(drawn)) > 1


def test_a_path_begins_and_ends_with_the_two_reconstructions(trained):
    path = trained.interpolate("a cat sees a pen 1", "Zoë eats nothing 7", 5)
    assert len(path) == 5
    assert [path[0], path[-1]] == trained.reconstruct(["a cat sees a pen 1", "Zoë eats nothing 7"])


def test_a_direction_leads_from_those_without_to_those_with(trained):
    cats, owls = ["a cat sees a pen 1", "a cat eats nothing 2"], ["an owl sees a pen 1", "an owl eats nothing 2"]
    moved = trained.transform(owls).mean(axis=0) + trained.direction(cats, owls)
    np.testing.assert_allclose(moved, trained.transform(cats).mean(axis=0), atol=1e-6)


def test_the_report_is_plain_numbers_and_the_score_is_the_elbo(trained):
    held_out = sentences(60, seed=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few texts cannot show much mutual information
        report = trained.report(held_out)
    assert json.loads(json.dumps(report)) == report
    assert report["n"] == 60
    assert report["nll_bound"] <= -report["elbo"]
    assert trained.score(held_out) == pytest.approx(report["elbo"], rel=0.05)
    assert trained.score("\n".join(held_out)) == trained.score(held_out), "a line is a sentence"


def test_saved_and_loaded_it_answers_the_same(trained, tmp_path):
    trained.save(tmp_path / "copy")
    texts = sentences(9, seed=4)
    for folder in (tmp_path / "copy", trained.folder_):
        loaded = TextAutoencoder.load(folder, device="cpu")
        np.testing.assert_array_equal(loaded.transform(texts), trained.transform(texts))
        assert loaded.sample(3, seed=0) == trained.sample(3, seed=0)
        assert isinstance(load_estimator(folder), TextAutoencoder)
        assert loaded.beta == 0.1
        assert loaded.saw(sentences())
        assert loaded.saw(["\n".join(sentences())])
        assert not loaded.saw(texts)


def test_a_folder_whose_vocabulary_is_anothers_is_refused(trained, tmp_path):
    trained.save(tmp_path)
    make(tokenizer="char").fit(["a cat"] * 9 + ["an owl"] * 9, ["a pen"], **QUICK).tokenizer_.save(
        tmp_path / "tokenizer.json"
    )
    with pytest.raises(ValueError, match="tokenizer"):
        TextAutoencoder.load(tmp_path)


def test_the_same_seed_gives_the_same_model_and_a_resumed_run_too(tmp_path):
    arguments = {"progress": False, "precision": "fp32", "decay": 0.0, "validation": sentences(20, 1)}
    spaces = [make().fit(sentences(), steps=20, **arguments) for _ in range(2)]

    stopped = make().fit(sentences(), steps=20, out=tmp_path, observers=[press_ctrl_c_at(10)], **arguments)
    assert stopped.summary_["stopped"] == "interrupted"
    make().fit(sentences(), steps=20, out=tmp_path, resume=True, **arguments)
    spaces.append(TextAutoencoder.load(tmp_path, "cpu"))
    for space in spaces[1:]:
        np.testing.assert_array_equal(space.transform(["a cat"]), spaces[0].transform(["a cat"]))


def test_it_follows_the_conventions_of_scikit_learn():
    space = make("tiny", beta=0.2, seed=3)
    assert clone(space).get_params() == space.get_params()
    for use in (space.transform, space.inverse_transform, space.score, space.save, space.reconstruct):
        with pytest.raises(Exception, match="not fitted"):
            use(["a"])
    scaled = make_pipeline(make().fit(sentences(60), **QUICK), StandardScaler())
    assert scaled[1].fit_transform(scaled[0].transform(sentences(9))).shape == (9, 4)
    assert make().fit_transform(sentences(60), **QUICK).shape == (60, 4)


def test_sentences_that_do_not_fit_are_left_out_or_read_by_their_beginning(trained):
    long = "a cat " * 40
    with pytest.warns(UserWarning, match="1 of 61 training sentences are longer than 15 tokens and left out"):
        make().fit([*sentences(60), long], sentences(9, 1), **QUICK)
    with pytest.warns(UserWarning, match="1 of 2 sentences are longer than the 15 tokens"):
        assert trained.transform([long, "a cat"]).shape == (2, 4)
    with pytest.raises(ValueError, match="none of the 1 training sentences is shorter than the context of 16"):
        make().fit([long], sentences(9), **QUICK)


def test_what_is_no_sentence_is_refused(trained):
    for nothing in ([], ["", " \n "], ""):
        with pytest.raises(ValueError, match="there are no sentences"):
            make().fit(nothing, **QUICK)
    with pytest.raises(ValueError, match="text 2 is None, and no text"):
        make().fit(["a", None], **QUICK)
    with pytest.raises(ValueError, match="not one text: put it into a list"):
        trained.transform("a cat")
    with pytest.raises(ValueError, match="text 2 is empty"):
        trained.interpolate("a cat", " ")
    with pytest.raises(ValueError, match="num_points must be at least 2"):
        trained.interpolate("a", "b", 1)
    with pytest.raises(ValueError, match="n must be at least 1"):
        trained.sample(0)
    with pytest.raises(ValueError, match="among 2 texts or more"):
        trained.report(["a cat"])
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        make().fit(sentences(60), batch_size=0, **QUICK)
    with pytest.raises(ValueError, match="peak must be 0 or above"):
        make(beta=-1.0).fit(sentences(60), **QUICK)


@pytest.mark.parametrize("z", [np.zeros((2, 5)), np.zeros(4), np.zeros((1, 4, 1))])
def test_a_z_of_the_wrong_size_is_refused(trained, z):
    with pytest.raises(ValueError, match=r"z must be of shape \(texts, 4\) for this model, got"):
        trained.inverse_transform(z)


def test_a_z_that_is_no_number_is_refused(trained):
    with pytest.raises(ValueError, match="infinite or not a number"):
        trained.inverse_transform(np.array([[0, np.nan, 0, 0]]))


def test_steps_hold_so_many_sentences_on_average():
    space = make().fit(sentences(), sentences(9, 1), batch_size=20, epochs=1, progress=False)
    assert 10 <= space.summary_["steps"] <= 13


def test_each_preset_makes_a_model():
    for preset in VAE_PRESETS.values():
        assert preset.model(300, beta=0.2).beta.peak == 0.2
        assert preset.training().minutes == preset.minutes
    assert TINY.training(steps=3).minutes is None
