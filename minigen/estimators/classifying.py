"""From texts to classes: what is a text and a label, tokens out of texts, logits out of a model."""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn
from tqdm.auto import tqdm

from minigen.data.by_length import RowsByLength
from minigen.data.labels import LabelBatches, pad_texts
from minigen.data.splits import group_rows, hold_out
from minigen.estimators import folder as folders
from minigen.estimators.translating import encode
from minigen.models.bert_classifier import BertClassifier
from minigen.models.classifier import Classifier

HELD_OUT = 2000  # texts that are held out at most: enough to tell one accuracy from another
TOKENS_IN_A_BATCH = 4000  # where nothing is learned, padding included
SHOWN = 5  # labels that a warning names

AnyClassifier = Classifier | BertClassifier
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


def fingerprint(data: Labelled) -> str:
    """16 hex digits that depend on each text and label."""
    return folders.fingerprint([*data[0], *map(str, data[1])])


def check_restored(own: BaseEstimator, folder: Path) -> None:
    """ValueError unless config.json names the classes of the model, and a temperature that can be."""
    labels, temperature = own.facts_.get("labels"), own.facts_.get("temperature")
    if not isinstance(labels, list) or len(labels) != own.model_.config.num_classes:
        raise ValueError(f"{folder / 'config.json'} does not fit: it does not name the classes of the model")
    if not isinstance(temperature, int | float) or not temperature > 0:
        raise ValueError(f"{folder / 'config.json'} is damaged: its temperature is {temperature!r}")


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


def beginnings(tokens: Sequence[Tensor], context_length: int, what: str, ending: Sequence[int] = ()) -> list[Tensor]:
    """Each text up to where, with the boundary before it and `ending` behind, the context ends; how many lose their
    end is warned of.

    The beginning, and not the beginning and the end as in Sun et al. 2019: then neighbours stay neighbours, and what
    is read is what anyone expects.
    """
    room = context_length - 1 - len(ending)
    if long := sum(len(text) > room for text in tokens):
        warnings.warn(
            f"{long:,} of {len(tokens):,} {what} are longer than the {room} tokens that the model reads; only their "
            "beginning counts",
            stacklevel=4,
        )
    return [torch.cat((text[:room], torch.tensor(ending, dtype=torch.long))) for text in tokens]


def tokens_of(own: BaseEstimator, texts: Sequence[str], what: str) -> list[Tensor]:
    """What the model of a fitted classifier reads of each text, without the boundary before it."""
    model = own.model_
    return beginnings(encode(own.tokenizer_, texts), model.config.context_length, what, model.ending)


def make_batches(
    own: BaseEstimator, train: Labelled, held_out: Labelled, usual: int, batch_size: int | None, accumulate: int
) -> tuple[LabelBatches, LabelBatches]:
    """Batches to train on, and those to watch it by: the held-out texts whose classes are known."""
    classes, boundary = own.facts_["labels"], own.model_.boundary
    numbers, unseen = class_numbers(classes, held_out[1])
    known = np.flatnonzero(numbers < len(classes))
    if not len(known):
        raise ValueError(f"no held-out text has a label that training knows, only {', '.join(unseen[:5])}")
    if unseen:
        warn_unseen(unseen, len(numbers) - len(known), "are left out")
    texts = tokens_of(own, train[0], "training texts")
    watched = tokens_of(own, [held_out[0][row] for row in known], "held-out texts")
    labels, answers = torch.from_numpy(class_numbers(classes, train[1])[0]), torch.from_numpy(numbers[known])
    weights = class_weights(labels, len(classes), own.class_weight)
    size = tokens_per_batch(usual, batch_size, accumulate, texts)
    all_fit = max(size, own.model_.config.context_length)
    return (
        LabelBatches(texts, labels, boundary, size, weights[labels], own.seed),
        LabelBatches(watched, answers, boundary, all_fit, weights[answers]),
    )


def class_weights(labels: Tensor, num_classes: int, kind: str | None) -> Tensor:
    """(C,) what a text of each class counts for: N / (C n_c) if kind is "balanced", 1 for None."""
    counts = torch.bincount(labels, minlength=num_classes).float()
    return torch.ones_like(counts) if kind is None else counts.sum() / (len(counts) * counts)


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


def logits(model: AnyClassifier, texts: Sequence[Tensor], progress: bool = False) -> np.ndarray:
    """(N, C) in evaluation mode, texts of similar lengths together; a model that is being trained goes on so."""
    if not len(texts):
        return np.zeros((0, model.config.num_classes))
    return outputs(model, model, texts, model.boundary, progress)


def outputs(
    model: nn.Module,
    compute: Callable[[Tensor, Tensor], Tensor],
    texts: Sequence[Tensor],
    boundary: int,
    progress: bool = False,
) -> np.ndarray:
    """(N, ...) what `compute`, a part of the model, makes of (tokens (B, T), mask), with the boundary before each text.

    N >= 1, otherwise as `logits`.
    """
    lengths = torch.tensor([[len(text) + 1] for text in texts])
    batches = RowsByLength(lengths, max(TOKENS_IN_A_BATCH, int(lengths.max())), what="text")
    device, was_training, found = next(model.parameters()).device, model.training, None
    model.eval()
    try:
        with torch.inference_mode(), tqdm(total=len(texts), unit="text", disable=not progress) as bar:
            for rows in (batches[step] for step in range(len(batches))):
                batch = (part.to(device) for part in pad_texts([texts[row] for row in rows], boundary))
                computed = compute(*batch).float().cpu().numpy()
                found = np.zeros((len(texts), *computed.shape[1:])) if found is None else found
                found[rows] = computed
                bar.update(len(rows))
    finally:
        model.train(was_training)
    return found


def _named(labels: Sequence[Label]) -> str:
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return ", ".join(repr(label) for label in labels[:SHOWN]) + more
