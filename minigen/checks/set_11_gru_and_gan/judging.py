"""Task 11.bigram_divergence: how far written strings are from real ones, with no loss to tell."""

import math
from collections import Counter
from itertools import pairwise

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.metrics import bigram_divergence


def string_cases(draw: Draw) -> list[Case]:
    """Strings by hand, drawn ones, as many or not, of the same length or not; all alike, and nothing alike."""

    def case(note: str, one: tuple[int, int], other: tuple[int, int], size: int) -> Case:
        return Case(note, draw.integers(0, size - 1, *one), draw.integers(0, size - 1, *other), size)

    return [
        Case("two strings against one", torch.tensor([[0, 1, 0], [0, 1, 1]]), torch.tensor([[0, 1, 2]]), 3),
        Case("the same pairs, turned round", torch.tensor([[0, 1], [0, 2]]), torch.tensor([[1, 0], [2, 0]]), 3),
        case("a batch", (5, 6), (5, 6), 4),
        case("more of the one than of the other", (2, 4), (9, 7), 3),
        Case("nothing in common", torch.tensor([[0, 0, 0]]), torch.tensor([[1, 1], [2, 2]]), 3),
        Case("the same in another order", torch.tensor([[0, 1], [1, 2]]), torch.tensor([[1, 2], [0, 1]]), 5),
    ]


def _counts(strings, size):
    return torch.bincount((strings[:, :-1] * size + strings[:, 1:]).flatten(), minlength=size**2).double()


def _shares(counts):
    return counts / counts.sum()


def _kl(p, q):
    return torch.special.xlogy(p, p / q).nan_to_num(0.0).sum()


def _divergence(one, other, middle=None):
    middle = (one + other) / 2 if middle is None else middle
    return float(_kl(one, middle) + _kl(other, middle)) / 2


def _plain_logarithm(strings, others, size):
    one, other = (_shares(_counts(part, size)) for part in (strings, others))
    middle = (one + other) / 2
    return float(((one * (one / middle).log()).sum() + (other * (other / middle).log()).sum()) / 2)


def _pooled(strings, others, size):
    one, other = (_counts(part, size) for part in (strings, others))
    return _divergence(_shares(one), _shares(other), _shares(one + other))


def _across(strings, others, size):
    return bigram_divergence(strings.reshape(1, -1), others.reshape(1, -1), size)


def _single(strings, others, size):
    return _divergence(*(_shares(torch.bincount(x.flatten(), minlength=size).double()) for x in (strings, others)))


def _one_way(strings, others, size):
    one, other = (_shares(_counts(part, size)) for part in (strings, others))
    return float(_kl(one, (one + other) / 2))


def _turned_round(f, strings, others, size) -> bool:
    return abs(f(strings, others, size) - f(others, strings, size)) < 1e-5


def _nothing_from_itself(f, strings, others, size) -> bool:
    return abs(f(strings, strings, size)) < 1e-5


def _between_zero_and_ln_two(f, strings, others, size) -> bool:
    return -1e-5 <= f(strings, others, size) <= math.log(2) + 1e-5


def _by_counter(strings, others, size):
    one, other = (Counter(pair for row in part.tolist() for pair in pairwise(row)) for part in (strings, others))
    total = 0.0
    for mine, theirs in ((one, other), (other, one)):
        for pair, count in mine.items():
            p, q = count / mine.total(), theirs[pair] / theirs.total()
            total += p * math.log(2 * p / (p + q)) / 2
    return total


def _by_table(strings, others, size):
    def shares(part: Tensor) -> Tensor:
        table = torch.zeros(size, size)
        for first, second in zip(part[:, :-1].flatten(), part[:, 1:].flatten(), strict=True):
            table[first, second] += 1
        return table / table.sum()

    entropy = lambda p: -torch.special.xlogy(p, p).sum()  # noqa: E731
    one, other = shares(strings), shares(others)
    return (entropy((one + other) / 2) - (entropy(one) + entropy(other)) / 2).item()


BIGRAM_DIVERGENCE = Task(
    id="11.bigram_divergence",
    title="How far from real?",
    difficulty=2,
    importance="useful",
    minutes=20,
    points=3,
    reference=bigram_divergence,
    cases=string_cases,
    atol=1e-5,
    mistakes=[
        Mistake(
            "nan-row",
            "Pairs that do not occur give 0 times the logarithm of 0, which is NaN. They count as 0: how can they be "
            "left out?",
            _plain_logarithm,
        ),
        Mistake(
            "no-half",
            "You add the two divergences. Their mean is wanted, which is at most ln 2.",
            lambda *args: 2 * bigram_divergence(*args),
        ),
        Mistake(
            "one-way",
            "Only the first set of strings is compared with the middle. Then what real strings have and written ones "
            "lack is not seen.",
            _one_way,
        ),
        Mistake(
            "across",
            "The strings are joined into one, so that the end of each makes a pair with the beginning of the next. "
            "Such neighbours nobody wrote.",
            _across,
        ),
        Mistake(
            "single-tokens",
            "You count single tokens. A writer may use each as often as real strings do, and put them side by side at "
            "random.",
            _single,
        ),
        Mistake(
            "larger-counts-more",
            "The middle is taken of the counts, so the set with more pairs weighs more in it. Make shares of each set "
            "first.",
            _pooled,
        ),
        Mistake(
            "bits",
            "This is in bits. Nats are asked for: the natural logarithm.",
            lambda *args: bigram_divergence(*args) / math.log(2),
        ),
    ],
    properties=[
        Property("lopsided", "The two sets exchanged should give the same number.", _turned_round),
        Property("itself", "Strings compared with themselves should give 0.", _nothing_from_itself),
        Property("out-of-range", "The divergence lies between 0 and ln 2.", _between_zero_and_ln_two),
    ],
    variants=[_by_counter, _by_table],
    hints=(
        "How do you make a table of how often each pair occurs, and what must be done with it before two sets of "
        "different sizes can be compared?",
        "A pair (a, b) is number a * V + b; torch.bincount(..., minlength=V * V) counts. Divide by the sum. In the sum "
        "of p ln(p / m) use only places where p > 0.",
        "p, q = shares of the pairs in each set       (V * V,)\nm = (p + q) / 2\n"
        "kl(p, m) = sum of p * ln(p / m) where p > 0\nreturn (kl(p, m) + kl(q, m)) / 2 as a float",
    ),
)
