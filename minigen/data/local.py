"""One's own files: tables of text (.tsv, .csv, .jsonl, .parquet), plain text (.txt), and folders of them.

A table becomes columns of equal length, of one of the kinds in COLUMNS; other columns of it are left out.
"""

import csv
import io
import json
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from minigen.data.column import check_column
from minigen.data.names import Pair
from minigen.files import read_text

Columns = dict[str, list]

# What a table may hold, most telling first: a table with text, label and source is one for classification.
COLUMNS = (("source", "target"), ("text", "label"), ("text",))
SPLIT_NAMES = {"train": "train", "validation": "validation", "test": "test"}
SPLIT_NAMES |= dict.fromkeys(("valid", "val", "dev"), "validation")


def known_columns(found: Sequence[str], where: str, pair: Pair | None = None) -> dict[str, str]:
    """Which of the columns `found` are taken, by the name that each gets: {"source": "en", "target": "de"}.

    With a pair of languages: the columns of these names (en and de, or translation.en and translation.de, which
    is how a column of dictionaries is written here). Without: the first kind of COLUMNS that is there, under its
    own names; or else the only two columns, in their order, if they are called by two languages.
    ValueError names what is there and what is wanted.
    """
    if pair:
        for prefix in ("", "translation."):
            columns = {"source": prefix + pair[0], "target": prefix + pair[1]}
            if set(columns.values()) <= set(found):
                return columns
        wanted = f"{pair[0]} and {pair[1]}, the languages of the pair"
    else:
        for kind in COLUMNS:
            if set(kind) <= set(found):
                return {column: column for column in kind}
        if len(found) == 2 and all(re.fullmatch(r"(translation\.)?[a-z]{2}", str(column)) for column in found):
            return dict(zip(("source", "target"), found, strict=True))
        wanted = "; or ".join(" and ".join(columns) for columns in COLUMNS)
        wanted += "; or two languages, named after the data as in ./my-folder:en-de"
    named = ", ".join(str(column)[:40] for column in found) or "no columns at all"
    raise ValueError(f"{where}: found the columns {named}; wanted are {wanted}")


def read_table(path: Path, pair: Pair | None = None) -> Columns:
    """The known columns of a table, or those of a pair of languages; a .txt file is one row of text.

    Raises ValueError, which names the file and where in it: another format, no known columns, no rows, a row
    of another length than the first, a text that is missing, empty or no text at all.
    """
    if path.suffix.lower() not in FORMATS:
        ending = path.suffix or "a file without ending"
        raise ValueError(f"{path}: cannot read {ending}; use {', '.join(FORMATS)} (plain text: rename it to .txt)")
    table = _flat(FORMATS[path.suffix.lower()](path))
    columns = known_columns(list(table), str(path), pair)
    if not all(table[column] for column in columns.values()):
        raise ValueError(f"{path} has the columns {', '.join(columns.values())} but no rows")
    return {name: check_column(table[column], column, path) for name, column in columns.items()}


def _flat(table: Columns) -> Columns:
    """A column `translation` of dictionaries, one text for each language, as columns translation.en, ..."""
    rows = table.get("translation", [])
    languages = dict.fromkeys(language for row in rows if isinstance(row, dict) for language in row)
    if not languages or not all(isinstance(row, dict) for row in rows):
        return table
    flat = {f"translation.{language}": [row.get(language) for row in rows] for language in languages}
    return {name: values for name, values in table.items() if name != "translation"} | flat


def check_pairs(sources: Sequence[str], targets: Sequence[str], where: str) -> None:
    """Raises ValueError if at least 90 % of the rows have the same text twice: that is one language, twice.

    If over half of them have, it warns: much is not translated.
    """
    same = sum(source == target for source, target in zip(sources, targets, strict=True))
    what = f"{where}: source and target are the same text in {same:,} of {len(sources):,} rows"
    if same >= 0.9 * len(sources):
        raise ValueError(f"{what}; is this one language twice? Wanted are a text and its translation")
    if same > 0.5 * len(sources):
        warnings.warn(f"{what}; a model will learn to copy them", stacklevel=2)


def read_parallel(source_path: str | Path, target_path: str | Path) -> Columns:
    """The columns source and target from two files of text whose lines belong together, one by one.

    `datasets.Dataset.from_dict` makes a table of them. Raises ValueError if the numbers of lines differ, or a line
    is empty, as well as for what `read_table` refuses.
    """
    columns = {}
    for column, path in (("source", Path(source_path)), ("target", Path(target_path))):
        lines = read_text(path).removesuffix("\n").split("\n")
        columns[column] = check_column(lines, column, path)
    counts = [len(lines) for lines in columns.values()]
    if counts[0] != counts[1]:
        raise ValueError(
            f"{source_path} has {counts[0]:,} lines, but {target_path} has {counts[1]:,}; line by line, one must be "
            "the translation of the other"
        )
    check_pairs(columns["source"], columns["target"], f"{source_path} and {target_path}")
    return columns


