"""`minigen grade` as a whole: right points for the honest and the others, and everything written down."""

import csv
import json
import os
from types import SimpleNamespace

import pytest

from grading_tools import (
    ENDLESS,
    FORGER,
    NOISY,
    PATCHED,
    PATCHED_LATE,
    RELEASE,
    WRONG,
    cells,
    hand_in,
    solutions,
    solved_but,
)
from minigen.checks.launch import Result
from minigen.grading import report, tables
from minigen.grading.pool import Grade, Limits, grade_all
from minigen.grading.session import grade_folder, grade_new
from minigen.grading.similarity import similar_pairs
from minigen.grading.store import Store, version_of
from minigen.grading.submissions import find_submissions

TASK = "02.softmax"
LIMITS = Limits(seconds=5, memory=512)


def result(key: str = "", name: str = TASK, kind: str = "function") -> Result:
    """A result of a task of two points; right without a key."""
    status = "written" if kind == "written" else "todo" if key == "todo" else "wrong" if key else "done"
    return Result(name, "A title", kind, 1, "core", 5, 2, status, key, f"hint of {key}")


def rows_of(path, encoding: str = "utf-8") -> dict[str, dict]:
    """A table's lines by learner."""
    with open(path, encoding=encoding, newline="") as file:
        return {row["learner"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def graded(tmp_path_factory) -> SimpleNamespace:
    """A class of learners of every kind, graded once."""
    folder = tmp_path_factory.mktemp("class")
    tampered = solved_but(softmax=WRONG)
    everyone = {
        "solved": solutions(),
        "blank": {},
        "wrong": solved_but(softmax=WRONG),
        "endless": solved_but(softmax=ENDLESS),
        "deaf": solved_but(
            softmax=ENDLESS.replace("pass", "\n        try: len([0])\n        except BaseException: pass")
        ),
        "ends": solved_but(softmax="import os\nos._exit(0)"),
        "greedy": solved_but(softmax="import torch\ndef softmax(x, dim):\n    return torch.ones(10**10)"),
        "patched": solved_but(softmax=PATCHED),
        "late": solved_but(softmax=PATCHED_LATE),
        "noisy": solved_but(softmax=NOISY),
        "forger": solved_but(softmax=FORGER),
    }
    for name, answers in everyone.items():
        hand_in(folder / "in" / name / RELEASE.name, answers)
    path = hand_in(folder / "in" / "cut.ipynb", tampered)
    made = json.loads(path.read_text(encoding="utf-8"))
    made["cells"] = [cell for cell in made["cells"][::-1] if not cell["metadata"].get("nbgrader", {}).get("locked")]
    path.write_text(json.dumps(made), encoding="utf-8")
    (folder / "in" / "broken.ipynb").write_text("{", encoding="utf-8")
    count = grade_folder(folder / "in", RELEASE, folder / "out", LIMITS, jobs=2)
    return SimpleNamespace(folder=folder, out=folder / "out", count=count, rows=rows_of(folder / "out" / "grades.csv"))


@pytest.mark.slow
def test_a_class_of_every_kind_is_graded(graded, monkeypatch):
    every_kind_of_learner_gets_the_right_points(graded)
    each_is_told_what_was_wrong(graded)
    reports_and_pictures_are_there(graded)
    a_second_run_judges_nothing_again(graded, monkeypatch)


def every_kind_of_learner_gets_the_right_points(graded):
    full = float(graded.rows["solved"]["total"])
    points = float(graded.rows["solved"][TASK])
    totals = {name: float(row["total"]) for name, row in graded.rows.items()}
    assert full == sum(r["points"] for r in learner(graded, "solved")["results"] if r["kind"] != "written")
    assert totals["blank"] == totals["broken"] == 0
    assert totals["noisy"] == full
    for name in ("wrong", "endless", "deaf", "ends", "greedy", "patched", "late", "cut", "forger"):
        assert totals[name] == full - points, name


def each_is_told_what_was_wrong(graded):
    keys = {}
    for name in graded.rows:
        keys[name] = {r["id"]: r["key"] for r in learner(graded, name)["results"]}.get(TASK)
    assert keys["endless"] == keys["deaf"] == "timeout"
    assert keys["ends"] == "crashed"
    assert keys["greedy"] == "memory"
    assert keys["late"] == "tampered"
    assert keys["wrong"] == keys["cut"] == "overflow"
    assert keys["blank"] == "todo"
    assert "minigen.checks" in graded.rows["patched"]["note"]
    assert "to do" in (graded.out / "feedback" / "blank.txt").read_text(encoding="utf-8")


def reports_and_pictures_are_there(graded):
    told = (graded.out / "report.md").read_text(encoding="utf-8")
    assert "| overflow |" in told
    assert not any(f" {name}" in told for name in ("patched", "forger", "noisy"))  # no names: it is for the class
    notes = (graded.out / "teacher.md").read_text(encoding="utf-8")
    assert "- broken: " in notes
    assert "Similar is not copied" in notes
    assert (graded.out / "points.png").stat().st_size > 1000
    assert (graded.out / "tasks.png").stat().st_size > 1000
    assert graded.count == 1


def a_second_run_judges_nothing_again(graded, monkeypatch):
    def none(*args: object) -> None:
        raise AssertionError("judged again")

    monkeypatch.setattr("minigen.grading.session.grade_all", lambda todo, *rest: [rest[-1](fake(one)) for one in todo])
    fake = lambda one: Grade(one.learner, str(one.path), problem=one.problem) if one.problem else none()  # noqa: E731
    assert grade_folder(graded.folder / "in", RELEASE, graded.out, LIMITS) == 1
    assert rows_of(graded.out / "grades.csv") == graded.rows


@pytest.mark.slow
def test_without_a_fork_the_points_are_the_same(tmp_path):
    hand_in(tmp_path / "wrong.ipynb", solved_but(softmax=WRONG))
    hand_in(tmp_path / "ends.ipynb", solved_but(softmax="import os\nos._exit(0)"))
    found: list[Grade] = []
    grade_all(
        find_submissions(tmp_path, RELEASE.stem, cells()), RELEASE, Limits(seconds=5, fork=False), 1, found.append
    )
    keys = {
        grade.learner: {r.key for r in grade.results if r.status != "done" and r.kind != "written"} for grade in found
    }
    assert keys == {"wrong": {"overflow"}, "ends": {"crashed"}}


def learner(graded: SimpleNamespace, name: str) -> dict:
    """A learner's entry in grades.json."""
    entries = json.loads((graded.out / "grades.json").read_text(encoding="utf-8"))
    return next(entry for entry in entries if entry["learner"] == name)


def test_what_was_graded_survives_a_torn_line_and_a_change_grades_again(tmp_path):
    hand_in(tmp_path / "in" / "ada.ipynb", solutions())
    (one,) = find_submissions(tmp_path / "in", RELEASE.stem, cells())
    store = Store(tmp_path / "out", "version")
    store.path.write_text('3f {"learner": "to', encoding="utf-8")
    store.add(one, Grade("ada", "ada.ipynb", (result(),)))
    assert store.read()[store.name(one)].results == (result(),)
    assert Store(tmp_path / "out", "another version").name(one) != store.name(one)
    assert version_of(cells(), Limits(seed=1)) != version_of(cells(), Limits(seed=2))


def test_points_that_a_person_gives_are_kept_and_added(tmp_path):
    question = result(name="02.why", kind="written")
    grades = [Grade("ada", "", (result(), question), {"02-why": "=because"}), Grade("bob", "", problem="no notebook")]
    tables.write_written(tmp_path / "written.csv", grades, {})
    text = (tmp_path / "written.csv").read_text(encoding="utf-8")
    assert "'=because" in text  # no formula for a spreadsheet
    (tmp_path / "written.csv").write_text(text.replace("02.why,2,,", '02.why,2,"1,5",'), encoding="utf-8")
    marks = tables.read_marks(tmp_path / "written.csv")
    tables.write_grades(tmp_path / "grades.csv", grades, marks, "utf-8-sig")
    rows = rows_of(tmp_path / "grades.csv", "utf-8-sig")
    assert rows["ada"]["total"] == "3.5"
    assert rows["bob"]["total"] == "0"
    assert (tmp_path / "grades.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    (tmp_path / "written.csv").write_text(text.replace("02.why,2,,", "02.why,2,7,"), encoding="utf-8")
    with pytest.raises(ValueError, match="line 2"):
        tables.read_marks(tmp_path / "written.csv")


def test_mistakes_are_counted_by_key_with_their_hint():
    grades = [Grade(name, "", (result(key),)) for name, key in zip("abc", ("no-scale", "no-scale", ""), strict=True)]
    told = report.class_report("02_attention", grades)
    assert "| 2 | 02.softmax | no-scale | hint of no-scale |" in told
    assert report.class_report("02_attention", []).endswith("Nothing could be graded.\n")


def test_copies_with_other_names_are_alike_and_what_was_given_is_not():
    cell = "02-multi_head_attention-solution"
    own = solutions()[cell]
    renamed = own.replace("mask", "hidden").replace("num_heads", "n")
    other = "\n".join(f"def g{n}(x):\n    return x.sum({n}).view(1).exp() if x.any() else None" for n in range(9))
    loops = "def f(a):\n    for i in range(3):\n        while a[i] > 2 ** i:\n            a[i] = a[i] // 2 - a[-i]"
    answers = {"one": {cell: own}, "two": {cell: renamed}, "three": {cell: f"{other}\n{loops}"}}
    pairs = similar_pairs(answers, {}, 0.8)
    assert [(pair.one, pair.two, pair.same) for pair in pairs] == [("one", "two", ())]
    assert similar_pairs({"one": {cell: own}, "two": {cell: own}}, {}, 0.8)[0].same == (cell,)
    assert similar_pairs({"one": {cell: own}, "two": {cell: own}}, {cell: own}, 0.0) == []


def test_a_worker_that_cannot_begin_is_a_problem_and_no_crash(tmp_path, monkeypatch):
    hand_in(tmp_path / "in" / "ada.ipynb", solutions())
    submissions = find_submissions(tmp_path / "in", RELEASE.stem, cells())
    monkeypatch.setattr("minigen.grading.pool.sys.executable", "/no/such/python")
    (grade,) = grade_new(submissions, RELEASE, cells(), Store(tmp_path / "out", ""), LIMITS, 1, False)
    assert "could not be graded" in grade.problem


def test_which_set_is_asked_for_where_it_cannot_be_seen(minigen, tmp_path):
    (tmp_path / "ada.ipynb").write_text("{", encoding="utf-8")
    answer = minigen("grade", tmp_path)
    assert answer.code == 2
    assert "--set" in answer.err
    assert minigen("grade", tmp_path, "--set", "77").code == 2
    assert minigen("grade", tmp_path / "none").code == 2


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no such users")
def test_a_user_who_cannot_be_taken_stops_the_worker_with_the_reason(tmp_path):
    hand_in(tmp_path / "ada.ipynb", solutions())
    found: list[Grade] = []
    submissions = find_submissions(tmp_path, RELEASE.stem, cells())
    grade_all(submissions, RELEASE, Limits(user="no such user"), 1, found.append)
    assert "cannot run as no such user" in found[0].problem
