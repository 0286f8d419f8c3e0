"""`load`: data by its name, always as a `datasets.DatasetDict` with the same splits and columns."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from minigen.data import catalogues
from minigen.data.fetch import fetch
from minigen.data.local import FORMATS, SPLIT_NAMES, check_pairs, known_columns, read_folder, read_table
from minigen.data.names import Pair, split_pair
from minigen.data.sources import SOURCES, Splits, find_source
from minigen.data.splits import group_rows, hold_out, split_by_position
from minigen.files import read_text

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

HUB = "hub:"
CHECKED = 100_000  # rows of pairs: as many as tell whether they are two languages


def load(name: str | Path) -> "DatasetDict":
    """Data by its name, in splits named train, validation and test, with columns text, or text and label, or
    source and target.

    name                      what it gives
    "shakespeare"             38 plays, fetched first if they are not there yet (`list_sources()` has all names)
    "software:en-fr"          what programs say, translated by people; also en-de, en-es, en-zh, and reversed as
                              fr-en. "software" alone is en-fr. Fetched first if it is not there yet
    "strings"                 short English sentences out of the same programs, column text
    "dates:en-fr"             dates, numbers, money and times in two languages, generated. "dates" is en-fr
    "multi30k:en-de"          captions of photographs on the hub, also as de-en. "multi30k" is en-de
    "hub:owner/name"          a dataset on the hub that is stored as parquet files
    a .txt file               its first 90 % as train, the rest, from a line break on, as validation; no test
    a .tsv, .csv, .jsonl or   a table: a tenth of its rows each as validation and test, chosen by a hash of
    .parquet file             their texts. Rows of the same text (but for case and punctuation) stay together
    a folder                  the files train.*, validation.*, test.* in these formats, or shards such as
                              train-00000-of-00002.parquet, there or in its folder data/

    Behind the name of a hub dataset, a file or a folder, a pair as in "hub:owner/name:en-de" takes the columns en
    and de as source and target, or the texts en and de of a column `translation`. A table of two columns called
    by two languages needs no pair: the first is the source.
    Splits that a folder or a dataset gives are kept as they are; those it lacks, or whose labels are hidden (-1), are
    cut from its train. Labels that have names, as on the hub, are given by these.
    Raises ValueError for a name or a content that does not fit (languages, columns, empty, not UTF-8, ...),
    FileNotFoundError for a path where nothing is, FetchError or ConnectionError where fetching fails.
    """
    name = str(name)
    if name.partition(":")[0] in SOURCES:
        source = find_source(name)
        if source.weights:
            raise ValueError(f"{name} holds a model's weights, and no text: load_pretrained({name!r}) reads them")
        return _load_hub(source.hub) if source.hub else _from_lists(_read_source(name))
    if name.startswith(HUB):
        return _load_hub(name.removeprefix(HUB))
    path, pair = (Path(name).expanduser(), None) if Path(name).expanduser().exists() else _path_and_pair(name)
    if path.is_dir():
        return _complete(_from_lists(read_folder(path, pair)), name)
    if path.is_file():
        return _load_file(path, pair)
    if path.suffix.lower() in FORMATS or any(mark in name for mark in "/\\"):
        raise FileNotFoundError(f"there is no file or folder {path} (looked in {Path.cwd()})")
    find_source(name)  # raises, and suggests the nearest name
    raise AssertionError("a declared source was handled above")


def report(name: str = "software") -> dict[str, Any]:
    """What became of the catalogues that the translations of software were read from: `catalogues.report`.

    name: "software" or one of its pairs, as in "software:en-de". Raises ValueError for another name.
    """
    stem, pair = split_pair(name)
    if stem != "software":
        raise ValueError(f"there is a report on software and its pairs, as in software:en-de; not on {name!r}")
    with ExitStack() as stack:
        return catalogues.report(pair or ("en", "fr"), *_open_wheels(name, stack))


def _open_wheels(name: str, stack: ExitStack) -> list[ZipFile]:
    return [stack.enter_context(ZipFile(path)) for path in fetch(name)]


def _read_source(name: str) -> Splits:
    with ExitStack() as stack:
        return find_source(name).read(*_open_wheels(name, stack))


def _path_and_pair(name: str) -> tuple[Path, Pair | None]:
    stem, pair = split_pair(name)
    return Path(stem).expanduser(), pair


def _load_file(path: Path, pair: Pair | None) -> "DatasetDict":
    if path.suffix.lower() == ".txt":
        train, validation = split_by_position(read_text(path))
        return _from_lists({"train": {"text": [train]}, "validation": {"text": [validation]}})
    return _complete(_from_lists({"train": read_table(path, pair)}), str(path))


def _from_lists(splits: Splits) -> "DatasetDict":
    """In memory, so that no cache folder is written and no progress bar shown."""
    from datasets import Dataset, DatasetDict

    return DatasetDict({name: Dataset.from_dict(columns) for name, columns in splits.items()})


def _load_hub(name: str) -> "DatasetDict":
    import datasets

    repository, pair = split_pair(name)
    try:
        loaded = datasets.load_dataset(repository, _configuration(repository, pair))
    except Exception as error:  # the hub's client raises errors of several libraries
        raise ConnectionError(
            f"could not load the dataset {name!r} from the hub: {type(error).__name__}: {error}\n"
            "Is the name right (owner/name), is it stored as parquet, and is there a network? Without one, "
            "copy its parquet files into a folder and give the path of that folder instead"
        ) from error
    if any("translation" in table.column_names for table in loaded.values()):
        loaded = loaded.flatten()  # a column of dictionaries becomes columns translation.en, translation.de
    renamed = {SPLIT_NAMES.get(split, split): table for split, table in loaded.items()}
    return _complete(datasets.DatasetDict(renamed), f"{HUB}{name}", pair)


def _configuration(repository: str, pair: Pair | None) -> str | None:
    """The part of a dataset that is called by the two languages, in either order, as in WMT's; None without one."""
    if not pair:
        return None
    from datasets import get_dataset_config_names

    found = get_dataset_config_names(repository)
    return next((name for name in (f"{pair[0]}-{pair[1]}", f"{pair[1]}-{pair[0]}") if name in found), None)


