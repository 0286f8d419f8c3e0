"""From sentences to latent vectors and back: what is a sentence, tokens out of it, what is refused."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from minigen.estimators.classifying import check_texts
from minigen.estimators.translating import encode
from minigen.models.text_vae import TextVAE
from minigen.tokenizers import Tokenizer


def lines_of(texts: str | Sequence[str]) -> list[str]:
    """The sentences of texts: each line that is not empty is one, white space at its ends left out.

    Raises:
        ValueError: if there are none, or something is no text.
    """
    texts = [texts] if isinstance(texts, str) else check_texts(texts)
    lines = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError("there are no sentences: each line of a text is one, and all are empty")
    return lines


def fitting(tokenizer: Tokenizer, lines: Sequence[str], context_length: int, kind: str) -> list[Tensor]:
    """The tokens of the sentences that fit the context with their boundary; how many do not is said in a warning."""
    tokens = encode(tokenizer, lines)
    short = [sentence for sentence in tokens if len(sentence) < context_length]
    if not short:
        raise ValueError(
            f"none of the {len(tokens):,} {kind} sentences is shorter than the context of {context_length} tokens: "
            "give shorter ones, one a line, or a preset with a longer context"
        )
    if len(short) < len(tokens):
        long = f"{len(tokens) - len(short):,} of {len(tokens):,} {kind} sentences"
        warnings.warn(f"{long} are longer than {context_length - 1} tokens and left out", stacklevel=4)
    return short


def beginnings(tokenizer: Tokenizer, texts: Sequence[str], context_length: int) -> list[Tensor]:
    """The tokens of each text, up to where the context ends; how many lose their end is said in a warning.

    Raises:
        ValueError: if a text is empty, or no text.
    """
    texts = check_texts(texts)
    if empty := next((row for row, text in enumerate(texts, start=1) if not text.strip()), None):
        raise ValueError(f"text {empty} is empty: there is nothing of which z could tell; leave it out")
    tokens = encode(tokenizer, texts)
    if long := sum(len(text) >= context_length for text in tokens):
        warnings.warn(
            f"{long:,} of {len(tokens):,} sentences are longer than the {context_length - 1} tokens that this model "
            "reads; only their beginning counts",
            stacklevel=4,
        )
    return [text[: context_length - 1] for text in tokens]


def check_latent(z: np.ndarray, model: TextVAE) -> Tensor:
    """(N, Z) float32 on the CPU. ValueError for another shape, or for numbers that are none."""
    found = torch.as_tensor(np.asarray(z), dtype=torch.float32)
    size = model.config.latent_size
    if found.ndim != 2 or found.shape[1] != size:
        raise ValueError(f"z must be of shape (texts, {size}) for this model, got {tuple(found.shape)}")
    if not found.isfinite().all():
        raise ValueError("z holds numbers that are infinite or not a number")
    return found
