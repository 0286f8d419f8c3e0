"""Task 10.paired_interval: what a few seeds can say."""

import math

import numpy as np
import torch
from scipy.special import ndtri, stdtrit
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def interval_cases(draw: Draw) -> list[Case]:
    """Accuracies in percent, one of each seed, of two arms on the same subsets: subsets differ more than arms."""

    def case(note: str, seeds: int, gain: float, spread: float) -> Case:
        subset = 60 + draw.normal(seeds, scale=4.0, dtype=torch.float64)
        theirs = subset + draw.normal(seeds, scale=spread, dtype=torch.float64)
        return Case(note, subset + gain + draw.normal(seeds, scale=spread, dtype=torch.float64), theirs)

    ours, theirs = torch.tensor([62.0, 57.0, 66.0]).double(), torch.tensor([60.0, 56.0, 62.0]).double()
    return [
        Case("three seeds", ours, theirs),
        case("two seeds", 2, 1.0, 1.0),
        case("ten seeds", 10, 0.5, 0.7),
        case("a loss", 5, -3.0, 1.0),
        Case("the same gain in each seed", ours, ours - 1.5),
        case("many seeds", 60, 0.2, 2.0),
    ]


def paired_interval(ours: Tensor, theirs: Tensor) -> tuple[float, float]:
    """The reference."""
    return _interval(ours - theirs)


def _interval(d, quantile=lambda n: stdtrit(n - 1, 0.975), correction=1, root=True):
    n = len(d)
    spread = d.std(correction=correction).item()
    return d.mean().item(), float(quantile(n) * spread / (math.sqrt(n) if root else 1))


def _unpaired(ours, theirs):
    spread = math.hypot(ours.std().item(), theirs.std().item())
    n = len(ours)
    return (ours.mean() - theirs.mean()).item(), float(stdtrit(n - 1, 0.975) * spread / math.sqrt(n))


def _close(one, other) -> bool:
    return all(math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-8) for a, b in zip(one, other, strict=True))


def _subsets_cancel(f, ours, theirs) -> bool:
    easy = torch.arange(len(ours), dtype=torch.float64) * 7
    return _close(f(ours + easy, theirs + easy), f(ours, theirs))


def _other_way_round(f, ours, theirs) -> bool:
    mean, half = f(ours, theirs)
    return _close(f(theirs, ours), (-mean, half))


def _units(f, ours, theirs) -> bool:
    """Whether shares in place of percent give the hundredth part."""
    mean, half = f(ours, theirs)
    return _close(f(ours / 100, theirs / 100), (mean / 100, half / 100))


def _by_numpy(ours, theirs):
    d = np.asarray(ours) - np.asarray(theirs)
    return float(d.mean()), float(-stdtrit(len(d) - 1, 0.025) * d.std(ddof=1) / np.sqrt(len(d)))


def _by_hand(ours, theirs):
    d = [a - b for a, b in zip(ours.tolist(), theirs.tolist(), strict=True)]
    mean, n = sum(d) / len(d), len(d)
    return mean, float(stdtrit(n - 1, 0.975)) * math.sqrt(sum((x - mean) ** 2 for x in d) / (n * (n - 1)))


PAIRED_INTERVAL = Task(
    id="10.paired_interval",
    title="A difference, and how sure of it one is",
    difficulty=2,
    minutes=15,
    points=3,
    reference=paired_interval,
    cases=interval_cases,
    forbid=("ttest_rel", "ttest_1samp"),
    mistakes=[
        Mistake(
            "unpaired",
            "The spreads of both arms are put together, as if they had been measured on different subsets. Which "
            "subset it was moves both alike, and cancels in the difference of *each seed*.",
            _unpaired,
        ),
        Mistake(
            "normal-quantile",
            "1.96 is right if the spread is known. Here it is estimated from a few numbers, and Student's t says how "
            "much wider that makes it: 4.30 for three seeds.",
            lambda a, b: _interval(a - b, quantile=lambda n: ndtri(0.975)),
        ),
        Mistake(
            "no-bessel",
            "The squares are divided by n. Around their own mean they are too small; n - 1 makes up for it.",
            lambda a, b: _interval(a - b, correction=0),
        ),
        Mistake(
            "deviation-for-error",
            "This says how far single seeds lie from each other. How far their *mean* may be off shrinks with the root "
            "of their number.",
            lambda a, b: _interval(a - b, root=False),
        ),
        Mistake(
            "one-sided",
            "You take the 95 % point. An interval has two ends: 2.5 % are left out on each side.",
            lambda a, b: _interval(a - b, quantile=lambda n: stdtrit(n - 1, 0.95)),
        ),
        Mistake(
            "off-by-one",
            "n differences have n - 1 degrees of freedom, for one was used up by their mean.",
            lambda a, b: _interval(a - b, quantile=lambda n: stdtrit(n, 0.975)),
        ),
        Mistake(
            "inverted",
            "The difference is theirs less ours: a gain looks like a loss.",
            lambda a, b: _interval(b - a),
        ),
    ],
    properties=[
        Property(
            "subset-counts",
            "An easy subset that makes both arms better by the same amount should change nothing.",
            _subsets_cancel,
        ),
        Property(
            "not-symmetric", "With the arms exchanged, the mean changes its sign and nothing else.", _other_way_round
        ),
        Property("units", "Shares in place of percent should give the hundredth part.", _units),
    ],
    variants=[_by_numpy, _by_hand],
    hints=(
        "What do the two numbers of one seed have in common, and what becomes of it in their difference?",
        "d = ours - theirs; its mean; t(n - 1 degrees of freedom, 0.975) times its standard deviation (with n - 1) "
        "over the root of n.",
        "d = ours - theirs\nn = their number\n"
        "spread = root of (sum of (d - mean)^2 / (n - 1))\nhalf = stdtrit(n - 1, 0.975) * spread / sqrt(n)\n"
        "return mean and half, as floats",
    ),
)
