"""Task 02.masked_softmax: shares for those who may be seen, and for nobody else."""

import torch
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task

MINUS_INFINITY = float("-inf")


def masked_cases(draw: Draw) -> list[Case]:
    """Ordinary masks, a row that sees nothing, and forbidden scores that are far larger than the allowed ones."""
    half_blind = draw.mask(3, 4)
    half_blind[1] = False
    blind_in_one = draw.mask(2, 3, 4)
    blind_in_one[1, 2] = False
    loud = torch.tensor([[1000.0, 0.0, 1.0], [0.0, 900.0, -900.0]])
    return [
        Case("a small mask", draw.normal(2, 3), torch.tensor([[True, True, False], [True, False, False]])),
        Case("everything allowed", draw.normal(2, 3), torch.ones(2, 3, dtype=torch.bool)),
        Case("one mask for a batch with heads", draw.normal(2, 2, 3, 4), draw.mask(3, 4)),
        Case("a row that may look nowhere", draw.normal(3, 4), half_blind),
        Case("a mask for each text, one row in one text blind", draw.normal(2, 3, 4), blind_in_one),
        Case("no row may look anywhere", draw.normal(2, 3), torch.zeros(2, 3, dtype=torch.bool)),
        Case(
            "the forbidden score is the largest by far", loud, torch.tensor([[False, True, True], [True, False, True]])
        ),
        Case("very negative scores", draw.normal(2, 3) - 1e6, torch.tensor([[True, False, True], [False, True, True]])),
    ]


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """The reference: softmax over the allowed keys; zeros for a row that has none."""
    shares = scores.masked_fill(~mask, MINUS_INFINITY).softmax(-1)
    return shares.masked_fill(~mask.any(-1, keepdim=True), 0.0)


def _rows_sum_to_one_or_zero(f, scores: Tensor, mask: Tensor) -> bool:
    shares, sees = f(scores, mask), mask.any(-1).expand(scores.shape[:-1])
    return bool(torch.isclose(shares.sum(-1), sees.to(shares.dtype), atol=1e-5).all())


def _hidden_get_nothing(f, scores: Tensor, mask: Tensor) -> bool:
    return bool((f(scores, mask)[~mask.expand(scores.shape)] == 0).all())


def _hidden_scores_do_not_matter(f, scores: Tensor, mask: Tensor) -> bool:
    assert_close(f(scores.masked_fill(~mask, 3.0), mask), f(scores, mask), rtol=1e-4, atol=1e-6)
    return True


def _masked_by_loop(scores, mask):
    mask, shares = mask.expand(scores.shape), torch.zeros_like(scores)
    for index in torch.cartesian_prod(*(torch.arange(n) for n in scores.shape[:-1])).view(-1, scores.ndim - 1):
        row = tuple(index.tolist())
        if mask[row].any():
            shares[row][mask[row]] = scores[row][mask[row]].softmax(-1)
    return shares


def _masked_by_powers(scores, mask):
    powers = (scores - scores.masked_fill(~mask, -1e30).amax(-1, keepdim=True)).masked_fill(~mask, -200.0).exp()
    powers = powers * mask
    return powers / powers.sum(-1, keepdim=True).clamp(min=1e-30)


MASKED_SOFTMAX = Task(
    id="02.masked_softmax",
    title="A softmax that obeys a mask",
    difficulty=2,
    minutes=15,
    points=3,
    reference=masked_softmax,
    cases=masked_cases,
    mistakes=[
        Mistake(
            "nan-row",
            "A row that may look nowhere is all minus infinity, and its softmax is 0 / 0. Such rows (a text of padding "
            "alone) are real. The task says what they get: zeros.",
            lambda scores, mask: scores.masked_fill(~mask, MINUS_INFINITY).softmax(-1),
        ),
        Mistake(
            "uniform-row",
            "A row that may look nowhere looks everywhere: if all its scores are the same large negative number, the "
            "softmax gives all keys the same share. Such a row gets zeros.",
            lambda scores, mask: scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1),
        ),
        Mistake(
            "zero-score",
            "You set forbidden scores to 0. But exp(0) is 1: a forbidden key still gets a share. Which "
            "score becomes 0?",
            lambda scores, mask: (scores * mask).softmax(-1),
        ),
        Mistake(
            "mask-after",
            "You mask after the softmax: the forbidden shares are gone, and the others no longer sum to 1. "
            "The mask belongs to the scores.",
            lambda scores, mask: scores.softmax(-1) * mask,
        ),
        Mistake(
            "renormalised",
            "Masking the shares and dividing by their sum is right on paper. Where a forbidden score is "
            "far larger than "
            "the rest, all allowed shares round to 0, and the sum with them. Mask the scores instead.",
            lambda scores, mask: (
                scores.softmax(-1) * mask / (scores.softmax(-1) * mask).sum(-1, keepdim=True)
            ).nan_to_num(0.0),
        ),
        Mistake(
            "inverted",
            "True means `may attend`. You hide what may be seen, and show what may not.",
            lambda scores, mask: masked_softmax(scores, ~mask),
        ),
    ],
    properties=[
        Property("hidden-gets-share", "A forbidden key must get a share of exactly 0.", _hidden_get_nothing),
        Property(
            "sums-to-one",
            "A row's shares should sum to 1, or to 0 where the row may look nowhere.",
            _rows_sum_to_one_or_zero,
        ),
        Property(
            "hidden-matters",
            "A forbidden score changes the shares of the others. It should count for nothing, however large.",
            _hidden_scores_do_not_matter,
        ),
    ],
    variants=[_masked_by_loop, _masked_by_powers],
    hints=(
        "Which score becomes a share of exactly 0 after exp? And what is the softmax of a row in which "
        "all are like that?",
        "scores.masked_fill(~mask, float('-inf')) before the softmax. Then find the rows without a single True, "
        "mask.any(dim=-1, keepdim=True), and fill those with zeros.",
        "hidden = scores, minus infinity where mask is False\nshares = softmax of hidden over the last axis\n"
        "return shares, but 0 in rows where mask has no True",
    ),
)
