"""The demo, on a small text in place of the plays, few sums in place of the dates, few phrases in place of reviews."""

import re

import pytest
from datasets import Dataset, DatasetDict
from estimator_tools import TINY, press_ctrl_c_at, story

from minigen import demo
from minigen.estimators import TextClassifier, TextGenerator, Translator
from minigen.presets import ClassificationPreset, TranslationPreset


@pytest.fixture
def small(monkeypatch):
    """Three small plays instead of Shakespeare's, and a tiny preset instead of the speedrun."""
    plays = {"train": [story(2000), story(800, seed=3)], "validation": [story(600, seed=2)], "test": [story(9)]}
    splits = DatasetDict({name: Dataset.from_dict({"text": texts}) for name, texts in plays.items()})
    # ROMEO: is what the demo lets the model begin with.
    splits["train"] = Dataset.from_dict({"text": ["ROMEO:\nan owl saw the bb.\n", *plays["train"]]})
    sums = {
        "source": ["one and two", "two and one", "ten and six"] * 8,
        "target": ["un et deux", "deux et un", "x"] * 8,
    }
    pairs = DatasetDict({name: Dataset.from_dict(sums) for name in ("train", "validation", "test")})
    phrases = {"text": ["a good film", "so bad", "good", "a bad one"] * 10, "label": ["yes", "no"] * 20}
    reviews = DatasetDict({name: Dataset.from_dict(phrases) for name in ("train", "validation", "test")})
    data = {"shakespeare": splits, "dates:en-fr": pairs, "rotten_tomatoes": reviews}
    monkeypatch.setattr(demo, "load", data.__getitem__)
    monkeypatch.setattr(demo, "CLASSIFIER", ClassificationPreset(1, 16, 2, 24, 400, epochs=1, minutes=1))
    monkeypatch.setattr(demo, "TRANSLATOR", TranslationPreset(1, 1, 32, 2, 32, tokens_per_batch=200, minutes=1))
    monkeypatch.setattr("minigen.presets.PRESETS", {"speedrun": TINY})
    splits.pairs, splits.phrases = (sums["source"], sums["target"]), (phrases["text"], phrases["label"])
    return splits


def test_the_demo_trains_compares_writes_and_saves(small, tmp_path, capsys):
    demo.run(tmp_path / "demo", minutes=0.01, device="cpu")
    out = capsys.readouterr().out
    train = "\n\n".join(small["train"]["text"])
    assert f"{len(train):,} characters" in out
    scores = dict(re.findall(r"^  (letter counts|\d-gram|this Transformer) +(\d+\.\d\d)  #+$", out, re.MULTILINE))
    assert list(scores) == ["letter counts", "2-gram", "3-gram", "5-gram", "this Transformer"]
    writer = TextGenerator.load(tmp_path / "demo", "cpu")
    assert float(scores["this Transformer"]) == pytest.approx(writer.score(small["validation"]["text"]), abs=0.02)
    assert float(scores["3-gram"]) < float(scores["2-gram"]) < float(scores["letter counts"]) < 8
    written = writer.generate("ROMEO:\n", 400, seed=1, temperature=0.8)
    assert f"\nROMEO:\n{written}\n" in out
    translator = Translator.load(tmp_path / "demo" / "translator", "cpu")
    exact = translator.report(*small.pairs)["exact_match"]
    assert f"{exact:.0f} % of 24 others are translated exactly" in out
    for source, translation in zip(small.pairs[0][:8], translator.predict(small.pairs[0][:8]), strict=True):
        assert re.search(f"^  {source} +{translation}(   .wrong: .*.)?$", out, re.MULTILINE)
    classifier = TextClassifier.load(tmp_path / "demo" / "classifier", "cpu")
    assert f"Of 40 others are named rightly: {100 * classifier.score(*small.phrases):.0f} % by this Transformer" in out
    assert "100 % by words counted" in out
    assert len(re.findall(r"^  (yes|no) \(\d+%\)( .wrong: (yes|no).)?  .*(good|bad)", out, re.MULTILINE)) == 8
    for hint in (
        f"Saved in {tmp_path / 'demo'}",
        "make lab",
        f"minigen generate {tmp_path / 'demo'}",
        "minigen translate",
        f"minigen classify {tmp_path / 'demo' / 'classifier'}",
        "minigen train",
    ):
        assert hint in out


def test_the_bars_are_as_long_as_the_scores(small, tmp_path, capsys):
    demo.run(tmp_path, minutes=0.005, device="cpu")
    bars = re.findall(r"(\d+\.\d\d)  (#+)$", capsys.readouterr().out, re.MULTILINE)
    assert len(bars) == 5
    for score, bar in bars:
        assert len(bar) == pytest.approx(10 * float(score), abs=0.6)


def test_the_demo_can_be_run_again_and_spares_what_else_is_in_its_folder(small, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    for _ in range(2):
        demo.run(tmp_path, minutes=0.005, device="cpu")
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "years of work"


@pytest.mark.parametrize(
    "options, message",
    [({"minutes": -1}, "minutes must be above 0, got -1"), ({"device": "abacus"}, "no device 'abacus'")],
    ids=["minutes", "device"],
)
def test_what_makes_no_sense_is_refused_before_the_data_is_fetched(small, tmp_path, monkeypatch, options, message):
    monkeypatch.setattr(demo, "load", None)
    with pytest.raises(ValueError, match=message):
        demo.run(tmp_path, **options)


def test_ctrl_c_ends_the_demo(small, tmp_path, monkeypatch, capsys):
    fit = TextGenerator.fit
    monkeypatch.setattr(
        TextGenerator,
        "fit",
        lambda self, *texts, out, **_: fit(self, *texts, steps=40, out=out, observers=[press_ctrl_c_at(10)]),
    )
    with pytest.raises(KeyboardInterrupt):
        demo.run(tmp_path, device="cpu")
    assert "ROMEO" not in capsys.readouterr().out
    assert (tmp_path / "last.safetensors").is_file()
