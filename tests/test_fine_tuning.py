"""TextClassifier on pretrained weights: each adaptation learns, trains what it says, saves all that it needs."""

import json
import shutil

import numpy as np
import pytest
import torch
from estimator_tools import press_ctrl_c_at
from pretrained_tools import small_bert, small_gpt2
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from minigen.data.labels import pad_texts
from minigen.estimators import FineTuning, TextClassifier, load_estimator
from minigen.estimators.classifying import outputs, tokens_of
from minigen.estimators.frozen_features import linear_head
from minigen.layers import LoRALinear
from minigen.pretrained import load_pretrained

ANIMALS, TOOLS = ["cat", "dog", "owl", "hen"], ["saw", "axe", "pen", "hoe"]
QUICK = {"progress": False, "precision": "fp32"}
each_adaptation = pytest.mark.parametrize("adaptation", ["full", "lora", "frozen"])


def data(number: int = 120, seed: int = 0) -> tuple[list[str], list[str]]:
    """Phrases with one word that decides: an animal or a tool."""
    draw = np.random.default_rng(seed)
    labels = draw.choice(["animal", "tool"], size=number).tolist()
    return [
        f"a {draw.choice(ANIMALS if label == 'animal' else TOOLS)} {draw.choice(list('xyz'))}" for label in labels
    ], labels


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """The folder of a small BERT of random weights."""
    torch.manual_seed(0)
    return small_bert(tmp_path_factory.mktemp("bert"))


def make(checkpoint, adaptation: str, **recipe) -> TextClassifier:
    """A classifier on the small BERT."""
    return TextClassifier.from_pretrained(checkpoint, adaptation, device="cpu", **{"context_length": 16} | recipe)


@each_adaptation
def test_it_learns_a_task_and_its_folder_needs_no_checkpoint(adaptation, tmp_path):
    folder = small_bert(tmp_path / "bert")
    classifier = make(folder, adaptation, learning_rate=0.003, head_learning_rate=0.01, tokens_per_batch=200)
    classifier.fit(*data(), data(40, seed=1), steps=80, out=tmp_path / "run", **QUICK)
    assert classifier.score(*data(60, seed=2)) > 0.9
    shutil.rmtree(folder)
    for restored in (TextClassifier.load(tmp_path / "run", "cpu"), load_estimator(tmp_path / "run", "cpu")):
        texts = [*data(20, seed=3)[0], "", "日本語 🎉", "\ud83d"]
        np.testing.assert_array_equal(restored.predict_proba(texts), classifier.predict_proba(texts))
        assert restored.preset == classifier.preset
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names >= {"config.json", "model.safetensors", "tokenizer.json", "summary.json"}
    assert json.loads((tmp_path / "run" / "config.json").read_text())["model"]["adaptation"] == adaptation


@each_adaptation
def test_only_what_the_adaptation_names_is_trained_and_counted(adaptation, checkpoint):
    classifier = make(checkpoint, adaptation, lora_rank=2, learning_rate=0.003, tokens_per_batch=200)
    classifier.fit(*data(), data(), steps=40, **QUICK)
    first = dict(load_pretrained(checkpoint)[0].named_parameters())
    now = {name.replace(".linear.", "."): p for name, p in classifier.model_.bert.named_parameters()}
    same = [name for name in first if name in now and torch.equal(first[name], now[name])]
    body = [name for name in first if not name.startswith("word_head.")]
    moved = {"full": set(body) - {"segments.weight"}, "lora": set(), "frozen": set()}[adaptation]
    assert set(body) - set(same) >= moved - {"embedding.weight", "positions.table"}
    assert adaptation == "full" or set(same) == set(body)
    head = 2 * 16 + 2
    thin = 2 * 2 * ((16 + 48) + (16 + 16) + 2 * (16 + 24))
    everything = sum(p.numel() for p in classifier.model_.parameters())
    assert (
        classifier.summary_["trained_parameters"]
        == {"full": everything, "lora": head + thin, "frozen": head}[adaptation]
    )
    assert sum(isinstance(part, LoRALinear) for part in classifier.model_.modules()) == 8 * (adaptation == "lora")


@each_adaptation
def test_before_training_it_is_the_checkpoint_with_a_head_that_knows_nothing(adaptation, checkpoint):
    bert, tokenizer = load_pretrained(checkpoint)
    model, _ = FineTuning(str(checkpoint), adaptation, 16).build(3)
    tokens, mask = pad_texts([torch.tensor([*tokenizer.encode(text), *tokenizer.end]) for text in ("a cat", "b")], 2)
    with torch.no_grad():
        torch.testing.assert_close(model.eval().encode(tokens, mask), bert(tokens, mask), rtol=0, atol=0)
        assert (model(tokens, mask) == 0).all()
        weights = model.pool(model.encode(tokens, mask), mask)
        torch.testing.assert_close((weights[:, None] @ bert(tokens, mask))[:, 0], model.features(tokens, mask))


def test_a_linear_head_is_the_logistic_regression_of_scikit_learn():
    draw = np.random.default_rng(0)
    x, weights = 5 + 3 * draw.normal(size=(90, 4)), draw.uniform(0.5, 2, size=90)
    for classes in (2, 3):
        y = draw.integers(classes, size=90)
        scaled = (x - x.mean(axis=0)) / x.std(axis=0)
        reference = LogisticRegression(C=0.5, tol=1e-8).fit(scaled, y, weights)
        w, b = linear_head(x, y, weights, 0.5)
        logits = x @ w.T + b
        found = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found, reference.predict_proba(scaled), atol=1e-3)


