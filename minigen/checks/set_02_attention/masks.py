"""Tasks 02.causal_mask and 02.padding_mask: who may look at whom."""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.layers.masks import causal_mask, padding_mask


def causal_cases(draw: Draw) -> list[Case]:
    """Squares, then more keys than queries, as with a cache."""
    return [
        Case("three queries, three keys", 3, 3),
        Case("two new queries, five keys", 2, 5),
        Case("one token", 1, 1),
        Case("one new query, four keys", 1, 4),
        Case("a longer text", draw.integer(6, 9), draw.integer(10, 14)),
    ]


def _last_sees_all(f, t: int, s: int) -> bool:
    return bool(f(t, s)[-1].all())


def _each_sees_one_more(f, t: int, s: int) -> bool:
    return f(t, s).sum(-1).tolist() == list(range(s - t + 1, s + 1))


def _causal_by_comparison(t, s):
    return torch.arange(s) <= torch.arange(s - t, s)[:, None]


def _causal_by_lists(t, s):
    return torch.tensor([[key <= query + s - t for key in range(s)] for query in range(t)])


CAUSAL_MASK = Task(
    id="02.causal_mask",
    title="No looking ahead",
    difficulty=1,
    minutes=5,
    points=2,
    reference=causal_mask,
    cases=causal_cases,
    mistakes=[
        Mistake(
            "looks-ahead",
            "Each query sees the keys after it, and not those before: the triangle is upside down.",
            lambda t, s: torch.ones(t, s, dtype=torch.bool).triu(s - t),
        ),
        Mistake(
            "inverted",
            "True marks what is hidden. In this course True means `may attend`.",
            lambda t, s: torch.ones(t, s, dtype=torch.bool).triu(s - t + 1),
        ),
        Mistake(
            "no-self",
            "A token does not see itself. The diagonal belongs to what may be seen; without it the first token sees "
            "nothing at all.",
            lambda t, s: torch.ones(t, s, dtype=torch.bool).tril(s - t - 1),
        ),
        Mistake(
            "wrong-end",
            "With more keys than queries the queries are the newest tokens, so the last query is level with the last "
            "key. You aligned the first with the first.",
            lambda t, s: torch.ones(t, s, dtype=torch.bool).tril(),
        ),
        Mistake(
            "not-bool",
            "The right pattern, but in numbers. A mask is of dtype torch.bool, so that ~mask and masked_fill work.",
            lambda t, s: torch.ones(t, s).tril(s - t),
        ),
    ],
    properties=[
        Property("last-sees-all", "The last query should see all keys.", _last_sees_all),
        Property(
            "one-more-each",
            "The first query sees S - T + 1 keys, and each later one sees one more.",
            _each_sees_one_more,
        ),
    ],
    variants=[_causal_by_comparison, _causal_by_lists],
    hints=(
        "Write down the mask for T = 2 new tokens and S = 5 keys by hand. How many keys does the first query see?",
        "torch.ones(T, S, dtype=torch.bool).tril(k) keeps what lies on or below the k-th diagonal. Which k makes the "
        "last row full?",
        "start with a (T, S) tensor of True\nkeep the entries with  key <= query + (S - T)\nreturn it",
    ),
)


def padding_cases(draw: Draw) -> list[Case]:
    """Different lengths, then all full and all short."""
    return [
        Case("three texts in four places", torch.tensor([2, 4, 1]), 4),
        Case("all of full length", torch.tensor([3, 3]), 3),
        Case("one text of one token", torch.tensor([1]), 5),
        Case("a larger batch", draw.integers(1, 8, 6), 8),
    ]


def _counts(f, lengths: Tensor, s: int) -> bool:
    return bool((f(lengths, s).flatten(1).sum(1) == lengths).all())


def _fits_scores(f, lengths: Tensor, s: int) -> bool:
    """Whether the mask broadcasts to scores (B, H, T, S), and hides the same keys of all queries of a text."""
    batch = len(lengths)
    scores = torch.zeros(batch, batch + 1, batch + 2, s).masked_fill(~f(lengths, s), float("-inf"))
    return bool((scores.isfinite().sum(-1) == lengths[:, None, None]).all())


def _padding_by_loop(lengths, s):
    mask = torch.zeros(len(lengths), 1, 1, s, dtype=torch.bool)
    for row, length in enumerate(lengths.tolist()):
        mask[row, ..., :length] = True
    return mask


def _padding_by_cumsum(lengths, s):
    positions = torch.ones(len(lengths), s, dtype=torch.int64).cumsum(1)
    return (positions <= lengths.unsqueeze(1))[:, None, None]


PADDING_MASK = Task(
    id="02.padding_mask",
    title="Padding is not text",
    difficulty=1,
    minutes=10,
    points=2,
    reference=padding_mask,
    cases=padding_cases,
    mistakes=[
        Mistake(
            "off-by-one",
            "One key too many is seen. Positions count from 0, so a text of length 2 has the positions 0 and 1.",
            lambda lengths, s: (torch.arange(s) <= lengths[:, None])[:, None, None],
        ),
        Mistake(
            "inverted",
            "True marks the padding. In this course True means `may attend`.",
            lambda lengths, s: (torch.arange(s) >= lengths[:, None])[:, None, None],
        ),
        Mistake(
            "no-axes",
            "The pattern is right, the shape is (B, S). Scores are (B, H, T, S), and broadcasting lines "
            "axes up from the "
            "right: (B, S) would be read as (T, S). Two axes of length 1 are missing.",
            lambda lengths, s: torch.arange(s) < lengths[:, None],
        ),
        Mistake(
            "wrong-end",
            "The first keys are hidden. Padding stands at the end of the row.",
            lambda lengths, s: (torch.arange(s) >= s - lengths[:, None])[:, None, None],
        ),
        Mistake(
            "not-bool",
            "The right pattern, but in numbers. A mask is of dtype torch.bool.",
            lambda lengths, s: padding_mask(lengths, s).float(),
        ),
    ],
    properties=[
        Property("counts", "Row b should have exactly lengths[b] times True.", _counts),
        Property("does-not-fit", "The mask must broadcast to scores of the shape (B, H, T, S).", _fits_scores),
    ],
    variants=[_padding_by_loop, _padding_by_cumsum],
    hints=(
        "Which positions of a row of length 2 are text: is position 2 among them?",
        "Compare torch.arange(S), shape (S,), with lengths[:, None], shape (B, 1): broadcasting gives (B, S). "
        "Then add two axes in the middle with None.",
        "positions = 0 .. S-1\nvisible = positions < lengths, one row for each text      (B, S)\n"
        "return visible with two axes of length 1 after the first    (B, 1, 1, S)",
    ),
)
