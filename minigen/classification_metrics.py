"""How good a classifier is: how often it is right, in each class, and whether its probabilities mean what they say."""

from collections.abc import Sequence

import numpy as np

BINS = 15  # of the calibration error, as in Guo et al. 2017


def classification_scores(
    probabilities: np.ndarray, labels: Sequence[int] | np.ndarray
) -> dict[str, float | int | None]:
    """accuracy and macro_f1 (0 to 1), calibration_error (0 to 1), nll (nats per text), and n, the number of texts.

    probabilities: (N, C), rows sum to 1. labels: (N,) numbers of the true classes; one outside 0..C-1 is a class
    that the classifier does not know: such a text counts as wrong, and nll leaves it out (None if nothing is left). In
    nll a probability below 1e-12 counts as that.
    macro_f1: the mean over all classes that occur, among the labels or the answers, of 2 P R / (P + R).

    Raises:
        ValueError: if the numbers of rows differ, or there are none.
    """
    from sklearn.metrics import f1_score

    probabilities, labels = _checked(probabilities, labels)
    answers = probabilities.argmax(axis=1)
    known = (labels >= 0) & (labels < probabilities.shape[1])
    return {
        "accuracy": float((answers == labels).mean()),
        "macro_f1": float(f1_score(labels, answers, average="macro", zero_division=0)),
        "calibration_error": calibration_error(probabilities, labels),
        "nll": _nll(np.log(np.maximum(probabilities[known], 1e-12)), labels[known]) if known.any() else None,
        "n": len(labels),
    }


def calibration_bins(
    probabilities: np.ndarray, labels: Sequence[int] | np.ndarray, bins: int = BINS
) -> list[tuple[int, float, float]]:
    """(number of texts, mean confidence, accuracy) of each bin of confidence that is not empty, lowest first.

    The confidence of an answer is its probability. Bin b of B holds the confidences in (b / B, (b + 1) / B].
    """
    probabilities, labels = _checked(probabilities, labels)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    rows = (places == place for place in range(bins))
    return [(int(at.sum()), float(confidence[at].mean()), float(right[at].mean())) for at in rows if at.any()]


def calibration_error(probabilities: np.ndarray, labels: Sequence[int] | np.ndarray, bins: int = BINS) -> float:
    """sum_b n_b / N |accuracy_b - confidence_b| over bins of equal width: 0 if 80 % sure is right 80 times of 100.

    Source: Guo et al. 2017, section 2, "expected calibration error".
    """
    found = calibration_bins(probabilities, labels, bins)
    total = sum(count for count, _, _ in found)
    return sum(count / total * abs(accuracy - confidence) for count, confidence, accuracy in found)


def fit_temperature(logits: np.ndarray, labels: Sequence[int] | np.ndarray, weights: np.ndarray | None = None) -> float:
    """The T in 0.2..20 whose softmax(logits / T) has the least -log p(labels); 1 where no other is better.

    logits: (N, C). weights: (N,) how much each text counts; all the same if None. Dividing all logits by one number
    changes no answer, only how sure it is. A few texts that all are answered right would take T to 0, hence the bound.
    Source: Guo et al. 2017, section 4.2, "temperature scaling".
    """
    from scipy.optimize import minimize_scalar

    logits, labels = _checked(logits, labels)

    def loss(log_temperature: float) -> float:
        return _nll(_log_softmax(logits / np.exp(log_temperature)), labels, weights)

    best = minimize_scalar(loss, bounds=(np.log(0.2), np.log(20)), method="bounded")
    return float(np.exp(best.x)) if best.fun < loss(0.0) else 1.0


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """(N, C) probabilities of logits / temperature, in float64."""
    return np.exp(_log_softmax(np.asarray(logits, dtype=np.float64) / temperature))


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _nll(log_probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    return -float(np.average(log_probabilities[np.arange(len(labels)), labels], weights=weights))


def _checked(rows: np.ndarray, labels: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, labels = np.asarray(rows, dtype=np.float64), np.asarray(labels)
    if len(rows) != len(labels):
        raise ValueError(f"{len(rows)} rows of probabilities but {len(labels)} labels: one each is needed")
    if not len(labels):
        raise ValueError("there are no answers to score")
    return rows, labels
