"""Task 05.repair_positions: a cache that is right for a prompt of one token, and for no other."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def position_cases(draw: Draw) -> list[Case]:
    """How a text is cut into calls, and the weights of a layer."""

    def case(note: str, parts: list[int], width: int = 4) -> Case:
        tables = {"token": draw.normal(9, width), "position": draw.normal(24, width)}
        weights = tables | {name: draw.normal(width, width) for name in ("query", "key", "value")}
        return Case(note, [draw.integers(0, 8, length) for length in parts], weights)

    return [
        case("a prompt of three tokens, then one more", [3, 1], width=2),
        case("a prompt of two tokens, then one by one", [2, 1, 1, 1]),
        case("a prompt of one token", [1, 1, 1]),
        case("three parts", [draw.integer(2, 5), draw.integer(2, 5), draw.integer(2, 5)], width=5),
        case("all at once", [6]),
    ]


def read_in_parts(f: Callable, parts: list[Tensor], weights: dict[str, Tensor]) -> Tensor:
    """Calls what the learner wrote part after part, each with the cache of the part before."""
    answers, cache = [], None
    for tokens in parts:
        y, cache = f(tokens, cache, weights)
        answers.append(y)
    return torch.cat(answers)


def read_again(tokens: Tensor, cache: Tensor | None, weights: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The reference: no cache of keys; the tokens are remembered, and all is read again."""
    whole = tokens if cache is None else torch.cat((cache, tokens))
    x = weights["token"][whole] + weights["position"][: len(whole)]
    q, k, v = (x @ weights[name] for name in ("query", "key", "value"))
    hidden = torch.ones(len(whole), len(whole), dtype=torch.bool).triu(1)
    shares = (q @ k.T / q.shape[1] ** 0.5).masked_fill(hidden, float("-inf")).softmax(-1)
    return (shares @ v)[-len(tokens) :], whole


def _read(tokens, cache, weights, start=lambda calls, seen, new: seen, places=1.0):
    """Reading with a cache, the first position as told by `start`: what the mistakes are made of."""
    nothing = weights["token"][:0]
    keys, values, calls = cache or (nothing, nothing, 0)
    position = torch.arange(len(tokens)) + start(calls, len(keys), len(tokens))
    x = weights["token"][tokens] + places * weights["position"][position]
    keys, values = (torch.cat((old, x @ weights[name])) for old, name in ((keys, "key"), (values, "value")))
    mask = torch.ones(len(tokens), len(keys), dtype=torch.bool).tril(len(keys) - len(tokens))
    return F.scaled_dot_product_attention(x @ weights["query"], keys, values, mask), (keys, values, calls + 1)


def _changed(key: str, hint: str, **changes) -> Mistake:
    return Mistake(key, hint, lambda *args: _read(*args, **changes))


def _same_however_cut(f, parts: list[Tensor], weights: dict[str, Tensor]) -> bool:
    tokens = torch.cat(parts)
    return torch.allclose(f(parts, weights), f([tokens[:2], *tokens[2:].split(1)], weights), atol=1e-5)


REPAIR_POSITIONS = Task(
    id="05.repair_positions",
    title="Find the bug: fluent for one token",
    kind="bug",
    difficulty=2,
    minutes=15,
    points=3,
    reference=read_again,
    cases=position_cases,
    call=read_in_parts,
    rtol=1e-4,
    atol=1e-5,
    mistakes=[
        _changed(
            "as-found",
            "This gives what the faulty function gives. Read three tokens, then one more, and print `places` in each "
            "call. Which numbers did you expect in the second?",
            start=lambda calls, seen, new: calls,
        ),
        _changed(
            "always-zero",
            "Each call begins with position 0 again. The new tokens come after those that are remembered.",
            start=lambda calls, seen, new: 0,
        ),
        _changed(
            "off-by-one",
            "After the first call each token stands one place too early: the first new one gets the position of the "
            "last "
            "old one. Positions count from 0, so S tokens have 0 to S - 1.",
            start=lambda calls, seen, new: max(seen - 1, 0),
        ),
        _changed(
            "one-too-far",
            "One place too far: after S tokens the next position is S, since counting begins with 0.",
            start=lambda calls, seen, new: seen + 1 if seen else 0,
        ),
        _changed(
            "no-positions",
            "Now no token knows where it stands. The positions were right in the first call.",
            places=0.0,
        ),
    ],
    properties=[
        Property(
            "depends-on-the-cut",
            "However a text is cut into calls, what comes out must be the same.",
            _same_however_cut,
        )
    ],
    variants=[read_again, lambda *args: _read(*args)],
    hints=(
        "Read three tokens in one call and then one more: at which position does the fourth stand? And what does the "
        "function believe?",
        "The third thing in the cache is meant to be the number of tokens read. By how much does it grow in a call?",
        "in each call: positions = number of tokens remembered, + 0, 1, ..., T - 1\n"
        "afterwards:   number of tokens remembered grows by T, not by 1",
    ),
)
