"""Task 01.repair_windows: inputs and targets, cut with a fault that no shape shows."""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def window_cases(draw: Draw) -> list[Case]:
    """Texts that fill their windows and texts that do not."""
    return [
        Case("nine tokens, windows of four", torch.arange(10, 19), 4),
        Case("a rest that fills no window", torch.arange(20, 31), 4),
        Case("one token fewer than needed for a third window", torch.arange(12), 4),
        Case("windows of one token", torch.arange(3, 8), 1),
        Case("one window", torch.tensor([5, 6, 7, 8]), 3),
        Case("a longer text", draw.integers(0, 99, draw.integer(40, 60)), 7),
    ]


def windows_reference(tokens: Tensor, context_length: int) -> tuple[Tensor, Tensor]:
    """Inputs and targets (N, T): windows side by side, and the same moved on by one."""
    count = (len(tokens) - 1) // context_length
    used = tokens[: count * context_length + 1]
    return used[:-1].view(count, context_length), used[1:].view(count, context_length)


def _as_found(tokens, context_length):
    inputs, _ = windows_reference(tokens, context_length)
    return inputs, inputs.roll(-1, 1)


def _overlapping(tokens, context_length):
    windows = tokens.unfold(0, context_length + 1, 1)
    return windows[:, :-1].contiguous(), windows[:, 1:].contiguous()


def _too_few(tokens, context_length):
    count = len(tokens) // (context_length + 1)
    windows = tokens[: count * (context_length + 1)].view(count, context_length + 1)
    return windows[:, :-1].contiguous(), windows[:, 1:].contiguous()


def _windows_by_loop(tokens, context_length):
    starts = range(0, len(tokens) - context_length, context_length)
    inputs = torch.stack([tokens[start : start + context_length] for start in starts])
    return inputs, torch.stack([tokens[start + 1 : start + 1 + context_length] for start in starts])


def _follows(f, tokens: Tensor, context_length: int) -> bool:
    """Whether each target is the token that follows its input in the text."""
    inputs, targets = f(torch.arange(len(tokens)), context_length)
    return bool((targets == inputs + 1).all())


def _all_used(f, tokens: Tensor, context_length: int) -> bool:
    _, targets = f(torch.arange(len(tokens)), context_length)
    return targets.flatten().tolist() == list(range(1, (len(tokens) - 1) // context_length * context_length + 1))


REPAIR_WINDOWS = Task(
    id="01.repair_windows",
    title="Find the bug: a target from nowhere",
    kind="bug",
    difficulty=2,
    minutes=15,
    points=3,
    reference=windows_reference,
    cases=window_cases,
    mistakes=[
        Mistake(
            "as-found",
            "This gives what the faulty function gives. Print one window of inputs and targets with the numbers 10 to "
            "18 for tokens, and read the last column.",
            _as_found,
        ),
        Mistake(
            "not-shifted",
            "Targets equal inputs: the model is asked to repeat what it has just read.",
            lambda tokens, t: (windows_reference(tokens, t)[0],) * 2,
        ),
        Mistake(
            "backwards",
            "Each target is the token *before* its input. A language model is asked for the one after.",
            lambda tokens, t: windows_reference(tokens, t)[::-1],
        ),
        Mistake(
            "overlapping",
            "The windows overlap: each token is a target many times over. They should stand side by side.",
            _overlapping,
        ),
        Mistake(
            "skips-targets",
            "Between two windows one token is never a target: windows of T + 1 side by side. The last target of a "
            "window is the first input of the next.",
            _too_few,
        ),
    ],
    properties=[
        Property("does-not-follow", "Each target should be the token that follows its input in the text.", _follows),
        Property("left-out", "Each token but the first should be a target once, as far as windows fill.", _all_used),
    ],
    variants=[_windows_by_loop],
    hints=(
        "With the numbers 10 to 18 for tokens, the target of 10 is 11. Is the target of each input one more than it?",
        "roll moves a window in a circle, so its last target is its own first token. The right one lies in the next "
        "window: take the targets out of the text, not out of the inputs.",
        "count = (tokens - 1) // T whole windows\ninputs  = tokens 0 .. count T - 1, in rows of T\n"
        "targets = tokens 1 .. count T, in rows of T",
    ),
)
