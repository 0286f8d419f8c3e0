"""Task 05.cached_attention: the newest tokens look back at what is remembered."""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.layers.attention import scaled_dot_product_attention
from minigen.layers.masks import causal_mask

Past = tuple[Tensor, Tensor] | None


def cache_cases(draw: Draw) -> list[Case]:
    """The first token, the next, a prompt, one more, and several at once."""

    def case(note: str, batch: int, heads: int, new: int, old: int, width: int) -> Case:
        past = (draw.normal(batch, heads, old, width), draw.normal(batch, heads, old, width)) if old else None
        return Case(note, *(draw.normal(batch, heads, new, width) for _ in range(3)), past)

    return [
        case("the very first token", 1, 1, 1, 0, 2),
        case("the second token", 1, 1, 1, 1, 2),
        case("a prompt of three tokens", 1, 1, 3, 0, 2),
        case("one new token after four, a batch with heads", 2, 3, 1, 4, 5),
        case("a prompt, a batch with heads", 2, 3, 4, 0, 5),
        case("three new tokens at once after two", 2, 3, 3, 2, 4),
        case("two new tokens after five", 1, 2, 2, 5, 3),
    ]


def _attend(q, k, v, past, front=False, seen=None, mask=causal_mask, scale=None, kept=None):
    """Cached attention with one thing changed: what the mistakes are made of."""
    keys, values = k, v
    if past is not None:
        pairs = [(new, old) if front else (old, new) for old, new in zip(past, (k, v), strict=True)]
        keys, values = (torch.cat(pair, dim=2) for pair in pairs)
    looked = past if seen and past is not None else (keys, values)
    rule = mask(q.shape[2], looked[0].shape[2]) if not (seen and past is not None) else None
    y = scaled_dot_product_attention(q * (scale(q) if scale else 1.0), *looked, rule)
    return y, ((k, v) if kept else (keys, values))


def cached_attention(q: Tensor, k: Tensor, v: Tensor, past: Past) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The reference."""
    return _attend(q, k, v, past)


def _changed(key: str, hint: str, **changes) -> Mistake:
    return Mistake(key, hint, lambda q, k, v, past: _attend(q, k, v, past, **changes))


def _one_by_one(q, k, v, past):
    answers = []
    for t in range(q.shape[2]):
        one = slice(t, t + 1)
        past = (
            (k[:, :, one], v[:, :, one])
            if past is None
            else tuple(torch.cat((old, new[:, :, one]), dim=2) for old, new in zip(past, (k, v), strict=True))
        )
        scores = torch.einsum("bhtd,bhsd->bhts", q[:, :, one], past[0]) * q.shape[3] ** -0.5
        answers.append(scores.softmax(-1) @ past[1])
    return torch.cat(answers, dim=2), past


def _by_comparison(q, k, v, past):
    keys, values = (k, v) if past is None else (torch.cat((past[0], k), -2), torch.cat((past[1], v), -2))
    place = torch.arange(keys.shape[-2])
    visible = place[None, :] <= place[-q.shape[-2] :, None]
    scores = (q @ keys.transpose(-1, -2) / q.shape[-1] ** 0.5).where(visible, torch.tensor(float("-inf")))
    return scores.softmax(-1) @ values, (keys, values)


def _same_in_two_parts(f, q: Tensor, k: Tensor, v: Tensor, past: Past) -> bool:
    """Whether reading all at once equals reading the first token and then the rest."""
    whole, _ = f(q, k, v, past)
    first, then = ([x[:, :, part] for x in (q, k, v)] for part in (slice(0, 1), slice(1, None)))
    y, remembered = f(*first, past)
    parts = [y, f(*then, remembered)[0]] if q.shape[2] > 1 else [y]
    return torch.allclose(torch.cat(parts, dim=2), whole, atol=1e-5)


def _remembers_all(f, q: Tensor, k: Tensor, v: Tensor, past: Past) -> bool:
    old = 0 if past is None else past[0].shape[2]
    keys, values = f(q, k, v, past)[1]
    return keys.shape[2] == values.shape[2] == old + k.shape[2]


CACHED_ATTENTION = Task(
    id="05.cached_attention",
    title="Attention that remembers",
    difficulty=3,
    minutes=30,
    points=5,
    reference=cached_attention,
    cases=cache_cases,
    rtol=1e-4,
    atol=1e-5,
    forbid=("scaled_dot_product_attention", "multi_head_attention_forward"),
    mistakes=[
        _changed(
            "new-in-front",
            "The new keys stand before the old ones. Time runs to the right: the newest token is the last.",
            front=True,
        ),
        _changed(
            "forgets-new",
            "The new tokens look at what is remembered, but not at themselves. Append first, then attend.",
            seen=True,
        ),
        _changed(
            "not-remembered",
            "You give back the new keys and values alone. Then the next token will have forgotten all before.",
            kept=True,
        ),
        _changed(
            "sees-ahead",
            "One new token needs no mask, several do: the first of them must not see the second.",
            mask=lambda t, s: None,
        ),
        _changed(
            "wrong-end",
            "The first new query is level with the first *key*, so it sees nearly nothing of the past. The new queries "
            "are the last of S tokens: the diagonal begins at S - T. (Set 02, task 4.)",
            mask=lambda t, s: torch.ones(t, s, dtype=torch.bool).tril(),
        ),
        _changed(
            "no-scale",
            "The scores are not divided by sqrt(Dh).",
            scale=lambda q: q.shape[3] ** 0.5,
        ),
    ],
    properties=[
        Property("forgets", "The cache should have grown by the new tokens, keys and values alike.", _remembers_all),
        Property("not-the-same", "Reading all at once must equal reading it in two parts.", _same_in_two_parts),
    ],
    variants=[_one_by_one, _by_comparison],
    hints=(
        "The new token has a query, a key and a value. Which of the three will a later token want to see?",
        "keys = torch.cat((past[0], k), dim=2), values alike, if there is a past. Then attention of q over all of "
        "them, "
        "with the causal mask of T queries that are the last of S keys.",
        "keys, values = the past's and the new ones, one after the other          (B, H, S, Dh)\n"
        "scores = q times keys transposed / sqrt(Dh)                               (B, H, T, S)\n"
        "minus infinity where key > query + (S - T)\ny = softmax of scores times values\nreturn y and (keys, values)",
    ),
)
