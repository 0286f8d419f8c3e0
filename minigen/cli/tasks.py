"""What the commands of all tasks share: the folder, the data, the observers, the report."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

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
            raise ValueError(f"{data} has the columns {', '.join(found)}; {wanted!r} is needed here")


def read_rows(data: str, columns: Sequence[str], split: str) -> dict[str, list]:
    """The columns to measure on: all rows of a file, or one split of a folder or a name."""
    table = _read_file(data)
    if table is None:
        table = read_data(data, columns, split)[split]
    _need_columns(data, columns, list(table) if isinstance(table, dict) else table.column_names)
    return {name: table[name] for name in columns}


def read_training(data: str, valid: str | None, columns: Sequence[str]) -> tuple[tuple, tuple | None]:
    """(the columns to train on, those to watch it by or None). Of a file without --valid: all, and None."""
    held_out = valid and tuple(read_rows(valid, columns, "validation").values())
    if _read_file(data) is not None:
        return tuple(read_rows(data, columns, "train").values()), held_out
    splits = read_data(data, columns)
    train, other = (tuple(splits[split][name] for name in columns) for split in ("train", "validation"))
    return train, held_out or other


def read_pairs(data: str, valid: str | None) -> tuple[tuple, tuple | None]:
    """`read_training` of sources and targets; ValueError if they are one language twice."""
    from minigen.data.local import check_pairs

    train, held_out = read_training(data, valid, ("source", "target"))
    check_pairs(*train, data)
    return train, held_out


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
        sys.stdin.reconfigure(encoding="utf-8", errors="strict")
        content = sys.stdin.read()
    return content.removesuffix("\n").split("\n")


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
