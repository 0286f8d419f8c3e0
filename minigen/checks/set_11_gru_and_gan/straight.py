"""Task 11.straight_through: a drawn token that lets a gradient pass."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def straight_cases(draw: Draw) -> list[Case]:
    """Logits, uniform random numbers, and the softness of the slope."""

    def case(note: str, rows: int, tokens: int, softness: float, scale: float = 1.0) -> Case:
        return Case(
            note, draw.normal(rows, tokens, scale=scale), draw.uniform(rows, tokens, low=0.01, high=0.99), softness
        )

    flat = torch.zeros(2, 3), torch.tensor([[0.2, 0.9, 0.5], [0.7, 0.3, 0.1]])
    extreme = torch.tensor([[1e-30, 0.5, 0.9], [0.3, 1e-20, 1e-10]])
    return [
        Case("all logits equal", *flat, 1.0),
        Case("the noise turns the order round", torch.tensor([[0.0, 1.0, -1.0]]), torch.tensor([[0.9, 0.1, 0.5]]), 1.0),
        case("a batch", 4, 5, 1.0),
        case("a slope near what was drawn", 3, 4, 0.5),
        case("a softer slope", 8, 3, 4.0),
        case("certain logits", 2, 4, 2.0, scale=20.0),
        Case("random numbers near 0", draw.normal(2, 3), extreme, 1.0),
    ]


def straight_through(logits: Tensor, uniform: Tensor, softness: float) -> Tensor:
    """The reference, written by itself: torch's function draws its own noise."""
    noisy = logits - torch.log(-torch.log(uniform))
    soft = F.softmax(noisy / softness, dim=-1)
    hard = F.one_hot(noisy.argmax(dim=-1), logits.shape[-1]).to(soft.dtype)
    return hard - soft.detach() + soft


def with_gradient(f: Callable, logits: Tensor, uniform: Tensor, softness: float) -> Any:
    """What was written, and the slope in the logits of a sum with fixed weights ("none" if there is none)."""
    logits = logits.clone().requires_grad_()
    y = f(logits, uniform, softness)
    if not isinstance(y, Tensor):
        return y
    gradient = "none"
    if y.requires_grad:
        weights = torch.linspace(-1, 2, y.numel()).square().view(y.shape)
        (found,) = torch.autograd.grad((y * weights).sum(), logits, allow_unused=True)
        gradient = "none" if found is None else found
    return {"written": y, "gradient": gradient}


def _with(**changes):
    """Gumbel-softmax with one thing changed: what the mistakes are made of."""

    def _write(logits, uniform, softness):
        how = {
            "noise": lambda u: -(-u.log()).log(),
            "scale": lambda noisy, softness: noisy / softness,
            "before": 1.0,
            "join": lambda hard, soft: hard + soft - soft.detach(),
            **changes,
        }
        noisy = logits / (softness if how["before"] is None else how["before"]) + how["noise"](uniform)
        soft = how["scale"](noisy, softness).softmax(-1)
        return how["join"](torch.zeros_like(soft).scatter(-1, noisy.argmax(-1, keepdim=True), 1.0), soft)

    return _write


def _one_token_each(f, logits, uniform, softness) -> bool:
    written = f(logits, uniform, softness)["written"]
    near = (written.abs() < 1e-5) | ((written - 1).abs() < 1e-5)
    return bool(near.all() and ((written.sum(-1) - 1).abs() < 1e-5).all())


def _slope_balances(f, logits, uniform, softness) -> bool:
    """Raising all logits of a row alike changes no share, so a row of the gradient sums to 0."""
    sums = f(logits, uniform, softness)["gradient"].sum(-1)
    assert_close(sums, torch.zeros_like(sums), rtol=0, atol=1e-5)
    return True


def _softness_does_not_draw(f, logits, uniform, softness) -> bool:
    one, other = (f(logits, uniform, value)["written"] for value in (softness, 3 * softness))
    assert_close(one, other, rtol=0, atol=1e-5)
    return True


class _HardWithSoftSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, soft: Tensor) -> Tensor:
        return (soft == soft.amax(-1, keepdim=True)).to(soft.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


STRAIGHT_THROUGH = Task(
    id="11.straight_through",
    title="A drawn token with a slope",
    difficulty=3,
    minutes=20,
    points=4,
    reference=straight_through,
    cases=straight_cases,
    call=with_gradient,
    rtol=1e-4,
    atol=1e-5,
    forbid=("gumbel_softmax",),
    mistakes=[
        Mistake(
            "soft",
            "You return the shares themselves. The critic would tell at once what is written from what is real: real "
            "strings are zeros and ones.",
            _with(join=lambda hard, soft: soft),
        ),
        Mistake(
            "no-gradient",
            "Zeros and ones, but no gradient passes: argmax has no slope. The shares have one; how can it be lent?",
            _with(join=lambda hard, soft: hard),
        ),
        Mistake(
            "cancels",
            "The shares are added and taken away again with their gradients, so that these cancel: the slope is 0. One "
            "of the two should count as a constant.",
            _with(join=lambda hard, soft: hard + soft - soft),
        ),
        Mistake(
            "no-noise",
            "Nothing is drawn: the likeliest token is written every time.",
            _with(noise=lambda u: 0.0 * u),
        ),
        Mistake(
            "one-logarithm",
            "-ln u is exponential noise. Gumbel noise has the logarithm twice: -ln(-ln u). Only with it does the "
            "argmax draw each token as often as its share says.",
            _with(noise=lambda u: -u.log()),
        ),
        Mistake(
            "inverted",
            "The noisy logits are multiplied by the softness. Dividing is what makes shares flatter.",
            _with(scale=lambda noisy, softness: noisy * softness),
        ),
        Mistake(
            "temperature",
            "The logits are divided before the noise is added. That is a temperature: it changes what is drawn. The "
            "softness is for the slope alone, and divides logits and noise together.",
            _with(before=None, scale=lambda noisy, softness: noisy),
        ),
    ],
    properties=[
        Property("not-one-token", "Each row should hold one 1, and zeros.", _one_token_each),
        Property("softness-draws", "The softness should not change what is drawn.", _softness_does_not_draw),
        Property("lopsided-slope", "Each row of the gradient should sum to 0, as that of a softmax.", _slope_balances),
    ],
    variants=[_with(), lambda *args: _HardWithSoftSlope.apply(_with(join=lambda hard, soft: soft)(*args))],
    hints=(
        "hard + soft has the slope of soft and the wrong value. What can be taken away from it that has a value and no "
        "slope?",
        "noisy = logits + g with g = -ln(-ln u). hard is one-hot of its argmax, soft is the softmax of "
        "noisy / softness, and soft.detach() is a constant.",
        "g = -log(-log(uniform))\nhard = one-hot of the argmax of logits + g\n"
        "soft = softmax of (logits + g) / softness\nreturn hard + soft - (soft, detached)",
    ),
)
