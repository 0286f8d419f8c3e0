"""Task 03.sinusoidal: a clock with many hands."""

import math

import torch
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.layers.positions import sinusoidal

BASE = 10_000.0


def sinusoidal_cases(draw: Draw) -> list[Case]:
    """Few positions first; then other sizes, a single hand, and positions far out."""
    return [
        Case("three positions, two hands", 3, 4),
        Case("one hand", 4, 2),
        Case("one position", 1, 6),
        Case("more positions than columns", draw.integer(9, 14), 2 * draw.integer(3, 4)),
        Case("more columns than positions", draw.integer(2, 5), 2 * draw.integer(5, 8)),
        Case("far out", 300, 8),
    ]


def _angles(length, exponents, first=0):
    return torch.arange(first, first + length)[:, None] * BASE ** -torch.as_tensor(exponents)


def _pairs(angles):
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


def _even(width):
    return torch.arange(0, width, 2) / width


def _own_speed(length, width):
    angles = _angles(length, torch.arange(width) / width)
    return torch.where(torch.arange(width) % 2 == 0, angles.sin(), angles.cos())


def _by_loop(length, width):
    rows = []
    for t in range(length):
        angles = [t / BASE ** (2 * i / width) for i in range(width // 2)]
        rows.append([value for angle in angles for value in (math.sin(angle), math.cos(angle))])
    return torch.tensor(rows)


def _by_columns(length, width):
    table = torch.empty(length, width)
    angles = torch.outer(torch.arange(length).float(), torch.exp(-_even(width) * math.log(BASE)))
    table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()
    return table


def _on_circles(f, length: int, width: int) -> bool:
    """Whether each pair of neighbouring columns is a point on a circle of radius 1."""
    squares = f(length, width).unflatten(-1, (-1, 2)).square().sum(-1)
    return torch.allclose(squares, torch.ones_like(squares), atol=1e-4)


def _distance_counts(f, length: int, width: int) -> bool:
    table = f(length, width)
    products: Tensor = table @ table.mT
    assert_close(products[1:, 1:], products[:-1, :-1], rtol=1e-3, atol=1e-2)
    return True


SINUSOIDAL = Task(
    id="03.sinusoidal",
    title="A clock with many hands",
    difficulty=1,
    minutes=10,
    points=2,
    reference=sinusoidal,
    cases=sinusoidal_cases,
    rtol=1e-4,
    atol=1e-4,
    mistakes=[
        Mistake(
            "halves",
            "All sines stand in the left half and all cosines in the right. The two readings of a hand are neighbours "
            "here: columns 2i and 2i + 1. (Other libraries use halves; the tables are not interchangeable.)",
            lambda length, width: torch.cat([f(_angles(length, _even(width))) for f in (torch.sin, torch.cos)], -1),
        ),
        Mistake(
            "cosine-first",
            "The cosine stands before the sine: position 0 should read 0, 1, 0, 1, ...",
            lambda length, width: _pairs(_angles(length, _even(width))).unflatten(-1, (-1, 2)).flip(-1).flatten(-2),
        ),
        Mistake(
            "wrong-exponent",
            "The hands are too fast: the exponent of hand i is 2i / D, and you have i / D. With i running over "
            "D / 2 hands, the slowest should be slower than 1 / 1000 of the fastest for any usual width.",
            lambda length, width: _pairs(_angles(length, _even(width) / 2)),
        ),
        Mistake(
            "own-speed",
            "Each column has a speed of its own. A hand has two readings, its sine and its cosine, of one and the "
            "same angle; otherwise dot products no longer know the distance.",
            _own_speed,
        ),
        Mistake(
            "inverted",
            "Later hands turn faster and faster: the power of 10000 multiplies. It divides: the first hand makes one "
            "radian a step, the others less.",
            lambda length, width: _pairs(_angles(length, -_even(width))),
        ),
        Mistake(
            "off-by-one",
            "The first row is position 1. Positions count from 0, where all angles are 0.",
            lambda length, width: _pairs(_angles(length, _even(width), first=1)),
        ),
    ],
    properties=[
        Property("not-on-circles", "Columns 2i and 2i + 1 are sine and cosine of one angle.", _on_circles),
        Property(
            "distance",
            "The dot product of two rows should depend on the distance of their positions alone.",
            _distance_counts,
        ),
    ],
    variants=[_by_loop, _by_columns],
    hints=(
        "How many different angles does one position have, and which two numbers do you write down for each?",
        "Speeds 10000 ** (-torch.arange(0, D, 2) / D), shape (D/2,); times positions (T, 1) gives the angles "
        "(T, D/2). torch.stack with dim=-1 puts sine and cosine beside each other; flatten(-2) joins two axes.",
        "speeds = 10000 to the power of -(0, 2, 4, ...) / D      (D/2,)\n"
        "angles = positions as a column, times speeds             (T, D/2)\n"
        "stack sine and cosine in a new last axis                 (T, D/2, 2)\n"
        "join the last two axes                                   (T, D)",
    ),
)
