"""Whole tasks behind `fit`, in the manner of scikit-learn."""

from pathlib import Path

from sklearn.base import BaseEstimator

from minigen.estimators.fine_tuning import FineTuning
from minigen.estimators.folder import read_config
from minigen.estimators.text_autoencoder import TextAutoencoder
from minigen.estimators.text_classifier import TextClassifier
from minigen.estimators.text_encoder import TextEncoder
from minigen.estimators.text_generator import TextGenerator
from minigen.estimators.translator import Translator

__all__ = [
    "ESTIMATORS",
    "FineTuning",
    "TextAutoencoder",
    "TextClassifier",
    "TextEncoder",
    "TextGenerator",
    "Translator",
    "load_estimator",
]

# By the name that config.json has for them.
ESTIMATORS = {kind.__name__: kind for kind in (TextAutoencoder, TextClassifier, TextGenerator, Translator)}


def load_estimator(folder: str | Path, device: str | None = None) -> BaseEstimator:
    """The trained estimator in a folder, of whatever kind config.json names.

    Raises:
        FileNotFoundError: if there is none. ValueError: if the kind is unknown, or as for `load` of that kind.
    """
    name = read_config(Path(folder))["estimator"]
    if name not in ESTIMATORS:
        raise ValueError(f"{folder} holds a {name}, which this minigen does not know, only {', '.join(ESTIMATORS)}")
    return ESTIMATORS[name].load(folder, device)
