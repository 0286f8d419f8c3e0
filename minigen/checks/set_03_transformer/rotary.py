"""Task 03.rotate: positions by turning, so that a score knows the distance."""

import math

import torch
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.layers.positions import Rotary
from minigen.layers.positions import rotate as turn_by_table

BASE = 10_000.0


def rotate_cases(draw: Draw) -> list[Case]:
    """A single pair first; then several, batches, and positions that do not begin at 0 or are in no order."""
    return [
        Case("two tokens of width 2", torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1])),
        Case("three tokens of width 4", draw.normal(3, 4), torch.arange(3)),
        Case("a batch with heads", draw.normal(2, 3, 5, 6), torch.arange(5)),
        Case("the text goes on: positions from 7", draw.normal(2, 3, 8), torch.arange(7, 10)),
        Case("positions in no order, one of them twice", draw.normal(4, 6), torch.tensor([3, 0, 9, 3])),
        Case("one new token", draw.normal(2, 2, 1, 4), torch.tensor([11])),
        Case("as many tokens as channels", draw.normal(4, 4), torch.arange(4)),
        Case("far out", draw.normal(2, 8), draw.integers(300, 400, 2)),
    ]


def rotate(x: Tensor, positions: Tensor) -> Tensor:
    """The reference: the package's turn, by the rows of its table that the positions name."""
    table = Rotary(int(positions.max()) + 1, x.shape[-1]).table
    return turn_by_table(x, table[positions])


def _speeds(x):
    return BASE ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])


def _turn(x, angles, sign=1):
    a, b = x[..., 0::2], x[..., 1::2]
    sin, cos = sign * angles.sin(), angles.cos()
    return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2)


def _halves(x, positions):
    angles = positions[:, None] * _speeds(x)
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()), dim=-1)


def _overwritten(x, positions):
    angles, y = positions[:, None] * _speeds(x), x.clone()
    y[..., 0::2] = y[..., 0::2] * angles.cos() - y[..., 1::2] * angles.sin()
    y[..., 1::2] = y[..., 0::2] * angles.sin() + y[..., 1::2] * angles.cos()
    return y


def _added(x, positions):
    angles = positions[:, None] * _speeds(x)
    return x + torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


def _by_complex(x, positions):
    angles = torch.outer(positions.float(), _speeds(x))
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


def _by_matrices(x, positions):
    y = torch.empty_like(x)
    for t, position in enumerate(positions.tolist()):
        for i in range(x.shape[-1] // 2):
            angle = position / BASE ** (2 * i / x.shape[-1])
            cos, sin = math.cos(angle), math.sin(angle)
            turn = torch.tensor([[cos, -sin], [sin, cos]])
            y[..., t, 2 * i : 2 * i + 2] = torch.einsum("ij,...j->...i", turn, x[..., t, 2 * i : 2 * i + 2])
    return y


def _keeps_lengths(f, x: Tensor, positions: Tensor) -> bool:
    assert_close(f(x, positions).norm(dim=-1), x.norm(dim=-1), rtol=1e-4, atol=1e-5)
    return True


def _start_stays(f, x: Tensor, positions: Tensor) -> bool:
    assert_close(f(x, torch.zeros_like(positions)), x)
    return True


def _only_the_distance_counts(f, x: Tensor, positions: Tensor) -> bool:
    """Whether the scores stay when all positions are moved by 5."""
    here, there = f(x, positions), f(x, positions + 5)
    assert_close(there @ there.mT, here @ here.mT, rtol=1e-3, atol=1e-3)
    return True


ROTATE = Task(
    id="03.rotate",
    title="Rotary positions",
    difficulty=3,
    minutes=30,
    points=5,
    reference=rotate,
    cases=rotate_cases,
    rtol=1e-4,
    atol=5e-5,
    mistakes=[
        Mistake(
            "halves",
            "Channel i is paired with channel i + Dh/2. That is a rotary of its own right (Llama's), and its scores "
            "know the distance too; but here the pairs are neighbours, 2i and 2i + 1. Weights trained with one do not "
            "work with the other.",
            _halves,
        ),
        Mistake(
            "backwards",
            "The pairs turn the other way round. Scores would be the same, but positive angles turn (1, 0) towards "
            "(0, 1): look at the signs before the sines.",
            lambda x, positions: _turn(x, positions[:, None] * _speeds(x), sign=-1),
        ),
        Mistake(
            "overwritten",
            "The second channel of a pair is computed from the first one's *new* value. Both must come from the old "
            "values: a turn keeps lengths, and yours does not.",
            _overwritten,
        ),
        Mistake(
            "positions-ignored",
            "The tokens are turned as if they stood at 0, 1, 2, ... They stand where `positions` says.",
            lambda x, positions: _turn(x, torch.arange(x.shape[-2])[:, None] * _speeds(x)),
        ),
        Mistake(
            "one-speed",
            "All pairs turn at the speed of the first. Each has its own: 10000 to the power of -2i / Dh.",
            lambda x, positions: _turn(x, positions[:, None].float()),
        ),
        Mistake(
            "wrong-exponent",
            "Pairs after the first turn too fast: the exponent of pair i is -2i / Dh, and you have -i / Dh.",
            lambda x, positions: _turn(x, positions[:, None] * _speeds(x).sqrt()),
        ),
        Mistake(
            "added",
            "Sines and cosines are added to the vector, as in 03.sinusoidal. Here they turn it: a pair is multiplied "
            "by a matrix of two rows and columns.",
            _added,
        ),
    ],
    properties=[
        Property("start-moves", "At position 0 all angles are 0: nothing should change.", _start_stays),
        Property("lengths", "A turn keeps the length of each vector.", _keeps_lengths),
        Property(
            "distance",
            "Move all positions by the same number, and no dot product between two turned vectors should change.",
            _only_the_distance_counts,
        ),
    ],
    variants=[_by_complex, _by_matrices],
    hints=(
        "Where does (1, 0) go when it is turned by an angle? And (0, 1)? What follows for (a, b)?",
        "Angles: positions[:, None] times the speeds, (T, Dh/2). x[..., 0::2] are the first channels of all pairs, "
        "x[..., 1::2] the second ones, both (..., T, Dh/2). torch.stack(..., dim=-1) and flatten(-2) put pairs back.",
        "speeds = 10000 to the power of -(0, 2, 4, ...) / Dh        (Dh/2,)\n"
        "angles = positions as a column, times speeds                (T, Dh/2)\n"
        "a, b = even channels, odd channels                          (..., T, Dh/2)\n"
        "new a = a cos - b sin,  new b = a sin + b cos\n"
        "return them as neighbours again                             (..., T, Dh)",
    ),
)
