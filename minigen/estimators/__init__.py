"""Whole tasks behind `fit`, in the manner of scikit-learn."""

from minigen.estimators.text_generator import TextGenerator

__all__ = ["TextGenerator"]
