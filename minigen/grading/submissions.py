"""Who handed in what: a folder a learner, or NAME.ipynb side by side, as an LMS gives them out."""

import ast
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from minigen.checks.notebooks import Cell, read_cells


@dataclass(frozen=True)
class Submission:
    """What one learner handed in.

    answers: the source of each solution or written cell, by nbgrader's name of the cell; nothing else is taken from
    the file. notes: for a person to look at. problem: why there is nothing to grade, or "".
    """

    learner: str
    path: Path
    answers: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: str = ""


def find_submissions(folder: Path, set_name: str, release: Sequence[Cell]) -> list[Submission]:
    """One for each folder or file in `folder` that does not begin with a dot, in the order of their names.

    set_name: such as "02_attention". release: the cells of the set as it was given out.

    Raises:
        ValueError: if there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    places = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if not places:
        raise ValueError(f"there is nothing in {folder}: a folder for each learner was expected, or NAME.ipynb")
    return _tell_apart([_submission(place, set_name, release) for place in places])


def sets_in(folder: Path) -> Counter:
    """How many notebooks of each set lie in a folder and below: Counter({"02": 30})."""
    paths = folder.rglob("*.ipynb") if folder.is_dir() else []
    return Counter(number for number in map(set_of, paths) if number)


def set_of(path: Path) -> str:
    """The set of a notebook, by the names of its cells ("02"); "" if it has none, or cannot be read."""
    try:
        numbers = Counter(cell.name[:2] for cell in read_cells(path) if cell.name[:2].isdecimal())
    except (ValueError, OSError):
        return ""
    return numbers.most_common(1)[0][0] if numbers else ""


def learner_name(name: str, set_name: str) -> str:
    """The learner in the name of a folder or file: without the set's name, and without what Moodle or Canvas add.

    >>> learner_name("Ada Lovelace_4711_assignsubmission_file_", "02_attention")
    'Ada Lovelace_4711'
    >>> learner_name("lovelaceada_12_345_02_attention-1", "02_attention")
    'lovelaceada_12_345'
    """
    name = re.sub(r"_assignsubmission_file_?$", "", name)
    short = re.sub(rf"[ _.-]*{re.escape(set_name)}([ _.-]*\(?\d{{1,2}}\)?$)?[ _.-]*", "", name)
    return short or name


def _submission(place: Path, set_name: str, release: Sequence[Cell]) -> Submission:
    learner = learner_name(place.name if place.is_dir() else place.stem, set_name)
    try:
        path, notes = _choose(place, set_name)
        answers, more = read_answers(path, release)
    except (ValueError, OSError) as error:
        return Submission(learner, place, problem=str(error))
    return Submission(learner, path, answers, (*notes, *more))


def _choose(place: Path, set_name: str) -> tuple[Path, list[str]]:
    """The notebook that counts, of a file or of a learner's folder. ValueError if there is none."""
    if place.is_file():
        if place.suffix != ".ipynb":
            advice = ": unpack it first" if place.suffix in (".zip", ".gz", ".7z", ".rar") else ""
            raise ValueError(f"{place.name} is not a notebook{advice}")
        if set_of(place) not in ("", set_name[:2]):
            raise ValueError(f"{place.name} is a notebook of set {set_of(place)}, not of {set_name}")
        return place, []
    inside = (path for path in place.rglob("*.ipynb") if path.is_file())
    paths = [path for path in inside if not any(part.startswith(".") for part in path.relative_to(place).parts)]
    if not paths:
        raise ValueError(f"no notebook in the folder {place.name}")
    fitting = [path for path in paths if set_of(path) == set_name[:2]]
    fitting = fitting or [path for path in paths if set_of(path) == ""]
    if not fitting:
        names = ", ".join(f"{path.name} (set {set_of(path)})" for path in paths)
        raise ValueError(f"no notebook of {set_name}, only {names}")
    newest = max(fitting, key=lambda path: (path.stat().st_mtime, path.name))
    if len(fitting) == 1:
        return newest, []
    return newest, [f"{len(fitting)} notebooks of this set; the one saved last counts: {newest.relative_to(place)}"]


def read_answers(path: Path, release: Sequence[Cell]) -> tuple[dict[str, str], list[str]]:
    """The learner's answers by the names of the cells, and what is odd about the file.

    A cell that lost nbgrader's metadata (some editors drop it) is found by the functions that it defines. Of copies
    of one cell, the last that is not as it was given out counts.

    Raises:
        ValueError: if the file is no notebook, or holds none of the set's cells.
    """
    wanted = {cell.name: cell for cell in release if cell.role in ("solution", "written")}
    theirs, notes = defaultdict(list), []
    for cell in read_cells(path):
        if cell.role in ("solution", "written") and cell.name in wanted:
            theirs[cell.name].append(cell.source)
    loose = _loose_code(path)
    for name, cell in wanted.items():
        if name not in theirs and cell.role == "solution":
            alike = [source for source in loose if _defines(cell.source) and _defines(cell.source) <= _defines(source)]
            if alike:
                theirs[name] = alike
                notes.append(f"the cell of {cell.task} has lost its metadata; found by what it defines")
    if not theirs:
        raise ValueError(f"{path.name} holds none of the cells of this set")
    answers = {}
    for name, sources in theirs.items():
        changed = [source for source in sources if source.strip() != wanted[name].source.strip()]
        answers[name] = (changed or sources)[-1]
        if len(changed) > 1:
            notes.append(f"{len(sources)} cells for {wanted[name].task}; the last one counts")
    missing = [cell.task for name, cell in wanted.items() if name not in answers]
    if missing:
        notes.append(f"cells that are missing: {', '.join(missing)}")
    return answers, notes


def _loose_code(path: Path) -> list[str]:
    """The code cells without a name of nbgrader's."""
    cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
    loose = [cell for cell in cells if cell["cell_type"] == "code" and not cell.get("metadata", {}).get("nbgrader")]
    return ["".join(cell["source"]) for cell in loose]


def _defines(source: str) -> set[str]:
    """The functions, classes and variables that a cell defines at its top; empty if it cannot be parsed."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return set()
    names = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    return names | {target.id for target in targets if isinstance(target, ast.Name)}


def _tell_apart(submissions: list[Submission]) -> list[Submission]:
    """Two submissions of one name are both graded, the later ones as "NAME (2)", with a note."""
    seen: Counter = Counter()
    found = []
    for one in submissions:
        key = unicodedata.normalize("NFKC", one.learner).casefold()
        seen[key] += 1
        if seen[key] > 1:
            note = f"the name {one.learner!r} occurs {seen[key]} times (this one: {one.path.name}): whose is it?"
            one = replace(one, learner=f"{one.learner} ({seen[key]})", notes=(*one.notes, note))
        found.append(one)
    return found
