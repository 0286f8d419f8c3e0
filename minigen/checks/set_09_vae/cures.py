"""Tasks 09.free_bits and 09.cyclical_beta: two ways to keep z from being given up."""

import torch
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.models.latent import BetaSchedule, with_free_bits


def free_cases(draw: Draw) -> list[Case]:
    """Numbers above and below what is free, on the mean and in single texts."""
    return [
        Case("one number is used, one is not", torch.tensor([[3.0, 0.0], [1.0, 0.1]]), 0.5),
        Case("a number that few texts use", torch.tensor([[0.0, 2.0, 0.1], [0.0, 0.1, 0.1]]), 0.25),
        Case("a batch", 2 * draw.normal(4, 6).square(), 1.0),
        Case("all are given up", torch.zeros(3, 5), 0.2),
        Case("nothing is free", draw.normal(3, 2).square(), 0.0),
        Case("one text", draw.normal(1, 4).square(), 0.5),
    ]


def _nothing_below(f, kl: Tensor, free: float) -> bool:
    assert_close(f(torch.zeros_like(kl), free), torch.tensor(free * kl.shape[1]), rtol=1e-5, atol=1e-6)
    return True


def _all_above(f, kl: Tensor, free: float) -> bool:
    assert_close(f(kl + free, free), (kl + free).sum(dim=1).mean(), rtol=1e-4, atol=1e-5)
    return True


def _no_gain_in_giving_up(f, kl: Tensor, free: float) -> bool:
    """Whether a number that costs less than what is free can become cheaper still."""
    below = torch.full_like(kl, free / 2)
    return bool((f(below, free) - f(torch.zeros_like(kl), free)).abs() < 1e-6)


def _free_by_loop(kl, free):
    return sum(torch.maximum(column.sum() / len(column), torch.tensor(free)) for column in kl.T)


FREE_BITS = Task(
    id="09.free_bits",
    title="Free bits",
    difficulty=2,
    minutes=10,
    points=3,
    reference=with_free_bits,
    cases=free_cases,
    mistakes=[
        Mistake(
            "clamped-before-mean",
            "Each text's KL is raised to the free amount, then averaged. So a number that tells much of a few texts "
            "and nothing of the others is charged for the others too. What is free is free on the mean over the texts.",
            lambda kl, free: kl.clamp(min=free).mean(dim=0).sum(),
        ),
        Mistake(
            "whole-sum",
            "The free amount is compared with the sum over all numbers of z. Then one number may use up what was "
            "free, and the others can be given up without loss. Each has its own.",
            lambda kl, free: kl.mean(dim=0).sum().clamp(min=free),
        ),
        Mistake(
            "subtracted",
            "You charge what lies above the free amount. It has the same gradient, but is not the formula: a number "
            "below it costs `free`, so that the loss still bounds the ELBO.",
            lambda kl, free: (kl.mean(dim=0) - free).clamp(min=0).sum(),
        ),
        Mistake(
            "inverted",
            "This is a ceiling: whatever is told beyond the free amount costs nothing. A floor is wanted.",
            lambda kl, free: kl.mean(dim=0).clamp(max=free).sum(),
        ),
        Mistake(
            "mean-for-sum",
            "The numbers of z are averaged. Their prices add up: a z of 32 numbers may tell 32 times as much as one.",
            lambda kl, free: kl.mean(dim=0).clamp(min=free).mean(),
        ),
        Mistake(
            "wrong-axis",
            "The mean runs over the numbers of z, and the sum over the texts: rows and columns are exchanged.",
            lambda kl, free: kl.mean(dim=1).clamp(min=free).sum(),
        ),
    ],
    properties=[
        Property("floor", "Where nothing is told, each number of z should cost exactly `free`.", _nothing_below),
        Property(
            "above-floor", "Where each KL is above `free`, the price is the mean KL of a text, unchanged.", _all_above
        ),
        Property("still-tempting", "Below `free`, a lower KL should not lower the price.", _no_gain_in_giving_up),
    ],
    variants=[_free_by_loop, lambda kl, free: torch.relu(kl.sum(0) / kl.shape[0] - free).add(free).sum()],
    hints=(
        "kl has a row for each text and a column for each number of z. What is compared with `free`: an entry, a row, "
        "or a column?",
        "First the mean over the texts (axis 0), then the floor (clamp), then the sum. The order matters.",
        "each = mean of kl over the texts       (Z,)\nraise what is below free to free\nreturn the sum of it",
    ),
)


