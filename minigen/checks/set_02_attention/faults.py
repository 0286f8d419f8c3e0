"""Tasks 02.repair_leak and 02.why_scale: a fault without a noise, and a question to answer in words."""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task, Written
from minigen.layers.attention import scaled_dot_product_attention
from minigen.layers.masks import causal_mask


def leak_cases(draw: Draw) -> list[Case]:
    """Self-attention of small texts."""
    return [
        Case("three tokens", draw.normal(3, 2), draw.normal(3, 2), draw.normal(3, 2)),
        Case("a batch with heads", draw.normal(2, 2, 5, 4), draw.normal(2, 2, 5, 4), draw.normal(2, 2, 5, 4)),
        Case("one token", draw.normal(1, 4), draw.normal(1, 4), draw.normal(1, 4)),
    ]


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The reference: each query sees the keys at its own position and before."""
    return scaled_dot_product_attention(q, k, v, causal_mask(q.shape[-2]))


def _as_found(q, k, v, dim=-2, fill=float("-inf"), offset=0):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1 + offset)
    return scores.masked_fill(hidden, fill).softmax(dim=dim) @ v


def _does_not_leak(f, q, k, v) -> bool:
    """Whether the first outputs stay, when the last token's query, key and value change."""
    changed = [x.clone() for x in (q, k, v)]
    for x in changed:
        x[..., -1, :] += 1
    return torch.allclose(f(q, k, v)[..., :-1, :], f(*changed)[..., :-1, :], atol=1e-5)


def _first_sees_itself(f, q, k, v) -> bool:
    return torch.allclose(f(q, k, v)[..., 0, :], v[..., 0, :], atol=1e-5)


def _row_by_row(q, k, v):
    rows = []
    for t in range(q.shape[-2]):
        scores = torch.einsum("...d,...sd->...s", q[..., t, :], k[..., : t + 1, :]) / q.shape[-1] ** 0.5
        rows.append(torch.einsum("...s,...sd->...d", scores.softmax(-1), v[..., : t + 1, :]))
    return torch.stack(rows, dim=-2)


REPAIR_LEAK = Task(
    id="02.repair_leak",
    title="Find the bug: a model that cheats",
    kind="bug",
    difficulty=2,
    minutes=15,
    points=3,
    reference=causal_attention,
    cases=leak_cases,
    rtol=1e-4,
    atol=1e-5,
    forbid=("scaled_dot_product_attention",),
    mistakes=[
        Mistake(
            "as-found",
            "This gives what the faulty function gives. Change the last token and print the outputs "
            "before it: which of "
            "them move, and by which line do they get to know?",
            _as_found,
        ),
        Mistake(
            "no-mask",
            "The shares sum to 1 over the keys now, but nothing is hidden any more.",
            lambda q, k, v: scaled_dot_product_attention(q, k, v),
        ),
        Mistake(
            "hides-itself",
            "The mask was right before: it is the diagonal above the main one at which hiding begins.",
            lambda q, k, v: _as_found(q, k, v, dim=-1, offset=-1),
        ),
        Mistake(
            "soft-mask",
            "A forbidden score of 0 is no wall: exp(0) is 1.",
            lambda q, k, v: _as_found(q, k, v, dim=-1, fill=0.0),
        ),
    ],
    properties=[
        Property(
            "still-leaks", "Change the last token, and an earlier output changes: it still leaks.", _does_not_leak
        ),
        Property("first-token", "The first token sees itself alone: its answer is its own value.", _first_sees_itself),
    ],
    variants=[_row_by_row],
    hints=(
        "The mask hides the future, and still the future gets through. Which number of an early row "
        "depends on later rows?",
        "Print the shares of a text of three tokens, and their sums along each axis. Which of them should be 1?",
        "scores, scaled\nminus infinity above the diagonal\nsoftmax over the keys: the last axis\ntimes v",
    ),
)

WHY_SCALE = Written(
    id="02.why_scale",
    title="Why divide by the root of the width?",
    difficulty=2,
    minutes=5,
    points=2,
    hints=(
        "What is the variance of a sum of Dh independent products, each with variance 1?",
        "Follow it into the softmax: what do scores with a large spread do to the shares, and what is the slope there?",
        "spread of q . k for width Dh -> size of the scores -> shape of the softmax -> size of the gradient",
    ),
)