def _complete(splits: "DatasetDict", name: str, pair: Pair | None = None) -> "DatasetDict":
    """Only known columns, under their usual names, and the three splits; those missing are cut from train."""
    from datasets import DatasetDict

    if "train" not in splits:
        raise ValueError(f"{name} has no split train; it has {', '.join(splits)}")
    columns = known_columns(splits["train"].column_names, f"{name}, split train", pair)
    known = [split for split in ("train", "validation", "test") if split in splits]
    for split in known:
        if not set(columns.values()) <= set(splits[split].column_names):
            wanted, found = ", ".join(columns.values()), ", ".join(splits[split].column_names)
            raise ValueError(f"{name}: split train has the columns {wanted}, but {split} has {found}")
    kept = {
        split: splits[split].select_columns(list(columns.values())).rename_columns({v: k for k, v in columns.items()})
        for split in known
    }
    if "label" in columns:
        kept = {split: table for split, found in kept.items() if (table := _named_labels(found)) is not None}
        if "train" not in kept:
            raise ValueError(f"{name}: the labels of split train are hidden (-1), and there is nothing to learn from")
    if "source" in columns:
        some = kept["train"][:CHECKED]
        check_pairs(some["source"], some["target"], name)
    return DatasetDict({**_hold_out(kept.pop("train"), tuple(columns), [*kept]), **kept})


def _named_labels(table: "Dataset") -> "Dataset | None":
    """Labels that are numbers with names, as the hub has them, by their names; None if they are hidden (-1)."""
    from datasets import ClassLabel

    kind = table.features["label"]
    if not isinstance(kind, ClassLabel):
        return table
    numbers = list(table["label"])
    if any(number in (None, -1) for number in numbers):
        return None
    return table.remove_columns("label").add_column("label", kind.int2str(numbers))


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
