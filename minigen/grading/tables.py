"""grades.csv for the LMS, and written.csv, in which a person enters the points of what is answered in words."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minigen.checks.notebooks import grade_id
from minigen.files import write_atomically
from minigen.grading.pool import Grade

Marks = dict[tuple[str, str], float]  # (learner, task) -> points
HEAD = ("learner", "task", "out_of", "points", "answer")


def read_marks(path: Path) -> Marks:
    """The points that a person entered in written.csv; empty if there is no such file yet.

    Raises:
        ValueError: for points that are no number, or less than 0 or more than there are; it names the line.
    """
    if not path.exists():
        return {}
    marks: Marks = {}
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")))
    for row in rows:
        text = (row.get("points") or "").strip().replace(",", ".")
        if not text:
            continue
        try:
            value, most = float(text), float(row["out_of"])
            marks[row["learner"], row["task"]] = value
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}, line {rows.line_num}: points are a number, not {text!r} ({error})") from None
        if not 0 <= value <= most:
            raise ValueError(f"{path}, line {rows.line_num}: {text} points of {most:g} cannot be")
    return marks


def earned(grade: Grade, marks: Marks) -> dict[str, float | None]:
    """Points by task; None for a written answer that nobody has read yet."""
    found: dict[str, float | None] = {}
    for result in grade.results:
        points = float(result.points) if result.status == "done" else 0.0
        found[result.id] = marks.get((_plain(grade.learner), result.id)) if result.status == "written" else points
    return found


def write_grades(path: Path, grades: Sequence[Grade], marks: Marks, encoding: str = "utf-8") -> None:
    """A line a learner: points by task, total, out_of, to_read (written answers without points), note."""
    ids = [result.id for result in next((grade.results for grade in grades if grade.results), ())]
    rows = [["learner", *ids, "total", "out_of", "to_read", "note"]]
    out_of = sum(result.points for result in next((grade.results for grade in grades if grade.results), ()))
    for grade in grades:
        points = earned(grade, marks)
        total = sum(one or 0 for one in points.values())
        open_ones = sum(one is None for one in points.values())
        shown = ["" if points.get(name) is None else f"{points[name]:g}" for name in ids]
        shown = shown if grade.results else ["0"] * len(ids)
        note = "; ".join(filter(None, (grade.problem, *grade.notes)))
        rows.append([grade.learner, *shown, f"{total:g}", out_of, open_ones or "", note])
    write_atomically(path, _text(rows).encode(encoding))


def write_written(path: Path, grades: Sequence[Grade], marks: Marks, encoding: str = "utf-8") -> None:
    """The written answers, one a line, with an empty field for points where there are none yet."""
    rows = [list(HEAD)]
    for grade in grades:
        for result in grade.results:
            if result.status == "written":
                mark = marks.get((_plain(grade.learner), result.id))
                answer = grade.answers.get(grade_id(result.id), "")
                rows.append([grade.learner, result.id, result.points, "" if mark is None else f"{mark:g}", answer])
    if len(rows) > 1:
        write_atomically(path, _text(rows).encode(encoding))


def _text(rows: Sequence[Sequence]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerows([[_plain(value) for value in row] for row in rows])
    return file.getvalue()


def _plain(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula gets an apostrophe: learners choose names and answers."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value[:1] else value
