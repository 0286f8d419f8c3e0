"""Task 10.information_bounds: nats of the label that z surely has, and of the text that it has at most."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def bounds_cases(draw: Draw) -> list[Case]:
    """Logits (B, C), labels (B,), KL (B, Z): labels that are not balanced, a class that does not occur."""

    def case(note: str, batch: int, classes: int, size: int, scale: float = 1.0) -> Case:
        labels = draw.integers(0, classes - 1, batch)
        return Case(note, draw.normal(batch, classes, scale=scale), labels, draw.normal(batch, size).square())

    three = torch.tensor([0, 0, 1])
    some = torch.tensor([[0.1, 0.3], [0.0, 0.5], [0.2, 0.1]])
    absent = torch.tensor([0, 2, 2, 0, 2])
    return [
        Case("three texts, the head is nearly sure", torch.tensor([[3.0, 0.0], [2.0, 0.0], [0.0, 4.0]]), three, some),
        Case("the head knows nothing", torch.zeros(3, 2), three, torch.zeros(3, 2)),
        case("a batch", 7, 3, 4),
        Case("one class does not occur", draw.normal(5, 3), absent, draw.normal(5, 2).square()),
        Case("sure and wrong", torch.tensor([[200.0, 0.0], [0.0, 200.0], [0.0, 200.0]]), three, some),
        Case("one label only: there is nothing to know", draw.normal(4, 2), torch.ones(4).long(), torch.ones(4, 1)),
        case("a larger batch", 40, 4, 6, 2.0),
    ]


def information_bounds(logits: Tensor, labels: Tensor, kl: Tensor) -> tuple[Tensor, Tensor]:
    """The reference."""
    return _entropy(_shares(logits, labels)) - F.cross_entropy(logits, labels), kl.sum(dim=1).mean()


def _shares(logits, labels):
    return torch.bincount(labels, minlength=logits.shape[1]) / len(labels)


def _entropy(p):
    return torch.special.entr(p).sum()


def _lower(lower):
    """Both bounds of a way to compute the lower one."""
    return lambda logits, labels, kl: (lower(logits, labels), kl.sum(dim=1).mean())


def _overflowing(logits, labels):
    chosen = logits.softmax(dim=1).gather(1, labels[:, None]).log()
    return _entropy(_shares(logits, labels)) + chosen.mean()


def _nan_class(logits, labels):
    p = _shares(logits, labels)
    return -(p * p.log()).sum() - F.cross_entropy(logits, labels)


def _at_most_the_label(f, logits, labels, kl) -> bool:
    counts = [float((labels == label).float().mean()) for label in labels.unique()]
    return float(f(logits, labels, kl)[0]) <= sum(-p * math.log(p) for p in counts) + 1e-4


def _guessing_is_nothing(f, logits, labels, kl) -> bool:
    """Whether a head that says the shares of the classes, and does not look at z, knows nothing."""
    blind = (_shares(logits, labels) + 1e-12).log().expand_as(logits)
    assert_close(f(blind, labels, kl)[0], torch.tensor(0.0), rtol=0, atol=1e-4)
    return True


def _twice_the_same(f, logits, labels, kl) -> bool:
    twice = f(*(torch.cat((x, x)) for x in (logits, labels, kl)))
    assert_close(tuple(twice), tuple(f(logits, labels, kl)), rtol=1e-4, atol=1e-4)
    return True


def _by_counting(logits, labels, kl):
    entropy = torch.zeros(())
    for label in labels.unique():
        p = (labels == label).sum() / len(labels)
        entropy = entropy - p * p.log()
    right = logits[torch.arange(len(labels)), labels]
    return entropy - (logits.logsumexp(dim=1) - right).mean(), kl.sum() / len(kl)


INFORMATION_BOUNDS = Task(
    id="10.information_bounds",
    title="How much passes the narrow place?",
    difficulty=2,
    minutes=15,
    points=3,
    reference=information_bounds,
    cases=bounds_cases,
    rtol=1e-4,
    atol=1e-5,
    mistakes=[
        Mistake(
            "no-entropy",
            "The lower bound is minus the cross-entropy alone, and never above 0. What is known of the label is what "
            "was not known before, H(y), less what is still not known.",
            _lower(lambda logits, labels: -F.cross_entropy(logits, labels)),
        ),
        Mistake(
            "uniform-entropy",
            "You take ln C for H(y). That holds where all classes are equally frequent; here their shares have to be "
            "counted. Where nine of ten labels are the same, there is less to know.",
            _lower(lambda logits, labels: math.log(logits.shape[1]) - F.cross_entropy(logits, labels)),
        ),
        Mistake(
            "answers-for-labels",
            "H is the entropy of what the head says, on average. It should be that of the *labels*: how unsure one is "
            "of a label before one has seen z.",
            _lower(
                lambda logits, labels: _entropy(logits.softmax(dim=1).mean(dim=0)) - F.cross_entropy(logits, labels)
            ),
        ),
        Mistake(
            "bits",
            "The lower bound is in bits, the upper one in nats. Natural logarithms for both, please.",
            lambda *args: (information_bounds(*args)[0] / math.log(2), information_bounds(*args)[1]),
        ),
        Mistake(
            "nan-class",
            "A class that does not occur makes 0 x ln 0, which is NaN. It adds nothing to the entropy.",
            _lower(_nan_class),
        ),
        Mistake(
            "overflow",
            "The logarithm comes after the softmax: where the head is sure and wrong, that is ln 0. A function of "
            "torch takes both steps together.",
            _lower(_overflowing),
        ),
        Mistake(
            "mean-for-sum",
            "The KL is averaged over the numbers of z as well. What they cost adds up; the mean is over the texts.",
            lambda *args: (information_bounds(*args)[0], args[2].mean()),
        ),
    ],
    properties=[
        Property(
            "more-than-the-label", "Nobody can know more of the label than H(y), all that it has.", _at_most_the_label
        ),
        Property(
            "guessing",
            "A head that does not look at z, and always says the shares of the classes, knows 0 nats.",
            _guessing_is_nothing,
        ),
        Property("batch-size", "The same texts twice should give the same bounds.", _twice_the_same),
    ],
    variants=[_by_counting],
    hints=(
        "Somebody throws a coin and tells you nothing. How many nats do you not know? And once the head has said 90 %?",
        "H(y) of the shares of the labels (torch.bincount), F.cross_entropy for what is still unknown. KL: a sum over "
        "the numbers of z, a mean over the texts.",
        "p = counts of the labels / B, those of 0 left out\nH = minus the sum of p ln p\n"
        "at_least = H - cross-entropy of the logits with the labels\n"
        "at_most = mean over the texts of (sum of kl over Z)\nreturn both",
    ),
)
