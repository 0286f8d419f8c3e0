"""Task 03.layer_norm: each token's vector at a standard size."""

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def norm_cases(draw: Draw) -> list[Case]:
    """Ordinary vectors with a scale and shift; then axes of different length, no spread at all, and a large mean."""

    def case(note: str, x: Tensor, eps: float) -> Case:
        return Case(note, x, draw.normal(x.shape[-1]) + 1, draw.normal(x.shape[-1]), eps)

    return [
        case("two tokens", 3 * draw.normal(2, 3) + 1, 1e-5),
        case("a batch", draw.normal(2, 3, 4), 1e-5),
        case("as many tokens as channels", draw.normal(4, 4), 1e-5),
        case("one vector alone", draw.normal(6), 1e-5),
        case("a large eps", draw.normal(3, 5), 0.5),
        case("a token without spread", torch.full((2, 4), 3.0), 1e-5),
        case("a mean far larger than the spread", draw.normal(5, 8) + 1000, 1e-5),
    ]


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """The reference: torch's own kernel."""
    return F.layer_norm(x, x.shape[-1:], weight, bias, eps)


def _by_hand(x, weight, bias, eps, dim=-1, unbiased=False):
    mean = x.mean(dim=dim, keepdim=True)
    variance = x.var(dim=dim, keepdim=True, unbiased=unbiased)
    return (x - mean) / (variance + eps).sqrt() * weight + bias


def _eps_outside(x, weight, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True).sqrt() + eps) * weight + bias


def _cancelled(x, weight, bias, eps):
    mean = x.mean(-1, keepdim=True)
    variance = (x * x).mean(-1, keepdim=True) - mean * mean
    return (x - mean) * torch.rsqrt(variance + eps) * weight + bias


def _by_rows(x, weight, bias, eps):
    rows = []
    for row in x.reshape(-1, x.shape[-1]):
        centred = row - row.sum() / len(row)
        rows.append(weight * centred * torch.rsqrt(centred @ centred / len(row) + eps) + bias)
    return torch.stack(rows).reshape(x.shape)


def _standard(f, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> bool:
    """Whether each vector has mean 0 and, but for eps, mean square 1, with a scale of 1 and no shift."""
    y = f(x, torch.ones_like(weight), torch.zeros_like(bias), eps)
    variance = x.var(-1, unbiased=False)
    square = variance / (variance + eps)
    return bool(y.mean(-1).abs().max() < 1e-3 and (y.square().mean(-1) - square).abs().max() < 1e-2)


def _each_alone(f, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> bool:
    """Whether another token leaves the answer of the last one as it is."""
    if x.ndim == 1:
        return True
    other = x.clone()
    other[..., :-1, :] = other[..., :-1, :] * 2 + 1
    return torch.allclose(f(other, weight, bias, eps)[..., -1, :], f(x, weight, bias, eps)[..., -1, :], atol=1e-3)


LAYER_NORM = Task(
    id="03.layer_norm",
    title="LayerNorm",
    difficulty=1,
    minutes=10,
    points=2,
    reference=layer_norm,
    cases=norm_cases,
    rtol=1e-4,
    atol=1e-3,
    forbid=("layer_norm", "native_layer_norm", "group_norm", "batch_norm", "instance_norm", "rms_norm"),
    mistakes=[
        Mistake(
            "unbiased",
            "You divide the squares by D - 1, which is what x.std() and x.var() do unless told otherwise. A norm "
            "describes these D numbers; it does not estimate from a sample. The mean of the squares is divided by D.",
            lambda x, weight, bias, eps: _by_hand(x, weight, bias, eps, unbiased=True),
        ),
        Mistake(
            "wrong-axis",
            "Mean and spread are taken over the tokens. Then what a token becomes depends on its neighbours, later "
            "ones too. Each vector is normalised by itself: over the last axis.",
            lambda x, weight, bias, eps: _by_hand(x, weight, bias, eps, dim=-2 if x.ndim > 1 else -1),
        ),
        Mistake(
            "whole-tensor",
            "One mean and one spread for the whole tensor, all texts of the batch in it. Each vector has its own.",
            lambda x, weight, bias, eps: _by_hand(x, weight, bias, eps, dim=tuple(range(x.ndim))),
        ),
        Mistake(
            "eps-outside",
            "eps is added to the standard deviation. It belongs under the root, to the variance: the slope of a root "
            "is infinite at 0, and a token without spread would have a gradient that is not a number.",
            _eps_outside,
        ),
        Mistake(
            "not-centred",
            "You divide, but the mean is still there: this is RMSNorm. LayerNorm subtracts the mean first.",
            lambda x, weight, bias, eps: x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight + bias,
        ),
        Mistake(
            "no-scale-and-shift",
            "The vectors are at their standard size; weight and bias are not used. They come last.",
            lambda x, weight, bias, eps: F.layer_norm(x, x.shape[-1:], None, None, eps),
        ),
        Mistake(
            "cancellation",
            "The variance as mean(x²) - mean(x)² is right on paper. With a mean of 1000 both are a million, float32 "
            "has seven digits, and their difference is noise. Subtract the mean first, then square.",
            _cancelled,
        ),
    ],
    properties=[
        Property("neighbours-count", "Another token changes, and this one's answer moves.", _each_alone),
        Property(
            "not-standard", "With weight 1 and bias 0 each vector should have mean 0 and mean square 1.", _standard
        ),
    ],
    variants=[_by_hand, _by_rows],
    hints=(
        "Which numbers go into one mean: those of a channel, of a token, or of a text?",
        "x.mean(dim=-1, keepdim=True) keeps the axis, so that it can be subtracted. The variance is the mean of the "
        "squares of what is left.",
        "centred  = x - mean of x over the last axis, axis kept\n"
        "variance = mean of centred squared over the last axis, axis kept\n"
        "return centred / root of (variance + eps), times weight, plus bias",
    ),
)
