"""A learner's notebook: which cells count, and for which task. Reads JSON, and needs neither torch nor Jupyter."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

CHECK = re.compile(r"""^check\(\s*["'](\d\d\.\w+)["']""", re.M)
STUBS = ("YOUR ANSWER HERE", "YOUR CODE HERE")


@dataclass(frozen=True)
class Cell:
    """A cell that counts. role: given, solution, grade, written or finale. task: the id, where it has one.

    name: nbgrader's own, "02-softmax-solution"; it stays the same wherever a learner moves the cell.
    """

    role: str
    source: str
    task: str | None
    number: int
    name: str = ""


def grade_id(task_id: str) -> str:
    """nbgrader's name of a task: "02-softmax" for "02.softmax", since it allows no dots."""
    return task_id.replace(".", "-", 1)


def read_cells(path: Path) -> list[Cell]:
    """The cells that count. What a learner adds to try things out is left out: it may train for an hour.

    Raises:
        ValueError: if the file is no notebook.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        found = [_cell(cell, number) for number, cell in enumerate(cells, start=1)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is not a notebook: {error or type(error).__name__}") from None
    return [cell for cell in found if cell.role]


def _cell(cell: dict, number: int) -> Cell:
    source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
    role, task = _role(cell, source)
    return Cell(role, source, task, number, str(cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", "")))


def _role(cell: dict, source: str) -> tuple[str, str | None]:
    metadata = cell.get("metadata", {})
    grading = metadata.get("nbgrader", {})
    name = re.sub(r"-solution(-\d+)?$", "", str(grading.get("grade_id", ""))).replace("-", ".", 1)
    if "finale" in metadata.get("tags", []):
        return "finale", None
    if cell["cell_type"] != "code":
        return ("written", name) if grading.get("grade") else ("", None)
    if grading.get("solution"):
        return "solution", name
    checked = CHECK.search(source)
    if grading.get("grade") or checked:
        return "grade", checked[1] if checked else name
    return ("given", None) if grading.get("locked") else ("", None)


def answered(text: str, min_words: int) -> bool:
    """Whether a written answer is there, of that many words at least."""
    return not any(stub in text for stub in STUBS) and len(text.split()) >= min_words


def find_folder(given: Path | None = None) -> Path:
    """The folder of the exercises: the one given, or `exercises` here or above, or beside the package.

    Raises:
        ValueError: if there is none.
    """
    if given is not None:
        if not given.is_dir():
            raise ValueError(f"there is no folder {given}")
        return given
    here = Path.cwd()
    beside = Path(__file__).resolve().parents[2]
    for place in (here, *here.parents, beside):
        if (place / "exercises").is_dir():
            return place / "exercises"
    raise ValueError("there is no folder `exercises` here or above: go into the course's folder, or give --folder")


def find_notebooks(folder: Path) -> dict[str, Path]:
    """The sets' notebooks in a folder: {"02": .../02_attention/02_attention.ipynb}."""
    found = sorted(folder.glob("[0-9][0-9]_*/[0-9][0-9]_*.ipynb"))
    return {path.parent.name[:2]: path for path in found if path.stem == path.parent.name}
