"""Small faults put into the solutions by machine are found by the checks, or stand in a list with the reason."""

import json
import types
from pathlib import Path

import pytest

import exercises as tool
from minigen.checks.failure import CheckFailed
from minigen.checks.judge import judge
from minigen.checks.notebooks import read_cells
from minigen.checks.registry import find, set_names
from minigen.checks.runner import OutOfTime, time_limit
from minigen.checks.task import Task
from mutants import mutants

SURVIVORS = Path(__file__).parent / "survivors"


def solved_tasks(number: str) -> list[tuple[Task, str, str, dict]]:
    """Each machine-judged task: the task, its solution's source, the grade cell, and the names before it."""
    names, found, source = {"__name__": "__main__", "print": lambda *_: None}, [], ""
    for cell in read_cells(tool.path_of(number)):
        if cell.role == "solution":
            before, source = dict(names), cell.source
        if cell.role in ("given", "solution"):
            exec(compile(cell.source, f"<minigen-cell {cell.number}>", "exec"), names)
        elif cell.role == "grade":
            found.append((find(cell.task), source, cell.source, before))
    return [one for one in found if one[0].kind != "value"]


def survives(task: Task, source: str, grade: str, names: dict) -> bool:
    """Whether a changed solution passes the check."""

    def check(task_id: str, student: object) -> None:
        judge(task, student)

    names = {**names, "check": check}
    try:
        with time_limit(5):
            exec(source, names)
            exec(grade, names)
    except (CheckFailed, OutOfTime, Exception):
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("number", set_names())
def test_mutants_of_the_solutions_are_found(number, capsys):
    path = SURVIVORS / f"{number}.json"
    allowed = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    total, alive = 0, {}
    for task, source, grade, names in solved_tasks(number):
        assert survives(task, source, grade, names), f"{task.id}: the solution itself does not pass"
        for change, changed in mutants(source):
            total += 1
            if survives(task, changed, grade, names):
                alive.setdefault(task.id, []).append(change)
    count = sum(map(len, alive.values()))
    with capsys.disabled():
        print(f"\nset {number}: {total - count} of {total} mutants found")
    unexplained = {name: [c for c in found if c not in allowed.get(name, {})] for name, found in alive.items()}
    assert {name: found for name, found in unexplained.items() if found} == {}
    assert total - count >= 0.95 * total


def test_a_mutant_changes_one_thing_and_leaves_docstrings_alone():
    source = 'def f(x, n=1):\n    """1 + 1"""\n    return x[0] + n if x.any() else -n\n'
    found = dict(mutants(source))
    assert "x[0] + n -> x[0] - n" in found
    assert "x.any -> x.all" in found
    assert "1 -> 2" not in found
    for changed in found.values():
        assert isinstance(compile(changed, "mutant", "exec"), types.CodeType)
