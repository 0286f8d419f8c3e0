"""Task 10.nested_subset: the labelled texts that all arms of an experiment get."""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def subset_cases(draw: Draw) -> list[Case]:
    """Labels (N,), how many rows, and a random number for each row, all different."""

    def numbers(rows: int) -> Tensor:
        return torch.tensor(draw.random.sample(range(rows), rows)) / rows

    def case(note: str, rows: int, size: int, classes: int, first: float = 0.0) -> Case:
        labels = draw.integers(0, classes - 1, rows)
        labels[: classes * 6] = torch.arange(classes * 6) % classes  # six of each at least
        labels[torch.rand(rows, generator=draw.generator) < first] *= 0
        return Case(note, labels, size, numbers(rows))

    small = torch.tensor([0, 1, 0, 0, 1, 0])
    ranks = torch.tensor([0.4, 0.9, 0.1, 0.3, 0.5, 0.2])
    rare = torch.tensor([0, 0, 1, 0, 0, 0])
    return [
        Case("one row of each class", small, 2, ranks),
        Case("two rows of each class: all of class 1", small, 4, ranks),
        case("two classes", 30, 10, 2),
        case("three classes", 40, 12, 3),
        Case("sorted labels, as in many files", torch.arange(24) // 12, 8, numbers(24)),
        Case("one class is frequent", (torch.arange(40) % 5 == 0).long(), 12, numbers(40)),
        Case("a class with too few rows", rare, 4, torch.arange(6) / 6),
        Case("a size that cannot be shared equally", small, 3, ranks),
    ]


def nested_subset(labels: Tensor, size: int, random: Tensor) -> Tensor:
    """The reference."""
    return _subset(labels, size, random)


def _subset(labels, size, random, descending=False, strict=True, pick=lambda rows, order, each: rows[order[:each]]):
    classes = int(labels.max()) + 1
    if size % classes:
        raise ValueError(f"{size} rows cannot be shared by {classes} classes")
    chosen = []
    for label in range(classes):
        rows = torch.nonzero(labels == label)[:, 0]
        if strict and len(rows) < size // classes:
            raise ValueError(f"class {label} has only {len(rows)} rows")
        chosen.append(pick(rows, random[rows].argsort(descending=descending), size // classes))
    return torch.cat(chosen).sort().values


def _checked(choose):
    """A way to choose that is asked only where the reference has an answer."""

    def wrong(labels: Tensor, size: int, random: Tensor) -> Tensor:
        _subset(labels, size, random)
        return choose(labels, size, random)

    return wrong


def _each_whole(labels, size, random):
    classes = int(labels.max()) + 1
    return _subset(labels, size * classes, random, strict=False)


def _proportional(labels, size, random):
    chosen = []
    for label in labels.unique():
        rows = torch.nonzero(labels == label)[:, 0]
        chosen.append(rows[random[rows].argsort()[: round(size * len(rows) / len(labels))]])
    return torch.cat(chosen).sort().values


def _possible(labels, size) -> bool:
    counts = torch.bincount(labels)
    return size % len(counts) == 0 and int(counts.min()) >= size // len(counts)


def _as_many_of_each(f, labels, size, random) -> bool:
    if not _possible(labels, size):
        return True
    counts = torch.bincount(labels[f(labels, size, random)], minlength=int(labels.max()) + 1)
    return bool((counts == size // len(counts)).all())


def _nested(f, labels, size, random) -> bool:
    """Whether a smaller subset lies within this one."""
    less = size - int(labels.max()) - 1
    if not _possible(labels, size) or less <= 0:
        return True
    return set(f(labels, less, random).tolist()) <= set(f(labels, size, random).tolist())


def _ascending(f, labels, size, random) -> bool:
    if not _possible(labels, size):
        return True
    rows = f(labels, size, random)
    return bool((rows[1:] > rows[:-1]).all())


def _by_rank(labels, size, random):
    """Without a loop over the classes: the rank of each row within its class."""
    classes = len(torch.bincount(labels))
    same = labels[:, None] == labels
    ranks = (same & (random < random[:, None])).sum(dim=1)
    rows = torch.nonzero(ranks < size // classes)[:, 0]
    if size % classes or len(rows) < size:
        raise ValueError("not enough rows of each class")
    return rows


def _by_lists(labels, size, random):
    classes, chosen = int(labels.max()) + 1, {}
    for row in sorted(range(len(labels)), key=random.tolist().__getitem__):
        mine = chosen.setdefault(int(labels[row]), [])
        if len(mine) < size / classes:
            mine.append(row)
    if any(len(rows) * classes != size for rows in chosen.values()):
        raise ValueError("not enough rows of each class")
    return torch.tensor(sorted(row for rows in chosen.values() for row in rows))


NESTED_SUBSET = Task(
    id="10.nested_subset",
    title="100 labels within 500",
    difficulty=2,
    minutes=15,
    points=3,
    reference=nested_subset,
    cases=subset_cases,
    mistakes=[
        Mistake(
            "not-stratified",
            "The rows with the smallest numbers of *all* are taken. Of a small subset one class may then get most, and "
            "an arm looks bad for that reason alone. As many of each class.",
            _checked(lambda labels, size, random: random.argsort()[:size].sort().values),
        ),
        Mistake(
            "first-rows",
            "The first rows of each class are taken: the random numbers have no say, so every seed gives the same "
            "subset, and the spread over the seeds is not seen.",
            lambda *args: _subset(*args, pick=lambda rows, order, each: rows[:each]),
        ),
        Mistake(
            "each-whole",
            "Each class gives `size` rows. `size` is the number of all together.",
            _checked(_each_whole),
        ),
        Mistake(
            "inverted",
            "You take the rows with the largest numbers. Also random, and also nested, but the smallest were asked "
            "for: what is to be compared must be chosen alike.",
            lambda *args: _subset(*args, descending=True),
        ),
        Mistake(
            "not-rows",
            "These are places within each class. Which *row* of `labels` is the third of class 1?",
            lambda *args: _subset(*args, pick=lambda rows, order, each: order[:each]),
        ),
        Mistake(
            "proportional",
            "Each class gives its share of the data. That is stratified, too, but here each class should give the same "
            "number.",
            _checked(_proportional),
        ),
        Mistake(
            "too-few",
            "Where a class has too few rows the subset is silently smaller than asked for, and no longer balanced. "
            "Raise a ValueError.",
            lambda *args: _subset(*args, strict=False),
        ),
    ],
    properties=[
        Property("not-balanced", "Each class should have size / C rows in the subset.", _as_many_of_each),
        Property("not-nested", "A smaller subset should lie within a larger one.", _nested),
        Property("not-sorted", "The rows should be in ascending order, each once.", _ascending),
    ],
    variants=[_by_rank, _by_lists],
    hints=(
        "Rows are put in the order of their random numbers. How do you take the first few of each class, and why is "
        "what you get for 100 then a part of what you get for 500?",
        "For each class: rows = torch.nonzero(labels == c)[:, 0], sorted by random[rows]; the first size // C of them. "
        "Two things can go wrong: size % C, and too few rows.",
        "C = largest label + 1\nsize not divisible by C: ValueError\nfor each class:\n"
        "    rows of the class;  fewer than size // C: ValueError\n"
        "    the size // C of them with the smallest numbers\nreturn all of them, sorted",
    ),
)
