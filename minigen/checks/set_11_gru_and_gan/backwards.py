"""Task 11.repair_backwards: a reader from right to left meets the padding first."""

from collections.abc import Callable

import torch
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def backwards_cases(draw: Draw) -> list[Case]:
    """Texts of different lengths, with something loud at padding: it must not be heard.

    The steps are functions of torch, in which token and state play different parts.
    """

    def case(note: str, step: Callable, lengths: list[int], places: int, width: int) -> Case:
        return Case(note, step, draw.normal(len(lengths), places, width), torch.tensor(lengths))

    loud = torch.tensor([[[1.0], [2.0], [4.0]], [[1.0], [9.0], [9.0]]])
    return [
        Case("three tokens, and one token with padding", torch.sub, loud, torch.tensor([3, 1])),
        case("a batch", torch.atan2, [2, 5, 3, 1], 5, 3),
        case("padding behind the longest text too", torch.atan2, [4, 2], 6, 2),
        case("no padding", torch.sub, [3, 3], 3, 2),
        case("one text", torch.atan2, [4], 7, 2),
        case("a single place", torch.sub, [1, 1], 1, 3),
    ]


def backward_states(step: Callable, x: Tensor, lengths: Tensor) -> Tensor:
    """The reference, text by text."""
    states = torch.zeros_like(x)
    for row, length in enumerate(lengths.tolist()):
        state = torch.zeros_like(x[:1, 0])
        for place in reversed(range(length)):
            state = step(x[row : row + 1, place], state)
            states[row, place] = state[0]
    return states


def _read(step, x):
    state, states = torch.zeros_like(x[:, 0]), []
    for token in x.unbind(dim=1):
        state = step(token, state)
        states.append(state)
    return torch.stack(states, dim=1)


def _inside(x, lengths, more=0):
    return (torch.arange(x.shape[1]) < lengths[:, None] + more)[..., None]


def _turn(x, lengths):
    """Each row turned round within its own length."""
    places = torch.arange(x.shape[1]).expand(x.shape[:2])
    turned = torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)
    return x.gather(1, turned[..., None].expand_as(x))


def _as_found(step, x, lengths):
    return _read(step, x.flip(1)).flip(1)


def _silent_padding(step, x, lengths, more=0):
    """From the end, with the state held at 0 until the text begins."""
    state, states, inside = torch.zeros_like(x[:, 0]), [], _inside(x, lengths, more)
    for place in reversed(range(x.shape[1])):
        state = step(x[:, place], state) * inside[:, place]
        states.append(state)
    return torch.stack(states[::-1], dim=1)


def _padding_is_not_heard(f, step, x, lengths) -> bool:
    other = torch.where(_inside(x, lengths), x, 7.0)
    other = torch.cat((other, torch.full_like(other[:, :2], -3.0)), dim=1)
    assert_close(f(step, other, lengths)[:, : x.shape[1]], f(step, x, lengths), rtol=1e-4, atol=1e-5)
    return True


def _last_token_is_first(f, step, x, lengths) -> bool:
    rows = torch.arange(len(x))
    alone = step(x[rows, lengths - 1], torch.zeros_like(x[:, 0]))
    assert_close(f(step, x, lengths)[rows, lengths - 1], alone, rtol=1e-4, atol=1e-5)
    return True


def _zeros_at_padding(f, step, x, lengths) -> bool:
    return bool((f(step, x, lengths) * ~_inside(x, lengths) == 0).all())


REPAIR_BACKWARDS = Task(
    id="11.repair_backwards",
    title="Find the bug: a sentence and its neighbours",
    kind="bug",
    difficulty=2,
    minutes=20,
    points=3,
    reference=backward_states,
    cases=backwards_cases,
    atol=1e-5,
    mistakes=[
        Mistake(
            "as-found",
            "This gives what the faulty function gives. Follow a text of one token in a batch with one of three: which "
            "token is read first?",
            _as_found,
        ),
        Mistake(
            "masked-after",
            "The states at padding are 0 now, but they were wiped away too late: the text's own states come after "
            "them, and have already heard the padding.",
            lambda step, x, lengths: _as_found(step, x, lengths) * _inside(x, lengths),
        ),
        Mistake(
            "not-turned-back",
            "Each text is read from its own end, but the states stand in the order of reading. State t belongs to "
            "token t: turn the answer round as well.",
            lambda step, x, lengths: _read(step, _turn(x, lengths)) * _inside(x, lengths),
        ),
        Mistake(
            "not-masked",
            "The states of the texts are right. At padding the answer should be 0.",
            lambda step, x, lengths: _turn(_read(step, _turn(x, lengths)), lengths),
        ),
        Mistake(
            "off-by-one",
            "One token of padding is still heard. A text of length 2 has the places 0 and 1.",
            lambda step, x, lengths: _silent_padding(step, x, lengths, more=1),
        ),
        Mistake(
            "forwards",
            "Each text is read from left to right.",
            lambda step, x, lengths: _read(step, x) * _inside(x, lengths),
        ),
    ],
    properties=[
        Property(
            "padding-heard", "What stands at padding, and how much of it, should change nothing.", _padding_is_not_heard
        ),
        Property(
            "wrong-beginning", "The state at a text's last token should be step(that token, 0).", _last_token_is_first
        ),
        Property("not-zero", "The answer should be 0 at padding.", _zeros_at_padding),
    ],
    variants=[
        _silent_padding,
        lambda step, x, lengths: _turn(_read(step, _turn(x, lengths)), lengths) * _inside(x, lengths),
    ],
    hints=(
        "After x.flip(1), where is the padding of a short text, and what is the state when its first real token comes?",
        "Two roads: turn each row round within its own length; or read as before, and set the state back to 0 wherever "
        "a row is still in its padding.",
        "inside = place below length                        (B, T)\nstate = 0\n"
        "for each place, from the last to the first:\n    state = step(tokens at the place, state)\n"
        "    state is 0 in rows that are not inside\nreturn the states in the order of the places",
    ),
)
