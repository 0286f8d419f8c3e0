"""Task 04.learning_rate: up, level, down."""

from collections.abc import Callable

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def schedule_cases(draw: Draw) -> list[Case]:
    """(steps, warmup, decay): a roomy run, then without one of the parts, then parts that overlap."""
    warmup, decay = draw.integer(3, 6), draw.integer(7, 9)
    return [
        Case("10 steps, 3 of warm-up, 4 of decay", 10, 3, 4),
        Case("a longer run", warmup + decay + draw.integer(4, 8), warmup, decay),
        Case("no warm-up", 6, 0, 3),
        Case("no decay", 6, 3, 0),
        Case("neither", 3, 0, 0),
        Case("warm-up and decay overlap", 6, 5, 4),
        Case("decay over the whole run", 5, 0, 5),
        Case("one step", 1, 1, 1),
    ]


def whole_run(f: Callable, steps: int, warmup: int, decay: int) -> list[float]:
    """The factors of all steps of a run."""
    return [f(step, steps, warmup, decay) for step in range(steps)]


def learning_rate(step: int, steps: int, warmup: int, decay: int) -> float:
    """The reference: the lowest of three lines."""
    up = (step + 1) / warmup if warmup else 1.0
    down = (steps - step) / decay if decay else 1.0
    return min(1.0, up, down)


def _no_level(step, steps, warmup, decay):
    return (step + 1) / warmup if step < warmup else (steps - step) / (steps - warmup)


def _up(step, warmup):
    return min(1.0, (step + 1) / warmup) if warmup else 1.0


def _down(step, steps, decay):
    return min(1.0, (steps - step) / decay) if decay else 1.0


def _by_branches(step, steps, warmup, decay):
    factor = 1.0
    if step < warmup:
        factor = (1 + step) / warmup
    if steps - step < decay:
        factor = min(factor, (steps - step) / decay)
    return factor


LEARNING_RATE = Task(
    id="04.learning_rate",
    title="Up, level, down",
    difficulty=1,
    minutes=10,
    points=2,
    reference=learning_rate,
    cases=schedule_cases,
    call=whole_run,
    mistakes=[
        Mistake(
            "zero-start",
            "The first step has a rate of 0: it computes a gradient and moves nothing. With a warm-up of 3 the first "
            "three steps have 1/3, 2/3, 3/3.",
            lambda step, steps, warmup, decay: min(step / warmup if warmup else 1.0, _down(step, steps, decay), 1.0),
        ),
        Mistake(
            "zero-end",
            "The last step has a rate of 0: it computes a gradient and moves nothing. With a decay of 4 the last four "
            "steps have 4/4, 3/4, 2/4, 1/4.",
            lambda step, steps, warmup, decay: min(
                _up(step, warmup), (steps - step - 1) / decay if decay else 1.0, 1.0
            ),
        ),
        Mistake(
            "no-level",
            "The rate falls from the end of the warm-up on. In a trapezoid it stays at its peak until the last `decay` "
            "steps.",
            _no_level,
        ),
        Mistake(
            "product",
            "You multiply the rise and the fall. Where they overlap, that is lower than either; the lower of the two "
            "is meant.",
            lambda step, steps, warmup, decay: _up(step, warmup) * _down(step, steps, decay),
        ),
        Mistake(
            "whole-numbers",
            "// divides whole numbers and drops the rest: the rate is 0 until the warm-up is over.",
            lambda step, steps, warmup, decay: float(
                min(1, (step + 1) // warmup if warmup else 1, (steps - step) // decay if decay else 1)
            ),
        ),
        Mistake(
            "no-cap",
            "The lines go on beyond 1, and so does the rate in the middle of the run.",
            lambda step, steps, warmup, decay: min(
                (step + 1) / warmup if warmup else 1.0, (steps - step) / decay if decay else 1.0
            ),
        ),
        Mistake(
            "division-by-zero",
            "A run may have no warm-up, or no decay: 0 steps. Then that part should leave the rate alone.",
            lambda step, steps, warmup, decay: min(1.0, (step + 1) / warmup, (steps - step) / decay),
        ),
    ],
    properties=[
        Property(
            "out-of-range",
            "A factor is above 0 and at most 1, at each step.",
            lambda f, *run: all(0 < factor <= 1 for factor in f(*run)),
        ),
        Property(
            "not-level",
            "Between warm-up and decay the factor is 1.",
            lambda f, steps, warmup, decay: (
                set(f(steps, warmup, decay)[max(warmup - 1, 0) : steps - decay + 1]) <= {1.0}
            ),
        ),
    ],
    variants=[_by_branches, lambda step, steps, warmup, decay: min(_up(step, warmup), _down(step, steps, decay))],
    hints=(
        "Draw the three lines: a rise, a level, a fall. At each step, which of them is the one that counts?",
        "The rise is (step + 1) / warmup, the fall (steps - step) / decay. The lowest of both and 1 is the answer; "
        "take care of a warm-up or decay of 0.",
        "up   = (step + 1) / warmup, or 1 if there is no warm-up\n"
        "down = (steps - step) / decay, or 1 if there is no decay\n"
        "return the lowest of 1, up and down",
    ),
)
