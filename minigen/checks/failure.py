"""What a learner sees when a check fails: a few lines, no stack trace."""

import textwrap


class CheckFailed(AssertionError):
    """A check that failed. key: what is wrong, in one word; it is what reports and tests count.

    Keys that every task has: todo, no-return, not-callable, wrong-arguments, error, forbidden, mutates-input,
    wrong-type, wrong-shape, wrong-dtype, wrong-value, hard-coded. The others are the task's mistakes and properties.
    """

    def __init__(self, task_id: str, key: str, message: str):
        super().__init__(f"{task_id} · {key}\n{message}")
        self.task_id, self.key, self.message = task_id, key, message

    def _render_traceback_(self) -> list[str]:
        """What IPython prints in place of a stack trace."""
        if self.key == "todo":
            return [f"○ {self.task_id} · to do", *_indent(self.message)]
        return [f"✗ {self.task_id} · {self.key}", *_indent(self.message), "", f'  Stuck? hint("{self.task_id}")']

    def __reduce__(self) -> tuple:
        return type(self), (self.task_id, self.key, self.message)


def _indent(message: str) -> list[str]:
    return [f"  {line}" for line in wrap(message)]


def wrap(message: str, width: int = 96) -> list[str]:
    """The lines of a message, prose folded at `width`; lines of numbers or code stay as they are."""
    lines = []
    for line in message.splitlines():
        plain = line.startswith(("input ", "expected: ", "got: ", "in "))
        lines += [line] if plain else textwrap.wrap(line, width) or [""]
    return lines
