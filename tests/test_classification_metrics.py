"""Scores of classifiers: as scikit-learn has them where it has them, by hand where not."""

import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss

from minigen.classification_metrics import (
    calibration_bins,
    calibration_error,
    classification_scores,
    fit_temperature,
    softmax,
)


def answers(number: int = 500, classes: int = 4, sharpness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from softmax(logits / sharpness): with a sharpness of 1 they are calibrated."""
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(number, classes)) * 2
    labels = np.array([draw.choice(classes, p=p) for p in softmax(logits)])
    return logits * sharpness, labels


def test_scores_are_those_of_scikit_learn():
    logits, labels = answers()
    probabilities = softmax(logits)
    scores, said = classification_scores(probabilities, labels), logits.argmax(axis=1)
    assert scores["accuracy"] == pytest.approx(accuracy_score(labels, said))
    assert scores["macro_f1"] == pytest.approx(f1_score(labels, said, average="macro"))
    assert scores["nll"] == pytest.approx(log_loss(labels, probabilities))
    assert scores["n"] == 500
    assert json.loads(json.dumps(scores)) == scores


def test_the_calibration_error_by_hand():
    # 0.9 sure and right one time of two; 0.6 sure and right three times of four
    probabilities = np.array([[0.9, 0.1]] * 2 + [[0.6, 0.4]] * 4)
    labels = [0, 1, 0, 0, 0, 1]
    assert calibration_bins(probabilities, labels) == [
        (4, pytest.approx(0.6), pytest.approx(0.75)),
        (2, pytest.approx(0.9), pytest.approx(0.5)),
    ]
    assert calibration_error(probabilities, labels) == pytest.approx(4 / 6 * 0.15 + 2 / 6 * 0.4)
    # In one bin they cancel out in part: right 4 times of 6, and 0.7 sure on average.
    assert calibration_error(probabilities, labels, bins=1) == pytest.approx(abs(4 / 6 - 0.7))


def test_sure_and_right_has_no_error_and_sure_and_wrong_has_all():
    sure = np.array([[1.0, 0.0]] * 3)
    assert classification_scores(sure, [0, 0, 0])["calibration_error"] == 0
    wrong = classification_scores(sure, [1, 1, 1])
    assert (wrong["accuracy"], wrong["macro_f1"], wrong["calibration_error"]) == (0, 0, 1)
    assert np.isfinite(wrong["nll"])


def test_an_unknown_class_counts_as_wrong_and_has_no_nll():
    probabilities = np.array([[0.75, 0.25], [0.75, 0.25]])
    scores = classification_scores(probabilities, [0, 2])
    assert scores["accuracy"] == 0.5
    assert scores["nll"] == pytest.approx(-np.log(0.75))
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)
    assert classification_scores(probabilities, [3, 2])["nll"] is None


@pytest.mark.parametrize("sharpness", [0.25, 3.0])
def test_the_temperature_undoes_a_wrong_sharpness(sharpness):
    logits, labels = answers(4000, sharpness=sharpness)
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(sharpness, rel=0.1)
    before, after = (classification_scores(softmax(logits, t), labels) for t in (1.0, temperature))
    assert after["nll"] < before["nll"]
    assert after["calibration_error"] < before["calibration_error"] / 2
    assert after["accuracy"] == before["accuracy"]


def test_where_nothing_can_be_won_the_temperature_stays():
    assert fit_temperature(np.zeros((5, 3)), [0, 1, 2, 0, 1]) == 1.0
    separable = fit_temperature(np.array([[5.0, -5.0], [-5.0, 5.0]]), [0, 1])
    assert 0.2 <= separable <= 1


def test_weights_count_like_copies():
    logits, labels = answers(50, sharpness=2.0)
    copies = np.random.default_rng(1).integers(1, 4, size=50)
    repeated = fit_temperature(logits.repeat(copies, axis=0), labels.repeat(copies))
    assert fit_temperature(logits, labels, copies) == pytest.approx(repeated, rel=1e-3)
    assert fit_temperature(logits, labels) != pytest.approx(repeated, rel=1e-3)


def test_probabilities_of_huge_logits_are_finite():
    probabilities = softmax(np.array([[1e4, -1e4, 0.0]]), 0.5)
    assert probabilities.sum() == pytest.approx(1)
    assert np.isfinite(classification_scores(probabilities, [1])["nll"])


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(ValueError, match="2 rows of probabilities but 1 labels"):
        classification_scores(np.full((2, 2), 0.5), [0])
    with pytest.raises(ValueError, match="no answers"):
        classification_scores(np.empty((0, 2)), [])
