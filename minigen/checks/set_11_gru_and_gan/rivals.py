"""Task 11.relativistic_losses: which of two strings looks more real?"""

import math

import torch
import torch.nn.functional as F

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.models.text_gan import relativistic_losses


def score_cases(draw: Draw) -> list[Case]:
    """Scores of real and written strings, near each other and far apart."""
    return [
        Case("one pair", torch.tensor([2.0]), torch.tensor([0.5])),
        Case("three pairs", torch.tensor([1.0, -2.0, 0.0]), torch.tensor([0.0, 1.0, 0.5])),
        Case("a batch", draw.normal(6, scale=2), draw.normal(6)),
        Case("the critic is far ahead", draw.normal(4) + 200, draw.normal(4)),
        Case("the writer is far ahead", draw.normal(3), draw.normal(3) + 200),
        Case("both scores are large", draw.normal(5) + 1000, draw.normal(5) + 1000),
    ]


def _plain(real, written):
    critic = (F.softplus(-real) + F.softplus(written)).mean()
    return critic, F.softplus(-written).mean()


def _all_pairs(real, written):
    gaps = real[:, None] - written
    return F.softplus(-gaps).mean(), F.softplus(gaps).mean()


def _mean_first(real, written):
    gap = (real - written).mean()
    return F.softplus(-gap), F.softplus(gap)


def _overflowing(real, written):
    return -torch.sigmoid(real - written).log().mean(), -torch.sigmoid(written - real).log().mean()


def _opposite(real, written):
    critic, _ = relativistic_losses(real, written)
    return critic, -critic


def _tie(f, real, written) -> bool:
    critic, writer = f(real, real)
    return abs(float(critic) - math.log(2)) < 1e-5 and abs(float(writer) - math.log(2)) < 1e-5


def _only_the_gap_counts(f, real, written) -> bool:
    assert_close(tuple(f(real + 1, written + 1)), tuple(f(real, written)), rtol=1e-3, atol=1e-3)
    return True


def _roles_exchange(f, real, written) -> bool:
    critic, writer = f(real, written)
    assert_close(tuple(f(written, real)), (writer, critic), rtol=1e-4, atol=1e-5)
    return True


def _pair_by_pair(real, written):
    gaps = [float(one) - float(other) for one, other in zip(real, written, strict=True)]
    losses = [sum(max(-s * g, 0) + math.log1p(math.exp(-abs(g))) for g in gaps) / len(gaps) for s in (1, -1)]
    return torch.tensor(losses[0]), torch.tensor(losses[1])


RELATIVISTIC_LOSSES = Task(
    id="11.relativistic_losses",
    title="Which looks more real?",
    difficulty=1,
    minutes=10,
    points=2,
    reference=relativistic_losses,
    cases=score_cases,
    rtol=1e-4,
    mistakes=[
        Mistake(
            "overflow",
            "Where one is far ahead, the loss becomes infinity: sigmoid(-200) is 0 in float32. Some functions of torch "
            "take sigmoid and logarithm together.",
            _overflowing,
        ),
        Mistake(
            "swapped",
            "The two losses have changed places: the first is the critic's, who wants real - written to be large.",
            lambda real, written: relativistic_losses(written, real),
        ),
        Mistake(
            "not-relative",
            "This is the loss of the first GANs: each score is judged by itself. Here the critic judges pairs, and "
            "only the gap of a pair counts.",
            _plain,
        ),
        Mistake(
            "all-pairs",
            "Every real string meets every written one. Here real[i] is compared with written[i] alone.",
            _all_pairs,
        ),
        Mistake(
            "mean-first",
            "The gaps are averaged before the loss is taken. Then one pair that is far ahead hides all the others.",
            _mean_first,
        ),
        Mistake(
            "sum-for-mean",
            "The pairs are added up: a larger batch gives a larger loss.",
            lambda real, written: tuple(len(real) * one for one in relativistic_losses(real, written)),
        ),
        Mistake(
            "minus-critic",
            "The writer's loss is minus the critic's. Where the critic is sure, that one is flat, and the writer who "
            "needs it most gets no slope. It is the same loss with the two scores exchanged.",
            _opposite,
        ),
    ],
    properties=[
        Property("tie", "Where the scores are equal, both losses should be ln 2.", _tie),
        Property(
            "not-the-gap", "Only the gaps count: adding 1 to all scores should change nothing.", _only_the_gap_counts
        ),
        Property("not-fair", "With the scores exchanged, the two losses should change places.", _roles_exchange),
    ],
    variants=[
        _pair_by_pair,
        lambda real, written: (-F.logsigmoid(real - written).mean(), -F.logsigmoid(written - real).mean()),
    ],
    hints=(
        "At a tie the gap is 0. What is -ln sigmoid(0)?",
        "-ln sigmoid(x) = ln(1 + e^(-x)) = F.softplus(-x), which does not overflow.",
        "gap = real - written                    (N,)\ncritic = mean of -ln sigmoid(gap)\n"
        "writer = mean of -ln sigmoid(-gap)\nreturn both, without leaving the logarithms",
    ),
)
