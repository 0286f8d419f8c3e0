"""Tasks 07.attention_pooling and 07.repair_pooling: one vector of a text, and nothing of its padding in it."""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.layers.attention import scaled_dot_product_attention


def _lengths_mask(*lengths):
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def attention_cases(draw: Draw) -> list[Case]:
    """hidden (B, T, D), query (D,), mask (B, T): each text has a token."""
    return [
        Case("one text of two tokens", draw.normal(1, 2, 2), draw.normal(2), _lengths_mask(2)),
        Case("three texts in four places", draw.normal(3, 4, 2), draw.normal(2), _lengths_mask(2, 4, 1)),
        Case("as many texts as tokens and numbers", draw.normal(3, 3, 3), draw.normal(3), _lengths_mask(3, 1, 2)),
        Case("a mask with gaps", draw.normal(2, 5, 4), draw.normal(4, scale=3), draw.mask(2, 5)),
        Case("a query of zeros", draw.normal(2, 4, 3), torch.zeros(3), _lengths_mask(4, 2)),
        Case("large vectors", draw.normal(2, 4, 16, scale=4), draw.normal(16, scale=4), _lengths_mask(3, 4)),
    ]


def attention_pooling(hidden: Tensor, query: Tensor, mask: Tensor) -> Tensor:
    """The reference: attention with one query for all texts, and the tokens as keys and values."""
    one = query.expand(len(hidden), 1, -1)  # (B, 1, D)
    return scaled_dot_product_attention(one, hidden, hidden, mask[:, None])[:, 0]


def _pool(hidden, query, mask, power=0.5, fill=float("-inf"), dim=1):
    scores = (hidden @ query / query.shape[0] ** power).masked_fill(~mask, fill)
    return (scores.softmax(dim)[..., None] * hidden).sum(1)


def _mask_after(hidden, query, mask):
    shares = (hidden @ query / query.shape[0] ** 0.5).softmax(1) * mask
    return (shares[..., None] * hidden).sum(1)


def _no_softmax(hidden, query, mask):
    return ((hidden @ query / query.shape[0] ** 0.5 * mask)[..., None] * hidden).sum(1)


def _pool_by_einsum(hidden, query, mask):
    scores = torch.einsum("btd,d->bt", hidden, query) * query.numel() ** -0.5
    powers = torch.where(mask, (scores - scores.where(mask, -1e30).amax(1, keepdim=True)), -200.0).exp() * mask
    return torch.einsum("bt,btd->bd", powers / powers.sum(1, keepdim=True), hidden)


def _pool_by_loop(hidden, query, mask):
    texts = [text[seen] for text, seen in zip(hidden, mask, strict=True)]
    return torch.stack([(text @ query / len(query) ** 0.5).softmax(0) @ text for text in texts])


def _padding_is_nothing(f, hidden, query, mask) -> bool:
    filled = hidden.masked_fill(~mask[..., None], 7.0)
    return torch.allclose(f(filled, query, mask), f(hidden, query, mask), atol=1e-5)


def _zero_query_is_the_mean(f, hidden, query, mask) -> bool:
    means = torch.stack([text[seen].mean(0) for text, seen in zip(hidden, mask, strict=True)])
    return torch.allclose(f(hidden, torch.zeros_like(query), mask), means, rtol=1e-4, atol=1e-5)


ATTENTION_POOLING = Task(
    id="07.attention_pooling",
    title="One vector, by attention",
    difficulty=2,
    minutes=15,
    points=3,
    reference=attention_pooling,
    cases=attention_cases,
    rtol=1e-4,
    atol=1e-5,
    mistakes=[
        Mistake(
            "no-mask",
            "The padding gets a share, too: the mask is not used.",
            lambda hidden, query, mask: _pool(hidden, query, torch.ones_like(mask)),
        ),
        Mistake(
            "zero-score",
            "You set the scores of the padding to 0. But exp(0) is 1, a share like any other. Which score becomes 0?",
            lambda hidden, query, mask: _pool(hidden, query, mask, fill=0.0),
        ),
        Mistake(
            "mask-after",
            "You mask after the softmax: the shares of the tokens then sum to less than 1, the less the more padding "
            "there is.",
            _mask_after,
        ),
        Mistake(
            "no-scale",
            "The scores are not divided by sqrt(D).",
            lambda hidden, query, mask: _pool(hidden, query, mask, power=0.0),
        ),
        Mistake(
            "wrong-axis",
            "The shares sum to 1 over the texts of the batch. Each text shares out 1 among its own tokens.",
            lambda hidden, query, mask: _pool(hidden, query, mask, dim=0),
        ),
        Mistake(
            "no-softmax",
            "The scores weigh the tokens as they are. They become shares by a softmax over the tokens.",
            _no_softmax,
        ),
    ],
    properties=[
        Property(
            "padding-matters", "Change what stands in the padding, and no vector may change.", _padding_is_nothing
        ),
        Property(
            "not-the-mean",
            "With a query of zeros all tokens count the same: the answer is then the mean of the tokens that are seen.",
            _zero_query_is_the_mean,
        ),
    ],
    variants=[_pool_by_einsum, _pool_by_loop],
    hints=(
        "In attention each token asks its own question. Here there is one question for all texts: of which shape are "
        "its scores?",
        "hidden @ query is (B, T). Scale, fill with minus infinity where the mask is False, softmax over T; then the "
        "weighted sum over T.",
        "scores = hidden times query / sqrt(D)                 (B, T)\nminus infinity where the mask is False\n"
        "shares = softmax over the tokens                      (B, T)\n"
        "return the sum over the tokens of share times vector  (B, D)",
    ),
)


