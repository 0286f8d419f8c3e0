"""Task 08.repair_lora: how a change as a product of two thin matrices must begin."""

import torch
from torch import Tensor, nn

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.layers.lora import LoRALinear

SAME = "that of the pretrained matrix"


def layer_cases(draw: Draw) -> list[Case]:
    """W, bias or None, rank, alpha, x, and values for A and B."""

    def case(note: str, out: int, inside: int, rank: int, bias: bool = True) -> Case:
        thin = draw.normal(rank, inside), draw.normal(out, rank)
        values = draw.normal(out, inside), draw.normal(out) if bias else None
        return Case(note, *values, rank, 2.0 * rank + 1, draw.normal(2, 3, inside), *thin)

    return [
        case("rank 1", 4, 3, 1),
        case("rank 2 of a square matrix", 5, 5, 2),
        case("no bias", 6, 4, 3, bias=False),
        case("wide", 4, 100, 4),
    ]


def _beside(y, before):
    """In words, since what is drawn differs from one layer to another."""
    if torch.allclose(y, before, rtol=1e-4, atol=1e-6):
        return SAME
    return "near it" if (y - before).norm() < 0.2 * before.norm() else "another one"


def use_layer(
    make: type, weight: Tensor, bias: Tensor | None, rank: int, alpha: float, x: Tensor, *thin: Tensor
) -> dict:
    """What a layer does: as it begins, in its first gradient, and with given A and B."""
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)  # so that two layers that draw alike are alike
        linear.weight.copy_(weight)
        if bias is not None:
            linear.bias.copy_(bias)
        before = linear(x)
        layer = make(linear, rank, alpha)
    y = layer(x)
    learning = {name: one for name, one in layer.named_parameters() if one.requires_grad}
    if learning:
        (y * torch.linspace(-1, 1, y.numel()).view(y.shape)).sum().backward()
    gradients = [one.grad for name, one in learning.items() if name in ("a", "b") and one.grad is not None]
    found = {
        "what learns": sorted(learning),
        "output at first": _beside(y, before),
        "a begins larger than 6": bool(layer.a.abs().max() > 6),
        "a or b gets a gradient": any(bool(gradient.abs().max() > 0) for gradient in gradients),
    }
    with torch.no_grad():
        layer.a.copy_(thin[0])
        layer.b.copy_(thin[1])
        return found | {"output with given A and B": layer(x)}


class _AsFound(nn.Module):
    """The faulty layer of the notebook, with what it begins with left open."""

    spread_a, spread_b, frozen, scaled = 1.0, 1.0, True, True

    def __init__(self, linear: nn.Linear, rank: int, alpha: float):
        super().__init__()
        self.linear = linear.requires_grad_(not self.frozen)
        self.scale = alpha / rank if self.scaled else 1.0
        self.a = nn.Parameter(self.spread_a * torch.randn(rank, linear.in_features) * linear.in_features**-0.5)
        self.b = nn.Parameter(self.spread_b * torch.randn(linear.out_features, rank) * rank**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + self.scale * (x @ self.a.T @ self.b.T)


class _Repaired(_AsFound):
    spread_b = 0.0


class _BothZero(_Repaired):
    spread_a = 0.0


class _SmallStart(_AsFound):
    spread_b = 0.01


class _NotFrozen(_Repaired):
    frozen = False


class _NoScale(_Repaired):
    scaled = False


class _FixedB(_Repaired):
    def __init__(self, linear: nn.Linear, rank: int, alpha: float):
        super().__init__(linear, rank, alpha)
        self.b.requires_grad_(False)


class _AZero(_AsFound):
    """The other road: A begins at zero, and B is drawn."""

    spread_a = 0.0


REPAIR_LORA = Task(
    id="08.repair_lora",
    title="Find the bug: the first step of LoRA",
    kind="bug",
    difficulty=2,
    minutes=15,
    points=3,
    reference=LoRALinear,
    cases=layer_cases,
    call=use_layer,
    rtol=1e-4,
    atol=1e-5,
    mistakes=[
        Mistake(
            "as-found",
            "This begins as the faulty layer does: before the first step the output differs from that of the "
            "pretrained matrix. What is B A at the beginning?",
            _AsFound,
        ),
        Mistake(
            "both-zero",
            "Nothing changes at first, and nothing ever will: the gradient of B is a product with A, and that of A a "
            "product with B. If both are zero, so are both gradients. One of them must not be.",
            _BothZero,
        ),
        Mistake(
            "small-start",
            "A small change is a change: over six layers of four matrices it adds up. B A can be exactly zero.",
            _SmallStart,
        ),
        Mistake(
            "not-frozen",
            "The pretrained matrix learns, too. Then nothing is saved: its gradient and its optimiser state are as "
            "large as in full fine-tuning.",
            _NotFrozen,
        ),
        Mistake(
            "no-scale",
            "The start is right, but the scale alpha / r got lost on the way.",
            _NoScale,
        ),
        Mistake(
            "fixed-b",
            "B stays at zero for ever: it gets no gradient. It begins at zero and *learns*, as an nn.Parameter.",
            _FixedB,
        ),
    ],
    properties=[
        Property(
            "changes-at-first",
            "Before the first step, the layer should give exactly what the pretrained matrix gives.",
            lambda f, *args: f(*args)["output at first"] == SAME,
        ),
        Property(
            "begins-too-large",
            "A begins with very large numbers, so that the first step of B changes the output by much. A spread of "
            "1 / sqrt(in) keeps x A^T as large as x.",
            lambda f, *args: not f(*args)["a begins larger than 6"],
        ),
        Property(
            "never-learns",
            "After one backward pass A or B should have a gradient that is not zero.",
            lambda f, *args: f(*args)["a or b gets a gradient"],
        ),
        Property(
            "learns-something-else",
            "What learns is a and b, by these names, and nothing else.",
            lambda f, *args: f(*args)["what learns"] == ["a", "b"],
        ),
    ],
    variants=[_Repaired, _AZero],
    hints=(
        "With which output does a pretrained model begin, if something random is added to each of its matrices?",
        "B A is to be zero at first. For that one of the two is zero; what are the gradients of A and of B, if both "
        "are?",
        "A: random, (r, in), spread 1 / sqrt(in)\nB: zeros, (out, r), a parameter all the same",
    ),
)
