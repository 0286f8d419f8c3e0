"""Tasks 07.balanced_weights and 07.macro_f1: rare classes count as much as frequent ones, in training and in scores."""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def label_cases(draw: Draw) -> list[Case]:
    """Labels in which each class occurs: few and many, even and uneven."""

    def labels(num_classes: int, more: int) -> Tensor:
        each = torch.arange(num_classes)
        return torch.cat((each, draw.integers(0, num_classes - 1, more), torch.zeros(more, dtype=torch.int64)))

    return [
        Case("three of one class, one of the other", torch.tensor([0, 1, 0, 0]), 2),
        Case("as many of each", torch.tensor([1, 0, 2, 2, 1, 0]), 3),
        Case("one text of each class", torch.arange(4), 4),
        Case("four classes, one of them large", labels(4, 9), 4),
        Case("a large set of six classes", labels(6, 100), 6),
    ]


def balanced_weights(labels: Tensor, num_classes: int) -> Tensor:
    """The reference: N / (C n_c), as TextClassifier's class_weight="balanced"."""
    return len(labels) / (num_classes * torch.bincount(labels, minlength=num_classes).float())


def _classes_count_the_same(f, labels: Tensor, num_classes: int) -> bool:
    totals = f(labels, num_classes) * torch.bincount(labels, minlength=num_classes)
    return torch.allclose(totals, totals.mean().expand(num_classes))


def _mean_weight_is_one(f, labels: Tensor, num_classes: int) -> bool:
    return abs(f(labels, num_classes)[labels].mean().item() - 1) < 1e-5


def _weights_by_loop(labels, num_classes):
    share = len(labels) / num_classes
    return torch.tensor([share / sum(label == c for label in labels.tolist()) for c in range(num_classes)])


def _weights_by_one_hot(labels, num_classes):
    shares = torch.nn.functional.one_hot(labels, num_classes).float().mean(0)
    return 1 / (num_classes * shares)


BALANCED_WEIGHTS = Task(
    id="07.balanced_weights",
    title="Each class counts the same",
    difficulty=1,
    minutes=5,
    points=1,
    importance="useful",
    reference=balanced_weights,
    cases=label_cases,
    forbid=("compute_class_weight", "compute_sample_weight"),
    mistakes=[
        Mistake(
            "no-classes",
            "Each class weighs N / n_c, so the mean weight of a text is C instead of 1: the loss, and with it the "
            "step, is C times too large.",
            lambda labels, c: len(labels) / torch.bincount(labels, minlength=c).float(),
        ),
        Mistake(
            "inverted",
            "The frequent classes get the large weights. It is the rare ones that need them.",
            lambda labels, c: 1 / balanced_weights(labels, c),
        ),
        Mistake(
            "sums-to-one",
            "The weights of the classes sum to 1. Here the mean weight of a *text* is to be 1, so that the loss keeps "
            "its size.",
            lambda labels, c: balanced_weights(labels, c) / balanced_weights(labels, c).sum(),
        ),
        Mistake(
            "per-text",
            "You return a weight for each text. What is asked for is one for each class, C numbers; a text's weight is "
            "looked up in them.",
            lambda labels, c: balanced_weights(labels, c)[labels],
        ),
        Mistake(
            "floor-division",
            "// rounds down, and makes weights of 0 for every class that is larger than the mean.",
            lambda labels, c: len(labels) // (c * torch.bincount(labels, minlength=c)),
        ),
    ],
    properties=[
        Property("classes-differ", "n_c times the weight should be the same for each class.", _classes_count_the_same),
        Property("mean-not-one", "The mean of the weights of all texts should be 1.", _mean_weight_is_one),
    ],
    variants=[_weights_by_loop, _weights_by_one_hot],
    hints=(
        "Four texts, of which three are of class 0. If both classes are to count for two texts each, what does each "
        "text of class 0 count for?",
        "torch.bincount(labels, minlength=C) counts the texts of each class. A class is to count for N / C texts.",
        "counts = how many texts each class has    (C,)\nreturn N divided by (C times counts)",
    ),
)


def confusion_cases(draw: Draw) -> list[Case]:
    """Two classes, several, one that is never answered, one that never occurs, all right, all wrong."""
    never_answered = draw.integers(1, 9, 3, 3)
    never_answered[:, 1] = 0
    absent = draw.integers(1, 9, 4, 4)
    absent[2], absent[:, 2] = 0, 0
    return [
        Case("two classes, one of them rare", torch.tensor([[90, 2], [6, 2]])),
        Case("four classes", draw.integers(1, 20, 4, 4)),
        Case("a class that is never answered", never_answered),
        Case("a class that neither occurs nor is answered", absent),
        Case("all answers right", torch.diag(draw.integers(1, 9, 3))),
        Case("all answers wrong", torch.tensor([[0, 3], [5, 0]])),
        Case("a class that is answered and never occurs", torch.tensor([[5, 1, 2], [1, 7, 1], [0, 0, 0]])),
        Case("a class of one text, which is answered wrong", torch.tensor([[5, 1, 0], [2, 7, 0], [1, 0, 0]])),
        Case("one class", torch.tensor([[4]])),
    ]


