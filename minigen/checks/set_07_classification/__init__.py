"""Problem set 07, classification: honest data, a bar to beat, a text as one vector, and scores that mean something."""

from minigen.checks.set_07_classification.calibration import CALIBRATION_ERROR
from minigen.checks.set_07_classification.classes import BALANCED_WEIGHTS, MACRO_F1
from minigen.checks.set_07_classification.copies import DISTINCT_ROWS
from minigen.checks.set_07_classification.pooling import ATTENTION_POOLING, REPAIR_POOLING
from minigen.checks.set_07_classification.temperature import FIT_TEMPERATURE
from minigen.checks.set_07_classification.words import TFIDF

TASKS = (
    BALANCED_WEIGHTS,
    DISTINCT_ROWS,
    TFIDF,
    ATTENTION_POOLING,
    REPAIR_POOLING,
    MACRO_F1,
    CALIBRATION_ERROR,
    FIT_TEMPERATURE,
)
