"""Tasks 02.softmax and 02.attention: scores become shares, shares mix values."""

import torch
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.layers.attention import scaled_dot_product_attention


def softmax_cases(draw: Draw) -> list[Case]:
    """Small, several axes, then scores that overflow or underflow where no care is taken."""
    far = torch.stack((draw.normal(3) + 1000, draw.normal(3) - 1000))
    return [
        Case("two rows, last axis", draw.normal(2, 3), -1),
        Case("a square, first axis", draw.normal(3, 3), 0),
        Case("three axes, the middle one", draw.normal(2, 4, 3, scale=3), 1),
        Case("large scores", draw.normal(2, 3) + 200, -1),
        Case("a row of large scores above a row of very negative ones", far, -1),
        Case("a score of minus infinity, as a mask leaves it", torch.tensor([[0.0, float("-inf"), 1.0]]), 1),
        Case("a single score", draw.normal(4, 1), -1),
    ]


def _sums_to_one(f, x: Tensor, dim: int) -> bool:
    sums = f(x, dim).sum(dim)
    return bool(torch.isclose(sums, torch.ones_like(sums), atol=1e-5).all())


def _softmax_in_logs(x, dim):
    shifted = x - x.max(dim=dim, keepdim=True).values
    return (shifted - shifted.exp().sum(dim, keepdim=True).log()).exp()


def _softmax_by_einops(x, dim):
    x = x.movedim(dim, 0)
    powers = torch.stack([(row - x.amax(0)).exp() for row in x])
    return (powers / powers.sum(0)).movedim(0, dim)


SOFTMAX = Task(
    id="02.softmax",
    title="A softmax that survives large scores",
    difficulty=1,
    minutes=10,
    points=2,
    reference=torch.softmax,
    cases=softmax_cases,
    forbid=("softmax", "log_softmax", "softmin", "logsumexp"),
    mistakes=[
        Mistake(
            "overflow",
            "Small scores are right, large ones give NaN: exp(200) is infinity in float32. Adding the "
            "same number to all "
            "scores of a row does not change the shares. Which number makes the largest exponent zero?",
            lambda x, dim: x.exp() / x.exp().sum(dim, keepdim=True),
        ),
        Mistake(
            "global-max",
            "You subtract the largest score of the whole tensor. A row that lies far below it then has only zeros, and "
            "0 / 0 is NaN. Each row needs its own largest score.",
            lambda x, dim: (x - x.max()).exp() / (x - x.max()).exp().sum(dim, keepdim=True),
        ),
        Mistake(
            "wrong-axis",
            "The shares always sum to 1 along the last axis, whatever `dim` says.",
            lambda x, dim: torch.softmax(x, -1),
        ),
        Mistake(
            "no-keepdim",
            "A sum over an axis drops it, and broadcasting then pairs the wrong numbers, or fails. keepdim=True keeps "
            "the axis with length 1.",
            lambda x, dim: (x - x.amax(dim, keepdim=True)).exp() / (x - x.amax(dim, keepdim=True)).exp().sum(dim),
        ),
        Mistake(
            "total-sum",
            "You divide by the sum of all numbers. Each row (along `dim`) is a distribution by itself.",
            lambda x, dim: (x - x.amax(dim, keepdim=True)).exp() / (x - x.amax(dim, keepdim=True)).exp().sum(),
        ),
    ],
    properties=[
        Property("sums-to-one", "The shares along `dim` should sum to 1.", _sums_to_one),
        Property("not-negative", "A share is never below 0.", lambda f, x, dim: bool((f(x, dim) >= 0).all())),
    ],
    variants=[_softmax_in_logs, _softmax_by_einops],
    hints=(
        "What happens to the shares if you add 5 to every score of a row? And what is exp(200) in float32?",
        "Subtract each row's own largest score before exp: x.amax(dim, keepdim=True). Then divide by the "
        "sum along `dim`, "
        "with keepdim=True.",
        "largest = maximum of x along dim, axis kept\npowers  = exp(x - largest)\nreturn powers / sum of "
        "powers along dim, axis kept",
    ),
)


