"""Translator: learns, translates line by line, scores, saves, resumes; refuses what is no pair."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone

from minigen.beam_search import BeamConfig
from minigen.estimators import Translator, load_estimator
from minigen.presets import TRANSLATION_PRESETS, TranslationPreset

DIGITS = {"one": "un", "two": "deux", "three": "trois", "four": "quatre", "five": "cinq", "six": "six", "ten": "dix"}
TINY = TranslationPreset(1, 1, 32, 2, context_length=32, tokens_per_batch=400, minutes=1)


def pairs(number: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Sums in words, "two and six" -> "deux et six": a task with one right answer."""
    words = np.random.default_rng(seed).choice(list(DIGITS), size=(number, 3))
    sources = [f"{a} and {b} and {c}" for a, b, c in words]
    targets = [f"{DIGITS[a]} et {DIGITS[b]} et {DIGITS[c]}" for a, b, c in words]
    return sources, targets


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Translator:
    """A translator that has learned the task, and its folder as `folder_`."""
    folder = tmp_path_factory.mktemp("trained")
    translator = Translator(TINY, vocab_size=300, device="cpu")
    translator.fit(*pairs(1200), pairs(60, seed=1), steps=250, out=folder, progress=False)
    translator.folder_ = folder
    return translator


def test_it_learns_a_task_that_can_be_learned(trained):
    scores = trained.report(*pairs(100, seed=2))
    assert scores["exact_match"] > 90
    assert scores["bleu"] > 90
    assert trained.score(*pairs(100, seed=2)) == scores["bleu"]
    assert trained.summary_["val_exact_match"] > 90
    assert scores["too_long"] == 0


def test_a_batch_translates_as_each_sentence_alone(trained):
    sources = pairs(20, seed=3)[0] + ["one", "two and three"]
    assert trained.predict(sources) == [trained.predict([source])[0] for source in sources]


def test_a_line_in_is_a_line_out_even_without_text(trained):
    found = trained.predict(["one and two and six", "", "   ", "ten and ten and one"])
    assert [bool(line) for line in found] == [True, False, False, True]
    assert trained.predict([]) == []


def test_candidates_come_best_first_and_differ(trained):
    ((best, second, third),) = trained.candidates(["one and two and six"], BeamConfig(beam_size=3, num_best=3))
    assert best[1] >= second[1] >= third[1]
    assert len({best[0], second[0], third[0]}) > 1
    assert best[0] == trained.predict(["one and two and six"], beam_size=3)[0]


def test_unknown_scripts_and_emoji_go_in_and_come_out_as_text(trained):
    for text in ("日本語 🎉", "Ελληνικά", "\ud83d", "a\u2028b"):
        (found,) = trained.predict([text])
        assert "\n" not in found
    tokens = trained.tokenizer_.encode("日本語 🎉")
    assert trained.tokenizer_.decode(tokens) == "日本語 🎉"


