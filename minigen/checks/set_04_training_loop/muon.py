"""Task 04.orthogonalise: the heart of Muon."""

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.training.optimizers import COEFFICIENTS
from minigen.training.optimizers import orthogonalise as of_a_stack


def matrix_cases(draw: Draw) -> list[Case]:
    """A diagonal matrix, whose numbers can be followed; then each shape, small and large numbers, and zeros."""
    return [
        Case("a diagonal matrix, one round", torch.tensor([[3.0, 0.0], [0.0, 4.0]]), 1),
        Case("wide", draw.normal(2, 5), 5),
        Case("tall", draw.normal(6, 3), 5),
        Case("square, three rounds", draw.normal(4, 4), 3),
        Case("small numbers", draw.normal(3, 4, scale=0.01), 5),
        Case("large numbers", draw.normal(3, 2, scale=1000), 2),
        Case("zeros", torch.zeros(2, 3), 5),
        Case("no round", draw.normal(2, 3), 0),
    ]


def orthogonalise(matrix: Tensor, steps: int) -> Tensor:
    """The reference: the package's, for a stack of one."""
    return of_a_stack(matrix[None], steps)[0]


def _rounds(x, steps):
    a, b, c = COEFFICIENTS
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def _one_gram(matrix, steps):
    x = matrix / matrix.norm().clamp(min=1e-7)
    (a, b, c), gram = COEFFICIENTS, x @ x.mT
    for _ in range(steps):
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def _elementwise(matrix, steps):
    a, b, c = COEFFICIENTS
    x = matrix / matrix.norm().clamp(min=1e-7)
    for _ in range(steps):
        x = a * x + b * x**3 + c * x**5
    return x


def _exact(matrix, steps):
    u, _, vt = torch.linalg.svd(matrix, full_matrices=False)
    return u @ vt


def _by_singular_values(matrix, steps):
    u, sigma, vt = torch.linalg.svd(matrix, full_matrices=False)
    sigma = sigma / sigma.norm().clamp(min=1e-7)
    for _ in range(steps):
        sigma = sum(k * sigma**power for k, power in zip(COEFFICIENTS, (1, 3, 5), strict=True))
    return u @ sigma.diag() @ vt


def _from_the_right(matrix, steps):
    (a, b, c), x = COEFFICIENTS, matrix / (matrix.square().sum().sqrt() + 1e-9)
    for _ in range(steps):
        once = x @ (x.mT @ x)
        x = a * x + b * once + c * once @ (x.mT @ x)
    return x


def _unit_free(f, matrix: Tensor, steps: int) -> bool:
    """Whether a gradient 10 times as large gives the same."""
    return torch.allclose(f(10 * matrix, steps), f(matrix, steps), rtol=1e-2, atol=1e-3)


def _turns_along(f, matrix: Tensor, steps: int) -> bool:
    """Whether a turned matrix gives the turned answer: nothing happens to directions."""
    angle = torch.tensor(0.7)
    turn = torch.eye(len(matrix))
    turn[0, 0] = turn[1, 1] = angle.cos()
    turn[0, 1], turn[1, 0] = -angle.sin(), angle.sin()
    return torch.allclose(f(turn @ matrix, steps), turn @ f(matrix, steps), rtol=1e-2, atol=1e-3)


ORTHOGONALISE = Task(
    id="04.orthogonalise",
    title="Newton-Schulz, the heart of Muon",
    difficulty=3,
    minutes=25,
    points=4,
    importance="useful",
    reference=orthogonalise,
    cases=matrix_cases,
    rtol=1e-3,
    atol=1e-3,
    mistakes=[
        Mistake(
            "not-normalised",
            "The matrix goes in as it is. The polynomial is made for singular values between 0 and 1; beyond that its "
            "fifth power explodes. Divide by the norm first.",
            _rounds,
        ),
        Mistake(
            "each-row",
            "Each row is divided by its own length. That is another matrix, with other directions: divide by one "
            "number, the norm of the whole.",
            lambda matrix, steps: _rounds(F.normalize(matrix, dim=1), steps),
        ),
        Mistake(
            "one-gram",
            "X Xᵀ is computed once, before the rounds. X changes in every round, and X Xᵀ with it.",
            _one_gram,
        ),
        Mistake(
            "elementwise",
            "x ** 3 cubes each number by itself. X Xᵀ X is made of matrix products: it cubes the *singular values*, "
            "and leaves the directions alone.",
            _elementwise,
        ),
        Mistake(
            "exact",
            "This is U Vᵀ from a decomposition: where the rounds lead to, roughly. Here the polynomial itself is asked "
            "for, which needs products alone.",
            _exact,
        ),
        Mistake(
            "nan-row",
            "A gradient of zeros (of a part that did not take part) becomes 0 / 0. Keep the norm from being 0.",
            lambda matrix, steps: _rounds(matrix / matrix.norm(), steps),
        ),
        Mistake(
            "cubic",
            "The last term is missing: c (X Xᵀ)² X.",
            lambda matrix, steps: _cubic(matrix / matrix.norm().clamp(min=1e-7), steps),
        ),
    ],
    properties=[
        Property("unit", "A gradient that is ten times as large should give the same answer.", _unit_free),
        Property("directions", "Turn the matrix, and the answer should turn along.", _turns_along),
    ],
    variants=[_by_singular_values, _from_the_right],
    hints=(
        "For the matrix diag(0.6, 0.8): what are X Xᵀ and X Xᵀ X? What does a round do to 0.6?",
        "Divide by matrix.norm(), kept above 0 by .clamp(min=1e-7). In each round: gram = x @ x.mT, then "
        "(b gram + c gram @ gram) @ x beside a x.",
        "x = matrix / its norm\n"
        "as often as steps says:\n"
        "    gram = x times x transposed\n"
        "    x = a x + (b gram + c gram gram) x\n"
        "return x",
    ),
)


def _cubic(x, steps):
    a, b, _ = COEFFICIENTS
    for _ in range(steps):
        x = a * x + b * (x @ x.mT) @ x
    return x
