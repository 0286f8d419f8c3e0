"""The tables of docs/teaching.md, from what minigen.checks declares, and the count of everything.

python tools/teaching.py write               put fresh tables into docs/teaching.md
python tools/teaching.py check               are they fresh?
python tools/teaching.py count [--mutants]   sets, tasks, mistakes; --mutants: and how many faults are found
"""

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from minigen.checks.registry import set_names, tasks_of
from minigen.checks.task import Mistake, Task, Written

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "teaching.md"


def all_tasks() -> list[Task | Written]:
    """Every task, in the order of the sets."""
    return [task for number in set_names() for task in tasks_of(number)]


def sets_table() -> Iterator[str]:
    """A line a set: tasks, minutes, points."""
    yield "| set | tasks | minutes | points by machine | points by a person |"
    yield "| --- | --- | --- | --- | --- |"
    for number, name in set_names().items():
        tasks = tasks_of(number)
        written = sum(task.points for task in tasks if task.kind == "written")
        rest = sum(task.points for task in tasks) - written
        minutes = sum(task.minutes for task in tasks)
        yield f"| {name.removeprefix('set_')} | {len(tasks)} | {minutes} | {rest} | {written} |"


def tasks_table() -> Iterator[str]:
    """A line a task: what it is about, how hard and long it is, and which mistakes it knows."""
    yield "| task | about | stars | minutes | points | mistakes that are recognised |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for task in all_tasks():
        keys = ", ".join(mistake.key for mistake in getattr(task, "mistakes", ())) or "in words: a person reads it"
        yield f"| {task.id} | {task.title} | {task.difficulty} | {task.minutes} | {task.points} | {keys} |"


def misconceptions_table() -> Iterator[str]:
    """A line for each mistake that two or more tasks know: where, and the hint of the first."""
    places: dict[str, list[tuple[str, Mistake]]] = defaultdict(list)
    for task in all_tasks():
        for mistake in getattr(task, "mistakes", ()):
            places[mistake.key].append((task.id, mistake))
    yield "| mistake | tasks | what learners are told, in the first of them |"
    yield "| --- | --- | --- |"
    for key, found in sorted(places.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        if len(found) > 1 and key != "as-found":
            hint = " ".join(found[0][1].hint.split()).replace("|", "\\|")
            yield f"| {key} | {', '.join(name for name, _ in found)} | {hint} |"


TABLES = {"sets": sets_table, "tasks": tasks_table, "misconceptions": misconceptions_table}


def fresh(page: str) -> str:
    """The page with its tables made anew, each between `<!-- NAME -->` and `<!-- end -->`."""
    for name, lines in TABLES.items():
        table = "".join(f"{line}\n" for line in lines())
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        page, count = re.subn(pattern, lambda found, table=table: found[1] + table + found[2], page, flags=re.S)
        if count != 1:
            raise ValueError(f"{PAGE.name} has {count} places for the table {name!r}, not one")
    return page


def counted(mutants: bool) -> Iterator[str]:
    """A line a set, and the sum."""
    total: list[int] = []
    for number, name in set_names().items():
        tasks = tasks_of(number)
        numbers = [
            len(tasks),
            sum(len(getattr(task, "mistakes", ())) for task in tasks),
            sum(len(getattr(task, "variants", ())) for task in tasks),
            *(_mutants(number) if mutants else ()),
        ]
        total = [a + b for a, b in zip(total or [0] * len(numbers), numbers, strict=True)]
        yield _line(name.removeprefix("set_"), numbers)
    yield _line("all", total)


def _line(name: str, numbers: list[int]) -> str:
    words = ("tasks", "mistakes", "variants", "mutants found of", "mutants")
    return f"{name:26} " + ", ".join(f"{number} {word}" for number, word in zip(numbers, words, strict=False))


def _mutants(number: str) -> tuple[int, int]:
    """(found, all) mutants of a set's solutions."""
    sys.path.insert(0, str(ROOT / "tests"))
    from test_mutants import solved_tasks, survives

    from mutants import mutants

    dead = [
        not survives(task, changed, grade, names)
        for task, source, grade, names in solved_tasks(number)
        for _, changed in mutants(source)
    ]
    return sum(dead), len(dead)


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("write", "check", "count"))
    parser.add_argument("--mutants", action="store_true")
    args = parser.parse_args()
    if args.verb == "count":
        for line in counted(args.mutants):
            print(line, flush=True)
        return 0
    page = PAGE.read_text(encoding="utf-8")
    if args.verb == "write":
        PAGE.write_text(fresh(page), encoding="utf-8")
        return 0
    if page != fresh(page):
        print("docs/teaching.md is not fresh: python tools/teaching.py write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
