"""The committed sets: tidy, freshly released, without a word of the solutions, and solvable."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import exercises as tool
from minigen.checks.launch import check_notebook
from minigen.checks.notebooks import read_cells
from minigen.checks.registry import set_names

each_set = pytest.mark.parametrize("number", set_names())


def committed(path: Path) -> str | None:
    """A file as git's HEAD has it; None without git, and for a new file."""
    try:
        command = ["git", "show", f"HEAD:{path.relative_to(tool.ROOT).as_posix()}"]
        answer = subprocess.run(command, cwd=tool.ROOT, capture_output=True, check=False)
    except OSError:
        return None
    return answer.stdout.decode("utf-8") if answer.returncode == 0 else None


def released(number: str) -> str:
    """The release of a set: the file, or what git has where somebody is solving it (the solutions are as committed)."""
    solved, given = tool.path_of(number), tool.path_of(number, tool.EXERCISES)
    untouched = committed(solved) == solved.read_text(encoding="utf-8")
    return (committed(given) if untouched else None) or given.read_text(encoding="utf-8")


@each_set
def test_the_solutions_are_tidy_and_the_release_is_fresh(number):
    pytest.importorskip("nbgrader")
    assert tool.stale(number, released(number)) == []


@each_set
def test_the_release_holds_no_solution(number):
    text = released(number)
    assert not re.search(r"(BEGIN|END) (SOLUTION|HIDDEN|MARK)", text)
    solved = nbformat.read(tool.path_of(number), as_version=4)
    given = "\n".join(cell.source for cell in solved.cells if tool.BEGIN not in cell.source)  # a bug's function too
    for cell in solved.cells:
        if cell.metadata.get("tags") == ["explanation"]:
            assert json.dumps(cell.source)[1:-1] not in text
        elif tool.BEGIN in cell.source:
            inside = cell.source.split(tool.BEGIN)[1].split("### END SOLUTION")[0]
            lines = [
                line.strip() for line in inside.splitlines() if len(line.strip()) > 40 and line.strip() not in given
            ]
            assert not [line for line in lines if json.dumps(line)[1:-1] in text]


@each_set
def test_text_and_notebook_are_two_forms_of_one(number):
    notebook = nbformat.read(tool.path_of(number), as_version=4)
    text = tool.to_text(notebook)
    again = tool.tidy(tool.from_text(text), number)
    assert tool.text_of(again) == tool.text_of(notebook)


@pytest.mark.slow
@each_set
def test_the_solutions_are_done_in_the_command_lines_own_process(number):
    results = check_notebook(tool.path_of(number))
    assert [(result.id, result.key) for result in results if result.status != "done"] == []


@each_set
def test_the_release_is_to_do(number, tmp_path):
    path = tmp_path / tool.path_of(number).name
    path.write_text(released(number), encoding="utf-8")
    results = check_notebook(path)
    assert {(result.status, result.key) for result in results} == {("todo", "todo")}


@each_set
@pytest.mark.slow
def test_the_solutions_run_to_their_end_with_the_small_model(number):
    names = {"__name__": "__main__"}
    for cell in read_cells(tool.path_of(number)):
        if cell.role != "written":
            exec(compile(cell.source, f"<minigen-cell {cell.number}>", "exec"), names)


@pytest.mark.slow
def test_nbgraders_own_command_makes_the_same_release(tmp_path):
    pytest.importorskip("nbgrader")
    shutil.copytree(tool.SOLUTIONS, tmp_path / "solutions")
    shutil.copy(tool.ROOT / "nbgrader_config.py", tmp_path)
    (tmp_path / "grading").mkdir()
    tools = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))  # alembic is found by PATH
    for number in set_names():
        command = [sys.executable, "-m", "nbgrader", "generate_assignment", tool.path_of(number).stem]
        subprocess.run(command, cwd=tmp_path, env={**os.environ, "PATH": tools}, check=True, capture_output=True)
        made = tool.path_of(number, tmp_path / "exercises").read_text(encoding="utf-8")
        assert made == released(number)
