"""Task 10.averaged_probabilities: the answer of many draws."""

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def draws_cases(draw: Draw) -> list[Case]:
    """Logits (K, B, C) of K draws: some agree, some are sure of opposite answers."""
    return [
        Case("two draws, each sure of another class", torch.tensor([[[9.0, 0.0]], [[0.0, 3.0]]])),
        Case("three draws of two texts", draw.normal(3, 2, 4)),
        Case("a batch", draw.normal(5, 4, 3, scale=3.0)),
        Case("one draw", draw.normal(1, 3, 2)),
        Case("one text", draw.normal(4, 1, 5, scale=2.0)),
        Case("huge logits", 500 + draw.normal(2, 3, 4, scale=100.0)),
    ]


def averaged_probabilities(logits: Tensor) -> Tensor:
    """The reference."""
    return logits.softmax(dim=-1).mean(dim=0)


def _votes(logits):
    return F.one_hot(logits.argmax(dim=-1), logits.shape[-1]).float().mean(dim=0)


def _sums_to_one(f, logits: Tensor) -> bool:
    found = f(logits)
    assert_close(found.sum(dim=-1), torch.ones(logits.shape[1]), rtol=1e-4, atol=1e-5)
    return bool((found >= 0).all())


def _own_constant(f, logits: Tensor) -> bool:
    """Whether a number added to all logits of one draw changes nothing."""
    moved = logits + torch.linspace(-2, 2, len(logits))[:, None, None]
    assert_close(f(moved), f(logits), rtol=1e-3, atol=1e-4)
    return True


def _repeated(f, logits: Tensor) -> bool:
    assert_close(f(logits.repeat(3, 1, 1)), f(logits), rtol=1e-4, atol=1e-5)
    return True


def _one_at_a_time(logits):
    total = torch.zeros_like(logits[0])
    for one in logits:
        powers = (one - one.amax(dim=1, keepdim=True)).exp()
        total += powers / powers.sum(dim=1, keepdim=True)
    return total / len(logits)


AVERAGED_PROBABILITIES = Task(
    id="10.averaged_probabilities",
    title="One answer of many draws",
    difficulty=1,
    minutes=5,
    points=2,
    reference=averaged_probabilities,
    cases=draws_cases,
    mistakes=[
        Mistake(
            "mean-of-logits",
            "You average the logits and make shares of the mean. Then a draw that is very sure outvotes one that is "
            "less so. p(y | x) is the mean of p(y | z): of probabilities.",
            lambda logits: logits.mean(dim=0).softmax(dim=-1),
        ),
        Mistake(
            "votes",
            "Each draw gives its whole vote to one class. How sure it was is lost: 51 % counts like 99 %.",
            _votes,
        ),
        Mistake(
            "no-softmax",
            "These are mean logits, not probabilities.",
            lambda logits: logits.mean(dim=0),
        ),
        Mistake(
            "wrong-axis",
            "The shares run over the draws. In each draw, for each text, the *classes* share the probability.",
            lambda logits: logits.softmax(dim=0).mean(dim=0),
        ),
        Mistake(
            "texts-averaged",
            "You average over the texts. The draws are the first axis, and each text keeps its own answer.",
            lambda logits: logits.softmax(dim=-1).mean(dim=1),
        ),
        Mistake(
            "geometric",
            "You average the logarithms: a geometric mean, whose rows do not sum to 1. One draw that finds a class "
            "impossible would forbid it to all.",
            lambda logits: logits.log_softmax(dim=-1).mean(dim=0).exp(),
        ),
        Mistake(
            "sum-for-mean",
            "The probabilities are added up: with more draws they grow beyond 1.",
            lambda logits: logits.softmax(dim=-1).sum(dim=0),
        ),
    ],
    properties=[
        Property("no-shares", "Each row should sum to 1, and have no negative number.", _sums_to_one),
        Property(
            "own-constant",
            "A number added to all logits of one draw says nothing about the classes, so it should change nothing.",
            _own_constant,
        ),
        Property("counts-draws", "The same draws given three times should give the same answer.", _repeated),
    ],
    variants=[
        _one_at_a_time,
        lambda logits: (logits.log_softmax(-1).logsumexp(0) - torch.tensor(float(len(logits))).log()).exp(),
    ],
    hints=(
        "p(y | x) is the mean of p(y | z) over the draws of z. Of which two things does the order matter here?",
        "Softmax over the classes, the last axis; then the mean over the draws, the first axis.",
        "p = softmax of the logits over the classes      (K, B, C)\nreturn the mean of p over the draws (B, C)",
    ),
)
