"""Sources and targets from elsewhere: names with a pair, columns called by languages, the hub, parallel files."""

import json
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from minigen.data import info, list_sources, load
from minigen.data.local import check_pairs, read_parallel
from minigen.data.names import split_pair

ROWS = [{"en": f"the {number} men", "de": f"die {number} Männer"} for number in range(40)]
NESTED = [{"id": str(number), "translation": row} for number, row in enumerate(ROWS)]


def write_rows(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        lines = [list(rows[0]), *(row.values() for row in rows)]
        path.write_text("".join(mark.join(line) + "\n" for line in lines), "utf-8")
    return path


def pairs_of(splits) -> list[tuple[str, str]]:
    assert list(splits["train"].features) == ["source", "target"]
    return sorted((row["source"], row["target"]) for table in splits.values() for row in table)


EN_DE = sorted((row["en"], row["de"]) for row in ROWS)
DE_EN = sorted(pair[::-1] for pair in EN_DE)


# names


@pytest.mark.parametrize(
    "name, stem, pair",
    [
        ("software:en-de", "software", ("en", "de")),
        ("hub:owner/name:de-en", "hub:owner/name", ("de", "en")),
        ("hub:owner/en-de", "hub:owner/en-de", None),
        ("./my:folder/a.tsv:en-yue", "./my:folder/a.tsv", ("en", "yue")),
        (r"C:\data\a.tsv", r"C:\data\a.tsv", None),
        ("software", "software", None),
        ("software:EN-DE", "software:EN-DE", None),
    ],
)
def test_a_name_is_taken_apart_into_stem_and_pair(name, stem, pair):
    assert split_pair(name) == (stem, pair)


@pytest.mark.parametrize(
    "name, message",
    [
        ("software:en-it", "no software:en-it: one side is en, the other one of fr, de, es, zh"),
        ("software:fr-de", "no software:fr-de: one side is en"),
        ("software:english-french", "ends in no pair of languages such as en-fr.*software:en-fr"),
        ("multi30k:en-fr", "no multi30k:en-fr: multi30k:en-de and multi30k:de-en exist"),
        ("shakespeare:en-fr", "shakespeare is no translation"),
        ("sofware:en-fr", r"did you mean software\?"),
    ],
)
def test_a_pair_that_is_not_there_is_answered_with_those_that_are(name, message):
    for look_up in (load, info):
        with pytest.raises(ValueError, match=message):
            look_up(name)


def test_each_pair_has_facts_of_its_own_and_the_list_has_a_line_for_all():
    german, default = info("software:en-de"), info("software")
    assert german["name"] == "software:en-de"
    assert [wheel["package"] for wheel in german["wheels"]][-1] == "jupyterlab-language-pack-de-de"
    assert [wheel["package"] for wheel in default["wheels"]][-1] == "jupyterlab-language-pack-fr-fr"
    assert german["wheels"][:-1] == default["wheels"][:-1]
    assert info("software:de-en")["wheels"] == german["wheels"]
    lines = {source["name"]: source["holds"] for source in list_sources()}
    assert {"shakespeare", "software", "dates", "multi30k"} <= lines.keys()
    for part in ("software:en-fr", "en-de", "en-es", "en-zh", "fr-en"):
        assert part in lines["software"]


# columns


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl", ".parquet"])
def test_a_table_of_two_languages_is_taken_in_their_order(tmp_path, suffix):
    path = write_rows(tmp_path / f"a{suffix}", ROWS)
    assert pairs_of(load(path)) == EN_DE
    assert pairs_of(load(f"{path}:de-en")) == DE_EN


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_column_of_translations_is_taken_by_its_languages(tmp_path, suffix):
    path = write_rows(tmp_path / f"a{suffix}", NESTED)
    assert pairs_of(load(f"{path}:en-de")) == EN_DE
    assert pairs_of(load(f"{path}:de-en")) == DE_EN
    with pytest.raises(ValueError, match=r"found the columns id, translation.en, translation.de.*:en-de"):
        load(path)


def test_of_more_than_two_languages_the_pair_chooses(tmp_path):
    path = write_rows(tmp_path / "a.csv", [row | {"fr": "x"} for row in ROWS])
    assert pairs_of(load(f"{path}:de-en")) == DE_EN
    with pytest.raises(ValueError, match="found the columns en, de, fr; wanted are source and target"):
        load(path)
    with pytest.raises(ValueError, match="found the columns en, de, fr; wanted are en and es, the languages of"):
        load(f"{path}:en-es")


@pytest.mark.skipif(sys.platform == "win32", reason="a colon is no part of a name there")
def test_a_file_whose_own_name_ends_in_a_pair_is_that_file(tmp_path):
    (tmp_path / "data:de-en").mkdir()
    write_rows(tmp_path / "data:de-en" / "train.csv", ROWS)
    assert pairs_of(load(tmp_path / "data:de-en")) == EN_DE


def test_a_path_where_nothing_is_says_so_with_a_pair_too(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.tsv "):
        load(tmp_path / "absent.tsv:en-de")


def test_quotation_marks_in_a_tsv_are_text(tmp_path):
    lines = ["source\ttarget", *(f'"{number}" "a\t«\u00a0{number}\u00a0» "b' for number in range(20))]
    (tmp_path / "a.tsv").write_text("\n".join(lines), "utf-8")
    assert ('"3" "a', '«\u00a03\u00a0» "b') in pairs_of(load(tmp_path / "a.tsv"))


@pytest.mark.parametrize("column", ["en", "de"])
def test_an_empty_side_is_named_by_its_row_and_column(tmp_path, column):
    path = write_rows(tmp_path / "a.tsv", [*ROWS[:2], ROWS[2] | {column: " "}, *ROWS[3:]])
    with pytest.raises(ValueError, match=f"a.tsv: row 3 has the {column} ' '; wanted is a text that is not empty"):
        load(path)


def test_one_language_twice_is_refused_and_much_of_it_is_warned_of(tmp_path, recwarn):
    def table(copies: int) -> Path:
        copied = [{"source": row["en"], "target": row["en"]} for row in ROWS[:copies]]
        others = [{"source": row["en"], "target": row["de"]} for row in ROWS[copies:]]
        return write_rows(tmp_path / "a.csv", copied + others)

    with pytest.raises(ValueError, match="one language twice"):
        load(table(39))
    load(table(20))
    assert not recwarn
    with pytest.warns(UserWarning, match="will learn to copy"):
        load(table(30))


def test_the_share_of_equal_pairs_is_told():
    with pytest.raises(ValueError, match="here: source and target are the same text in 9 of 10 rows"):
        check_pairs(["a"] * 10, ["a"] * 9 + ["b"], "here")


# parallel files


def parallel(folder: Path, source: str, target: str) -> tuple[Path, Path]:
    (folder / "a.en").write_text(source, "utf-8")
    (folder / "a.de").write_text(target, "utf-8")
    return folder / "a.en", folder / "a.de"


def test_two_files_are_read_line_by_line(tmp_path):
    paths = parallel(tmp_path, "one\ntwo\n", "eins\r\nzwei")
    assert read_parallel(*paths) == {"source": ["one", "two"], "target": ["eins", "zwei"]}


@pytest.mark.parametrize(
    "source, target, message",
    [
        ("one\ntwo\n", "eins\n", "a.en has 2 lines, but .*a.de has 1"),
        ("one\n\ntwo", "eins\nzwei\ndrei", "a.en: row 2 has the source ''"),
        ("one\ntwo", "one\ntwo", "one language twice"),
        ("one", "", "a.de is empty"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, source, target, message):
    with pytest.raises(ValueError, match=message):
        read_parallel(*parallel(tmp_path, source, target))


# the hub


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder in which datasets of the hub are found by their names; no network, an own cache."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lay_out(folder: Path, rows: list[dict]) -> None:
    """train and test, as the hub lays them out."""
    write_rows(folder / "train-00000-of-00001.parquet", rows[:30])
    write_rows(folder / "test-00000-of-00001.parquet", rows[30:])


@pytest.mark.parametrize("rows", [ROWS, NESTED], ids=["two columns", "a column of dictionaries"])
def test_a_pair_chooses_the_columns_of_a_hub_dataset_and_of_its_folder(hub, rows):
    lay_out(hub / "owner" / "name" / "data", rows)
    online, offline = load("hub:owner/name:de-en"), load("owner/name:de-en")
    assert pairs_of(online) == DE_EN
    assert {name: table.num_rows for name, table in online.items()} == {"train": 27, "validation": 3, "test": 10}
    assert all(online[name][:] == offline[name][:] for name in online)


def test_the_configuration_of_a_pair_is_chosen_in_either_order(hub):
    folder = hub / "owner" / "name"
    for name, rows in (("de-en", NESTED), ("fr-en", [{"translation": {"fr": "a", "en": "b"}}] * 40)):
        lay_out(folder / name, rows)
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: de-en\n  data_dir: de-en\n- config_name: fr-en\n  data_dir: fr-en\n---\n"
    )
    assert pairs_of(load("hub:owner/name:en-de")) == EN_DE
    with pytest.raises(ConnectionError, match="Config name is missing"):
        load("hub:owner/name")


def test_multi30k_is_a_name_for_its_place_on_the_hub(hub, monkeypatch):
    import datasets

    asked = []

    def load_dataset(name, configuration):
        asked.append((name, configuration))
        table = datasets.Dataset.from_list(ROWS)
        return datasets.DatasetDict({"train": table, "validation": table, "test": table})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(datasets, "get_dataset_config_names", lambda name: ["default"])
    assert load("multi30k")["test"][0] == {"source": "the 0 men", "target": "die 0 Männer"}
    assert load("multi30k:de-en")["test"][0] == {"source": "die 0 Männer", "target": "the 0 men"}
    assert asked == [("bentrevett/multi30k", None)] * 2
