"""The checks as they were before a learner's code ran: what it patched is put back, and told.

Python cannot be sealed against code in the same process. This stops what is easily written
(`minigen.checks.judge.judge = lambda *a: True`); docs/teaching.md says what to do about the rest.
"""

import builtins
import copy
import secrets
import sys
from collections.abc import Iterable
from types import FunctionType
from typing import Any

import torch

WHOLE = (builtins, copy, torch, torch.nn.functional, torch.Tensor, torch.nn.Module)
SINGLE = ((sys, "setprofile"), (sys, "getprofile"), (secrets, "randbelow"))
OF_A_FUNCTION = ("__code__", "__defaults__", "__kwdefaults__")


class Seal:
    """Remembers the functions and classes of minigen, the tasks, and the parts of torch and Python that judge them."""

    def __init__(self, tasks: Iterable[Any] = ()):
        self.kept: list[tuple[Any, str, str, Any]] = []  # owner, attribute, how it is told, value
        for name, module in sorted(sys.modules.items()):
            if f"{name}.".startswith("minigen."):
                self._keep_all(module, name)
        for owner in WHOLE:
            self.kept += [
                (owner, name, _told(owner, name), value) for name, value in vars(owner).items() if callable(value)
            ]
        self.kept += [(owner, name, _told(owner, name), getattr(owner, name)) for owner, name in SINGLE]
        for task in tasks:
            self.kept += [(task, name, f"task {task.id}", value) for name, value in vars(task).items()]

    def _keep_all(self, module: Any, told: str) -> None:
        for name, value in list(vars(module).items()):
            if name.startswith("__") or getattr(value, "__module__", None) == "typing":
                continue
            if callable(value):
                self.kept.append((module, name, f"{told}.{name}", value))
            if getattr(value, "__module__", None) != told:
                continue  # kept where it is at home
            if isinstance(value, FunctionType):
                self.kept += [(value, one, f"{told}.{name}", getattr(value, one)) for one in OF_A_FUNCTION]
            elif isinstance(value, type):
                methods = [(key, one) for key, one in vars(value).items() if callable(one) or isinstance(one, property)]
                self.kept += [(value, key, f"{told}.{name}.{key}", one) for key, one in methods]
                self.kept += [
                    (one, part, f"{told}.{name}.{key}", getattr(one, part))
                    for key, one in methods
                    if isinstance(one, FunctionType)
                    for part in OF_A_FUNCTION
                ]

    def mend(self) -> list[str]:
        """Puts back what was changed; the names of it."""
        changed = []
        for owner, name, told, value in self.kept:
            now = vars(owner).get(name, self) if name not in OF_A_FUNCTION else getattr(owner, name)
            if now is not value:
                changed.append(told)
                put = object.__setattr__ if hasattr(owner, "badge") else setattr  # a task is frozen
                put(owner, name, value)
        return sorted(set(changed))


def _told(owner: Any, name: str) -> str:
    return f"{owner.__name__}.{name}"
