"""nbgrader from the release to the gradebook: every kind of learner gets the points that are due."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import exercises as tool
from grading_tools import ENDLESS, NOISY, NUMBER, RELEASE, WRONG, hand_in, solved_but
from minigen.checks.registry import tasks_of

NAME = RELEASE.stem
LAST = "repair_leak"  # no other task of the set uses it, so a fault in it costs its own points alone
pytestmark = pytest.mark.slow


def nbgrader(folder: Path, *arguments: str) -> None:
    """Runs nbgrader's command there; alembic is found by PATH."""
    tools = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    paths = os.pathsep.join(filter(None, (str(tool.ROOT), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "nbgrader", *arguments]
    environment = {**os.environ, "PATH": tools, "PYTHONPATH": paths}
    answer = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-3000:]


def tamper(path: Path) -> None:
    """Deletes the first check of a submission, and makes the others say nothing."""
    made = json.loads(path.read_text(encoding="utf-8"))
    first, *others = [cell for cell in made["cells"] if "".join(cell["source"]).startswith("check(")]
    for cell in others:
        cell["source"] = "pass"
    made["cells"].remove(first)
    path.write_text(json.dumps(made), encoding="utf-8")


@pytest.fixture(scope="module")
def points(tmp_path_factory) -> dict[str, dict[str, float]]:
    """Points by learner and task, as the gradebook has them."""
    pytest.importorskip("nbgrader")
    from nbgrader.api import Gradebook

    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(tool.SOLUTIONS / NAME, folder / "solutions" / NAME)
    shutil.copy(tool.ROOT / "nbgrader_config.py", folder)
    submitted = folder / "grading" / "submitted"
    everyone = {
        "unsolved": {},
        "solved": solved_but(softmax=NOISY),  # with noise on stderr
        "endless": solved_but(**{LAST: ENDLESS.replace("softmax(x, dim)", "repaired_attention(q, k, v)")}),
        "tampered": solved_but(softmax=WRONG, **{LAST: "def repaired_attention(q, k, v):\n    return v"}),
    }
    for learner, answers in everyone.items():
        hand_in(submitted / learner / NAME / f"{NAME}.ipynb", answers)
    tamper(submitted / "tampered" / NAME / f"{NAME}.ipynb")
    nbgrader(folder, "generate_assignment", NAME)
    nbgrader(folder, "autograde", NAME, "--Execute.timeout=20")
    graded = folder / "grading" / "autograded" / "solved" / NAME / f"{NAME}.ipynb"
    assert "SmallModel" not in graded.read_text(encoding="utf-8")
    with Gradebook(f"sqlite:///{folder / 'grading' / 'gradebook.db'}", "minigen") as book:
        found = {name: book.find_submission_notebook(NAME, NAME, name).grades for name in everyone}
        return {name: {grade.name: grade.auto_score for grade in grades} for name, grades in found.items()}


def test_unsolved_solved_noisy_endless_and_tampered_submissions_get_the_points_that_are_due(points):
    full = {task.id.replace(".", "-"): float(task.points) for task in tasks_of(NUMBER)}
    written = {task.id.replace(".", "-") for task in tasks_of(NUMBER) if task.kind == "written"}
    assert points["unsolved"] == dict.fromkeys(full, 0.0)
    by_machine = {name: None if name in written else value for name, value in full.items()}  # None: a person reads it
    assert points["solved"] == by_machine
    assert points["endless"] == by_machine | {f"02-{LAST}": 0.0}
    assert points["tampered"] == by_machine | {"02-softmax": 0.0, f"02-{LAST}": 0.0}