def test_texts_of_a_script_that_a_tokenizer_of_characters_never_saw_are_counted():
    sources, targets = pairs(50)
    translator = Translator(TINY, "char").fit(sources, targets, steps=1, progress=False)
    with pytest.warns(UserWarning, match="1 of 2 texts are mostly of characters or words that the training never saw"):
        translator.predict(["日本語 🎉", sources[0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        translator.predict([sources[0], "", "  "])


def test_a_sentence_beyond_the_context_is_told_and_counted(trained):
    long = " and ".join(["one"] * 40)
    with pytest.warns(UserWarning, match="1 of 2 sentences are longer than the 31 tokens"):
        trained.predict(["one", long])
    with pytest.warns(UserWarning, match="1 of 2"):
        assert trained.report(["one", long], ["un", "un"])["too_long"] == 1
    assert trained.report(["one", "two"], ["un", long.replace("one", "un")])["too_long"] == 1


def test_pairs_beyond_the_context_are_left_out_of_training_with_a_warning():
    sources, targets = pairs(50)
    with pytest.warns(UserWarning, match="1 of 51 training pairs are longer than 31 tokens"):
        Translator(TINY, vocab_size=300).fit(
            [*sources, "one " * 60], [*targets, "un"], pairs(5, 1), steps=2, progress=False
        )
    with pytest.raises(ValueError, match="none of the 1 training pairs is shorter than the context of 32"):
        Translator(TINY, vocab_size=300).fit(["é!" * 60], ["un"], pairs(5, 1), steps=2, progress=False)


def test_attention_has_a_row_for_each_target_token_and_each_row_sums_to_one(trained):
    sources, targets, weights = trained.attention("one and two and six")
    assert sources[-1] == targets[-1] == "■"
    assert weights.shape == (1, 2, len(targets), len(sources))
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(1, 2, len(targets)))


def test_saved_and_loaded_it_translates_the_same(trained, tmp_path):
    trained.save(tmp_path / "copy")
    sources = pairs(10, seed=4)[0]
    for folder in (tmp_path / "copy", trained.folder_):
        loaded = Translator.load(folder, device="cpu")
        assert loaded.predict(sources) == trained.predict(sources)
        assert isinstance(load_estimator(folder), Translator)
        assert loaded.saw(*pairs(1200))
        assert not loaded.saw(*pairs(60, seed=1))


def test_the_same_seed_gives_the_same_translator_and_a_resumed_run_too(tmp_path):
    arguments = {"validation": pairs(20, 1), "progress": False}
    data = pairs(200)
    whole = Translator(TINY, vocab_size=300).fit(*data, steps=30, **arguments)
    again = Translator(TINY, vocab_size=300).fit(*data, steps=30, **arguments)
    Translator(TINY, vocab_size=300).fit(*data, steps=15, decay=0.0, out=tmp_path, **arguments)
    resumed = Translator(TINY, vocab_size=300).fit(*data, steps=30, decay=0.0, out=tmp_path, resume=True, **arguments)
    straight = Translator(TINY, vocab_size=300).fit(*data, steps=30, decay=0.0, **arguments)
    for one, other in ((whole, again), (resumed, straight)):
        for mine, same in zip(one.model_.parameters(), other.model_.parameters(), strict=True):
            assert torch.equal(mine, same)


def test_without_validation_a_part_is_held_out_and_kept_out_of_the_vocabulary():
    sources, targets = pairs(300)
    translator = Translator(TINY, "char").fit(sources, targets, steps=2, progress=False)
    assert translator.summary_["steps"] == 2
    assert 0 <= translator.summary_["val_bleu"] <= 100


def test_batches_hold_so_many_pairs_on_average():
    translator, seen = Translator(TINY, vocab_size=300), []
    translator.fit(*pairs(200), pairs(5, 1), batch_size=16, epochs=1, progress=False, observers=[seen.append])
    assert 200 / 16 <= translator.summary_["steps"] <= 200 / 16 + 4
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        Translator(TINY, vocab_size=300).fit(*pairs(20), pairs(5, 1), batch_size=0, progress=False)


def test_it_follows_the_conventions_of_scikit_learn():
    translator = Translator("tiny", vocab_size=500, seed=3)
    assert clone(translator).get_params() == translator.get_params()
    with pytest.raises(Exception, match="not fitted"):
        translator.predict(["one"])


@pytest.mark.parametrize(
    "sources, targets, message",
    [
        (["a", "b"], ["c"], "2 sources but 1 targets"),
        ([], [], "there are no pairs"),
        (["a", " "], ["b", "c"], "the source of pair 2 is empty"),
        (["a"], [""], "the target of pair 1 is empty"),
        ("one text", "another", "sources must be a sequence of texts, not one text"),
        (["a"], [None], "targets must be texts"),
    ],
)
def test_what_is_no_pair_is_refused(trained, sources, targets, message):
    with pytest.raises(ValueError, match=message):
        Translator(TINY).fit(sources, targets, steps=1, progress=False)
    with pytest.raises(ValueError, match=message):
        trained.report(sources, targets)


def test_unknown_presets_are_refused_with_those_that_exist():
    with pytest.raises(ValueError, match="unknown preset 'speedrun': choose one of tiny, laptop, gpu"):
        Translator("speedrun").fit(*pairs(50), steps=1, progress=False)
    assert all(isinstance(preset, TranslationPreset) for preset in TRANSLATION_PRESETS.values())


def test_no_warning_is_given_where_all_is_well(trained):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained.report(*pairs(5, seed=5))
