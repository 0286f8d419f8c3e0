"""The committed notebooks: executed, tidy, honest. Nothing is run here: nbval does that.

The rules are in CONTRIBUTING.md, section "Lessons".
"""

import io
import re
import tokenize
from urllib.parse import unquote

import nbformat
import pytest

import notebooks as tool

LESSONS = tool.lessons()
TITLE_NEEDS = {
    "a title such as '# 02 · Attention'": r"^# \d\d[a-z]?\b.+",
    "'You will be able to'": r"(?i)you will be able to",
    "the minutes it takes": r"\d+ minutes?",
    "what it needs ('Needs')": r"(?i)\bneeds\b",
}
CLOSING = ["Recap", "Check yourself", "Papers"]
PLACE = re.compile(r"(?<![\w.])/(?:home|Users|root|tmp|work|opt|content)/\w|[A-Z]:\\\\?Users")
MARK = "NBVAL_CHECK_OUTPUT"

# What in prose looks like a measurement: decimals, thousands, or a whole number with one of these units.
UNITS = {
    "%": 0.01,
    "s": 1,
    "seconds": 1,
    "ms": 0.001,
    "minutes": 1,
    "hours": 1,
    "kB": 1000,
    "MB": 1e6,
    "GB": 1e9,
}
UNITS |= {"MiB": 2**20, "GiB": 2**30, "nats": 1, "times": 1, "thousand": 1000, "million": 1e6, "billion": 1e9}
NUMBER = re.compile(
    r"(?P<before>\b(?:section|chapter|figure|table|equation|version|Python|torch|numpy|lesson) )?"
    r"(?<![\w.,/-])(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?![\d]|\.\d|,\d)"
    rf"(?:[  -]?(?P<unit>%|(?:{'|'.join(unit for unit in UNITS if unit != '%')})\b))?"
)
CITES = re.compile(r"\b(?:19|20)\d\d\b")