def beta_cases(draw: Draw) -> list[Case]:
    """Each part of a cycle, the seams, the end of the run, and a ramp of length 0."""
    usual = (0.8, 0.25, 0.75, 4)
    return [
        Case("the first step", 0.0, *usual),
        Case("on the flat of the first cycle", 0.03, *usual),
        Case("on the ramp of the first cycle", 0.15, *usual),
        Case("at the top of the first cycle", 0.22, *usual),
        Case("where the second cycle begins", 0.25, *usual),
        Case("on the ramp of the last cycle", 0.85, *usual),
        Case("the end of the run", 1.0, *usual),
        Case("one cycle", 0.6, 2.0, 0.5, 0.75, 1),
        Case("no flat", 0.3, 1.5, 0.0, 0.5, 2),
        Case("no ramp, but a jump: before it", 0.125, 1.5, 0.5, 0.5, 2),
        Case("no ramp, but a jump: at it", 0.25, 1.5, 0.5, 0.5, 2),
        Case("somewhere", draw.random.random(), 0.5, 0.1, 0.9, 3),
        Case("somewhere else", draw.random.random(), 3.0, 0.3, 0.4, 5),
    ]


def cyclical_beta(progress: float, peak: float, start: float, end: float, cycles: int) -> float:
    """The reference: the package's schedule."""
    return BetaSchedule("cyclical", peak, start, end, cycles)(progress)


def _beta(progress, peak, start, end, cycles, wrap=True, low=0.0):
    if wrap and progress < 1:
        progress = progress * cycles % 1
    return peak if progress >= end else peak * max(low, (progress - start) / ((end - start) or 1.0))


def _between(f, progress, peak, start, end, cycles) -> bool:
    return 0 <= f(progress, peak, start, end, cycles) <= peak * (1 + 1e-6)


def _ends_at_the_top(f, progress, peak, start, end, cycles) -> bool:
    return abs(f(1.0, peak, start, end, cycles) - peak) < 1e-6


def _repeats(f, progress, peak, start, end, cycles) -> bool:
    """Whether the middle of the flat is 0 and what comes after the ramp is the peak, in each cycle."""
    flats = [f((n + start / 2) / cycles, peak, start, end, cycles) for n in range(cycles) if start > 0]
    tops = [f((n + (end + 1) / 2) / cycles, peak, start, end, cycles) for n in range(cycles) if end < 1]
    return all(abs(one) < 1e-6 for one in flats) and all(abs(one - peak) < 1e-6 for one in tops)


def _beta_by_minimum(progress, peak, start, end, cycles):
    within = 1.0 if progress == 1 else progress * cycles - int(progress * cycles)
    return peak * min(1.0, max(0.0, (within - start) / max(end - start, 1e-12))) if within != end else peak


CYCLICAL_BETA = Task(
    id="09.cyclical_beta",
    title="A price that comes and goes",
    difficulty=2,
    importance="useful",
    minutes=10,
    points=2,
    reference=cyclical_beta,
    cases=beta_cases,
    mistakes=[
        Mistake(
            "one-cycle",
            "There is one long ramp: `cycles` is not used. Which share of its *own cycle* is done?",
            lambda *args: _beta(*args, wrap=False),
        ),
        Mistake(
            "ends-at-zero",
            "At the very end of the run beta is 0: progress 1 was taken for the beginning of one more cycle. It is "
            "the end of the last one.",
            lambda progress, *rest: _beta(progress % 1, *rest),
        ),
        Mistake(
            "below-zero",
            "On the flat, before the ramp, beta is negative: the line was drawn on to the left. A negative price would "
            "reward what should be free.",
            lambda *args: _beta(*args, low=float("-inf")),
        ),
        Mistake(
            "no-flat",
            "The ramp begins with the cycle. It should wait at 0 until `start`.",
            lambda progress, peak, start, end, cycles: _beta(progress, peak, 0.0, end, cycles),
        ),
        Mistake(
            "no-hold",
            "The ramp goes on until the cycle ends. It should be at the peak from `end` on.",
            lambda progress, peak, start, end, cycles: _beta(progress, peak, start, 1.0, cycles),
        ),
        Mistake(
            "no-peak",
            "The shape is right, but it rises to 1 and not to `peak`.",
            lambda progress, peak, start, end, cycles: _beta(progress, 1.0, start, end, cycles),
        ),
    ],
    properties=[
        Property("outside", "beta should stay between 0 and the peak.", _between),
        Property("not-at-peak", "The run should end at the peak.", _ends_at_the_top),
        Property("not-cyclical", "Each cycle should be 0 up to `start`, and at the peak from `end` on.", _repeats),
    ],
    variants=[_beta_by_minimum, lambda *args: _beta(*args)],
    hints=(
        "With 4 cycles, after 0.30 of the run: in which cycle are you, and which share of it is done?",
        "progress * cycles % 1 is the share of the cycle, but for progress 1. Then there are three parts: up to start, "
        "between, and from end on.",
        "share = progress if it is 1, else the part of progress * cycles behind the point\n"
        "from end on: peak\nup to start: 0\nbetween: peak times (share - start) / (end - start)",
    ),
)
