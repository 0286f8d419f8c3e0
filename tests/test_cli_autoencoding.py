"""The text VAE from the command line: sentences in files, one line out for each, clear errors."""

import json

import pytest
from autoencoder_tools import make, sentences
from cli_tools import assert_one_clear_line

TINY = ["--preset", "tiny", "--device", "cpu", "--vocab-size", 290]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of an autoencoder that has learned a little."""
    folder = tmp_path_factory.mktemp("space")
    make().fit(sentences(100), steps=10, out=folder, progress=False)
    return folder


def test_training_leaves_a_folder_that_is_used_and_measured(minigen, tmp_path):
    data, out = tmp_path / "lines.txt", tmp_path / "run"
    data.write_text("\n".join(sentences(120)), encoding="utf-8")
    answer = minigen("train", "vae", "--data", data, "--out", out, "--steps", 4, "--beta", 0.2, *TINY)
    assert answer.code == 0, answer.err
    assert {"val_loss", "val_kl", "val_active_units", "val_gap"} <= json.loads(answer.out).keys()
    assert f"Next: minigen sample {out}" in answer.err
    other = tmp_path / "other.txt"
    other.write_text("\n".join(sentences(30, seed=1)), encoding="utf-8")
    measured = json.loads(minigen("evaluate", out, "--data", other).out)
    assert measured["n"] == 30
    assert "nll_bound" in measured
    known = minigen("evaluate", out, "--data", data)
    assert "was trained on this" in known.err
    again = minigen("train", "vae", "--data", data, "--out", out, "--steps", 4, *TINY)
    assert_one_clear_line(again, "holds a run already: give --resume")
    more = minigen("train", "vae", "--data", data, "--out", out, "--steps", 6, "--beta", 0.2, "--resume", *TINY)
    assert json.loads(more.out)["steps"] == 6


def test_one_line_comes_out_for_each_line(minigen, trained, tmp_path):
    (tmp_path / "some.txt").write_text("a cat sees a pen 1\n\nan owl eats nothing 2\n", encoding="utf-8")
    out = minigen("reconstruct", trained, "--file", tmp_path / "some.txt").out.split("\n")
    assert len(out) == 4
    assert out[1] == ""
    assert minigen("reconstruct", trained, "a cat sees a pen 1").out.rstrip("\n") == out[0]


def test_it_samples_and_walks(minigen, trained):
    answers = [minigen("sample", trained, "-n", 3, "--seed", 1, "--temperature", 1).out for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0].count("\n") == 3
    assert minigen("interpolate", trained, "a cat", "an owl", "--points", 4).out.count("\n") == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("interpolate", "a cat", ""), "text 2 is empty"),
        (("reconstruct", "a cat", "--file", "x"), "not both"),
        (("translate", "a cat"), "a TextAutoencoder .*and a Translator was wanted"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(minigen, trained, arguments, message):
    command, *rest = arguments
    assert_one_clear_line(minigen(command, trained, *rest), message)


def test_data_that_does_not_fit_is_refused_before_anything_is_written(minigen, tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n", encoding="utf-8")
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("source\ttarget\n" + "a cat\tun chat\nan owl\tun hibou\n" * 20, encoding="utf-8")
    for data, message in ((tmp_path / "empty.txt", "empty|no sentences"), (pairs, "'text' is needed here")):
        answer = minigen("train", "vae", "--data", data, "--out", tmp_path / "run", "--steps", 2, *TINY)
        assert_one_clear_line(answer, message)
        assert not (tmp_path / "run").exists()
    answer = minigen("train", "vae", "--data", pairs, "--out", tmp_path / "run", "--preset", "speedrun")
    assert_one_clear_line(answer, "unknown preset 'speedrun': choose one of tiny, laptop, gpu")
