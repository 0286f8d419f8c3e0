"""Problem sets: the solution notebooks are the single source, and `exercises/` is made from them.

python tools/exercises.py text 02 > set.py     a solution notebook as text, to read or edit
python tools/exercises.py write 02 set.py      the text as a solution notebook again, and its release
python tools/exercises.py release [02 ...]     exercises/ from solutions/, after editing these in Jupyter
python tools/exercises.py check                is all of it in the committed form, and fresh?

The text has a line `# %%` before each cell: `# %% [markdown]`, `# %% [markdown] explanation` (only in the solutions),
`# %% [markdown] written 02.why` (answered in words), `# %%` (code: what it is for is seen from its content),
`# %% setup` (the cell that finds minigen), `# %% finale` (code that is run for joy alone). docs/writing_exercises.md.
"""

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from minigen.checks.notebooks import CHECK, grade_id
from minigen.checks.registry import find, set_names, tasks_of
from notebooks import KERNEL, SETUP_CELL

ROOT = Path(__file__).resolve().parent.parent
SOLUTIONS, EXERCISES = ROOT / "solutions", ROOT / "exercises"
BADGE = re.compile(r"^`(\d\d\.\w+)`.*$", re.M)
BEGIN = "### BEGIN SOLUTION"
TAGS = ("explanation", "finale")


def path_of(number: str, folder: Path = SOLUTIONS) -> Path:
    """Where the notebook of a set is. ValueError if minigen.checks has no such set."""
    if number not in set_names():
        raise ValueError(f"minigen/checks has no set {number!r}; it has: {', '.join(set_names())}")
    name = set_names()[number].removeprefix("set_")
    return folder / name / f"{name}.ipynb"


def from_text(text: str) -> NotebookNode:
    """A notebook of the text's cells, with tags where the line `# %%` names one; not tidy yet."""
    cells = []
    for block in re.split(r"^# %%", text, flags=re.M)[1:]:
        head, _, body = block.partition("\n")
        body = body.strip("\n")
        words = head.split()
        if words[:1] == ["[markdown]"]:
            cell = new_markdown_cell("\n".join(re.sub(r"^# ?", "", line) for line in body.split("\n")))
            if words[1:2] == ["written"]:
                cell.metadata.nbgrader = {"grade": True, "grade_id": grade_id(words[2])}
        else:
            cell = new_code_cell(SETUP_CELL if words == ["setup"] else body)
        cell.metadata.tags = [word for word in words if word in TAGS]
        cells.append(cell)
    return new_notebook(cells=cells)


def to_text(notebook: NotebookNode) -> str:
    """The text that `from_text` makes this notebook of."""
    parts = []
    for cell in notebook.cells:
        words = [tag for tag in cell.metadata.get("tags", []) if tag in TAGS]
        source = cell.source
        if cell.cell_type == "markdown":
            grading = cell.metadata.get("nbgrader", {})
            words = ["[markdown]", *words]
            words += ["written", grading["grade_id"].replace("-", ".", 1)] if grading else []
            source = "\n".join(f"# {line}".rstrip() for line in source.split("\n"))
        elif source == SETUP_CELL:
            words, source = ["setup"], ""
        parts.append(f"{' '.join(['# %%', *words])}\n{source}".rstrip())
    return "\n\n".join(parts) + "\n"


def tidy(notebook: NotebookNode, number: str) -> NotebookNode:
    """The committed form: nbgrader's metadata from what each cell holds, badges from the tasks, no outputs."""
    notebook.metadata, notebook.nbformat, notebook.nbformat_minor = nbformat.from_dict(KERNEL), 4, 5
    owners, given = _owners(notebook), Counter()
    for place, cell in enumerate(notebook.cells):
        tags = [tag for tag in cell.metadata.get("tags", []) if tag in TAGS]
        cell.id, cell.source = f"cell-{place + 1:02d}", cell.source.strip("\n")
        grading = _grading(cell, owners[place], number, given)
        cell.metadata = nbformat.from_dict({"nbgrader": grading} if grading else {})
        if tags:
            cell.metadata.tags = tags
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        else:
            cell.source = BADGE.sub(lambda match: find(match[1]).badge, cell.source)
    return notebook


def _owners(notebook: NotebookNode) -> list[str | None]:
    """For each cell the task of the next check, itself included: a solution belongs to the check after it."""
    owners, following = [], None
    for cell in reversed(notebook.cells):
        checked = CHECK.search(cell.source) if cell.cell_type == "code" else None
        following = checked[1] if checked else following
        owners.append(following)
    return owners[::-1]


