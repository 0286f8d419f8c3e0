"""TextClassifier: learns, names classes, is calibrated, saves, resumes; refuses what is no text and no label."""

import json
import warnings

import numpy as np
import pytest
import torch
from estimator_tools import press_ctrl_c_at
from sklearn.base import clone, is_classifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from minigen.classification_metrics import softmax
from minigen.estimators import TextClassifier, load_estimator
from minigen.presets import CLASSIFICATION_PRESETS, ClassificationPreset

TINY = ClassificationPreset(
    1, 16, 2, context_length=24, tokens_per_batch=400, epochs=4, minutes=1, dropout=0.0, word_dropout=0.0
)
ANIMALS, TOOLS = ["cat", "dog", "owl", "hen"], ["saw", "axe", "pen", "hoe"]
QUICK = {"steps": 2, "progress": False}


def data(number: int = 200, seed: int = 0) -> tuple[list[str], list[str]]:
    """Phrases with one word that decides: an animal or a tool."""
    draw = np.random.default_rng(seed)
    labels = draw.choice(["animal", "tool"], size=number).tolist()
    words = [draw.choice(ANIMALS if label == "animal" else TOOLS) for label in labels]
    return [
        f"the {a} {word} is {b}" for word, (a, b) in zip(words, draw.integers(99, size=(number, 2)), strict=True)
    ], labels


def make(preset: ClassificationPreset = TINY, **parameters) -> TextClassifier:
    """A small classifier on the CPU."""
    return TextClassifier(preset, **({"vocab_size": 300, "device": "cpu"} | parameters))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> TextClassifier:
    """A classifier that has learned the task, and its folder as `folder_`."""
    folder = tmp_path_factory.mktemp("trained")
    classifier = make().fit(*data(600), data(80, seed=1), steps=120, learning_rate=0.02, out=folder, progress=False)
    classifier.folder_ = folder
    return classifier


def same_weights(one: TextClassifier, other: TextClassifier) -> bool:
    """Equal to the last bit."""
    return all(map(np.array_equal, *([p.detach().numpy() for p in c.model_.parameters()] for c in (one, other))))


# learning and answering


def test_it_learns_a_task_that_can_be_learned(trained):
    scores = trained.report(*data(100, seed=2))
    assert scores["accuracy"] > 0.9
    assert scores["macro_f1"] > 0.9
    assert scores["n"] == 100
    assert trained.score(*data(100, seed=2)) == scores["accuracy"]
    assert json.loads(json.dumps(scores)) == scores
    assert trained.predict(["a cat", "an axe"]).tolist() == ["animal", "tool"]


def test_probabilities_belong_to_the_classes_and_agree_with_the_answers(trained):
    texts = data(50, seed=3)[0]
    probabilities = trained.predict_proba(texts)
    assert trained.classes_.tolist() == ["animal", "tool"]
    assert probabilities.shape == (50, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (trained.classes_[probabilities.argmax(axis=1)] == trained.predict(texts)).all()


def test_a_batch_answers_as_each_text_alone(trained):
    texts = [*data(10, seed=4)[0], "cat", ""]
    alone = [trained.predict_proba([text])[0] for text in texts]
    np.testing.assert_allclose(trained.predict_proba(texts), alone, atol=1e-5)


def test_no_text_an_empty_one_and_strange_ones_get_an_answer_each(trained):
    assert trained.predict([]).tolist() == []
    assert trained.predict_proba([]).shape == (0, 2)
    assert len(trained.predict(["", "   ", "日本語 🎉", "\ud83d", "a\nb"])) == 5


def test_the_temperature_lowers_or_keeps_the_nll_of_the_held_out_texts(trained):
    texts, labels = data(80, seed=1)
    uncalibrated = softmax(np.log(trained.predict_proba(texts)) * trained.temperature_)
    right = uncalibrated[np.arange(80), [int(label == "tool") for label in labels]]
    assert trained.summary_["val_nll"] <= -np.log(right).mean()
    assert trained.temperature_ != 1
    assert trained.summary_["temperature"] == trained.temperature_
    assert trained.report(texts, labels)["nll"] == pytest.approx(trained.summary_["val_nll"], abs=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "first", "attention"])
def test_what_counts_is_told_for_each_token(pooling):
    preset = ClassificationPreset(1, 16, 2, 24, 400, epochs=1, minutes=1, pooling=pooling)
    tokens, weights = make(preset, tokenizer="char").fit(*data(40), **QUICK).attention("the cat")
    assert tokens == ["■", *"the␣cat"]
    assert weights.sum() == pytest.approx(1)
    assert (weights[0] == 1) == (pooling == "first")


# labels


