"""One call of what a learner wrote, watched: on copies, its prints caught, its errors kept, its helpers seen."""

import contextlib
import copy
import functools
import io
import linecache
import sys
import traceback
from dataclasses import dataclass
from types import FrameType
from typing import Any

from minigen.checks.compare import Difference, Tolerance, difference
from minigen.checks.task import Case, Task

CHECKS = "minigen.checks"
EXACT = Tolerance()
CELLS = ("ipykernel", "<ipython-input", "<minigen-cell")  # the files that a notebook's cells are, for Python


@dataclass
class Outcome:
    """What came of a call. Either `error` is set, or `value` holds.

    changed: the first change to an argument. forbidden: a function that did the learner's work.
    """

    value: Any = None
    error: BaseException | None = None
    printed: str = ""
    changed: Difference | None = None
    forbidden: str | None = None


class Watch:
    """Sees, by Python's profiler, whether a forbidden function is called between `with` and its end.

    Forbidden are all of minigen (unless the task allows it), and the library functions that the task names, by
    whatever road they are reached: `F.softmax`, `x.softmax`, `nn.Softmax`, an alias. What a set's own `call` uses is
    not looked at, nor what a given minigen model does inside.
    """

    def __init__(self, task: Task, student: Any):
        while isinstance(student, functools.partial):
            student = student.func
        self.task, self.home = task, str(getattr(student, "__module__", None))
        name = getattr(student, "__name__", "")
        self.forbidden = None
        if f"{self.home}.".startswith("minigen."):
            self.forbidden = f"minigen's own {name}"
        elif name in task.forbid and self.home != "__main__":
            self.forbidden = name

    def __enter__(self) -> "Watch":
        self.before = sys.getprofile()
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self.before)

    def _see(self, frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call":
            caller, module, name = frame, "torch", function.__name__
        elif event == "call":
            caller, module, name = frame.f_back, frame.f_globals.get("__name__", ""), frame.f_code.co_name
        else:
            return
        calling = caller.f_globals.get("__name__", "") if caller else ""
        if self.forbidden or calling.startswith(CHECKS):
            return
        if f"{module}.".startswith("minigen."):
            if name in self.task.given and module.startswith(CHECKS):
                return
            if not self.task.minigen_allowed or module.startswith(CHECKS):
                self.forbidden = f"minigen's own {name}"
        elif name.removeprefix("special_").strip("_") in self.task.forbid:
            theirs, inside = module in (self.home, "__main__"), calling.startswith("minigen.")
            self.forbidden = None if theirs or inside else name


def run(task: Task, student: Any, case: Case, watched: bool = True) -> Outcome:
    """Calls what the learner wrote on copies of the case's arguments. watched: is a forbidden function called?"""
    args, printed, outcome = copy.deepcopy(case.args), io.StringIO(), Outcome()
    watch = Watch(task, student) if watched else contextlib.nullcontext()
    with contextlib.redirect_stdout(printed), watch:
        try:
            outcome.value = task.call(student, *args)
        except (Exception, SystemExit) as error:
            outcome.error = error
    outcome.printed = printed.getvalue()
    outcome.forbidden = watch.forbidden if watched else None
    if not task.may_mutate:
        pairs = zip(args, case.args, strict=True)
        changes = (difference(after, before, EXACT, f"argument {n}") for n, (after, before) in enumerate(pairs, 1))
        outcome.changed = next((change for change in changes if change), None)
    return outcome


def their_line(error: BaseException) -> str | None:
    """Where in the learner's code an error happened; None if it did not happen there."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if any(mark in frame.filename for mark in CELLS)]
    if not theirs:
        return None
    line = theirs[-1].line or linecache.getline(theirs[-1].filename, theirs[-1].lineno).strip()
    return f"in {theirs[-1].name}, line {theirs[-1].lineno} of your cell: {line}"


def explain(error: BaseException) -> str:
    """An error in the learner's code: what Python said, and the line in which it happened."""
    said = f"{type(error).__name__}: {error}".strip().removesuffix(":")
    return "\n".join(filter(None, (said, their_line(error))))
