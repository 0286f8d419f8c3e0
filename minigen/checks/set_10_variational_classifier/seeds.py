"""Task 10.seeds_needed: how many seeds an answer would take."""

import math

import numpy as np
from scipy.special import ndtri, stdtrit

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def seeds_cases(draw: Draw) -> list[Case]:
    """The spread of the differences, and the effect that one wants to see."""
    return [
        Case("a spread as large as the effect", 1.0, 1.0),
        Case("three points of spread, an effect of two", 3.0, 2.0),
        Case("an effect of one point", 2.5, 1.0),
        Case("hardly any spread", 0.01, 1.0),
        Case("no spread at all", 0.0, 0.5),
        Case("a small effect", 4.0, 0.25),
        Case("somewhere", round(draw.random.uniform(1, 4), 3), round(draw.random.uniform(0.5, 2), 3)),
        Case("somewhere else", round(draw.random.uniform(2, 6), 3), round(draw.random.uniform(1, 3), 3)),
    ]


def seeds_needed(spread: float, effect: float) -> int:
    """The reference."""
    return _first(spread, effect)


def _first(spread, effect, quantile=lambda n: stdtrit(n - 1, 0.975), power=0.5, whole=1):
    n = 2
    while whole * quantile(n) * spread / n**power > effect:
        n += 1
    return n


def _half(n, spread):
    return stdtrit(n - 1, 0.975) * spread / math.sqrt(n)


def _enough(f, spread, effect) -> bool:
    return bool(_half(f(spread, effect), spread) <= effect * (1 + 1e-9))


def _not_too_many(f, spread, effect) -> bool:
    n = f(spread, effect)
    return n == 2 or bool(_half(n - 1, spread) > effect * (1 - 1e-9))


def _by_array(spread, effect):
    n = np.arange(2, 2000)
    return int(n[np.argmax(stdtrit(n - 1, 0.975) * spread <= effect * np.sqrt(n))])


def _by_halves(spread, effect):
    low, high = 1, 4096
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _half(middle, spread) <= effect else (middle, high)
    return high


SEEDS_NEEDED = Task(
    id="10.seeds_needed",
    title="How many seeds would it take?",
    difficulty=1,
    importance="useful",
    minutes=10,
    points=2,
    reference=seeds_needed,
    cases=seeds_cases,
    mistakes=[
        Mistake(
            "normal-quantile",
            "With 1.96 for every n the answer has a closed form, and is too small: few seeds also say little about "
            "their own spread.",
            lambda *args: _first(*args, quantile=lambda n: ndtri(0.975)),
        ),
        Mistake(
            "off-by-one",
            "n seeds have n - 1 degrees of freedom.",
            lambda *args: _first(*args, quantile=lambda n: stdtrit(n, 0.975)),
        ),
        Mistake(
            "no-root",
            "The half width shrinks with n. It shrinks with the *root* of n: half of it takes four times the seeds.",
            lambda *args: _first(*args, power=1),
        ),
        Mistake(
            "whole-width",
            "You ask the whole interval to be as narrow as the effect. From its middle to zero it is half of it.",
            lambda *args: _first(*args, whole=2),
        ),
        Mistake(
            "one-sided",
            "You take the 95 % point. An interval has two ends: 2.5 % are left out on each side.",
            lambda *args: _first(*args, quantile=lambda n: stdtrit(n - 1, 0.95)),
        ),
        Mistake(
            "one-too-many",
            "One seed fewer would have done: look at the order of counting and asking.",
            lambda *args: _first(*args) + 1,
        ),
    ],
    properties=[
        Property("not-enough", "With your number of seeds the half width is still larger than the effect.", _enough),
        Property("too-many", "One seed fewer would do, and 2 are the least.", _not_too_many),
    ],
    variants=[_by_array, _by_halves],
    hints=(
        "The quantile depends on n as well. Can the formula be solved for n?",
        "It cannot, but one can try: n = 2, 3, 4, ... until the half width is small enough.",
        "n = 2\nwhile stdtrit(n - 1, 0.975) * spread / sqrt(n) is above effect:\n    n = n + 1\nreturn n",
    ),
)