def read_folder(folder: Path, pair: Pair | None = None) -> dict[str, Columns]:
    """The splits of a folder: its files train.*, validation.* (or valid, val, dev) and test.*.

    Shards as the hub lays them out (train-00000-of-00002.parquet, there or in the folder data/) are joined in
    the order of their names. Raises ValueError where no file is called train, or the columns differ.
    """
    splits: dict[str, Columns] = {}
    for path in _split_files(folder):
        table = read_table(path, pair)
        columns = splits.setdefault(_split_of(path), {column: [] for column in table})
        if set(columns) != set(table):
            raise ValueError(f"{path} has the columns {', '.join(table)}; another shard has {', '.join(columns)}")
        for column, values in table.items():
            columns[column] += values
    if "train" not in splits:
        raise ValueError(
            f"the folder {folder} has no file train.*; wanted are train, validation and test, each as one of "
            f"{', '.join(FORMATS)}; or give the path of a single file"
        )
    for split, columns in splits.items():
        if set(columns) != set(splits["train"]):
            found, wanted = ", ".join(columns), ", ".join(splits["train"])
            raise ValueError(f"{folder}: {split} has the columns {found}, but train has {wanted}")
    return _same_labels(splits)


def _split_files(folder: Path) -> list[Path]:
    files = sorted([*folder.iterdir(), *(folder / "data").glob("*")])
    return [path for path in files if path.suffix.lower() in FORMATS and path.is_file() and _split_of(path)]


def _split_of(path: Path) -> str | None:
    """The split that a file belongs to by its name: the part before the first of "-", "_" or "."."""
    return SPLIT_NAMES.get(re.split(r"[-_.]", path.name.lower())[0])


def _same_labels(splits: dict[str, Columns]) -> dict[str, Columns]:
    """Labels of one kind in all splits: if they are not all numbers, those that are become text again."""
    labels = [label for columns in splits.values() for label in columns.get("label", [])]
    if len({type(label) for label in labels}) > 1:
        for columns in splits.values():
            columns["label"] = [str(label) for label in columns["label"]]
    return splits


def _read_txt(path: Path) -> Columns:
    return {"text": [read_text(path)]}


def _read_tsv(path: Path) -> Columns:
    """One row a line, split at tabs alone: a quotation mark is text, as in the corpora of translators."""
    lines = [line.split("\t") for line in read_text(path).split("\n")]
    return _from_rows(path, [row for row in lines if row != [""]])


def _read_csv(path: Path) -> Columns:
    """Read strictly: a quotation mark that is never closed is an error, not a field of the whole rest."""
    longest = csv.field_size_limit(2**31 - 1)  # its default of 131,072 characters would refuse a chapter
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        return _from_rows(path, [row for row in reader if row])
    except csv.Error as error:
        raise ValueError(f"{path}: up to line {reader.line_num} this is no CSV: {error}") from error
    finally:
        csv.field_size_limit(longest)


def _from_rows(path: Path, rows: list[list[str]]) -> Columns:
    names = [name.strip().lower() for name in rows[0]]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{path}: two columns are called {twice!r}; give each a name of its own")
    if len(names) == 1 and (sign := next((sign for sign in ";\t," if sign in names[0]), None)):
        raise ValueError(
            f"{path}: the first line, {names[0][:80]!r}, is one column, whose parts are separated by {sign!r}; save "
            "the table with commas as .csv, or with tabs as .tsv"
        )
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(names):
            found = f"row {number} has {len(row)} fields"
            raise ValueError(f"{path}: {found}; the first line names {len(names)}: {', '.join(names)[:80]}")
    return {name: [row[place] for row in rows[1:]] for place, name in enumerate(names)}


def _read_jsonl(path: Path) -> Columns:
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}: line {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise ValueError(f'{path}: line {number} is not a JSON object such as {{"text": "..."}}')
        rows.append(row)
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(key for row in rows for key in row)}


def _read_parquet(path: Path) -> Columns:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path} is not a parquet file, or a damaged one: {error}") from error
    columns = table.to_pydict()
    for name, names in _label_names(table.schema.metadata or {}).items():
        columns[name] = [names[n] if n in range(len(names)) else None for n in columns[name]]
    return columns


def _label_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """The names behind the numbers of a column, which `datasets` notes in its files, by the name of the column."""
    features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    kinds = {name: kind for name, kind in features.items() if isinstance(kind, dict)}
    return {name: kind["names"] for name, kind in kinds.items() if kind.get("_type") == "ClassLabel"}


FORMATS = {
    ".txt": _read_txt,
    ".tsv": _read_tsv,
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