def test_features_are_the_means_of_the_hidden_states_whatever_the_batch(checkpoint):
    classifier = make(checkpoint, "frozen").fit(*data(), **QUICK)
    tokens = tokens_of(classifier, ["a cat", "", "a saw x y z"], "texts")
    assert [row[-1].item() for row in tokens] == [3, 3, 3]
    together = outputs(classifier.model_, classifier.model_.features, tokens, 2)
    alone = [outputs(classifier.model_, classifier.model_.features, [row], 2)[0] for row in tokens]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_what_is_longer_than_the_context_is_read_by_its_beginning_and_said(checkpoint):
    classifier = make(checkpoint, "frozen", context_length=6).fit(*data(), **QUICK)
    with pytest.warns(UserWarning, match="1 of 2 texts are longer than the 4 tokens that the model reads; only their"):
        classifier.predict(["a b c d e f g", "a b"])
    with pytest.warns(UserWarning, match="1 of 1 texts"):
        (long,) = tokens_of(classifier, ["a b c d e f g"], "texts")
    assert torch.equal(long, tokens_of(classifier, ["a b c d"], "texts")[0])


def test_it_is_a_scikit_learn_estimator(checkpoint):
    classifier = make(checkpoint, "frozen")
    assert clone(classifier).get_params() == classifier.get_params()
    assert cross_val_score(classifier, *map(np.array, data()), cv=2, params=QUICK).shape == (2,)


def test_it_tells_what_counts_with_the_names_of_its_tokens(checkpoint):
    tokens, weights = make(checkpoint, "frozen").fit(*data(), **QUICK).attention("cat b")
    assert tokens == ["[CLS]", "c", "##a", "##t", "b", "[SEP]"]
    np.testing.assert_allclose(weights, 1 / 6, atol=1e-6)


@pytest.mark.parametrize("adaptation", ["full", "lora"])
def test_a_run_goes_on_as_if_it_had_never_stopped(adaptation, checkpoint, tmp_path):
    whole = make(checkpoint, adaptation, tokens_per_batch=100).fit(*data(), steps=30, **QUICK)
    stopped = make(checkpoint, adaptation, tokens_per_batch=100)
    stopped.fit(*data(), steps=30, out=tmp_path, observers=[press_ctrl_c_at(10)], **QUICK)
    assert stopped.summary_["stopped"] == "interrupted"
    resumed = make(checkpoint, adaptation, tokens_per_batch=100)
    resumed.fit(*data(), steps=30, out=tmp_path, resume=True, **QUICK)
    for mine, other in zip(resumed.model_.parameters(), whole.model_.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_what_cannot_be_adapted_is_refused(checkpoint, tmp_path):
    with pytest.raises(ValueError, match="unknown adaptation 'adapter': choose one of full, lora, frozen"):
        make(checkpoint, "adapter").fit(*data(), **QUICK)
    with pytest.raises(ValueError, match="is a decoder, which writes: to classify, give an encoder such as BERT"):
        make(small_gpt2(tmp_path), "full").fit(*data(), **QUICK)
    with pytest.raises(ValueError, match="context_length 2 does not fit"):
        make(checkpoint, "full", context_length=2).fit(*data(), **QUICK)
    with pytest.raises(ValueError, match="rank must be from 1 to 16"):
        make(checkpoint, "lora", lora_rank=99).fit(*data(), **QUICK)
    with pytest.raises(ValueError, match="frozen features are learned from in one go: there is nothing to resume"):
        make(checkpoint, "frozen").fit(*data(), resume=True, out=tmp_path, **QUICK)
    with pytest.raises(FileNotFoundError, match="there are no pretrained weights 'no-such'"):
        make("no-such", "full").fit(*data(), **QUICK)


def test_a_damaged_folder_is_refused(checkpoint, tmp_path):
    make(checkpoint, "lora").fit(*data(), steps=2, out=tmp_path, **QUICK)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["model"]["lora_rank"] == 16
    config["model"]["lora_rank"] = 3
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"does not fit the config: .*\.a is \(16, 16\) in the file and \(3, 16\)"):
        TextClassifier.load(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(FileNotFoundError, match="holds no tokenizer"):
        TextClassifier.load(tmp_path)


@each_adaptation
def test_the_command_line_trains_classifies_and_evaluates(adaptation, checkpoint, tmp_path, minigen):
    table = tmp_path / "texts.tsv"
    rows = list(dict.fromkeys(zip(*data(200), strict=True)))
    table.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows), encoding="utf-8")
    out = tmp_path / "run"
    command = ["train", "classify", "--data", table, "--out", out, "--pretrained", checkpoint, "--device", "cpu"]
    answer = minigen(*command, "--adaptation", adaptation, "--steps", 4)
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["trained_parameters"] > 0
    assert minigen("classify", out, "a cat x").out in ("animal\n", "tool\n")
    assert json.loads(minigen("evaluate", out, "--data", table).out)["n"] == len(rows)
    wrong = minigen(*command[:4], "--out", tmp_path / "other", "--adaptation", "lora")
    assert "give --pretrained too" in wrong.err
