"""Tasks 05.draw and 05.penalise: from shares to a token, and a tool against loops."""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def draw_cases(draw: Draw) -> list[Case]:
    """By hand; numbers on an edge; shares of 0; a sum that rounding left a little below 1."""
    row = torch.tensor([0.2, 0.5, 0.3])
    gaps = torch.tensor([0.0, 0.25, 0.0, 0.25, 0.5, 0.0])
    return [
        Case("three draws from one distribution", row.expand(3, 3), torch.tensor([0.1, 0.3, 0.9])),
        Case("numbers on an edge, and shares of 0", gaps.expand(4, 6), torch.tensor([0.0, 0.25, 0.5, 0.75])),
        Case("a batch", draw.normal(5, 7).softmax(-1), draw.uniform(5)),
        Case("as many rows as tokens", draw.normal(6, 6, scale=0.5).softmax(-1), draw.uniform(6, low=0.5)),
        Case(
            "the shares sum to a hair less than 1, and u is larger",
            torch.tensor([[0.5, 0.25, 0.2499999, 0.0]]),
            torch.tensor([1 - 2**-24]),
        ),
        Case("a sure thing", torch.eye(4)[2:3], torch.tensor([0.5])),
        Case("many", draw.normal(50, 20).softmax(-1), draw.uniform(50)),
    ]


def draw_tokens(shares: Tensor, u: Tensor) -> Tensor:
    """The reference: the number of edges at or below u; u is measured against the sum that is really there."""
    edges = shares.cumsum(-1)
    return (edges <= u[:, None] * edges[:, -1:]).sum(-1)


def _by_loop(shares, u):
    tokens = []
    for row, number in zip(shares.tolist(), u.tolist(), strict=True):
        total, chosen = 0.0, None
        for token, share in enumerate(row):
            total += share
            if share > 0 and (chosen is None or total - share <= number):
                chosen = token
        tokens.append(chosen)
    return torch.tensor(tokens)


def _by_search(shares, u):
    found = torch.searchsorted(shares.cumsum(-1), u[:, None], right=True)[:, 0]
    places = torch.arange(shares.shape[1]).expand_as(shares)
    return torch.minimum(found, places.masked_fill(shares == 0, -1).amax(-1))


def _never_impossible(f, shares: Tensor, u: Tensor) -> bool:
    return bool((shares.gather(1, f(shares, u).long()[:, None]) > 0).all())


def _as_often_as_its_share(f, shares: Tensor, u: Tensor) -> bool:
    u = (torch.arange(1000) + 0.5) / 1000
    counts = f(shares[:1].expand(1000, -1), u).long().bincount(minlength=shares.shape[1])
    return torch.allclose(counts / 1000, shares[0], atol=2e-3)


DRAW = Task(
    id="05.draw",
    title="Throw the dice yourself",
    difficulty=2,
    minutes=15,
    points=3,
    reference=draw_tokens,
    cases=draw_cases,
    forbid=("multinomial", "Categorical", "sample"),
    mistakes=[
        Mistake(
            "no-dice",
            "You take the likeliest token, whatever u is. That is greedy decoding.",
            lambda shares, u: shares.argmax(1),
        ),
        Mistake(
            "impossible-token",
            "Right but for numbers on an edge: there you give the token to the left of it. With u = 0 a token with a "
            "share of 0 can be drawn. The interval of a token holds its left end, not its right one.",
            lambda shares, u: (shares.cumsum(1) < u[:, None] * shares.sum(1, keepdim=True)).sum(1),
        ),
        Mistake(
            "beyond-the-end",
            "Right but where the shares sum to 0.9999999 and u is larger still: no edge lies above u. Once in some "
            "million draws that happens, and a token that does not exist, or has no share, ends your program.",
            lambda shares, u: (shares.cumsum(1) <= u[:, None]).sum(1),
        ),
        Mistake(
            "first-if-none",
            "Right but where the shares sum to 0.9999999 and u is larger still. No edge lies above u, and argmax of "
            "nothing but False is token 0, which is far from it.",
            lambda shares, u: (shares.cumsum(1) > u[:, None]).int().argmax(1),
        ),
        Mistake(
            "no-cumsum",
            "u is compared with the shares. Lay the shares end to end on the line from 0 to 1, and look where u falls: "
            "it is the sums that are compared.",
            lambda shares, u: (shares > u[:, None]).int().argmax(1),
        ),
        Mistake(
            "one-number",
            "All rows use the first number. Each row has its own u.",
            lambda shares, u: draw_tokens(shares, u[:1].expand_as(u)),
        ),
    ],
    properties=[
        Property("no-share", "A token with a share of 0 must never be drawn.", _never_impossible),
        Property(
            "not-fair",
            "Over many even numbers u, a token should be drawn as often as its share says.",
            _as_often_as_its_share,
        ),
    ],
    variants=[_by_loop, _by_search],
    hints=(
        "Draw a line from 0 to 1 and cut it into pieces of 0.2, 0.5 and 0.3. Into which piece does u = 0.3 fall?",
        "shares.cumsum(dim=1) gives the right ends of the pieces. How many of them lie at or below u? And to be safe "
        "against rounding, measure u against the last edge, not against 1.",
        "edges = sums of the shares so far                 (B, V)\nu = u times the last edge of its row              "
        "(B, 1)\n"
        "return how many edges of a row are <= u           (B,)",
    ),
)