@pytest.mark.parametrize(
    "labels, classes",
    [
        ([3, -1] * 20, [-1, 3]),
        (np.array([3, -1] * 20), [-1, 3]),
        ([True, False] * 20, [False, True]),
        (np.array(["b", "a"] * 20), ["a", "b"]),
        (["c", "b", "a", "b"] * 10, ["a", "b", "c"]),
    ],
    ids=["integers", "an array of integers", "booleans", "an array of texts", "three classes"],
)
def test_labels_come_back_sorted_and_of_their_type(labels, classes, tmp_path):
    classifier = make().fit(data(40)[0], labels, **QUICK)
    classifier.save(tmp_path)
    for one in (classifier, TextClassifier.load(tmp_path, "cpu")):
        assert one.classes_.tolist() == classes
        assert type(one.predict(["a"]).tolist()[0]) is type(classes[0])


def test_a_label_that_training_never_saw_counts_as_wrong_and_is_named(trained):
    texts, labels = data(10, seed=5)
    with pytest.warns(UserWarning, match="never saw the label 'plant': 2 texts that have it count as wrong"):
        scores = trained.report([*texts, "a fern", "moss"], [*labels, "plant", "plant"])
    assert scores["n"] == 12
    assert scores["accuracy"] == pytest.approx(trained.score(texts, labels) * 10 / 12)
    with pytest.warns(UserWarning, match="'plant': 1 texts that have it are left out"):
        make().fit(*data(40), (["a cat", "moss"], ["animal", "plant"]), **QUICK)
    with pytest.raises(ValueError, match="no held-out text has a label that training knows, only plant"):
        make().fit(*data(40), (["moss"], ["plant"]), **QUICK)


def test_numbers_and_their_digits_are_the_same_label():
    classifier = make().fit(data(40)[0], [0, 1] * 20, **QUICK)
    texts = data(9)[0]
    said = classifier.predict(texts)
    assert classifier.score(texts, [str(label) for label in said]) == 1


def test_a_class_of_one_text_is_warned_of_and_trained_on():
    texts, labels = data(60)
    with pytest.warns(UserWarning, match="a single text of 'fern'"):
        classifier = make().fit([*texts, "a fern"], [*labels, "fern"], **QUICK)
    assert classifier.classes_.tolist() == ["animal", "fern", "tool"]


def test_balanced_classes_count_the_same_however_many_texts_they_have():
    texts, labels = ["a text"] * 200, (["common"] * 9 + ["rare"]) * 20  # so that the texts tell nothing
    chances = []
    for weight in (None, "balanced"):
        classifier = make(class_weight=weight).fit(texts, labels, (texts, labels), steps=40, progress=False)
        chances.append(classifier.predict_proba(texts[:1])[0, 1])
    assert 0.05 < chances[0] < 0.15
    assert 0.4 < chances[1] < 0.6
    with pytest.raises(ValueError, match="class_weight is 'even': choose None or 'balanced'"):
        make(class_weight="even").fit(*data(40), **QUICK)


# long texts


def test_a_long_text_is_read_by_its_beginning_with_a_warning(trained):
    long = "a cat " + "saw " * 30
    with pytest.warns(UserWarning, match="1 of 2 texts are longer than the 23 tokens"):
        probabilities = trained.predict_proba([long, "a cat"])
    with pytest.warns(UserWarning, match="1 of 1 texts"):
        np.testing.assert_allclose(probabilities[0], trained.predict_proba([long + "and an owl"])[0], atol=1e-5)
    texts, labels = data(40)
    with pytest.warns(UserWarning, match="1 of 41 training texts are longer than the 23 tokens"):
        make().fit([*texts, long], [*labels, "tool"], data(9, 1), **QUICK)


# files


def test_saved_and_loaded_it_answers_the_same(trained, tmp_path):
    trained.save(tmp_path / "copy")
    texts = data(20, seed=6)[0]
    for folder in (tmp_path / "copy", trained.folder_):
        loaded = TextClassifier.load(folder, device="cpu")
        np.testing.assert_array_equal(loaded.predict_proba(texts), trained.predict_proba(texts))
        assert loaded.temperature_ == trained.temperature_
        assert isinstance(load_estimator(folder), TextClassifier)
        assert loaded.saw(*data(600))
        assert not loaded.saw(*data(80, seed=1))


def test_it_knows_the_data_that_a_part_was_held_out_of(tmp_path):
    assert make().fit(*data(40), **QUICK).saw(*data(40))


@pytest.mark.parametrize(
    "facts, message",
    [
        ({}, "does not name the classes"),
        ({"labels": ["a"], "temperature": 1.0}, "does not name the classes"),
        ({"labels": ["a", "b"], "temperature": 0}, "its temperature is 0"),
        ({"labels": ["a", "b"]}, "its temperature is None"),
    ],
)
def test_a_damaged_config_is_refused(trained, tmp_path, facts, message):
    trained.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"facts": facts}))
    with pytest.raises(ValueError, match=message):
        TextClassifier.load(tmp_path)