def mean_cases(draw: Draw) -> list[Case]:
    """hidden (B, T, D) and mask (B, T); the padding holds numbers, as after an encoder's biases and norms."""
    return [
        Case("two texts, of one and of three tokens", draw.normal(2, 3, 2), _lengths_mask(1, 3)),
        Case("no padding", draw.normal(2, 4, 3), _lengths_mask(4, 4)),
        Case("as many texts as numbers", draw.normal(3, 4, 3), _lengths_mask(2, 4, 1)),
        Case("a mask with gaps", draw.normal(4, 6, 5), draw.mask(4, 6)),
        Case("one token", draw.normal(1, 1, 4), _lengths_mask(1)),
    ]


def mean_pooling(hidden: Tensor, mask: Tensor) -> Tensor:
    """The reference: the mean over the tokens that are seen."""
    seen = mask[..., None].to(hidden.dtype)
    return (hidden * seen).sum(1) / seen.sum(1)


def _faulty(hidden, mask):
    return (hidden * mask[..., None]).mean(1)


def _no_company(f, hidden, mask) -> bool:
    """Whether a text's vector stays when the batch gets one more place of padding."""
    wider = torch.cat((hidden, torch.ones_like(hidden[:, :1])), dim=1)
    return torch.allclose(f(wider, torch.cat((mask, torch.zeros_like(mask[:, :1])), dim=1)), f(hidden, mask), atol=1e-5)


def _constant_stays(f, hidden, mask) -> bool:
    return torch.allclose(f(torch.full_like(hidden, 3.0), mask), torch.tensor(3.0), atol=1e-5)


REPAIR_POOLING = Task(
    id="07.repair_pooling",
    title="Find the bug: a text that depends on its neighbours",
    kind="bug",
    difficulty=2,
    minutes=10,
    points=3,
    reference=mean_pooling,
    cases=mean_cases,
    mistakes=[
        Mistake(
            "as-found",
            "This gives what the faulty function gives. Pool one text alone, and then beside a longer one. Its sum is "
            "the same both times; by what is it divided?",
            _faulty,
        ),
        Mistake(
            "no-mask",
            "Now the padding itself is averaged in. The multiplication by the mask was right.",
            lambda hidden, mask: hidden.mean(1),
        ),
        Mistake(
            "total-sum",
            "You divide by the number of tokens of the whole batch. Each text has its own.",
            lambda hidden, mask: (hidden * mask[..., None]).sum(1) / mask.sum(),
        ),
        Mistake(
            "no-division",
            "The sum of the tokens is not divided by anything: long texts get long vectors.",
            lambda hidden, mask: (hidden * mask[..., None]).sum(1),
        ),
        Mistake(
            "no-keepdim",
            "The sums are (B, D) and the counts (B,): broadcasting lines them up from the right, which fails, or, if "
            "B is D, divides number d by the length of text d.",
            lambda hidden, mask: (hidden * mask[..., None]).sum(1) / mask.sum(1),
        ),
    ],
    properties=[
        Property(
            "depends-on-company",
            "Give the batch one more place of padding, as a longer neighbour would: no vector may change.",
            _no_company,
        ),
        Property("not-a-mean", "Tokens that all are 3 have the mean 3, whatever the padding.", _constant_stays),
    ],
    variants=[
        lambda hidden, mask: torch.stack([text[seen].mean(0) for text, seen in zip(hidden, mask, strict=True)]),
        lambda hidden, mask: (mask.float() / mask.sum(1, keepdim=True))[:, None].bmm(hidden)[:, 0],
        lambda hidden, mask: hidden.masked_fill(~mask[..., None], float("nan")).nanmean(1),
    ],
    hints=(
        "A text of one token, alone and beside a text of three: which two vectors do you get for it, and how do they "
        "differ?",
        "hidden.mean(dim=1) divides by T, the length of the longest text of the batch. By how many tokens should "
        "text b be divided?",
        "seen = mask with an axis more                  (B, T, 1)\nsum of hidden times seen over the tokens       (B, "
        "D)\ndivided by the sum of seen over the tokens     (B, 1)",
    ),
)
