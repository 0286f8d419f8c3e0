"""Which solutions are alike. A hint for a person, never a verdict: short tasks have few right answers."""

import ast
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

LENGTH = 5  # neighbouring tokens that are compared as one
ENOUGH = 30  # shingles below which an answer is too short to say anything
WARNING = (
    "Similar is not copied. Names, comments and layout are ignored and what many wrote counts little, yet a short task "
    "has few right answers, and those who worked together from the same hint write alike. Talk before you judge."
)


@dataclass(frozen=True)
class Pair:
    """Two learners. score: 0 to 1, of all their answers. same: cells that are equal to the letter, of some length."""

    one: str
    two: str
    score: float
    same: tuple[str, ...]


def tokens(source: str) -> list[str]:
    """The nodes of the syntax tree in order, without names, docstrings and numbers; empty if it cannot be parsed."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    found: list[str] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node, ast.arguments):
            return  # given, types and all
        found.append(f".{node.attr}" if isinstance(node, ast.Attribute) else type(node).__name__)
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr_context):
                visit(child)

    visit(tree)
    return found


def shingles(source: str) -> frozenset[tuple[str, ...]]:
    """All runs of LENGTH neighbouring tokens."""
    found = tokens(source)
    return frozenset(tuple(found[n : n + LENGTH]) for n in range(len(found) - LENGTH + 1))


def similar_pairs(
    answers: Mapping[str, Mapping[str, str]], given: Mapping[str, str], threshold: float = 0.8
) -> list[Pair]:
    """Pairs with a score of at least `threshold`, the most alike first.

    answers: by learner, then by cell. given: the cells as they were given out; what still is as given is left out.
    The score is the Jaccard index of the shingles, each weighted by log((N + 1) / n) where n of N learners wrote it.
    """
    kept: dict[str, set] = {}
    for learner, cells in answers.items():
        own = {name: source for name, source in cells.items() if source.strip() != given.get(name, "").strip()}
        kept[learner] = {(name, one) for name, source in own.items() for one in shingles(source)}
        for name, source in given.items():
            kept[learner] -= {(name, one) for one in shingles(source)}
    counts = Counter(one for found in kept.values() for one in found)
    weights = {one: math.log((len(kept) + 1) / number) for one, number in counts.items()}
    sums = {learner: sum(weights[one] for one in found) for learner, found in kept.items()}
    pairs = []
    for one, two in combinations([learner for learner, found in kept.items() if len(found) >= ENOUGH], 2):
        shared = sum(weights[each] for each in kept[one] & kept[two])
        score = shared / (sums[one] + sums[two] - shared)
        if score >= threshold:
            pairs.append(Pair(one, two, score, _same(answers[one], answers[two], given)))
    return sorted(pairs, key=lambda pair: (-pair.score, -len(pair.same), pair.one, pair.two))


def _same(one: Mapping[str, str], two: Mapping[str, str], given: Mapping[str, str]) -> tuple[str, ...]:
    """Cells that are equal to the letter, comments too, and have three lines or more that were not given."""
    names = []
    for name, source in one.items():
        own = set(source.splitlines()) - set(given.get(name, "").splitlines())
        if source == two.get(name) and len(own) >= 3:
            names.append(name)
    return tuple(names)