each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def code_cells(notebook) -> list:
    """The code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(output) -> str:
    """All text that an output holds."""
    traceback = "\n".join(output.get("traceback", []))
    data = [value for kind, value in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join([output.get("text", ""), traceback, *map(str, data)])


def numbers_in_code(source: str) -> set[float]:
    """The numbers written in code, comments left out, numbers inside strings too."""
    found = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.NUMBER and "j" not in token.string.lower():
                found.add(float(eval(token.string)))
            elif token.type == tokenize.STRING:
                found |= numbers_in_text(token.string)
    except (tokenize.TokenError, IndentationError):  # a cell with a magic command
        found |= numbers_in_text(re.sub(r"#.*", "", source))
    return found


def numbers_in_text(text: str) -> set[float]:
    """All numbers in a text, thousands with commas included."""
    return {float(one.replace(",", "")) for one in re.findall(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?", text)}


def prose(markdown: str) -> str:
    """Markdown without code, formulas, headings and link addresses."""
    markdown = re.sub(r"```.*?```|~~~.*?~~~", " ", markdown, flags=re.S)
    markdown = re.sub(r"`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$", " ", markdown, flags=re.S)
    markdown = re.sub(r"\]\([^)]*\)", "]", markdown)
    return re.sub(r"^#+ .*$", "", markdown, flags=re.M)


def measured(markdown: str) -> list[tuple[str, set[float]]]:
    """Each number of a text that looks measured, as it is written, with the values that would justify it."""
    found = []
    for line in prose(markdown).splitlines():
        if CITES.search(line):
            continue
        for match in NUMBER.finditer(line):
            written, unit = match["number"], match["unit"]
            if match["before"] or not (unit or "." in written or "," in written):
                continue
            value = float(written.replace(",", ""))
            found.append((match[0].strip(), {value, value * UNITS.get(unit, 1)}))
    return found


def unjustified(notebook) -> list[str]:
    """The numbers in prose that stand in no code and in no checked output of the notebook."""
    known = set()
    for cell in code_cells(notebook):
        known |= numbers_in_code(cell.source)
        if MARK in cell.source:
            known |= set().union(*(numbers_in_text(texts(output)) for output in cell.outputs))
    bad = []
    for cell in notebook.cells[1:]:
        if cell.cell_type == "markdown" and not cell.source.startswith("## Papers"):
            for written, values in measured(cell.source):
                if not any(abs(value - other) <= 1e-9 * abs(value) for value in values for other in known):
                    bad.append(f"{cell.id}: {written}")
    return bad


@each_lesson
def test_the_notebook_is_executed_in_order_without_errors_and_tidy(path):
    assert tool.problems(tool.read(path)) == []


@each_lesson
def test_the_notebook_is_small(path):
    assert path.stat().st_size <= tool.MAX_BYTES


@each_lesson
def test_the_notebook_opens_with_title_aims_minutes_and_needs(path):
    first = tool.read(path).cells[0]
    assert first.cell_type == "markdown"
    for what, pattern in TITLE_NEEDS.items():
        assert re.search(pattern, first.source), f"the first cell lacks {what}"
    assert first.source.startswith(f"# {path.stem[:2]}"), "title and file name have different numbers"


@each_lesson
def test_the_first_code_cell_is_the_setup_cell(path):
    assert code_cells(tool.read(path))[0].source == tool.SETUP_CELL


@each_lesson
def test_the_notebook_ends_with_recap_questions_and_papers(path):
    words = "\n\n".join(cell.source for cell in tool.read(path).cells if cell.cell_type == "markdown")
    assert re.findall(r"^## (.+?)\s*$", words, flags=re.M)[-3:] == CLOSING
    questions, papers = words.split("## Check yourself")[1].split("## Papers")
    assert 3 <= questions.count("<details>") <= 5
    assert questions.count("<details>") == questions.count("</details>")
    assert CITES.search(papers), "papers are cited with their years"


@each_lesson
def test_each_relative_link_leads_somewhere(path):
    dead = []
    for cell in tool.read(path).cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)\s]+)[^)]*\)", re.sub(r"```.*?```|`[^`\n]*`", "", cell.source)):
                name = unquote(target.split("#")[0])
                if name and not re.match(r"[a-z]+:", name) and not (path.parent / name).exists():
                    dead.append(target)
    assert dead == []


@each_lesson
def test_no_output_names_a_place_on_one_machine(path):
    for cell in code_cells(tool.read(path)):
        for output in cell.outputs:
            assert not PLACE.search(texts(output)), f"{cell.id}: {texts(output)[:200]}"


@each_lesson
def test_each_number_in_prose_comes_from_a_cell(path):
    assert unjustified(tool.read(path)) == []


def test_the_first_six_lessons_have_twenty_five_pictures():
    counts = {path.stem: len(list(tool.pictures(tool.read(path)))) for path in LESSONS if path.stem < "06"}
    print(counts)
    if len(counts) < 6:
        pytest.skip(f"{len(counts)} of the first six lessons are here")
    assert sum(counts.values()) >= 25, counts
    assert all(counts.values()), counts


@pytest.mark.parametrize(
    "text, found",
    [
        ("The loss falls to 1.88 nats.", ["1.88 nats"]),
        ("It is 12 % faster and takes 30 s, or 3 minutes.", ["12 %", "30 s", "3 minutes"]),
        ("There are 1,115,394 characters and 65 different ones.", ["1,115,394"]),
        ("See section 3.2.2, section 3.2 and Python 3.11.", []),
        ("A `loss` of `1.88`, $0.5 x$ and [2.5](https://example.org/2.5) in lesson 04.", ["2.5"]),
        ("## 1.5 times\n4 heads of 32 dimensions", []),
        ("Perplexity 20.5 (Merity et al. 2018)", []),
        ("about 0.8 million", ["0.8 million"]),
    ],
)
def test_measured_numbers_are_told_from_others(text, found):
    assert [written for written, _ in measured(text)] == found


ALL = ["1.9 nats", "12 %", "1,000"]


@pytest.mark.parametrize(
    "code, output, bad",
    [
        ("assert loss < 1.9\nassert share == 0.12 and size > 1_000", "", []),
        ("pass  # 1.9 nats, 12 % and 1,000", "", ALL),
        ("print(loss, share, size)", "1.9 0.12 1,000", ALL),
        (f"# {MARK}\nprint(loss, share, size)", "1.9 0.12 1,000", []),
    ],
    ids=["bands and settings", "only a comment", "an output that may change", "a compared output"],
)
def test_numbers_in_prose_need_code_or_a_compared_output(code, output, bad):
    words = [nbformat.v4.new_markdown_cell(text) for text in ("# 00 · Try", "It is 1.9 nats, 12 % of 1,000.")]
    cell = nbformat.v4.new_code_cell(code, outputs=[nbformat.v4.new_output("stream", text=output)])
    notebook = nbformat.v4.new_notebook(cells=[*words, cell])
    assert [line.split(": ")[1] for line in unjustified(notebook)] == bad


@each_lesson
def test_source_that_is_shown_is_the_package_as_it_is(path):
    package = {
        line.strip() for file in (tool.FOLDER.parent / "minigen").rglob("*.py") for line in file.open(encoding="utf-8")
    }
    shown = re.findall(r"```python\n(.*?)```", "\n".join(shown_markdown(path)), re.DOTALL)
    stale = [line for block in shown for line in block.split("\n") if line.strip() not in package]
    assert not stale, f"run the lesson again: the package no longer says {stale[0]!r}"


def shown_markdown(path) -> list[str]:
    """What cells of a lesson displayed as Markdown."""
    outputs = [output for cell in code_cells(tool.read(path)) for output in cell.outputs]
    return [output.data["text/markdown"] for output in outputs if "text/markdown" in output.get("data", {})]