def penalty_cases(draw: Draw) -> list[Case]:
    """Both signs, repeats, rows that differ; no tokens yet; strength 1 and below 1."""
    signs = torch.tensor([[2.0, -2.0, 1.0, -1.0]])
    return [
        Case("both signs", signs, torch.tensor([[0, 1]]), 2.0),
        Case("a token that came three times", signs, torch.tensor([[2, 2, 3, 2]]), 1.5),
        Case("each row has its own past", draw.normal(3, 6), draw.integers(0, 5, 3, 2), 1.3),
        Case("a batch", draw.normal(2, 9, scale=3), draw.integers(0, 8, 2, 12), 1.2),
        Case("no penalty", draw.normal(2, 5), draw.integers(0, 4, 2, 3), 1.0),
        Case("no tokens yet", draw.normal(2, 5), torch.zeros(2, 0, dtype=torch.int64), 1.4),
        Case("small logits", draw.normal(4, 8, scale=0.3), draw.integers(0, 7, 4, 6), 2.0),
    ]


def penalise(logits: Tensor, tokens: Tensor, strength: float) -> Tensor:
    """The reference: positive logits of used tokens divided, negative ones multiplied."""
    used = torch.zeros_like(logits, dtype=torch.bool).scatter(1, tokens, True)
    return torch.where(used, torch.where(logits > 0, logits / strength, logits * strength), logits)


def _penalise_by_loop(logits, tokens, strength):
    logits = logits.clone()
    for row, used in zip(logits, tokens.tolist(), strict=True):
        for token in set(used):
            row[token] = row[token] / strength if row[token] > 0 else row[token] * strength
    return logits


def _penalise_by_gather(logits, tokens, strength):
    found = logits.gather(1, tokens)
    return logits.scatter(1, tokens, torch.minimum(found / strength, found * strength))


def _each_time(logits, tokens, strength):
    counts = torch.zeros_like(logits).scatter_add(1, tokens, torch.ones_like(tokens, dtype=logits.dtype))
    return torch.where(logits > 0, logits / strength**counts, logits * strength**counts)


def _only_used_change(f, logits: Tensor, tokens: Tensor, strength: float) -> bool:
    unused = torch.ones_like(logits, dtype=torch.bool).scatter(1, tokens, False)
    return bool((f(logits, tokens, strength) == logits)[unused].all())


def _never_likelier(f, logits: Tensor, tokens: Tensor, strength: float) -> bool:
    return bool((f(logits, tokens, strength) <= logits).all())


PENALISE = Task(
    id="05.penalise",
    title="Do not say that again",
    difficulty=2,
    importance="useful",
    minutes=10,
    points=2,
    reference=penalise,
    cases=penalty_cases,
    mistakes=[
        Mistake(
            "helps-negative",
            "You divide every used logit. Divide -2 by 2 and it is -1: larger, so the token has become *likelier*.",
            lambda z, tokens, s: torch.where(penalise(z, tokens, 2.0) != z, z / s, z),
        ),
        Mistake(
            "inverted",
            "Used tokens become likelier: positive logits should shrink and negative ones move away from 0.",
            lambda z, tokens, s: penalise(z, tokens, 1 / s),
        ),
        Mistake(
            "each-time",
            "A token that came three times is punished three times. The rule of Keskar et al. asks only *whether* it "
            "came.",
            _each_time,
        ),
        Mistake(
            "all-rows",
            "A token that occurs in any row is punished in all of them. Each text has its own past.",
            lambda z, tokens, s: penalise(z, tokens.flatten().expand(len(z), -1), s),
        ),
        Mistake(
            "subtracted",
            "You subtract the strength. With logits of any size, the rule divides (or multiplies) by it.",
            lambda z, tokens, s: torch.where(penalise(z, tokens, 2.0) != z, z - s, z),
        ),
    ],
    properties=[
        Property("never-likelier", "With a strength of 1 or more no logit may grow.", _never_likelier),
        Property("unused-changed", "A token that was not used keeps its logit.", _only_used_change),
    ],
    variants=[_penalise_by_loop, _penalise_by_gather],
    hints=(
        "Divide 2 by 1.5, then -2 by 1.5. Which of the two tokens has become less likely?",
        "A bool mask of what was used: torch.zeros_like(logits, dtype=torch.bool).scatter(1, tokens, True). Then "
        "torch.where, twice.",
        "used = mask (B, V), True where the row's tokens have been\n"
        "weaker = logits / strength where positive, logits * strength where not\nreturn weaker where used, else logits",
    ),
)
