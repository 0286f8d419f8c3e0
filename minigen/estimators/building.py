"""What a classifier is before it is trained: its tokenizer, its model, and where the model's vectors come from."""

import logging
from collections.abc import Sequence

import torch
from sklearn.base import BaseEstimator
from tqdm.auto import tqdm

from minigen.estimators.classifying import AnyClassifier
from minigen.estimators.fine_tuning import FineTuning
from minigen.models.classifier import Classifier
from minigen.presets import ClassificationPreset
from minigen.tokenizers import READING, Tokenizer, train_tokenizer
from minigen.word_vectors import word_vectors

log = logging.getLogger(__name__)


def check_unlabelled(preset: ClassificationPreset | FineTuning, unlabelled: Sequence[str]) -> None:
    """ValueError for texts without labels where nothing would learn from them."""
    if unlabelled and not getattr(preset, "fixed_vectors", False):
        raise ValueError('only a preset with fixed_vectors learns from texts without labels: choose "vectors"')


def build(
    own: BaseEstimator, preset: ClassificationPreset | FineTuning, texts: Sequence[str], progress: bool
) -> tuple[Tokenizer, AnyClassifier]:
    """The tokenizer of a TextClassifier, learned from texts, and its model; or those of the pretrained weights."""
    classes = len(own.facts_["labels"])
    if isinstance(preset, FineTuning):
        model, tokenizer = preset.build(classes)
        return tokenizer, model
    tokenizer = train_tokenizer(own.tokenizer, texts, own.vocab_size, READING)
    model = Classifier(preset.model(tokenizer.vocab_size, classes))
    if preset.fixed_vectors:
        log.info("making vectors of %s tokens from %s texts", f"{tokenizer.vocab_size:,}", f"{len(texts):,}")
        with tqdm(texts, desc="reading", unit="text", disable=not progress) as bar:
            tokens = [tokenizer.encode_array(text, unknown="replace") for text in bar]
        model.set_vectors(torch.from_numpy(word_vectors(tokens, tokenizer.vocab_size, preset.width, own.seed)))
    return tokenizer, model
