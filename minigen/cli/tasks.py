"""What the commands of all tasks share: the folder, the data, the observers, the report."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

WRITTEN = ("config.json", "tokenizer.json", "history.jsonl", "summary.json")

if TYPE_CHECKING:
    from datasets import DatasetDict

    from minigen.presets import AnyPreset


def refuse_used(out: Path, resume: bool) -> None:
    """ValueError if a new run would write over what is in its folder."""
    if resume:
        return
    if (out / "last.safetensors").exists():
        raise ValueError(f"{out} holds a run already: give --resume to go on with it, or another --out")
    if (out / "model.safetensors").exists():
        raise ValueError(f"{out} holds a trained model: give another --out")
    foreign = [name for name in WRITTEN if (out / name).exists()]
    if foreign and not _is_ours(out / "config.json"):
        raise ValueError(f"{out} holds {', '.join(foreign)} of something else, to be written over: give another --out")


def _is_ours(config: Path) -> bool:
    """Whether a config.json was written by minigen, for a run that was ended before it saved any weights."""
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and "minigen" in content


def check(preset: "AnyPreset", device: str | None, recipe: dict) -> None:
    """ValueError for a device, a budget or a rate that cannot be, before any data is fetched or read."""
    from minigen.device import pick_device

    pick_device(device)
    preset.training(**recipe)


def read_data(data: str, columns: Sequence[str], split: str = "train") -> "DatasetDict":
    """The splits of --data. ValueError if there is no such split, or it lacks one of the columns."""
    from minigen.data import load

    if not data.strip():
        raise ValueError("--data is empty: give a text file, a folder, or a name (minigen data list)")
    splits = load(data)
    if split not in splits:
        raise ValueError(f"{data} has no split {split!r}, only {', '.join(splits)}: choose with --split")
    _need_columns(data, columns, splits[split].column_names)
    return splits


def _need_columns(data: str, columns: Sequence[str], found: Sequence[str]) -> None:
    for wanted in columns:
        if wanted not in found:
            advice = ""
            if wanted == "source":
                advice = "; two files of lines become a table by `minigen data join`"
            raise ValueError(f"{data} has the columns {', '.join(found)}; {wanted!r} is needed here{advice}")


def read_rows(data: str, columns: Sequence[str], split: str) -> dict[str, list]:
    """The columns to measure on: all rows of a file, or one split of a folder or a name."""
    table = _read_file(data)
    if table is None:
        table = read_data(data, columns, split)[split]
    _need_columns(data, columns, list(table) if isinstance(table, dict) else table.column_names)
    return _two_languages({name: table[name] for name in columns}, data)


def _two_languages(rows: dict[str, list], data: str) -> dict[str, list]:
    """The rows; ValueError if they are pairs whose two sides are one language."""
    from minigen.data.local import check_pairs

    if "target" in rows:
        check_pairs(rows["source"], rows["target"], data)
    return rows


def read_training(data: str, valid: str | None, columns: Sequence[str]) -> tuple[tuple, tuple | None]:
    """(the columns to train on, those to watch it by or None). Of a file without --valid: all, and None."""
    held_out = valid and tuple(read_rows(valid, columns, "validation").values())
    if _read_file(data) is not None:
        return tuple(read_rows(data, columns, "train").values()), held_out
    splits = read_data(data, columns)
    train, other = ({name: splits[split][name] for name in columns} for split in ("train", "validation"))
    return tuple(_two_languages(train, data).values()), held_out or tuple(other.values())


def read_lines(text: str | None, file: Path | None, purpose: str) -> list[str]:
    """The lines of a text that was given, of a file, or of what is piped in. purpose: what for, as a verb.

    Raises:
        ValueError: if two of them are given, or none.
    """
    from minigen.files import read_text

    if text is not None and file is not None:
        raise ValueError("give a text or --file, not both")
    if text is not None:
        return [" ".join(text.splitlines())]
    if file is not None:
        content = read_text(file)
    elif sys.stdin.isatty():
        raise ValueError(f'there is nothing to {purpose}: give a "text", --file FILE, or pipe a text in')
    else:
        content = _piped()
    return content.removesuffix("\n").split("\n")


def _piped() -> str:
    sys.stdin.reconfigure(encoding="utf-8", errors="strict")
    try:
        content = sys.stdin.read()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"what is piped in is not UTF-8 (a byte of it is 0x{error.object[error.start]:02x}): convert it first, or "
            "save it as UTF-8 and give --file"
        ) from None
    if not content:
        raise ValueError("nothing came in through the pipe")
    return content


def _read_file(data: str) -> dict[str, list] | None:
    """All rows, if --data is one file, with or without a pair of languages behind its name."""
    from minigen.data.local import read_table
    from minigen.data.names import split_pair

    for path, pair in ((Path(data), None), (Path(split_pair(data)[0]), split_pair(data)[1])):
        if path.expanduser().is_file():
            return read_table(path.expanduser(), pair)
    return None


def observers(out: Path, tensorboard: bool) -> list[Callable[[dict], None]]:
    """What watches the run."""
    from minigen.training.observers import TensorBoard

    return [TensorBoard(out)] if tensorboard else []


def report(summary: dict, out: Path, next_command: str) -> None:
    """The summary as JSON, and what to type next. typer.Exit with status 130 after Ctrl-C."""
    typer.echo(json.dumps(summary, indent=2))
    if summary["stopped"] == "interrupted":
        typer.secho(f"Stopped early; all is saved in {out}. Go on with the same command and --resume.", err=True)
        raise typer.Exit(130)
    typer.secho(f"Next: {next_command}", err=True)
