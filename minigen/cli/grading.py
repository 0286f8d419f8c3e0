"""`minigen grade`: a teacher's command, for the submissions of one set."""

import os
from pathlib import Path
from typing import Annotated

import typer

from minigen.checks import notebooks

grading_app = typer.Typer()


@grading_app.command()
def grade(
    folder: Annotated[Path, typer.Argument(help="A folder for each learner, or NAME.ipynb side by side.")],
    set_number: Annotated[str, typer.Option("--set", help="Such as 02; seen from the notebooks if not given.")] = "",
    out: Annotated[Path | None, typer.Option(help="Where results go; grading/NN_topic if not given.")] = None,
    exercises: Annotated[
        Path | None, typer.Option(help="The release, as given out; `exercises`, here or above, if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the inputs; the learners' is 0.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Submissions at once.")] = os.cpu_count() or 1,
    seconds: Annotated[float, typer.Option(min=1, help="Time limit of a cell.")] = 10.0,
    memory: Annotated[int, typer.Option(min=64, help="MiB beyond what torch takes; not on Windows and macOS.")] = 2048,
    user: Annotated[str, typer.Option(help="Run the learners' code as this user (needs root).")] = "",
    similar: Annotated[float, typer.Option(min=0, max=1, help="Name pairs that are alike from this score on.")] = 0.8,
    bom: Annotated[bool, typer.Option("--bom", help="CSV with a byte order mark, for Excel.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Grade all again, whatever was graded before.")] = False,
) -> None:
    """Grade the submissions of a set: points for the LMS, the mistakes of the class, feedback for each learner.

    Only the learners' answers are taken from their files; the checks are those of the release. A second run grades
    only what is new or has changed. Status 0: all graded, 1: some could not be, 2: cannot grade.

    Example: minigen grade submissions/ --set 02
    """
    from minigen.grading.pool import Limits
    from minigen.grading.session import grade_folder

    try:
        release = choose_release(folder, set_number, exercises)
        limits = Limits(seed, seconds, memory, user)
        out = out or Path("grading") / release.stem
        encoding = "utf-8-sig" if bom else "utf-8"
        ungraded = grade_folder(
            folder, release, out, limits, jobs=jobs, fresh=fresh, threshold=similar, encoding=encoding
        )
    except (ValueError, OSError, RuntimeError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        typer.echo("stopped; what was graded is kept: the same command goes on from here", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"{out}: grades.csv, report.md, teacher.md, feedback/")
    raise typer.Exit(1 if ungraded else 0)


def choose_release(folder: Path, number: str, exercises: Path | None) -> Path:
    """The released notebook of the set that is named, or of the one that the submissions are of. ValueError if none."""
    from minigen.grading.submissions import sets_in

    released = notebooks.find_notebooks(notebooks.find_folder(exercises))
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    if not number:
        found = sets_in(folder)
        if len(found) != 1:
            told = ", ".join(f"{name} (notebooks: {count})" for name, count in sorted(found.items())) or "none"
            raise ValueError(f"which set is to be graded? Give --set. In {folder} there are: {told}")
        (number,) = found
    number = number.zfill(2)
    if number not in released:
        raise ValueError(f"there is no set {number!r}; there are: {', '.join(released) or 'none'}")
    return released[number]
