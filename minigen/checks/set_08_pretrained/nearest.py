"""Task 08.nearest_sentence: meaning is a direction."""

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def vector_cases(draw: Draw) -> list[Case]:
    """A query (D,) and a library (N, D) whose rows differ in length."""

    def case(note: str, count: int, width: int) -> Case:
        return Case(note, draw.normal(width), draw.normal(count, width) * draw.uniform(count, 1, low=0.1, high=3))

    aligned = draw.normal(5)
    return [
        Case("a long vector, a short one, and one behind", torch.tensor([1.0, 0.5]), _fan()),
        case("three sentences", 3, 4),
        case("as many sentences as numbers", 6, 6),
        case("a library", 50, 8),
        Case("the query itself is in it", aligned, torch.cat((draw.normal(3, 5), aligned[None]))),
        Case("all point away", torch.tensor([1.0, 0.0]), torch.tensor([[-3.0, 1.0], [-1.0, 1.0], [-2.0, 0.1]])),
        case("one sentence", 1, 3),
        Case("very long vectors", draw.normal(3, scale=1e4), draw.normal(4, 3, scale=1e4)),
    ]


def _fan():
    return torch.tensor([[9.0, -3.0], [0.2, 0.11], [-4.0, -2.0], [1.0, 0.0]])


def nearest_sentence(query: Tensor, library: Tensor) -> tuple[int, float]:
    """The reference: the row of the largest cosine, and that cosine."""
    return _pick(F.cosine_similarity(query[None], library, dim=1))


def _pick(values, best=torch.argmax):
    row = int(best(values))
    return row, values[row].item()


def _cosines(query, library):
    return library @ query / (library.norm(dim=1) * query.norm())


def _by_distance(query, library):
    row = int((library - query).norm(dim=1).argmin())
    return row, _cosines(query, library)[row].item()


def _by_loop(query, library):
    unit = query / query.norm()
    values = [(row / row.norm() * unit).sum().item() for row in library]
    return max(range(len(values)), key=values.__getitem__), max(values)


def _length_does_not_count(f, query, library) -> bool:
    row, cosine = f(query, library)
    lengths = torch.arange(1.0, len(library) + 1).flip(0)[:, None]
    other, again = f(3 * query, lengths * library)
    return row == other and abs(cosine - again) < 1e-4


NEAREST_SENTENCE = Task(
    id="08.nearest_sentence",
    title="The nearest sentence",
    difficulty=1,
    minutes=10,
    points=2,
    reference=nearest_sentence,
    cases=vector_cases,
    rtol=1e-4,
    atol=1e-5,
    forbid=("cosine_similarity",),
    mistakes=[
        Mistake(
            "dot-product",
            "This is the largest dot product, in which long vectors win. A cosine is the dot product divided by both "
            "lengths.",
            lambda query, library: _pick(library @ query),
        ),
        Mistake(
            "half-normal",
            "You divide by the length of the query alone, which is the same for all. It is the lengths of the "
            "library's vectors that differ.",
            lambda query, library: _pick(library @ query / query.norm()),
        ),
        Mistake(
            "query-length",
            "The right row, but its number is no cosine: the length of the query is still in it.",
            lambda query, library: _pick(library @ query / library.norm(dim=1)),
        ),
        Mistake(
            "distance",
            "You look for the smallest distance. A vector that points the same way and is longer is far away by that, "
            "and the nearest by the angle.",
            _by_distance,
        ),
        Mistake(
            "squared",
            "You divide by the squares of the lengths: the root is missing. norm() has it.",
            lambda query, library: _pick(library @ query / (library.square().sum(1) * query.square().sum())),
        ),
        Mistake(
            "absolute",
            "You take absolute values, so that the opposite direction is as near as the same one.",
            lambda query, library: _pick(_cosines(query, library).abs()),
        ),
        Mistake(
            "farthest",
            "This is the smallest cosine: the sentence that points away most.",
            lambda query, library: _pick(_cosines(query, library), torch.argmin),
        ),
    ],
    properties=[
        Property("length-counts", "Other lengths, same directions: nothing should change.", _length_does_not_count),
        Property("not-a-cosine", "A cosine lies in -1..1.", lambda f, *args: abs(f(*args)[1]) <= 1 + 1e-5),
    ],
    variants=[lambda query, library: _pick(F.normalize(library, dim=1) @ F.normalize(query, dim=0)), _by_loop],
    hints=(
        "What is the dot product of two vectors of length 1?",
        "library @ query gives all dot products, (N,). Divide by library.norm(dim=1) and by query.norm(); then argmax, "
        "and .item() for plain numbers.",
        "cosines = library times query / (lengths of the rows times length of the query)    (N,)\n"
        "row = where the largest is\nreturn row as an int, its cosine as a float",
    ),
)
