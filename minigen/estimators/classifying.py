"""From texts to classes: what is a text and a label, tokens out of texts, logits out of a model."""

import warnings
from collections import Counter
from collections.abc import Sequence
from numbers import Integral

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from minigen.data.by_length import RowsByLength
from minigen.data.labels import pad_texts
from minigen.data.splits import group_rows, hold_out
from minigen.models.classifier import Classifier

HELD_OUT = 2000  # texts that are held out at most: enough to tell one accuracy from another
TOKENS_IN_A_BATCH = 4000  # where nothing is learned, padding included
SHOWN = 5  # labels that a warning names

Label = str | int
Labelled = tuple[list[str], list[Label]]


def check_texts(texts: Sequence[str]) -> list[str]:
    """The texts as a list; an empty one is a text. ValueError for one text, or something else than text."""
    if isinstance(texts, str):
        raise ValueError("texts must be a sequence of texts, not one text: put it into a list")
    texts = list(texts)
    for row, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise ValueError(f"text {row} is {text!r:.60}, and no text")
    return texts


def check_labelled(texts: Sequence[str], labels: Sequence[Label]) -> Labelled:
    """Texts and labels as lists, labels as Python's own str, int or bool.

    Raises:
        ValueError: if there are none, not one label for each text, a label is missing, or no text or whole number,
            or there are labels of two kinds.
    """
    texts, labels = check_texts(texts), labels.tolist() if hasattr(labels, "tolist") else list(labels)
    if len(texts) != len(labels):
        raise ValueError(f"there are {len(texts):,} texts but {len(labels):,} labels: one each is needed")
    if not texts:
        raise ValueError("there are no texts")
    labels = [_label(label, row) for row, label in enumerate(labels, start=1)]
    kinds = sorted({type(label).__name__ for label in labels})
    if len(kinds) > 1:
        raise ValueError(f"labels must be of one kind, and these are of {len(kinds)}: {', '.join(kinds)}")
    return texts, labels


def _label(label: object, row: int) -> Label:
    label = label.item() if isinstance(label, np.generic) else label
    if label is None or label != label:  # NaN, by which tables say that a number is missing
        raise ValueError(f"the label of text {row} is missing; leave the text out, or fill it in")
    if not isinstance(label, str | Integral):
        raise ValueError(f"the label of text {row} is {label!r:.60}; wanted is a text or a whole number")
    return label


def check_classes(labels: Sequence[Label]) -> None:
    """ValueError for one class only; a warning for classes of which there is a single text."""
    counts = Counter(labels)
    if len(counts) < 2:
        raise ValueError(f"there is one class only, {labels[0]!r}: at least two are needed to tell apart")
    if single := sorted(label for label, count in counts.items() if count == 1):
        warnings.warn(
            f"there is a single text of {_named(single)}: it is trained on, but to be recognised a class needs more",
            stacklevel=3,
        )


def split(texts: list[str], labels: list[Label]) -> tuple[Labelled, Labelled]:
    """A tenth of the texts, or 2,000, held out, and equal texts kept together; the first of each class stays."""
    kept, free, seen = [], [], set()
    for group in group_rows(texts):
        of_group = {labels[row] for row in group}
        (free if of_group <= seen else kept).append(group)
        seen |= of_group
    if len(free) < 2:
        raise ValueError(f"{len(texts)} texts are too few to hold some out: give more, or a validation of your own")
    rows = hold_out(free, ["validation"], most=HELD_OUT)
    rows["train"] = sorted([*rows["train"], *(row for group in kept for row in group)])
    train, held_out = (([texts[r] for r in rows[n]], [labels[r] for r in rows[n]]) for n in ("train", "validation"))
    return train, held_out


def class_numbers(classes: Sequence[Label], labels: Sequence[Label]) -> tuple[np.ndarray, list[str]]:
    """((N,) the number of each label's class, the labels that are no class, with numbers from C on).

    Labels are compared as they are written: 1 is "1", since a table of texts may hold numbers or their digits.
    """
    numbers = {str(label): number for number, label in enumerate(classes)}
    for label in labels:
        numbers.setdefault(str(label), len(numbers))
    return np.array([numbers[str(label)] for label in labels], dtype=np.int64), list(numbers)[len(classes) :]


def warn_unseen(unseen: Sequence[str], count: int, consequence: str) -> None:
    """Names the labels that training never saw."""
    warnings.warn(
        f"training never saw the label {_named(unseen)}: {count:,} texts that have it {consequence}", stacklevel=4
    )


def beginnings(tokens: Sequence[Tensor], context_length: int, what: str) -> list[Tensor]:
    """Each text up to where, with the boundary before it, the context ends; how many lose their end is warned of.

    The beginning, and not the beginning and the end as in Sun et al. 2019: then neighbours stay neighbours, and what
    is read is what anyone expects.
    """
    room = context_length - 1
    if long := sum(len(text) > room for text in tokens):
        warnings.warn(
            f"{long:,} of {len(tokens):,} {what} are longer than the {room} tokens that the model reads; only their "
            "beginning counts",
            stacklevel=4,
        )
    return [text[:room] for text in tokens]


def tokens_per_batch(usual: int, batch_size: int | None, accumulate: int, texts: Sequence[Tensor]) -> int:
    """So many that a step of `accumulate` batches has batch_size texts on average, or the usual number for None; but
    never fewer than the longest text has.
    """
    lengths = [len(text) + 1 for text in texts]
    if batch_size is None:
        return max(usual, *lengths)
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    return max(round(batch_size * sum(lengths) / len(lengths) / accumulate), *lengths)


def logits(model: Classifier, texts: Sequence[Tensor], progress: bool = False) -> np.ndarray:
    """(N, C) in evaluation mode, texts of similar lengths together; a model that is being trained goes on so."""
    found = np.zeros((len(texts), model.config.num_classes))
    if not len(texts):
        return found
    lengths = torch.tensor([[len(text) + 1] for text in texts])
    batches = RowsByLength(lengths, max(TOKENS_IN_A_BATCH, int(lengths.max())), what="text")
    device, was_training = next(model.parameters()).device, model.training
    model.eval()
    try:
        with torch.inference_mode(), tqdm(total=len(texts), unit="text", disable=not progress) as bar:
            for rows in (batches[step] for step in range(len(batches))):
                batch = (part.to(device) for part in pad_texts([texts[row] for row in rows], model.boundary))
                found[rows] = model(*batch).float().cpu().numpy()
                bar.update(len(rows))
    finally:
        model.train(was_training)
    return found


def _named(labels: Sequence[Label]) -> str:
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return ", ".join(repr(label) for label in labels[:SHOWN]) + more
