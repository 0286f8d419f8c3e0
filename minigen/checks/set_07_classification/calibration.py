"""Task 07.calibration_error: is 80 % sure right 80 times of 100?"""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.classification_metrics import calibration_error


def answer_cases(draw: Draw) -> list[Case]:
    """Probabilities (N, C), labels (N,), the number of bins; confidences on the borders of bins are in it."""

    def case(note: str, size: int, classes: int, scale: float, bins: int) -> Case:
        probabilities = draw.normal(size, classes, scale=scale).softmax(-1)
        return Case(note, probabilities, draw.integers(0, classes - 1, size), bins)

    borders = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.75, 0.15], [0.0, 0.0, 1.0], [0.25, 0.5, 0.25], [0.6, 0.1, 0.3]])
    sure = draw.integers(0, 1, 20)
    return [
        Case("three texts, two bins", torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), torch.tensor([0, 1, 1]), 2),
        Case("four bins, confidences on their borders", borders, torch.tensor([0, 0, 2, 1, 0]), 4),
        case("ten bins", 40, 3, 1.0, 10),
        case("few texts, many bins", 5, 4, 2.0, 15),
        case("one bin", 12, 2, 1.0, 1),
        Case("too modest: all right, none sure", 0.4 * torch.eye(2)[sure] + 0.3, sure, 10),
        case("a larger set", 300, 2, 3.0, 15),
    ]


def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int) -> float:
    """The reference: the package's own."""
    return calibration_error(probabilities.numpy(), labels.numpy(), bins)


def _bins_of(probabilities, labels, bins, border=torch.ceil):
    """(confidence, right, the number of the bin) of each text."""
    confidence, answers = probabilities.max(1)
    numbers = (border(confidence * bins) - int(border is torch.ceil)).clamp(0, bins - 1)
    return confidence, (answers == labels).float(), numbers


def _over_bins(confidence, right, numbers, bins, gap, weight=True):
    found = [numbers == b for b in range(bins) if (numbers == b).any()]
    gaps = [gap(right[at].mean(), confidence[at].mean(), numbers[at][0]) for at in found]
    weights = [at.float().mean() if weight else 1 / len(found) for at in found]
    return float(sum(w * g for w, g in zip(weights, gaps, strict=True)))


def _distance(accuracy, confidence, _):
    return (accuracy - confidence).abs()


def _wrong_border(probabilities, labels, bins):
    return _over_bins(*_bins_of(probabilities, labels, bins, torch.floor), bins, _distance)


def _middle_of_bin(probabilities, labels, bins):
    def gap(accuracy: Tensor, confidence: Tensor, number: Tensor) -> Tensor:
        return (accuracy - (number + 0.5) / bins).abs()

    return _over_bins(*_bins_of(probabilities, labels, bins), bins, gap)


def _of_the_label(probabilities, labels, bins):
    _, right, _ = _bins_of(probabilities, labels, bins)
    chosen = probabilities.gather(1, labels[:, None])[:, 0]
    return _over_bins(chosen, right, ((chosen * bins).ceil() - 1).clamp(min=0), bins, _distance)


def _one_bin(probabilities, labels, bins):
    confidence, right, _ = _bins_of(probabilities, labels, bins)
    return (right.mean() - confidence.mean()).abs().item()


def _nan_bin(probabilities, labels, bins):
    confidence, right, numbers = _bins_of(probabilities, labels, bins)
    rows = [numbers == b for b in range(bins)]
    return float(sum(at.float().mean() * (right[at].mean() - confidence[at].mean()).abs() for at in rows))


def _by_sorting(probabilities, labels, bins):
    confidence, right, numbers = _bins_of(probabilities, labels, bins)
    sums = torch.zeros(bins).index_add(0, numbers.long(), right - confidence)
    return sums.abs().sum().item() / len(labels)


def _by_borders(probabilities, labels, bins):
    confidence, right = probabilities.amax(1), probabilities.argmax(1) == labels
    total = 0.0
    for b in range(bins):
        at = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if at.any():
            total += at.sum().item() * abs(right[at].float().mean().item() - confidence[at].mean().item())
    return total / len(labels)


CALIBRATION_ERROR = Task(
    id="07.calibration_error",
    title="Does 80 % sure mean 80 % right?",
    difficulty=3,
    minutes=30,
    points=4,
    reference=expected_calibration_error,
    cases=answer_cases,
    rtol=1e-4,
    atol=1e-5,
    mistakes=[
        Mistake(
            "wrong-border",
            "A confidence on a border goes to the bin above it. Bin b holds what is *above* b / B, and up to (b + 1) "
            "/ B with that number itself, so that 1.0 has a bin at all.",
            _wrong_border,
        ),
        Mistake(
            "no-weights",
            "All bins count alike, one text or a hundred. Each bin counts by its share of the texts.",
            lambda p, y, bins: _over_bins(*_bins_of(p, y, bins), bins, _distance, weight=False),
        ),
        Mistake(
            "signed",
            "The differences keep their sign, so that too sure in one bin and too modest in another cancel out.",
            lambda p, y, bins: _over_bins(*_bins_of(p, y, bins), bins, lambda a, c, _: c - a),
        ),
        Mistake(
            "one-bin",
            "You compare the mean confidence of all texts with the accuracy of all, in one bin. Errors of different "
            "bins cancel out in it.",
            _one_bin,
        ),
        Mistake(
            "middle-of-bin",
            "You compare with the middle of each bin. What is asked for is the mean confidence of the texts in it.",
            _middle_of_bin,
        ),
        Mistake(
            "probability-of-label",
            "You sort by the probability of the *true* class. A confidence is what the model gives its own answer, "
            "right or wrong.",
            _of_the_label,
        ),
        Mistake(
            "nan-bin",
            "The mean of an empty bin is NaN, and with it the whole sum. Bins without texts are left out.",
            _nan_bin,
        ),
    ],
    properties=[
        Property("not-a-share", "The error lies between 0 and 1.", lambda f, p, y, bins: 0 <= f(p, y, bins) <= 1),
        Property(
            "below-one-bin",
            "More bins can only find more: the error is at least the distance between the accuracy and the mean "
            "confidence of all texts.",
            lambda f, p, y, bins: f(p, y, bins) >= _one_bin(p, y, bins) - 1e-5,
        ),
    ],
    variants=[_by_sorting, _by_borders],
    hints=(
        "Which two numbers does each text bring along: how sure was the answer, and was it right? What is then done in "
        "each bin?",
        "probabilities.max(dim=1) gives confidences and answers. Loop over the bins with a mask "
        "(confidence > b / B) & (confidence <= (b + 1) / B), and skip those without a text.",
        "confidence, answer = largest probability of each row, and where it is\nright = answer equals label\n"
        "for each bin with texts in it:\n"
        "    add  share of the texts in it  x  |mean of right - mean of confidence|\nreturn the sum, as a float",
    ),
)
