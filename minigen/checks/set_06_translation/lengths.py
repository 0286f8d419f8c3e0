"""Task 06.length_batches: sentences of like lengths side by side, so that little of a batch is padding."""

import torch

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def length_cases(draw: Draw) -> list[Case]:
    """By hand, with an exact fit; equal lengths; nothing; many."""
    return [
        Case("four sentences", [3, 1, 2, 2], 4),
        Case("equal lengths, an exact fit", [2, 2, 2, 2, 2], 4),
        Case("one sentence", [5], 5),
        Case("all fit together", [2, 1, 3], 100),
        Case("each needs a batch of its own", [5, 4, 6], 6),
        Case("no sentences", [], 8),
        Case("many", [draw.integer(1, 9) for _ in range(30)], 24),
        Case("many, of very different lengths", [draw.choice((1, 2, 3, 17, 20)) for _ in range(25)], 40),
    ]


def length_batches(lengths: list[int], budget: int) -> list[list[int]]:
    """The reference."""
    return _cut(lengths, budget)


def _cut(lengths, budget, order=None, fits=lambda rows, lengths, budget: len(rows) * max(lengths) <= budget):
    """Rows by length, cut into batches; `fits` says whether a batch is small enough."""
    rows = sorted(range(len(lengths)), key=lambda row: lengths[row]) if order is None else order(lengths)
    batches: list[list[int]] = []
    for row in rows:
        grown = [*batches[-1], row] if batches else []
        if grown and fits(grown, [lengths[r] for r in grown], budget):
            batches[-1] = grown
        else:
            batches.append([row])
    return batches


def _over_budget(lengths, budget):
    batches, batch = [], []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        batch.append(row)
        if len(batch) * lengths[row] > budget:
            batches.append(batch)
            batch = []
    return [*batches, batch] if batch else batches


def _cut_by_slices(lengths, budget):
    rows = torch.tensor(lengths, dtype=torch.int64).argsort(stable=True).tolist()
    batches, first = [], 0
    while first < len(rows):
        end = first + 1
        while end < len(rows) and (end + 1 - first) * lengths[rows[end]] <= budget:
            end += 1
        batches.append(rows[first:end])
        first = end
    return batches


def _fits_the_budget(f, lengths: list[int], budget: int) -> bool:
    return all(len(rows) * max(lengths[row] for row in rows) <= budget for rows in f(lengths, budget))


def _each_once(f, lengths: list[int], budget: int) -> bool:
    return sorted(row for rows in f(lengths, budget) for row in rows) == list(range(len(lengths)))


LENGTH_BATCHES = Task(
    id="06.length_batches",
    title="Batches that are not made of padding",
    difficulty=2,
    minutes=15,
    points=3,
    reference=length_batches,
    cases=length_cases,
    mistakes=[
        Mistake(
            "real-tokens",
            "You add up the lengths. In memory each sentence is as long as the longest of its batch.",
            lambda lengths, budget: _cut(lengths, budget, fits=lambda rows, of, budget: sum(of) <= budget),
        ),
        Mistake(
            "unsorted",
            "The sentences are taken as they come: a long one among short ones makes padding of them all.",
            lambda lengths, budget: _cut(lengths, budget, order=lambda lengths: range(len(lengths))),
        ),
        Mistake(
            "longest-first",
            "The longest come first. Here the shortest do.",
            lambda lengths, budget: _cut(
                lengths, budget, order=lambda of: sorted(range(len(of)), key=lambda row: -of[row])
            ),
        ),
        Mistake(
            "not-full",
            "A batch that fills the budget exactly is cut one sentence too early.",
            lambda lengths, budget: _cut(lengths, budget, fits=lambda rows, of, budget: len(rows) * max(of) < budget),
        ),
        Mistake(
            "over-budget",
            "A batch is closed when it is already too large. Ask *before* you add a sentence: would it still fit?",
            _over_budget,
        ),
        Mistake(
            "loses-last",
            "The last batch is missing: the loop ends, and what was being collected is thrown away.",
            lambda lengths, budget: _cut(lengths, budget)[:-1],
        ),
        Mistake(
            "not-rows",
            "These are lengths. Which sentences they are is what is wanted: their numbers, counted from 0.",
            lambda lengths, budget: [[lengths[row] for row in rows] for rows in _cut(lengths, budget)],
        ),
    ],
    properties=[
        Property("not-each-once", "Each sentence should be in one batch, once.", _each_once),
        Property(
            "too-large",
            "The number of sentences times the longest length must not exceed the budget.",
            _fits_the_budget,
        ),
    ],
    variants=[_cut_by_slices, lambda *args: _cut(*args)],
    hints=(
        "Three sentences of 2 tokens and one of 20 are a batch. How many places does it take in memory, and how many "
        "of "
        "them are text?",
        "sorted(range(len(lengths)), key=lambda row: lengths[row]) gives the numbers, shortest first. In that order "
        "the "
        "newest sentence is always the longest of its batch.",
        "for each row, shortest first:\n    if there is a batch, and (its rows + 1) * length of this row <= budget:\n"
        "        the row joins it\n    else:\n        a new batch begins with it",
    ),
)
