"""Task 05.top_k: only the likeliest tokens stay in the race."""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task

MINUS_INFINITY = float("-inf")


def top_k_cases(draw: Draw) -> list[Case]:
    """By hand, batches, one token, all tokens, more than there are."""
    return [
        Case("five tokens, two stay", torch.tensor([[2.0, -1.0, 0.5, 3.0, 1.0]]), 2),
        Case("rows of different heights", draw.normal(3, 5) + torch.tensor([[0.0], [20.0], [-20.0]]), 3),
        Case("several axes", draw.normal(2, 3, 6), 4),
        Case("only the likeliest", draw.normal(2, 4), 1),
        Case("all of them", draw.normal(2, 4), 4),
        Case("k is larger than the vocabulary", draw.normal(3, 4), 50),
        Case("one row", draw.normal(9), 5),
        Case("a large vocabulary", draw.normal(2, 200), 40),
    ]


def top_k(logits: Tensor, k: int) -> Tensor:
    """The reference: minus infinity for what is below the k-th largest of its row."""
    return _top_k(logits, k)


def _top_k(logits, k, out=MINUS_INFINITY, largest=True, below=torch.lt):
    ordered = logits.sort(dim=-1, descending=largest).values
    edge = ordered[..., min(k, logits.shape[-1]) - 1, None]
    return logits.masked_fill(below(logits, edge) if largest else logits > edge, out)


def _by_threshold_of_all(logits, k):
    rows = logits.flatten().sort(descending=True).values
    return logits.masked_fill(logits < rows[min(k, logits.shape[-1]) - 1], MINUS_INFINITY)


def _by_places(logits, k):
    values, places = logits.topk(min(k, logits.shape[-1]), dim=-1)
    return torch.full_like(logits, MINUS_INFINITY).scatter(-1, places, values)


def _by_rank(logits, k):
    ranks = logits.argsort(dim=-1, descending=True).argsort(dim=-1)
    return torch.where(ranks < k, logits, MINUS_INFINITY)


def _keeps_k(f, logits: Tensor, k: int) -> bool:
    return bool((f(logits, k).isfinite().sum(-1) == min(k, logits.shape[-1])).all())


def _keeps_the_likeliest(f, logits: Tensor, k: int) -> bool:
    return torch.equal(f(logits, k).argmax(-1), logits.argmax(-1))


TOP_K = Task(
    id="05.top_k",
    title="Only the k likeliest",
    difficulty=1,
    minutes=10,
    points=2,
    reference=top_k,
    cases=top_k_cases,
    mistakes=[
        Mistake(
            "soft-mask",
            "What is ruled out gets a logit of 0. Its share is still exp(0) = 1, and more than that of tokens with "
            "negative logits.",
            lambda logits, k: _top_k(logits, k, out=0.0),
        ),
        Mistake(
            "off-by-one",
            "One token too many stays. Places count from 0, so the k-th largest stands at place k - 1.",
            lambda logits, k: _top_k(logits, k + 1),
        ),
        Mistake(
            "one-too-few",
            "The k-th token itself is ruled out, and with k = 1 every token is.",
            lambda logits, k: _top_k(logits, k, below=torch.le),
        ),
        Mistake(
            "all-rows",
            "The edge is that of all rows together. Each row has its own k-th largest.",
            _by_threshold_of_all,
        ),
        Mistake(
            "unlikeliest",
            "You keep the smallest. The likeliest have the largest logits.",
            lambda logits, k: _top_k(logits, k, largest=False),
        ),
        Mistake(
            "too-large",
            "All is right but for a k above the size of the vocabulary, which is an error. Nothing is ruled out then.",
            lambda logits, k: logits.masked_fill(logits < logits.topk(k).values[..., -1:], MINUS_INFINITY),
        ),
        Mistake(
            "only-values",
            "These are the k largest logits alone, in the order of their size. Each token must keep its place, or "
            "nobody "
            "knows which tokens they are.",
            lambda logits, k: logits.topk(min(k, logits.shape[-1])).values,
        ),
    ],
    properties=[
        Property("not-k", "In each row k logits should be left, or all if there are fewer.", _keeps_k),
        Property("no-favourite", "The likeliest token always stays.", _keeps_the_likeliest),
    ],
    variants=[_by_places, _by_rank],
    hints=(
        "Which single number of a row tells you, for each of its logits, whether it stays?",
        "logits.topk(k).values is sorted, so its last column is the edge. Keep the axis, [..., -1:], to compare each "
        "row "
        "with its own. And which k may topk be asked for at most?",
        "edge = the k-th largest of each row, or the smallest if there are fewer than k    (..., 1)\n"
        "return the logits, with minus infinity where they lie below the edge",
    ),
)
