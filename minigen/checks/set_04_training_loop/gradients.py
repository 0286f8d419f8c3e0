"""Tasks 04.clip_gradients and 04.accumulated_gradient: what happens between backward and step."""

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task

IGNORED = -100


def clip_cases(draw: Draw) -> list[Case]:
    """Lists of gradients that are too long, short enough, zero, or of very different size."""
    small, large = draw.normal(2, 3, scale=0.01), draw.normal(4, scale=1000)
    return [
        Case("two gradients, too long", [torch.tensor([3.0, 0.0]), torch.tensor([[0.0], [4.0]])], 1.0),
        Case("short enough", [torch.tensor([0.3, 0.0]), torch.tensor([[0.0], [0.4]])], 1.0),
        Case("three of different shapes", [draw.normal(5), draw.normal(2, 3), draw.normal(1, 2, 2)], 0.5),
        Case("one of them is huge", [small, large], 1.0),
        Case("all zero", [torch.zeros(3), torch.zeros(2, 2)], 1.0),
        Case("one gradient", [draw.normal(4, scale=5)], 2.0),
    ]


def clip_gradients(gradients: list[Tensor], limit: float) -> tuple[list[Tensor], Tensor]:
    """The reference: torch's own clipping; its result, and the norm before it."""
    parameters = [torch.nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
    return [parameter.grad for parameter in parameters], norm


def _norm(gradients):
    return torch.cat([gradient.flatten() for gradient in gradients]).norm()


def _scaled(gradients, limit, norm):
    return [gradient * (limit / norm).clamp(max=1) for gradient in gradients], norm


def _by_sums(gradients, limit):
    norm = sum(float(gradient.square().sum()) for gradient in gradients) ** 0.5
    factor = limit / norm if norm > limit else 1.0
    return [factor * gradient for gradient in gradients], torch.tensor(norm)


def _short_enough(f, gradients: list[Tensor], limit: float) -> bool:
    return bool(_norm(f(gradients, limit)[0]) <= limit * 1.001)


def _same_direction(f, gradients: list[Tensor], limit: float) -> bool:
    clipped, before = (torch.cat([one.flatten() for one in some]) for some in (f(gradients, limit)[0], gradients))
    return bool(clipped @ before >= 0.999 * clipped.norm() * before.norm())


CLIP_GRADIENTS = Task(
    id="04.clip_gradients",
    title="Clip the whole gradient",
    difficulty=1,
    minutes=10,
    points=2,
    reference=clip_gradients,
    cases=clip_cases,
    rtol=1e-4,
    forbid=("clip_grad_norm", "clip_grads_with_norm", "get_total_norm"),
    mistakes=[
        Mistake(
            "each-alone",
            "Each tensor is clipped by its own norm. That changes the direction of the step: the norm is that of all "
            "gradients together.",
            lambda gradients, limit: ([_scaled([one], limit, one.norm())[0][0] for one in gradients], _norm(gradients)),
        ),
        Mistake(
            "clamped",
            "Each number is cut off at the limit. That changes the direction of the step; clipping by the norm makes "
            "all numbers smaller by one factor.",
            lambda gradients, limit: ([one.clamp(-limit, limit) for one in gradients], _norm(gradients)),
        ),
        Mistake(
            "always-rescaled",
            "A gradient that is short enough is made longer. Then each step has the same length, near the minimum too "
            "(and a gradient of zeros becomes NaN). The factor is at most 1.",
            lambda gradients, limit: ([one * (limit / _norm(gradients)) for one in gradients], _norm(gradients)),
        ),
        Mistake(
            "sum-of-norms",
            "The norms of the tensors are added up. Lengths at right angles do not add: it is their squares that do.",
            lambda gradients, limit: _scaled(gradients, limit, sum(one.norm() for one in gradients)),
        ),
        Mistake(
            "no-root",
            "You have the sum of the squares. The norm is its root.",
            lambda gradients, limit: _scaled(gradients, limit, _norm(gradients) ** 2),
        ),
        Mistake(
            "norm-after",
            "The gradients are right. The norm should be the one *before* clipping: it is what you want to plot.",
            lambda gradients, limit: (
                _scaled(gradients, limit, _norm(gradients))[0],
                _norm(_scaled(gradients, limit, _norm(gradients))[0]),
            ),
        ),
    ],
    properties=[
        Property("too-long", "After clipping the norm of all gradients should be at most the limit.", _short_enough),
        Property("direction", "Clipping makes a step shorter; it does not change where it leads.", _same_direction),
    ],
    variants=[_by_sums, lambda gradients, limit: _scaled(gradients, limit, _norm(gradients))],
    hints=(
        "Think of all gradients as one long vector: how long is it, and by which one number must it be multiplied?",
        "The sum of the squares of all numbers of all tensors; its root; the factor limit / norm, but never above 1.",
        "norm = root of the sum, over all tensors, of the sum of squares\n"
        "factor = limit / norm, at most 1\nreturn [factor times each gradient], norm",
    ),
)


def parts_cases(draw: Draw) -> list[Case]:
    """A weight (V, D) and parts of a batch: equally full, then unequal, then one without any target that counts."""

    def part(count: int, ignored: int = 0) -> tuple[Tensor, Tensor]:
        targets = draw.integers(0, 3, count)
        targets[:ignored] = IGNORED
        return draw.normal(count, 3), targets

    return [
        Case("two parts of two", draw.normal(4, 3), [part(2), part(2)]),
        Case("one part", draw.normal(4, 3), [part(3)]),
        Case("parts of different size", draw.normal(4, 3), [part(5), part(1), part(2)]),
        Case("equal size, one of them mostly padding", draw.normal(4, 3), [part(5), part(5, ignored=4)]),
        Case("a part of padding alone", draw.normal(4, 3), [part(2), part(3, ignored=3), part(4, ignored=1)]),
    ]


def accumulated_gradient(weight: Tensor, parts: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The reference: one large batch."""
    weight = weight.clone().requires_grad_()
    x, targets = (torch.cat(some) for some in zip(*parts, strict=True))
    (gradient,) = torch.autograd.grad(F.cross_entropy(x @ weight.mT, targets, ignore_index=IGNORED), weight)
    return gradient


def _each(weight, parts, reduction="sum"):
    """The gradient of each part."""
    weight = weight.clone().requires_grad_()
    losses = [F.cross_entropy(x @ weight.mT, targets, reduction=reduction) for x, targets in parts]
    return torch.stack([torch.autograd.grad(loss, weight)[0] for loss in losses])


def _count(parts):
    return sum(int((targets != IGNORED).sum()) for _, targets in parts)


def _by_formula(weight, parts):
    total = torch.zeros_like(weight)
    for x, targets in parts:
        kept = targets != IGNORED
        error = (x[kept] @ weight.mT).softmax(1) - F.one_hot(targets[kept], len(weight))
        total = total + error.mT @ x[kept]
    return total / _count(parts)


def _same_for_other_parts(f, weight: Tensor, parts: list[tuple[Tensor, Tensor]]) -> bool:
    """Whether it matters not how the batch was cut up: each prediction a part of its own."""
    singles = [(x[n : n + 1], targets[n : n + 1]) for x, targets in parts for n in range(len(targets))]
    return torch.allclose(f(weight, singles), f(weight, parts), rtol=1e-3, atol=1e-5)


ACCUMULATED_GRADIENT = Task(
    id="04.accumulated_gradient",
    title="A large batch in small parts",
    difficulty=2,
    minutes=15,
    points=3,
    reference=accumulated_gradient,
    cases=parts_cases,
    rtol=1e-4,
    atol=1e-5,
    mistakes=[
        Mistake(
            "mean-of-means",
            "Each part's loss is a mean, and the means are averaged. A target in a short part then counts more than "
            "one in a full part (and a part without targets gives 0 / 0). Sum up, and divide once.",
            lambda weight, parts: _each(weight, parts, "mean").mean(0),
        ),
        Mistake(
            "sum-of-means",
            "The gradients of the parts' means are added up: twice as many parts, twice as long a step.",
            lambda weight, parts: _each(weight, parts, "mean").sum(0),
        ),
        Mistake(
            "not-divided",
            "This is the gradient of the sum of all losses. It is to be that of their mean.",
            lambda weight, parts: _each(weight, parts).sum(0),
        ),
        Mistake(
            "last-part-only",
            "Only the last part is left: the gradient is cleared, or written over, for each part. Clear it once, "
            "before the first.",
            lambda weight, parts: _each(weight, parts)[-1] / _count(parts),
        ),
        Mistake(
            "counts-all",
            "You divide by the number of all targets; those of -100 count for nothing.",
            lambda weight, parts: _each(weight, parts).sum(0) / sum(len(targets) for _, targets in parts),
        ),
        Mistake(
            "divided-by-parts",
            "The sum of all losses is divided by the number of parts. It is the number of targets that makes a mean.",
            lambda weight, parts: _each(weight, parts).mean(0),
        ),
    ],
    properties=[
        Property(
            "depends-on-the-cut",
            "The same predictions in other parts should give the same gradient.",
            _same_for_other_parts,
        ),
    ],
    variants=[accumulated_gradient, _by_formula],
    hints=(
        "Ten targets in one part, one target in the other: how much should each of the eleven count?",
        "F.cross_entropy(..., reduction='sum') of each part, and .backward(), which adds to .grad. Count the targets "
        "that are not -100 on the way.",
        "weight = a copy that requires a gradient; count = 0\n"
        "for each part:\n"
        "    the sum of its losses, backward (gradients add up)\n"
        "    count += number of targets that are not -100\n"
        "return the gradient / count",
    ),
)