def _grading(cell: NotebookNode, task: str | None, number: str, given: Counter) -> dict | None:
    """nbgrader's metadata for a cell; None where it has none: plain text, explanations, the finale."""
    form = {"grade": False, "locked": False, "schema_version": 3, "solution": False, "task": False}
    if cell.cell_type == "markdown":
        old = cell.metadata.get("nbgrader")
        if not old:
            return None
        task = old["grade_id"].replace("-", ".", 1)
        return form | {"grade": True, "solution": True, "grade_id": grade_id(task), "points": find(task).points}
    if "finale" in cell.metadata.get("tags", []):
        return None
    if BEGIN in cell.source:
        if task is None:
            raise ValueError(f"no check comes after the solution {cell.source[:60]!r}")
        given[task] += 1
        name = f"{grade_id(task)}-solution" + (f"-{given[task]}" if given[task] > 1 else "")
        return form | {"solution": True, "grade_id": name}
    if CHECK.search(cell.source):
        return form | {"grade": True, "locked": True, "grade_id": grade_id(task), "points": find(task).points}
    given[number] += 1
    return form | {"locked": True, "grade_id": f"{number}-given-{given[number]}"}


def problems(notebook: NotebookNode, number: str) -> list[str]:
    """What keeps a solution notebook from being a whole set; empty when all is well."""
    checks, answers, badges = [], [], []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            checks += CHECK.findall(cell.source)
        else:
            badges += BADGE.findall(cell.source)
            if "nbgrader" in cell.metadata:
                answers.append(cell.metadata["nbgrader"]["grade_id"].replace("-", ".", 1))
    wanted = [task.id for task in tasks_of(number)]
    found = []
    if sorted([*checks, *answers]) != sorted(wanted):
        found.append(f"each task has one check or written answer: {wanted}, not {[*checks, *answers]}")
    if badges != wanted:
        found.append(f"each task has a line with its id in backticks, in the order of the set: {wanted}, not {badges}")
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    if code[:1] != [SETUP_CELL]:
        found.append("the first code cell is `# %% setup`")
    return found


def release(solutions: NotebookNode) -> NotebookNode:
    """What learners get, by nbgrader's own steps: solutions and explanations out, cells locked, checksums in."""
    from nbconvert.preprocessors import TagRemovePreprocessor
    from nbgrader import preprocessors as steps

    notebook = nbformat.reads(nbformat.writes(solutions), as_version=4)
    order = [TagRemovePreprocessor(remove_cell_tags=["explanation"], enabled=True)]
    order += [steps.ClearSolutions(), steps.LockCells(), steps.ClearOutput(), steps.ClearHiddenTests()]
    order += [steps.ComputeChecksums(), steps.CheckCellMetadata()]
    resources: dict = {}
    for step in order:
        notebook, resources = step.preprocess(notebook, resources)
    return notebook


def text_of(notebook: NotebookNode) -> str:
    """The file's content."""
    return nbformat.writes(notebook) + "\n"


def stale(number: str, released: str | None = None) -> list[str]:
    """What is not in the committed form, or not fresh, of a set. released: what to take for the file in exercises/."""
    path, target = path_of(number), path_of(number, EXERCISES)
    if not path.exists():
        return [f"there is no {path.relative_to(ROOT)}"]
    committed = path.read_text(encoding="utf-8")
    notebook = tidy(nbformat.reads(committed, as_version=4), number)
    found = problems(notebook, number)
    if text_of(notebook) != committed:
        found.append(f"{path.relative_to(ROOT)} is not tidy")
    if released is None and target.exists():
        released = target.read_text(encoding="utf-8")
    if released != text_of(release(notebook)):
        found.append(f"{target.relative_to(ROOT)} is not a fresh release (or holds somebody's answers)")
    return found


def make(number: str, notebook: NotebookNode) -> None:
    """Writes a set's solutions, tidy, and its release."""
    notebook = tidy(notebook, number)
    for path, content in ((path_of(number), notebook), (path_of(number, EXERCISES), release(notebook))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(content), encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    for problem in problems(notebook, number):
        print(f"  but: {problem}")


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, count in (("text", None), ("write", None), ("release", "*"), ("check", "*")):
        sub = verbs.add_parser(verb)
        sub.add_argument("set", nargs=count, help="such as 02")
    verbs.choices["write"].add_argument("file", type=Path)
    args = parser.parse_args()
    if args.verb == "text":
        print(to_text(nbformat.read(path_of(args.set), as_version=4)), end="")
    elif args.verb == "write":
        make(args.set, from_text(args.file.read_text(encoding="utf-8")))
    elif args.verb == "release":
        for number in args.set or set_names():
            make(number, nbformat.read(path_of(number), as_version=4))
    else:
        found = [f"{number}: {problem}" for number in args.set or set_names() for problem in stale(number)]
        print("\n".join(found) or "all sets are tidy, and their releases fresh")
        return bool(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
