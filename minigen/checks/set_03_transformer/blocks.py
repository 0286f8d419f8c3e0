"""Task 03.transformer_block: the wiring, and the half of a block in which each token thinks alone."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def block_cases(draw: Draw) -> list[Case]:
    """x, scales of the two norms, the shares of a head that always looks the same way, and the two matrices."""

    def case(note: str, batch: int, length: int, width: int, hidden: int) -> Case:
        shares = draw.normal(length, length).tril() + torch.eye(length)
        scales = [draw.uniform(width, low=0.5, high=2.0) for _ in range(2)]
        up, down = draw.normal(hidden, width, scale=width**-0.5), draw.normal(width, hidden, scale=hidden**-0.5)
        return Case(note, draw.normal(batch, length, width, scale=2), scales[0], shares, scales[1], up, down)

    return [
        case("one text, two tokens", 1, 2, 3, 4),
        case("a batch", 2, 4, 6, 12),
        case("hidden part as wide as the model", 3, 2, 5, 5),
        case("one token", 2, 1, 4, 16),
    ]


def with_parts(
    f: Callable, x: Tensor, scale_1: Tensor, shares: Tensor, scale_2: Tensor, up: Tensor, down: Tensor
) -> Tensor:
    """Builds the parts that the block is given: two norms with different scales, and something that mixes tokens."""
    norms = [partial(F.layer_norm, normalized_shape=x.shape[-1:], weight=scale) for scale in (scale_1, scale_2)]
    return f(x, norms[0], partial(torch.matmul, shares), norms[1], up, down)


def transformer_block(
    x: Tensor, norm_1: Callable, attend: Callable, norm_2: Callable, w_up: Tensor, w_down: Tensor
) -> Tensor:
    """The reference: pre-norm, squared ReLU."""
    x = x + attend(norm_1(x))
    return x + torch.relu(norm_2(x) @ w_up.mT).square() @ w_down.mT


def _think(x, w_up, w_down, bend=lambda h: torch.relu(h).square()):
    return bend(x @ w_up.mT) @ w_down.mT


def _post_norm(x, norm_1, attend, norm_2, w_up, w_down):
    x = norm_1(x + attend(x))
    return norm_2(x + _think(x, w_up, w_down))


def _norm_in_stream(x, norm_1, attend, norm_2, w_up, w_down):
    x = norm_1(x)
    x = x + attend(x)
    x = norm_2(x)
    return x + _think(x, w_up, w_down)


def _parallel(x, norm_1, attend, norm_2, w_up, w_down):
    return x + attend(norm_1(x)) + _think(norm_2(x), w_up, w_down)


def _bent(bend):
    def _block(x, norm_1, attend, norm_2, w_up, w_down):
        x = x + attend(norm_1(x))
        return x + _think(norm_2(x), w_up, w_down, bend)

    return _block


def _no_residual(x, norm_1, attend, norm_2, w_up, w_down):
    return _think(norm_2(attend(norm_1(x))), w_up, w_down)


def _one_residual(x, norm_1, attend, norm_2, w_up, w_down):
    return _think(norm_2(x + attend(norm_1(x))), w_up, w_down)


def _by_einsum(x, norm_1, attend, norm_2, w_up, w_down):
    middle = x.add(attend(norm_1(x)))
    hidden = F.linear(norm_2(middle), w_up).clamp(min=0) ** 2
    return torch.einsum("bth,dh->btd", hidden, w_down) + middle


def _identity(f, x: Tensor, scale_1: Tensor, shares: Tensor, scale_2: Tensor, up: Tensor, down: Tensor) -> bool:
    """Whether parts that say nothing leave x as it is."""
    return torch.allclose(f(x, scale_1, torch.zeros_like(shares), scale_2, up, torch.zeros_like(down)), x)


TRANSFORMER_BLOCK = Task(
    id="03.transformer_block",
    title="A block: exchange, then think",
    difficulty=2,
    minutes=15,
    points=3,
    reference=transformer_block,
    cases=block_cases,
    call=with_parts,
    rtol=1e-4,
    atol=1e-4,
    mistakes=[
        Mistake(
            "post-norm",
            "The norms stand behind the sums: norm(x + f(x)), the wiring of 2017. The stream is then cut by every "
            "norm. In pre-norm a part reads a normalised copy, and what it finds is added to x itself.",
            _post_norm,
        ),
        Mistake(
            "norm-in-stream",
            "x is replaced by its norm, and the sum is made with that. The norm is for what the part *reads*; the "
            "stream goes on as it was.",
            _norm_in_stream,
        ),
        Mistake(
            "no-residual",
            "Each part replaces x. It should be added to x: without that, signal and gradient die out with the depth.",
            _no_residual,
        ),
        Mistake(
            "one-residual",
            "Attention is added to the stream; the feed-forward part replaces it. Both are added.",
            _one_residual,
        ),
        Mistake(
            "parallel",
            "Both parts read the old x. That is a design of its own (PaLM's), but here the feed-forward part should "
            "think about what attention has just brought.",
            _parallel,
        ),
        Mistake(
            "no-bend",
            "Two products with nothing between them are one product. Where is the squared ReLU?",
            _bent(lambda h: h),
        ),
        Mistake("not-squared", "This is ReLU. The task asks for its square.", _bent(torch.relu)),
    ],
    properties=[
        Property(
            "not-the-identity",
            "If both parts say nothing (all zeros), x should leave the block as it came: the stream is interrupted.",
            _identity,
        ),
    ],
    variants=[_by_einsum],
    hints=(
        "If attention and w_down were all zeros: what should come out of the block?",
        "Twice the same pattern: x = x + part(norm(x)). The second part is up, bend, down; the matrices are (out, in), "
        "as nn.Linear keeps them.",
        "x = x + attend(norm_1(x))\n"
        "hidden = norm_2(x) times w_up transposed       (B, T, F)\n"
        "hidden = square of (hidden, but 0 where it is negative)\n"
        "return x + hidden times w_down transposed",
    ),
)
