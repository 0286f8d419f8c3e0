"""`minigen check`: the exercises that a learner has done, and what is wrong with the others."""

import json
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from minigen.checks import notebooks, progress, table
from minigen.checks.launch import Result, check_notebook

exercises_app = typer.Typer()


@exercises_app.command()
def check(
    what: Annotated[
        str, typer.Argument(metavar="[NN[.TASK]]", help="A set such as 02, or a task such as 02.softmax.")
    ] = "all",
    watch: Annotated[bool, typer.Option("--watch", help="Check again whenever the notebook is saved.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Results as JSON.")] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Where the notebooks are; `exercises`, here or above, if not given.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed, other inputs.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Time limit of a cell.")] = 20.0,
) -> None:
    """Check what you wrote in exercises/: done, wrong and why, to do. Status 0: all done, 1: not all, 2: cannot check.

    Example: minigen check 02 --watch
    """
    try:
        place = notebooks.find_folder(folder)
        chosen, task = choose(place, what)
        while True:
            stamps = {path: path.stat().st_mtime_ns for path in chosen.values()}
            results = run(chosen.values(), task, seed, seconds)
            show(results, place, as_json)
            if not watch:
                break
            wait_for_change(stamps)
    except (ValueError, RuntimeError, OSError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    everything = [result for found in results.values() for result in found]
    raise typer.Exit(0 if all(result.status == "done" for result in everything) else 1)


def choose(folder: Path, what: str) -> tuple[dict[str, Path], str | None]:
    """The notebooks to check, and the one task, if one is named. ValueError if they are not there."""
    found = notebooks.find_notebooks(folder)
    number, dot, _ = what.partition(".")
    number = number.zfill(2) if number.isdecimal() else number
    if what == "all" and found:
        return found, None
    if number not in found:
        raise ValueError(f"{folder} has no set {number!r}; it has: {', '.join(found) or 'none'}")
    return {number: found[number]}, f"{number}.{what.partition('.')[2]}" if dot else None


def run(paths: Iterable[Path], task: str | None, seed: int | None, seconds: float) -> dict[str, list[Result]]:
    """The results of each notebook, by its name; as many at once as there are cores."""
    paths = list(paths)
    with ThreadPoolExecutor(max_workers=min(len(paths), os.cpu_count() or 1)) as pool:
        found = pool.map(lambda path: check_notebook(path, task, seed=seed, seconds=seconds), paths)
        return {path.stem: results for path, results in zip(paths, found, strict=True)}


def show(sets: dict[str, list[Result]], folder: Path, as_json: bool) -> None:
    """Prints the table, or JSON, and remembers the progress."""
    new = progress.remember(progress.progress_file(folder), [result for results in sets.values() for result in results])
    if as_json:
        typer.echo(json.dumps([asdict(result) for results in sets.values() for result in results], indent=1))
        return
    if len(sets) == 1:
        ((name, results),) = sets.items()
        lines = table.set_lines(name, results, new)
    else:
        lines = table.overview_lines(sets)
    for text, colour in lines:
        typer.secho(text, bold=colour == "bold", fg=None if colour == "bold" else colour)


def wait_for_change(stamps: dict[Path, int], every: float = 0.5) -> None:
    """Returns when one of the files is another one than before."""
    typer.secho("\nwatching; save the notebook to check again, Ctrl-C to stop", dim=True)
    while all(path.exists() and path.stat().st_mtime_ns == stamp for path, stamp in stamps.items()):
        time.sleep(every)
    time.sleep(0.2)  # an editor may still be writing