def test_the_same_seed_gives_the_same_classifier_and_a_resumed_run_too(tmp_path):
    preset = ClassificationPreset(1, 16, 2, 24, 400, epochs=1, minutes=1)  # with dropout of all kinds
    arguments = {"validation": data(20, 1), "progress": False, "decay": 0.0}
    one, other = (make(preset).fit(*data(100), steps=12, **arguments) for _ in range(2))
    make(preset).fit(*data(100), steps=6, out=tmp_path, **arguments)
    resumed = make(preset).fit(*data(100), steps=12, out=tmp_path, resume=True, **arguments)
    assert same_weights(one, other)
    assert same_weights(one, resumed)
    assert resumed.temperature_ == one.temperature_ == TextClassifier.load(tmp_path).temperature_


def test_an_interrupted_run_leaves_a_classifier_that_answers(tmp_path):
    observers = [press_ctrl_c_at(20)]
    stopped = make().fit(*data(100), steps=40, out=tmp_path, observers=observers, progress=False)
    assert stopped.summary_["stopped"] == "interrupted"
    assert TextClassifier.load(tmp_path).predict(["a cat"])[0] in ("animal", "tool")


# conventions


def test_it_follows_the_conventions_of_scikit_learn():
    classifier = make("tiny", seed=3)
    assert is_classifier(classifier)
    assert clone(classifier).get_params() == classifier.get_params()
    for use in (classifier.predict, classifier.predict_proba, classifier.save, classifier.attention):
        with pytest.raises(Exception, match="not fitted"):
            use(["a"])
    assert not hasattr(classifier, "classes_")


def test_it_can_be_cross_validated_and_be_the_end_of_a_pipeline():
    texts, labels = data(60)
    scores = cross_val_score(make(), texts, labels, cv=3, params=QUICK)
    assert scores.shape == (3,)
    assert ((scores >= 0) & (scores <= 1)).all()
    small = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    pipeline = Pipeline([("small", small), ("classify", make())])
    pipeline.fit([text.upper() for text in texts], np.array(labels), classify__steps=2, classify__progress=False)
    assert pipeline.predict_proba(texts).shape == (60, 2)
    assert set(pipeline.predict(texts)) <= {"animal", "tool"}


def test_series_of_pandas_are_texts_and_labels():
    pandas = pytest.importorskip("pandas")
    texts, labels = data(40)
    table = pandas.DataFrame({"text": texts, "label": labels}).sample(frac=1, random_state=0)
    assert make().fit(table["text"], table["label"], **QUICK).score(table["text"], table["label"]) >= 0


# what is refused


@pytest.mark.parametrize(
    "texts, labels, message",
    [
        ("one text", ["a"], "texts must be a sequence of texts, not one text"),
        (["a", "b"], ["x"], "2 texts but 1 labels"),
        ([], [], "there are no texts"),
        (["a", None], ["x", "y"], "text 2 is None, and no text"),
        (["a", "b"], ["x", None], "the label of text 2 is missing"),
        (["a", "b"], np.array([1.0, np.nan]), "the label of text 1 is 1.0; wanted is a text or a whole number"),
        (["a", "b"], [1, float("nan")], "the label of text 2 is missing"),
        (["a", "b"], [0.5, 1.5], "the label of text 1 is 0.5"),
        (["a", "b"], ["x", 1], "labels must be of one kind, and these are of 2: int, str"),
        (["a", "b"], [["x"], ["y"]], r"the label of text 1 is \['x'\]"),
    ],
)
def test_what_is_no_text_and_no_label_is_refused(trained, texts, labels, message):
    with pytest.raises(ValueError, match=message):
        make().fit(texts, labels, **QUICK)
    with pytest.raises(ValueError, match=message):
        trained.report(texts, labels)


def test_what_cannot_be_learned_is_refused():
    with pytest.raises(ValueError, match="there is one class only, 'a'"):
        make().fit(["x", "y"], ["a", "a"], **QUICK)
    with pytest.raises(ValueError, match="2 texts are too few"), pytest.warns(UserWarning, match="a single text"):
        make().fit(["x", "y"], ["a", "b"], **QUICK)
    with pytest.raises(ValueError, match="no text to train a tokenizer on"):
        make().fit(["", ""] * 9, ["a", "b"] * 9, (["x"], ["a"]), **QUICK)
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        make().fit(*data(40), batch_size=0, **QUICK)
    with pytest.raises(ValueError, match="unknown preset 'speedrun': choose one of tiny, laptop, vectors, gpu"):
        make("speedrun").fit(*data(40), **QUICK)


