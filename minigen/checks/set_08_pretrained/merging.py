"""Task 08.merge_lora: two thin matrices become a part of the large one."""

import torch
from torch import Tensor, nn

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.layers.lora import LoRALinear


def merge_cases(draw: Draw) -> list[Case]:
    """W (out, in), A (r, in), B (out, r), alpha."""

    def case(note: str, out: int, inside: int, rank: int, alpha: float) -> Case:
        return Case(note, draw.normal(out, inside), draw.normal(rank, inside), draw.normal(out, rank), alpha)

    return [
        case("rank 1", 2, 3, 1, 2.0),
        case("rank 2 beside a square matrix", 4, 4, 2, 8.0),
        case("wide", 3, 7, 3, 16.0),
        case("tall", 6, 3, 2, 1.0),
        Case("nothing learned yet", draw.normal(3, 3), draw.normal(2, 3), torch.zeros(3, 2), 16.0),
        case("a full rank", 3, 3, 3, 4.0),
    ]


def merge_lora(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """The reference: what the package's layer has for its weight."""
    with torch.no_grad():
        layer = LoRALinear(nn.Linear(weight.shape[1], weight.shape[0], bias=False), len(a), alpha)
        for parameter, values in ((layer.linear.weight, weight), (layer.a, a), (layer.b, b)):
            parameter.copy_(values)
        return layer.merged().weight.detach()


def _scaled(key: str, hint: str, scale) -> Mistake:
    return Mistake(key, hint, lambda w, a, b, alpha: w + scale(w, a, alpha) * (b @ a))


def _computes_the_same(f, w, a, b, alpha) -> bool:
    x = torch.eye(w.shape[1])
    beside = x @ w.T + alpha / len(a) * (x @ a.T @ b.T)
    return torch.allclose(x @ f(w, a, b, alpha).T, beside, rtol=1e-4, atol=1e-5)


def _sum_of_products(w, a, b, alpha):
    return w + alpha / len(a) * sum(torch.outer(b[:, r], a[r]) for r in range(len(a)))


MERGE_LORA = Task(
    id="08.merge_lora",
    title="Merge what LoRA learned",
    difficulty=1,
    minutes=10,
    points=2,
    reference=merge_lora,
    cases=merge_cases,
    rtol=1e-4,
    atol=1e-5,
    mistakes=[
        _scaled("no-scale", "The product is not scaled by alpha / r.", lambda w, a, alpha: 1.0),
        _scaled(
            "no-rank",
            "You scale by alpha. It is divided by the rank, so that another rank needs no other rate.",
            lambda w, a, alpha: alpha,
        ),
        _scaled("inverted", "You scale by r / alpha: the wrong way round.", lambda w, a, alpha: len(a) / alpha),
        _scaled(
            "scale-by-width",
            "You divide alpha by the width. The rank is the number of *rows* of A.",
            lambda w, a, alpha: alpha / a.shape[1],
        ),
        Mistake(
            "not-added",
            "This is the change alone. The merged matrix is W plus the change.",
            lambda w, a, b, alpha: alpha / len(a) * (b @ a),
        ),
        Mistake(
            "wrong-order",
            "The product is the wrong way round: A^T B^T is (in, out). W is (out, in); with a square W nobody notices.",
            lambda w, a, b, alpha: w + alpha / len(a) * (a.mT @ b.mT),
        ),
        Mistake(
            "all-scaled",
            "You scale W, too. What was pretrained stays as it is.",
            lambda w, a, b, alpha: alpha / len(a) * (w + b @ a),
        ),
    ],
    properties=[
        Property(
            "not-the-same",
            "x times the merged matrix should be what W and the two thin matrices give side by side.",
            _computes_the_same,
        )
    ],
    variants=[_sum_of_products, lambda w, a, b, alpha: torch.einsum("or,ri->oi", b, a * (alpha / len(a))) + w],
    hints=(
        "Of which shape are B A and A B, and which of them can be added to W?",
        "The rank r is len(a). One line: W, plus alpha / r times b @ a.",
        "rank = number of rows of A\nreturn W + (alpha / rank) times (B times A)      (out, in)",
    ),
)
