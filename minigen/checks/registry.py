"""Where tasks are found: the packages `minigen.checks.set_NN_topic`, each with a tuple TASKS in the set's order."""

from functools import lru_cache
from importlib import import_module
from pathlib import Path

from minigen.checks.task import Task, Written


def set_names() -> dict[str, str]:
    """The problem sets that are there: {"02": "set_02_attention"}."""
    found = sorted(path.parent.name for path in Path(__file__).parent.glob("set_[0-9][0-9]_*/__init__.py"))
    return {name.split("_")[1]: name for name in found}


@lru_cache
def tasks_of(number: str) -> tuple[Task | Written, ...]:
    """The tasks of a set such as "02", in order. ValueError if there is no such set."""
    names = set_names()
    if number not in names:
        raise ValueError(f"there is no problem set {number!r}; there are: {', '.join(names)}")
    return import_module(f"minigen.checks.{names[number]}").TASKS


def find(task_id: str) -> Task | Written:
    """The task of that id. ValueError, which lists those of its set, if there is none."""
    tasks = {task.id: task for task in tasks_of(task_id.partition(".")[0])}
    if task_id not in tasks:
        raise ValueError(f"there is no task {task_id!r}; this set has: {', '.join(tasks)}")
    return tasks[task_id]
