"""The process in which a learner's notebook is checked: `python -m minigen.checks.runner NOTEBOOK RESULTS ...`.

Started by `launch`. It writes a line of JSON for each task as soon as it is judged, so that what was found survives
whatever a later cell does.
"""

import argparse
import builtins
import contextlib
import json
import linecache
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minigen.checks.failure import CheckFailed
from minigen.checks.guard import explain
from minigen.checks.hints import hint
from minigen.checks.judge import judge
from minigen.checks.notebooks import Cell, answered, read_cells
from minigen.checks.registry import tasks_of
from minigen.checks.task import Task, Written


class OutOfTime(BaseException):
    """A cell took too long. No Exception, so that a learner's `except Exception` does not swallow it."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """OutOfTime after that many seconds, where the system can (not on Windows: there the launcher's limit holds)."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Session:
    """Runs cells in one namespace, as a kernel does, and judges the tasks."""

    def __init__(self, tasks: tuple[Task | Written, ...], seed: int | None, seconds: float):
        self.tasks = {task.id: task for task in tasks}
        self.seed, self.seconds = seed, seconds
        self.names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins, "hint": hint}
        self.broken: dict[str | None, Exception] = {}  # cells that raised, by task; None: a given cell

    def run(self, cell: Cell) -> None:
        """Runs a given or a solution cell; what it raises is told where its task is judged."""
        try:
            with time_limit(self.seconds):
                self._execute(cell)
        except OutOfTime:
            self.broken[cell.task] = TimeoutError(f"the cell did not end within {self.seconds:g} seconds")
        except (Exception, SystemExit) as error:
            self.broken[cell.task] = error

    def grade(self, cell: Cell) -> dict:
        """The verdict of a grade cell: status and, where it is not right, key and message."""
        task = self.tasks[cell.task]
        broken = self.broken.get(cell.task) or self.broken.get(None)
        if isinstance(broken, NotImplementedError):
            return {"status": "todo", "key": "todo", "message": ""}
        if broken:
            key = "timeout" if isinstance(broken, TimeoutError) else "error"
            return {"status": "wrong", "key": key, "message": explain(broken)}

        def check(task_id: str, student: Any, seed: int | None = None) -> None:
            judge(task, student, self.seed if seed is None else seed)

        try:
            with time_limit(self.seconds):
                self.names["check"] = check  # whatever the learner called so
                self._execute(cell)
        except CheckFailed as failure:
            status = "todo" if failure.key == "todo" else "wrong"
            return {"status": status, "key": failure.key, "message": failure.message}
        except OutOfTime:
            message = f"did not end within {self.seconds:g} seconds: is there a loop that never ends?"
            return {"status": "wrong", "key": "timeout", "message": message}
        except NameError as error:
            where = "It must be defined in the task's own cell: cells that you added are not run here."
            return {"status": "wrong", "key": "not-defined", "message": f"{error}. {where}"}
        except (Exception, SystemExit) as error:
            return {"status": "wrong", "key": "error", "message": explain(error)}
        return {"status": "done", "key": "", "message": ""}

    def _execute(self, cell: Cell) -> None:
        # A line that only Jupyter understands (%timeit, !ls) is left out, its place kept for the line numbers.
        lines = ["pass" if line.startswith(("%", "!")) else line for line in cell.source.split("\n")]
        source, name = "\n".join(lines), f"<minigen-cell {cell.number}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(source, name, "exec"), self.names)


def verdicts(path: Path, wanted: str | None, seed: int | None, seconds: float) -> Iterator[dict]:
    """First {"tasks": [...]}, then a verdict for each task of the notebook, or for the wanted one alone."""
    cells = read_cells(path)
    tasks = [task for task in tasks_of(path.stem[:2]) if wanted in (None, task.id)]
    if not tasks:
        known = ", ".join(task.id for task in tasks_of(path.stem[:2]))
        raise ValueError(f"there is no task {wanted!r}; this set has: {known}")
    names = ("id", "title", "kind", "difficulty", "importance", "minutes", "points")
    yield {"tasks": [{name: getattr(task, name) for name in names} for task in tasks]}
    session, open_tasks = Session(tuple(tasks), seed, seconds), {task.id: task for task in tasks}
    for cell in cells:
        if cell.role in ("given", "solution"):
            session.run(cell)
        elif cell.task in open_tasks:
            task = open_tasks.pop(cell.task)
            if cell.role == "grade":
                yield {"id": task.id, **session.grade(cell)}
            else:
                done = answered(cell.source, task.min_words)
                yield {
                    "id": task.id,
                    "status": "done" if done else "todo",
                    "key": "" if done else "todo",
                    "message": "",
                }
    for name in open_tasks:
        yield {"id": name, "status": "todo", "key": "missing", "message": "its check is no longer in the notebook"}


def main() -> None:
    """Writes the verdicts to the file of results, a line each; a problem with the call itself is one line too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--task")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seconds", type=float, default=20.0)
    args = parser.parse_args()
    import torch  # late: a time limit must not fall into its import

    torch.set_num_threads(1)  # tiny tensors
    with open(args.results, "a", encoding="utf-8") as file:
        try:
            for verdict in verdicts(args.notebook, args.task, args.seed, args.seconds):
                print(json.dumps(verdict), file=file, flush=True)
        except ValueError as error:
            print(json.dumps({"problem": str(error)}), file=file, flush=True)
            sys.exit(2)


if __name__ == "__main__":
    main()