def macro_f1(confusion: Tensor) -> float:
    """The reference: the mean of 2 n_cc / (row + column) over the classes that occur on either side."""
    both = confusion.sum(1) + confusion.sum(0)
    return (2 * confusion.diag()[both > 0] / both[both > 0]).mean().item()


def _f1_parts(confusion):
    """(precision, recall, F1) of each class, NaN where they are 0 / 0."""
    right, confusion = confusion.diag().float(), confusion.float()
    precision, recall = right / confusion.sum(0), right / confusion.sum(1)
    return precision, recall, 2 * precision * recall / (precision + recall)


def _f1_of_means(confusion):
    precision, recall = (part.nan_to_num(0.0).mean() for part in _f1_parts(confusion)[:2])
    return (2 * precision * recall / (precision + recall)).nan_to_num(0.0).item()


def _weighted_f1(confusion):
    both, support = confusion.sum(1) + confusion.sum(0), confusion.sum(1)
    return ((2 * confusion.diag() / both.clamp(min=1)) * support).sum().div(support.sum()).item()


def _f1_by_library(confusion):
    from sklearn.metrics import f1_score

    true, answered = torch.repeat_interleave(confusion.nonzero(), confusion[confusion > 0], dim=0).T
    return float(f1_score(true, answered, average="macro", zero_division=0))


def _f1_by_loop(confusion):
    scores = []
    for c in range(len(confusion)):
        row, column = confusion[c].sum().item(), confusion[:, c].sum().item()
        if row + column:
            scores.append(2 * confusion[c, c].item() / (row + column))
    return sum(scores) / len(scores)


MACRO_F1 = Task(
    id="07.macro_f1",
    title="Macro F1 from a confusion matrix",
    difficulty=2,
    minutes=15,
    points=3,
    reference=macro_f1,
    cases=confusion_cases,
    forbid=("f1_score", "precision_recall_fscore_support", "classification_report", "fbeta_score"),
    mistakes=[
        Mistake(
            "accuracy",
            "This is the share of right answers, in which a rare class hardly counts. F1 is taken of each class first, "
            "then the mean of the classes.",
            lambda confusion: (confusion.diag().sum() / confusion.sum()).item(),
        ),
        Mistake(
            "recall-only",
            "This is the mean recall. A class that is answered everywhere has a recall of 1; its wrong answers, the "
            "column, count as well.",
            lambda confusion: (confusion.diag() / confusion.sum(1))[confusion.sum(1) > 0].mean().item(),
        ),
        Mistake(
            "f1-of-means",
            "You take the means of precision and recall first, and one F1 of them. F1 is not linear: first the F1 of "
            "each class, then their mean.",
            _f1_of_means,
        ),
        Mistake(
            "nan-class",
            "A class whose precision or recall is 0 / 0 makes the whole mean NaN. With 2 n / (row + column) only a "
            "class that is on neither side is 0 / 0, and that is left out.",
            lambda confusion: _f1_parts(confusion)[2].mean().item(),
        ),
        Mistake(
            "drops-failures",
            "Classes with NaN are left out of the mean. But the precision of a class that is never answered is 0 / 0, "
            "and such a class is a failure, with an F1 of 0. Left out it flatters the score.",
            lambda confusion: _f1_parts(confusion)[2].nanmean().item(),
        ),
        Mistake(
            "absent-counts",
            "A class that neither occurs nor is answered counts as 0. Nobody did anything wrong with it: the mean is "
            "over the others.",
            lambda confusion: (2 * confusion.diag() / (confusion.sum(0) + confusion.sum(1)).clamp(min=1)).mean().item(),
        ),
        Mistake(
            "weighted",
            "The classes are weighted by their texts, so the large ones decide again. In the macro mean all count "
            "alike.",
            _weighted_f1,
        ),
    ],
    properties=[
        Property("not-a-share", "F1 lies between 0 and 1.", lambda f, confusion: 0 <= f(confusion) <= 1),
        Property(
            "large-class-decides",
            "Multiply the whole table by ten: nothing changes. Turn rows and columns around: nothing changes either, "
            "since precision and recall swap.",
            lambda f, confusion: abs(f(10 * confusion.T) - f(confusion)) < 1e-5,
        ),
    ],
    variants=[_f1_by_loop, _f1_by_library],
    hints=(
        "Row c holds the texts that are of class c, column c those that were answered c. Which of their numbers says "
        "how many are both?",
        "2 P R / (P + R) is 2 n_cc / (row sum + column sum): one fraction, without a case for 0 / 0 inside. Then "
        "leave out the classes with a denominator of 0.",
        "both = row sums + column sums      (C,)\nkeep = classes with both > 0\n"
        "return the mean over keep of 2 times the diagonal / both, as a float",
    ),
)
