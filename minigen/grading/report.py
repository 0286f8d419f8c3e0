"""What the class got wrong, to show to the class; what the teacher should look at; what each learner is told."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from minigen.checks import table
from minigen.files import make_folder, write_atomically
from minigen.grading.pool import Grade
from minigen.grading.similarity import WARNING, Pair
from minigen.grading.tables import Marks, earned

# Keys that every task has; the others are a task's own, and their message is the hint.
GENERAL = {
    "no-return": "the function returns nothing",
    "not-callable": "a function was expected",
    "wrong-arguments": "the function cannot be called as the task says",
    "error": "an error in the learner's code",
    "forbidden": "a ready-made function does the work",
    "mutates-input": "the inputs are changed in place",
    "wrong-type": "an answer of the wrong type",
    "wrong-shape": "an answer of the wrong shape",
    "wrong-dtype": "an answer of the wrong dtype",
    "wrong-value": "wrong numbers, and no mistake that is known",
    "hard-coded": "answers learned by heart",
    "not-defined": "the name is not defined in the task's own cell",
    "timeout": "takes longer than allowed",
    "memory": "takes more memory than allowed",
    "crashed": "ends the process",
    "tampered": "changes what judges it",
}
# What a right answer has no use for; told to the teacher, and costs no points.
ODD = ("minigen.checks", "_getframe", "gc.get_", "inspect.", "sys.modules", "os._exit", "ctypes", "__code__", "/proc/")


def class_report(name: str, grades: Sequence[Grade]) -> str:
    """Markdown without names: numbers for each task, and the mistakes by key and hint, the most frequent first."""
    graded = [grade for grade in grades if grade.results]
    lines = [f"# {name.replace('_', ' · ', 1).replace('_', ' ')}: what the class wrote", ""]
    if not graded:
        return "\n".join([*lines, "Nothing could be graded.", ""])
    totals = sorted(sum(r.points for r in grade.results if r.status == "done") for grade in graded)
    most = sum(r.points for r in graded[0].results if r.kind != "written")
    quarters = [totals[round(share * (len(totals) - 1))] for share in (0.25, 0.5, 0.75)]
    lines += [
        f"{len(graded)} submissions graded. Of {most} points that are given by machine: median {quarters[1]}, "
        f"the middle half from {quarters[0]} to {quarters[2]}.",
        "",
        "![How the points are spread](points.png)",
        "",
        "![What became of each task](tasks.png)",
        "",
        "| task | | done | wrong | to do |",
        "| --- | --- | --- | --- | --- |",
    ]
    for column in zip(*(grade.results for grade in graded), strict=True):
        states = Counter("done" if result.status == "written" else result.status for result in column)
        counts = " | ".join(str(states[state]) for state in ("done", "wrong", "todo"))
        lines.append(f"| {column[0].id} | {column[0].title} | {counts} |")
    return "\n".join([*lines, "", "## Mistakes", "", *_mistakes(graded), ""])


def _mistakes(grades: Sequence[Grade]) -> list[str]:
    wrong = [result for grade in grades for result in grade.results if result.status == "wrong"]
    counts = Counter((result.id, result.key) for result in wrong)
    if not counts:
        return ["None."]
    lines = ["| how many | task | key | what it is |", "| --- | --- | --- | --- |"]
    for (task, key), number in counts.most_common():
        said = next(result.message for result in wrong if (result.id, result.key) == (task, key))
        text = GENERAL.get(key, said.replace("\n", " "))
        lines.append(f"| {number} | {task} | {key} | {text.replace('|', chr(92) + '|')} |")
    return lines


def teachers_notes(grades: Sequence[Grade], pairs: Sequence[Pair], threshold: float) -> str:
    """Markdown with names: what could not be graded, what is odd, what a person reads, what is alike."""
    lines = ["# For the teacher alone", "", "## Not graded", ""]
    lines += [f"- {grade.learner}: {grade.problem}" for grade in grades if grade.problem] or ["Nothing."]
    lines += ["", "## To look at", ""]
    odd = [(grade.learner, note) for grade in grades for note in (*grade.notes, *_odd(grade))]
    lines += [f"- {learner}: {note}" for learner, note in odd] or ["Nothing."]
    reading = sum(result.status == "written" for grade in grades for result in grade.results)
    lines += ["", "## Answers in words", ""]
    lines += [f"{reading} to read: enter points in written.csv, and run the command again." if reading else "None."]
    lines += ["", f"## Alike (score {threshold:g} or more)", "", WARNING, ""]
    for pair in pairs:
        same = f"; equal to the letter: {', '.join(pair.same)}" if pair.same else ""
        lines.append(f"- {pair.one}, {pair.two}: {pair.score:.2f}{same}")
    return "\n".join([*lines, *([] if pairs else ["None."]), ""])


def _odd(grade: Grade) -> list[str]:
    found = [word for word in ODD if any(word in source for source in grade.answers.values())]
    return [f"mentions {', '.join(found)} in an answer: read it"] if found else []


def feedback(name: str, grade: Grade, marks: Marks) -> str:
    """What a learner gets back: the table of `minigen check`, with the points that a person gave."""
    if grade.problem:
        return f"{name}\n\nNot graded: {grade.problem}\n"
    results = [result for result in grade.results if result.kind != "written"]
    lines = [text for text, _ in table.set_lines(name, results)]
    for result in grade.results:
        if result.kind == "written":
            points = earned(grade, marks)[result.id]
            told = "is being read" if points is None else f"{points:g} of {result.points} points"
            lines.append(f"  {result.id}  {result.title}: {told}")
    return "\n".join([*lines, ""])


def write_feedback(folder: Path, name: str, grades: Sequence[Grade], marks: Marks) -> None:
    """A file for each learner, by name."""
    make_folder(folder)
    for grade in grades:
        write_atomically(folder / f"{safe_name(grade.learner)}.txt", feedback(name, grade, marks))


def safe_name(learner: str) -> str:
    """A name that every system takes for a file's."""
    return "".join(c if c.isalnum() or c in " ._-()" else "_" for c in learner).strip(" .") or "_"
