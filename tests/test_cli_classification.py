"""Classification from the command line: texts in files, one line out for each line in, clear errors."""

import io
import json
import sys

import pytest
from cli_tools import assert_one_clear_line

from minigen.estimators import TextClassifier
from minigen.presets import ClassificationPreset

ANIMALS, TOOLS = ["cat", "dog", "owl", "hen", "pig", "fox"], ["saw", "axe", "pen", "hoe", "pan", "rod"]
ROWS = [
    (f"a {word} is {how}", kind)
    for how in "abc"
    for kind, words in (("animal", ANIMALS), ("tool", TOOLS))
    for word in words
]
TINY = ["--preset", "tiny", "--device", "cpu", "--vocab-size", 300]


def table(path, rows: list[tuple[str, str]], header: str = "text\tlabel") -> str:
    """Writes rows as a table of tabs."""
    path.write_text("\n".join([header, *("\t".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a classifier that has learned its few texts."""
    folder = tmp_path_factory.mktemp("classifier")
    preset = ClassificationPreset(1, 16, 2, 24, 400, epochs=1, minutes=1, dropout=0.0, word_dropout=0.0)
    texts, labels = zip(*ROWS, strict=True)
    TextClassifier(preset, vocab_size=300, device="cpu").fit(
        texts, labels, (texts, labels), steps=60, learning_rate=0.02, out=folder, progress=False
    )
    return folder


def test_training_leaves_a_folder_that_classifies_and_is_measured(minigen, tmp_path):
    data, valid = table(tmp_path / "texts.tsv", ROWS), table(tmp_path / "valid.tsv", ROWS[:8])
    out = tmp_path / "run"
    answer = minigen("train", "classify", "--data", data, "--valid", valid, "--out", out, "--steps", 20, *TINY)
    assert answer.code == 0, answer.err
    summary = json.loads(answer.out)
    assert {"val_loss", "val_accuracy", "val_macro_f1", "val_calibration_error", "temperature"} <= summary.keys()
    assert "36 texts of 2 classes" in answer.err
    assert "8 held out" in answer.err
    assert f"minigen classify {out}" in answer.err
    names = {"config.json", "model.safetensors", "tokenizer.json", "history.jsonl", "summary.json"}
    assert {path.name for path in out.iterdir()} >= names
    measured = json.loads(minigen("evaluate", out, "--data", valid).out)
    assert measured["n"] == 8
    assert measured["accuracy"] == pytest.approx(summary["val_accuracy"])
    assert {"macro_f1", "calibration_error", "nll"} <= measured.keys()
    again = minigen("train", "classify", "--data", data, "--out", out, "--steps", 20, *TINY)
    assert_one_clear_line(again, "holds a run already: give --resume")


def test_texts_without_labels_say_what_words_mean(minigen, tmp_path):
    data, more = table(tmp_path / "texts.tsv", ROWS), tmp_path / "more.txt"
    more.write_text("a yak is a hen\nan owl is a yak\n" * 9, encoding="utf-8")
    arguments = ["--data", data, "--unlabelled", more, "--tokenizer", "word", "--steps", 4, "--device", "cpu"]
    answer = minigen("train", "classify", "--out", tmp_path / "run", "--preset", "vectors", *arguments)
    assert answer.code == 0, answer.err
    assert "making vectors of" in answer.err
    assert "yak" in TextClassifier.load(tmp_path / "run").tokenizer_.words
    answer = minigen("train", "classify", "--out", tmp_path / "other", "--preset", "tiny", *arguments)
    assert_one_clear_line(answer, 'learns from texts without labels: choose "vectors"')


def test_without_valid_a_tenth_of_the_file_is_held_out_and_the_file_is_known_again(minigen, tmp_path):
    data, out = table(tmp_path / "t.tsv", ROWS), tmp_path / "run"
    answer = minigen("train", "classify", "--data", data, "--out", out, "--steps", 2, "--balanced", *TINY)
    assert "33 texts" in answer.err
    assert "3 held out" in answer.err
    assert "was trained on this" in minigen("evaluate", out, "--data", data).err
    assert json.loads((out / "config.json").read_text())["parameters"]["class_weight"] == "balanced"


def test_a_file_is_classified_line_by_line_with_nothing_else_on_stdout(minigen, trained, tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("a cat is a\n\nan axe\n日本語 🎉\n", encoding="utf-8")
    answer = minigen("classify", trained, "--file", path, "--device", "cpu")
    lines = answer.out.split("\n")
    assert len(lines) == 5
    assert lines[4] == ""
    expected = TextClassifier.load(trained, "cpu").predict(["a cat is a", "", "an axe", "日本語 🎉"])
    assert lines[:4] == expected.tolist()
    assert lines[0] == "animal"
    assert lines[2] == "tool"


def test_a_text_and_what_is_piped_in_are_classified_too(minigen, trained, monkeypatch):
    given = minigen("classify", trained, "a cat", "--device", "cpu")
    assert given.out == "animal\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a cat\n")))
    assert minigen("classify", trained, "--device", "cpu").out == given.out


def test_probabilities_are_a_json_object_a_line(minigen, trained, tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("a cat is a\na saw is b\n", encoding="utf-8")
    rows = [json.loads(line) for line in minigen("classify", trained, "--file", path, "--proba").out.splitlines()]
    assert [list(row) for row in rows] == [["animal", "tool"]] * 2
    assert [sum(row.values()) for row in rows] == pytest.approx([1, 1], abs=1e-5)
    assert rows[0]["animal"] > 0.5 > rows[1]["animal"]


def test_labels_that_are_numbers_or_hold_spaces_come_out_as_one_line(minigen, tmp_path):
    rows = [{"text": text, "label": "two\nlines" if kind == "tool" else "7"} for text, kind in ROWS]
    data = tmp_path / "texts.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    minigen("train", "classify", "--data", data, "--out", tmp_path / "run", "--steps", 2, *TINY)
    answer = minigen("classify", tmp_path / "run", "a cat", "--proba")
    assert list(json.loads(answer.out)) == ["7", "two lines"]
    assert minigen("classify", tmp_path / "run", "a cat").out.count("\n") == 1


@pytest.mark.parametrize(
    "rows, header, message",
    [
        (ROWS, "sentence\tclass", "found the columns sentence, class; wanted are"),
        (ROWS, "source\ttarget", "'text' is needed here"),
        ([*ROWS, (" ", "tool")], "text\tlabel", "row 37 has the text ' '"),
        ([*ROWS, ("a cat", "")], "text\tlabel", "row 37 has the label ''"),
        ([("a", "b", "c")], "text\tlabel", "row 1 has 3 fields"),
        ([(text, "one") for text, _ in ROWS], "text\tlabel", "there is one class only, 'one'"),
    ],
    ids=["misnamed", "another task", "an empty text", "no label", "a third field", "one class"],
)
def test_what_is_no_table_of_texts_and_labels_is_refused(minigen, tmp_path, rows, header, message):
    data = table(tmp_path / "texts.tsv", rows, header)
    answer = minigen("train", "classify", "--data", data, "--out", tmp_path / "run", "--steps", 2, *TINY)
    assert_one_clear_line(answer, message)
    assert not (tmp_path / "run").exists()


def test_a_text_without_labels_is_refused(minigen, tmp_path):
    (tmp_path / "plain.txt").write_text("Only text.\n", encoding="utf-8")
    answer = minigen("train", "classify", "--data", tmp_path / "plain.txt", "--out", tmp_path / "run", *TINY)
    assert_one_clear_line(answer, "'label' is needed here")


class Pipe(io.StringIO):
    """A pipe that gives bytes, as a process has it."""

    def __init__(self, content: bytes):
        super().__init__()
        self.content = content

    def reconfigure(self, **options) -> None:
        """As of sys.stdin."""

    def read(self) -> str:
        """The bytes as text, strictly."""
        return self.content.decode("utf-8")


def test_pipes_without_text_are_refused(minigen, trained, monkeypatch):
    for content, message in (
        (b"", "nothing came in through the pipe"),
        (b"caf\xe9\n", "not UTF-8 .* is 0xe9.*: convert"),
    ):
        monkeypatch.setattr(sys, "stdin", Pipe(content))
        assert_one_clear_line(minigen("classify", trained), message)


def test_a_folder_of_something_else_is_not_written_over(minigen, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    data = table(tmp_path / "texts.tsv", ROWS)
    answer = minigen("train", "classify", "--data", data, "--out", tmp_path, "--steps", 2, *TINY)
    assert_one_clear_line(answer, "holds config.json of something else, to be written over: give another --out")
    assert_one_clear_line(minigen("classify", tmp_path, "one"), "describes a 'bert' of another program .*--pretrained")
    (tmp_path / "config.json").write_text("5", encoding="utf-8")
    answer = minigen("train", "classify", "--data", data, "--out", tmp_path, "--steps", 2, *TINY)
    assert_one_clear_line(answer, "holds config.json of something else")
    assert_one_clear_line(minigen("classify", data, "one"), "is a file; give the folder that it is in")
    assert_one_clear_line(
        minigen("train", "classify", "--data", data, "--out", data, "--steps", 2, *TINY),
        "cannot make the folder .*texts.tsv is a file; choose another name",
    )


def test_a_run_that_saved_no_weights_may_begin_anew(minigen, trained, tmp_path):
    (tmp_path / "config.json").write_bytes((trained / "config.json").read_bytes())
    data = table(tmp_path / "texts.tsv", ROWS)
    assert minigen("train", "classify", "--data", data, "--out", tmp_path, "--steps", 2, *TINY).code == 0


def test_nothing_and_too_much_to_classify_are_refused(minigen, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert_one_clear_line(minigen("classify", trained), "nothing to classify")
    assert_one_clear_line(minigen("classify", trained, "one", "--file", tmp_path / "f"), "not both")
    assert_one_clear_line(minigen("classify", trained, "--file", tmp_path / "none.txt"), "there is no file")
    assert_one_clear_line(minigen("classify", tmp_path, "one"), "holds no trained model")
    assert_one_clear_line(
        minigen("translate", trained, "one"),
        r"describes a TextClassifier \(for minigen classify, in Python TextClassifier.load\), and a Translator",
    )
