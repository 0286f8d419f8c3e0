"""All of `minigen grade`: find, judge, keep, write down."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from minigen.checks.notebooks import Cell, read_cells
from minigen.files import write_atomically
from minigen.grading import report, tables
from minigen.grading.pool import Grade, Limits, grade_all
from minigen.grading.similarity import similar_pairs
from minigen.grading.store import Store, version_of
from minigen.grading.submissions import Submission, find_submissions


def grade_folder(
    folder: Path,
    release: Path,
    out: Path,
    limits: Limits,
    *,
    jobs: int = 1,
    fresh: bool = False,
    threshold: float = 0.8,
    encoding: str = "utf-8",
) -> int:
    """Grades the submissions in a folder and writes everything to `out`; how many could not be graded.

    Raises:
        ValueError: if there is nothing to grade, or written.csv cannot be read.
    """
    if out.resolve() == folder.resolve():
        raise ValueError(f"--out cannot be the folder of the submissions, {folder}")
    cells = read_cells(release)
    submissions = find_submissions(folder, release.stem, cells)
    marks = tables.read_marks(out / "written.csv")
    grades = grade_new(submissions, release, cells, Store(out, version_of(cells, limits)), limits, jobs, fresh)
    write_all(out, release.stem, grades, marks, cells, threshold, encoding)
    return sum(bool(grade.problem) for grade in grades)


def grade_new(
    submissions: Sequence[Submission],
    release: Path,
    cells: Sequence[Cell],
    store: Store,
    limits: Limits,
    jobs: int,
    fresh: bool,
) -> list[Grade]:
    """The grades of all, in order; only those that are not in the store are judged."""
    known = {} if fresh else store.read()
    found = {one.learner: known[store.name(one)] for one in submissions if store.name(one) in known}
    by_name = {one.learner: one for one in submissions}
    todo = [one for one in submissions if one.learner not in found]
    with tqdm(total=len(submissions), initial=len(found), unit="learner", dynamic_ncols=True) as bar:

        def keep(grade: Grade) -> None:
            store.add(by_name[grade.learner], grade)
            found[grade.learner] = grade
            bar.update()

        if todo:
            grade_all(todo, release, limits, jobs, keep)
    return [found[one.learner] for one in submissions]


def write_all(
    out: Path,
    name: str,
    grades: Sequence[Grade],
    marks: tables.Marks,
    cells: Sequence[Cell],
    threshold: float,
    encoding: str,
) -> None:
    """The table, JSON, the reports, the pictures and the feedback."""
    tables.write_grades(out / "grades.csv", grades, marks, encoding)
    tables.write_written(out / "written.csv", grades, marks, encoding)
    write_atomically(out / "grades.json", json.dumps([asdict(grade) for grade in grades], indent=1, ensure_ascii=False))
    given = {cell.name: cell.source for cell in cells if cell.role in ("solution", "written")}
    code = {cell.name for cell in cells if cell.role == "solution"}
    answers = {grade.learner: {n: s for n, s in grade.answers.items() if n in code} for grade in grades}
    pairs = similar_pairs(answers, given, threshold)
    write_atomically(out / "report.md", report.class_report(name, grades))
    write_atomically(out / "teacher.md", report.teachers_notes(grades, pairs, threshold))
    report.write_feedback(out / "feedback", name, grades, marks)
    graded = [grade for grade in grades if grade.results]
    if graded:
        from minigen.grading import pictures  # late: matplotlib takes a second

        pictures.points_picture(graded, out / "points.png")
        pictures.tasks_picture(graded, out / "tasks.png")
