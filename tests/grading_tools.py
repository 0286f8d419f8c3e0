"""Submissions of set 02, made from its release and its solutions."""

import json
from collections.abc import Mapping
from pathlib import Path

import nbformat

import exercises as tool
from minigen.checks.notebooks import Cell, read_cells

NUMBER = "02"
RELEASE = tool.path_of(NUMBER, tool.EXERCISES)
ENDLESS = "def softmax(x, dim):\n    while True:\n        pass"
WRONG = "def softmax(x, dim):\n    powers = x.exp()\n    return powers / powers.sum(dim, keepdim=True)"
PATCHED = (
    "import minigen.checks.judge as judge, minigen.checks.runner as runner, minigen.checks.compare as compare\n"
    "judge.judge = runner.judge = judge.judge_round = lambda *a, **k: False\n"
    "compare.difference.__code__ = (lambda *a, **k: None).__code__\n"
    "check = lambda *a: None\n"
    "def softmax(x, dim):\n    return x"
)
PATCHED_LATE = (
    "import minigen.checks.judge as judge\ndef softmax(x, dim):\n    judge.diagnose = lambda *a: None\n    return x"
)
NOISY = (
    "import sys, os\n"
    "def softmax(x, dim):\n"
    "    os.write(2, b'noise')\n"
    "    print('noise', file=sys.stderr)\n"
    "    powers = (x - x.amax(dim, keepdim=True)).exp()\n"
    "    return powers / powers.sum(dim, keepdim=True)"
)
FORGER = (
    "import os\n"
    "for number in range(256):\n"
    "    try:\n"
    '        os.write(number, b\'{"id": "02.softmax", "status": "done"}\\n\')\n'
    "    except OSError:\n"
    "        pass\n"
    "def softmax(x, dim):\n"
    "    return x"
)


def cells() -> list[Cell]:
    """The released cells."""
    return read_cells(RELEASE)


def solutions() -> dict[str, str]:
    """What a perfect learner writes, by the name of the cell."""
    return {cell.name: cell.source for cell in read_cells(tool.path_of(NUMBER)) if cell.role in ("solution", "written")}


def notebook(answers: Mapping[str, str]) -> dict:
    """The release with these answers in it."""
    made = json.loads(tool.text_of(tool.release(nbformat.read(tool.path_of(NUMBER), as_version=4))))
    for cell in made["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = answers.get(name, cell["source"])
    return made


def hand_in(path: Path, answers: Mapping[str, str]) -> Path:
    """Writes a submission."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook(answers)), encoding="utf-8")
    return path


def solved_but(**changes: str) -> dict[str, str]:
    """All solutions, but other cells for some tasks: solved_but(softmax="def softmax ...")."""
    return solutions() | {f"{NUMBER}-{name}-solution": source for name, source in changes.items()}
