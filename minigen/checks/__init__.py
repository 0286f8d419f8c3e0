"""Exercises that check themselves: `check("02.softmax", softmax)` says at once what is wrong, and why.

A learner uses two names, `check` and `hint`. An author declares tasks with `Task`, `Mistake`, `Property`, `Case` and
`Draw`, one package `set_NN_topic` a lesson: docs/writing_exercises.md tells how.

task, registry            what a task is, and where it is found
draw, guard, compare      inputs from a seed; a call that is watched; the first difference of two answers
judge, failure, hints     the verdict and its words; the hints before it
notebooks, runner         which cells of a learner's notebook are run, and the process that runs them
launch, progress, table   what `minigen check` starts, remembers and shows (without importing torch)
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "Case": "task",
    "CheckFailed": "failure",
    "Draw": "draw",
    "Mistake": "task",
    "Property": "task",
    "Task": "task",
    "Written": "task",
    "check": "judge",
    "hint": "hints",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Looked up on first use, so that the command line can show a table without importing torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'minigen.checks' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"minigen.checks.{_HOMES[name]}"), name)