def test_steps_hold_so_many_texts_on_average():
    classifier = make().fit(*data(200), data(9, 1), batch_size=16, epochs=1, progress=False)
    assert 200 / 16 <= classifier.summary_["steps"] <= 200 / 16 + 4
    halves = make().fit(*data(200), data(9, 1), batch_size=16, accumulate=2, epochs=1, progress=False)
    assert abs(halves.summary_["steps"] - classifier.summary_["steps"]) <= 2


def test_without_a_budget_epochs_and_minutes_of_the_preset_count():
    for preset in CLASSIFICATION_PRESETS.values():
        config = preset.training()
        assert (config.epochs, config.minutes, config.steps) == (preset.epochs, preset.minutes, None)
        assert preset.training(steps=7).epochs is None
        assert preset.training(minutes=7).minutes == 7
        assert preset.training(minutes=7).epochs is None
        assert preset.training(epochs=7).minutes is None


def test_no_warning_is_given_where_all_is_well(trained):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained.report(*data(5, seed=5))
        make().fit(*data(40), data(9, 1), **QUICK)


# texts without labels

VECTORS = ClassificationPreset(
    1, 16, 2, context_length=24, tokens_per_batch=400, epochs=4, minutes=1, dropout=0.0, fixed_vectors=True
)


def unlabelled(number: int = 300, seed: int = 9) -> list[str]:
    """Texts in which animals eat and tools cut: among them a yak and a rasp, which no label was ever given to."""
    draw, texts = np.random.default_rng(seed), []
    for _ in range(number):
        if draw.random() < 0.5:
            texts.append(f"the {draw.choice([*ANIMALS, 'yak'])} {draw.choice(['eats', 'sleeps', 'runs'])} at home")
        else:
            texts.append(f"the {draw.choice([*TOOLS, 'rasp'])} {draw.choice(['cuts', 'bends', 'grinds'])} all wood")
    return texts


@pytest.fixture(scope="module")
def with_vectors() -> TextClassifier:
    """A classifier that learned from labels, and from other texts what words mean."""
    train, held_out = data(600), data(80, seed=1)
    own = make(VECTORS, tokenizer="word")
    return own.fit(*train, held_out, unlabelled(), steps=160, learning_rate=0.01, progress=False)


def test_words_without_a_label_are_known_by_the_company_they_keep(with_vectors, trained):
    assert with_vectors.predict(["yak", "rasp", "the yak", "the rasp"]).tolist() == ["animal", "tool"] * 2
    assert with_vectors.report(*data(100, seed=2))["accuracy"] > 0.95


def test_given_vectors_are_not_trained_and_the_rest_is(with_vectors):
    model = with_vectors.model_
    before = (
        make(VECTORS, tokenizer="word").fit(*data(600), data(80, seed=1), unlabelled(), steps=1, progress=False).model_
    )
    assert torch.equal(model.embedding.weight, before.embedding.weight)
    assert not torch.equal(model.head.weight, before.head.weight)
    assert with_vectors.summary_["trained_parameters"] == sum(
        p.numel() for name, p in model.named_parameters() if name != "embedding.weight"
    )


def test_with_vectors_it_is_saved_loaded_and_resumed_as_it_is(with_vectors, tmp_path):
    with_vectors.save(tmp_path / "saved")
    loaded, texts = TextClassifier.load(tmp_path / "saved", "cpu"), data(30, seed=3)[0]
    np.testing.assert_array_equal(loaded.predict_proba(texts), with_vectors.predict_proba(texts))
    arguments, options = (*data(600), data(80, seed=1), unlabelled()), {"learning_rate": 0.01, "progress": False}
    cut = make(VECTORS, tokenizer="word").fit(
        *arguments, steps=160, out=tmp_path / "run", observers=[press_ctrl_c_at(30)], **options
    )
    assert cut.summary_["stopped"] == "interrupted"
    resumed = make(VECTORS, tokenizer="word").fit(*arguments, steps=160, out=tmp_path / "run", resume=True, **options)
    assert same_weights(resumed, with_vectors)
    other = (*arguments[:3], unlabelled(seed=8))
    with pytest.raises(ValueError, match="this is another run"):
        make(VECTORS, tokenizer="word").fit(*other, steps=160, out=tmp_path / "run", resume=True, **options)


def test_texts_without_labels_are_for_presets_that_learn_from_them():
    with pytest.raises(ValueError, match='learns from texts without labels: choose "vectors"'):
        make().fit(*data(40), unlabelled=unlabelled(), **QUICK)
    with pytest.raises(ValueError, match="texts must be a sequence of texts, not one text"):
        make(VECTORS).fit(*data(40), unlabelled="a text", **QUICK)
    assert make(VECTORS).fit(*data(40), **QUICK).summary_["steps"] == 2