def attention_cases(draw: Draw) -> list[Case]:
    """More keys than queries, other widths for values, batch axes, and scores that need the scale."""
    # Whole numbers where vectors are large: each way to sum them is exact, and no right answer fails by rounding.
    large = draw.normal(2, 3, 16, scale=30).round(), draw.normal(2, 5, 16, scale=30).round()
    return [
        Case("two queries, three keys", draw.normal(2, 4), draw.normal(3, 4), draw.normal(3, 2)),
        Case("as many keys as queries", draw.normal(3, 3), draw.normal(3, 3), draw.normal(3, 3)),
        Case("a batch with heads", draw.normal(2, 3, 4, 5), draw.normal(2, 3, 6, 5), draw.normal(2, 3, 6, 7)),
        Case("one key", draw.normal(2, 3, 4), draw.normal(2, 1, 4), draw.normal(2, 1, 4)),
        Case("large vectors", *large, draw.normal(2, 5, 3)),
    ]


def _attend(q, k, v, scale, dim=-1):
    return (q @ k.mT / scale).softmax(dim) @ v


def _attention_by_loop(q, k, v):
    rows = []
    for t in range(q.shape[-2]):
        scores = (q[..., t : t + 1, :] * k).sum(-1) * q.shape[-1] ** -0.5
        rows.append((scores.softmax(-1)[..., None] * v).sum(-2))
    return torch.stack(rows, dim=-2)


def _attention_by_einsum(q, k, v):
    scores = torch.einsum("...td,...sd->...ts", q, k) / q.shape[-1] ** 0.5
    return torch.einsum("...ts,...sd->...td", scores.softmax(-1), v)


def _same_for_shuffled_keys(f, q, k, v) -> bool:
    assert_close(f(q, k.flip(-2), v.flip(-2)), f(q, k, v), rtol=1e-4, atol=1e-5)
    return True


def _within_the_values(f, q, k, v) -> bool:
    answer = f(q, k, v)
    low, high = v.amin(-2, keepdim=True) - 1e-4, v.amax(-2, keepdim=True) + 1e-4
    return bool(((answer >= low) & (answer <= high)).all())


ATTENTION = Task(
    id="02.attention",
    title="Scaled dot-product attention",
    difficulty=2,
    minutes=10,
    points=3,
    reference=scaled_dot_product_attention,
    cases=attention_cases,
    rtol=1e-4,
    atol=1e-5,
    forbid=("scaled_dot_product_attention", "multi_head_attention_forward"),
    mistakes=[
        Mistake("no-scale", "The scores are not divided by sqrt(Dh).", lambda q, k, v: _attend(q, k, v, 1)),
        Mistake(
            "no-root",
            "The scores are divided by Dh. The standard deviation of a dot product of Dh terms is sqrt(Dh).",
            lambda q, k, v: _attend(q, k, v, q.shape[-1]),
        ),
        Mistake(
            "scale-by-length",
            "You divide by the root of the number of keys. It is the width of the vectors, q.shape[-1], that counts.",
            lambda q, k, v: _attend(q, k, v, k.shape[-2] ** 0.5),
        ),
        Mistake(
            "wrong-axis",
            "The shares sum to 1 over the queries. Each query shares out its attention among the keys: the last axis.",
            lambda q, k, v: _attend(q, k, v, q.shape[-1] ** 0.5, dim=-2),
        ),
        Mistake(
            "no-softmax",
            "The scores go into the mean as they are. They become shares by a softmax over the keys.",
            lambda q, k, v: (q @ k.mT / q.shape[-1] ** 0.5) @ v,
        ),
        Mistake(
            "scale-after",
            "You divide after the softmax. The scale belongs to the scores, before it; shares must sum to 1.",
            lambda q, k, v: (q @ k.mT).softmax(-1) / q.shape[-1] ** 0.5 @ v,
        ),
    ],
    properties=[
        Property(
            "not-a-mean",
            "An answer is a weighted mean of the values, so it lies between the smallest and the largest of them.",
            _within_the_values,
        ),
        Property(
            "order-matters",
            "Attention does not know an order: shuffle the keys together with their values, and nothing changes.",
            _same_for_shuffled_keys,
        ),
    ],
    variants=[_attention_by_loop, _attention_by_einsum],
    hints=(
        "Which two shapes must meet to give one score for each pair of a query and a key, (..., T, S)?",
        "scores = q @ k.mT, where .mT swaps the last two axes alone; then the scale, then a softmax over "
        "the last axis.",
        "scores = q times k transposed, divided by sqrt(last axis of q)    (..., T, S)\n"
        "shares = softmax of scores over the keys                            (..., T, S)\n"
        "return shares times v                                               (..., T, Dv)",
    ),
)
