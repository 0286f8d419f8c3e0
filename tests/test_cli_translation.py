"""Translation from the command line: pairs in files, one line out for each line in, clear errors."""

import io
import json
import sys

import pytest
from cli_tools import assert_one_clear_line

from minigen.data import load
from minigen.estimators import Translator
from minigen.presets import TranslationPreset

WORDS = {"one": "un", "two": "deux", "three": "trois", "four": "quatre", "five": "cinq", "six": "six"}
PAIRS = [(f"{a} and {b}", f"{WORDS[a]} et {WORDS[b]}") for a in WORDS for b in WORDS]
TINY = ["--preset", "tiny", "--device", "cpu", "--vocab-size", 300]


def tsv(path, pairs: list[tuple[str, str]], header: str = "source\ttarget") -> str:
    """Writes pairs as a table of tabs."""
    path.write_text("\n".join([header, *("\t".join(pair) for pair in pairs)]) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a translator that has learned nearly nothing."""
    folder = tmp_path_factory.mktemp("translator")
    sources, targets = zip(*PAIRS, strict=True)
    preset = TranslationPreset(1, 1, 32, 2, context_length=32, tokens_per_batch=400, minutes=1)
    Translator(preset, vocab_size=300, device="cpu").fit(
        sources, targets, (sources[:9], targets[:9]), steps=60, out=folder, progress=False
    )
    return folder


def test_training_leaves_a_folder_that_translates_and_is_measured(minigen, tmp_path):
    data, valid = tsv(tmp_path / "pairs.tsv", PAIRS), tsv(tmp_path / "valid.tsv", PAIRS[:8])
    out = tmp_path / "run"
    answer = minigen("train", "translate", "--data", data, "--valid", valid, "--out", out, "--steps", 20, *TINY)
    assert answer.code == 0, answer.err
    summary = json.loads(answer.out)
    assert {"val_loss", "val_bleu", "val_chrf", "val_exact_match", "parameters"} <= summary.keys()
    assert "36 pairs" in answer.err
    assert "8 held out" in answer.err
    assert {path.name for path in out.iterdir()} >= {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "history.jsonl",
        "summary.json",
    }
    measured = json.loads(minigen("evaluate", out, "--data", valid).out)
    assert measured["sentences"] == 8
    assert measured["bleu"] == pytest.approx(summary["val_bleu"])
    assert {"chrf", "exact_match", "bleu_signature", "too_long"} <= measured.keys()
    again = minigen("train", "translate", "--data", data, "--out", out, "--steps", 20, *TINY)
    assert_one_clear_line(again, "holds a run already: give --resume")


def test_without_valid_a_tenth_of_the_file_is_held_out(minigen, tmp_path):
    answer = minigen(
        "train", "translate", "--data", tsv(tmp_path / "p.tsv", PAIRS), "--out", tmp_path / "run", "--steps", 2, *TINY
    )
    assert "32 pairs" in answer.err
    assert "4 held out" in answer.err


def test_a_file_is_translated_line_by_line_with_nothing_else_on_stdout(minigen, trained, tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("one and two\n\nsix and six\n日本語 🎉\n", encoding="utf-8")
    answer = minigen("translate", trained, "--file", path, "--device", "cpu")
    lines = answer.out.split("\n")
    assert len(lines) == 5
    assert lines[1] == lines[4] == ""
    assert lines[0]
    expected = Translator.load(trained, "cpu").predict(["one and two", "", "six and six", "日本語 🎉"])
    assert lines[:4] == expected


def test_a_text_and_what_is_piped_in_are_translated_too(minigen, trained, monkeypatch):
    given = minigen("translate", trained, "one and two", "--beam-size", 1, "--device", "cpu")
    piped = io.TextIOWrapper(io.BytesIO(b"one and two\n"))
    monkeypatch.setattr(sys, "stdin", piped)
    assert minigen("translate", trained, "--beam-size", 1, "--device", "cpu").out == given.out
    assert given.out.count("\n") == 1


def test_num_best_gives_number_score_and_text(minigen, trained):
    answer = minigen("translate", trained, "one and two", "--num-best", 3, "--device", "cpu")
    rows = [line.split("\t") for line in answer.out.splitlines()]
    assert [row[0] for row in rows] == ["1", "1", "1"]
    assert sorted((float(row[1]) for row in rows), reverse=True) == [float(row[1]) for row in rows]


def test_quotation_marks_in_tsv_are_text(minigen, tmp_path):
    data = tsv(tmp_path / "quotes.tsv", [*PAIRS, ('say "six', 'dis "six'), ('"two" and', '"deux" et')])
    answer = minigen("train", "translate", "--data", data, "--out", tmp_path / "run", "--steps", 2, *TINY)
    assert answer.code == 0
    assert "4 held out" in answer.err  # no row lost or joined: of 38 pairs
    assert "34 pairs" in answer.err


@pytest.mark.parametrize(
    "pairs, header, message",
    [
        (PAIRS, "src\ttgt", "found the columns src, tgt; wanted are"),
        (PAIRS, "text\tlabel", "'source' is needed here"),
        ([*PAIRS, ("one", " ")], "source\ttarget", "row 37 has the target ' '"),
        ([("one", "un", "zwei")], "source\ttarget", "row 1 has 3 fields"),
    ],
    ids=["misnamed", "another task", "an empty side", "a third field"],
)
def test_what_is_no_table_of_pairs_is_refused(minigen, tmp_path, pairs, header, message):
    data = tsv(tmp_path / "pairs.tsv", pairs, header)
    answer = minigen("train", "translate", "--data", data, "--out", tmp_path / "run", "--steps", 2, *TINY)
    assert_one_clear_line(answer, message)
    assert not (tmp_path / "run").exists()


def test_one_language_twice_or_alone_is_refused(minigen, trained, tmp_path):
    data = tsv(tmp_path / "same.tsv", [(source, source) for source, _ in PAIRS])
    answer = minigen("train", "translate", "--data", data, "--out", tmp_path / "run", "--steps", 2, *TINY)
    assert_one_clear_line(answer, "one language twice")
    good = tsv(tmp_path / "good.tsv", PAIRS)
    answer = minigen("train", "translate", "--data", good, "--valid", data, "--out", tmp_path / "run", *TINY)
    assert_one_clear_line(answer, "same.tsv.* one language twice")
    assert_one_clear_line(minigen("evaluate", trained, "--data", data), "same.tsv.* one language twice")
    (tmp_path / "lines.txt").write_text("un\ndeux\n", encoding="utf-8")
    answer = minigen("train", "translate", "--data", tmp_path / "lines.txt", "--out", tmp_path / "run", *TINY)
    assert_one_clear_line(answer, "'source' is needed here; two files of lines become a table by `minigen data join`")


def test_two_files_of_lines_are_joined_into_a_table_that_trains(minigen, tmp_path):
    for side, name in enumerate(("a.en", "a.fr")):
        (tmp_path / name).write_text("".join(f"{pair[side]}\n" for pair in PAIRS), encoding="utf-8")
    (tmp_path / "short.fr").write_text("un\n", encoding="utf-8")
    english, french, out = (tmp_path / name for name in ("a.en", "a.fr", "pairs.jsonl"))
    answer = minigen("data", "join", english, french, out)
    assert answer.code == 0, answer.err
    assert "36 pairs" in answer.out
    assert load(str(out))["train"][0].keys() == {"source", "target"}
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [(row["source"], row["target"]) for row in rows] == PAIRS
    assert minigen("train", "translate", "--data", out, "--out", tmp_path / "run", "--steps", 2, *TINY).code == 0
    assert_one_clear_line(minigen("data", "join", english, french, out), "pairs.jsonl is there already")
    assert_one_clear_line(minigen("data", "join", english, french, tmp_path / "p.tsv"), "does not end in .jsonl")
    other = tmp_path / "other.jsonl"
    assert_one_clear_line(minigen("data", "join", english, tmp_path / "short.fr", other), "36 lines, but .* has 1")
    assert_one_clear_line(minigen("data", "join", english, tmp_path / "none.fr", other), "none.fr")
    assert not other.exists()


def test_nothing_and_too_much_to_translate_are_refused(minigen, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert_one_clear_line(minigen("translate", trained), "nothing to translate")
    assert_one_clear_line(minigen("translate", trained, "one", "--file", tmp_path / "f"), "not both")
    assert_one_clear_line(minigen("translate", trained, "--file", tmp_path / "none.txt"), "there is no file")
    assert_one_clear_line(minigen("translate", tmp_path, "one"), "holds no trained model")
    assert_one_clear_line(minigen("translate", trained, "one", "--num-best", 9), "num_best must lie in 1..beam_size")
