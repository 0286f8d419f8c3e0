"""A text classifier: learn from texts with labels, name the class of others, score, save, load."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from minigen.classification_metrics import classification_scores, fit_temperature, softmax
from minigen.data.labels import LabelBatches, pad_texts
from minigen.device import pick_device, seed_everything
from minigen.estimators import classifying
from minigen.estimators import folder as folders
from minigen.estimators.building import build, check_unlabelled
from minigen.estimators.classifying import Label, Labelled, check_labelled, check_texts, fingerprint
from minigen.estimators.fine_tuning import FineTuning
from minigen.estimators.fitting import fit_model
from minigen.estimators.frozen_features import fit_head
from minigen.estimators.translating import warn_unknown
from minigen.models.bert_classifier import BertClassifier, BertClassifierConfig
from minigen.models.classifier import Classifier, ClassifierConfig
from minigen.presets import CLASSIFICATION_PRESETS, ClassificationPreset, find_preset
from minigen.tokenizers.pretrained import PretrainedTokenizer

SCORES = ("accuracy", "macro_f1", "calibration_error", "nll")  # of the held-out texts, in the summary


class TextClassifier(ClassifierMixin, BaseEstimator):
    """Learns to name the class of a text.

    >>> classifier = TextClassifier().fit(texts, labels, minutes=2)
    >>> classifier.predict(["a film to remember"])
    array(['positive'], dtype='<U8')

    preset: a name from `minigen.presets.CLASSIFICATION_PRESETS` or a ClassificationPreset; or, to go on from pretrained
    weights, a FineTuning, as `from_pretrained` makes it. tokenizer: "bpe" or "word" (of vocab_size tokens), "byte" or
    "char", learned from the training texts and those without labels; pretrained weights bring their own. class_weight:
    None, or "balanced": each class counts the same, however many texts it has, and probabilities are those of such a
    world. device: the fastest one there if None.
    After `fit`: classes_ (sorted), temperature_, model_, tokenizer_, history_ and summary_ (losses, scores, speed).
    """

    columns = ("text", "label")  # of a data set, as `report` takes them

    def __init__(
        self,
        preset: str | ClassificationPreset | FineTuning = "laptop",
        tokenizer: str = "bpe",
        vocab_size: int = 8000,
        class_weight: str | None = None,
        seed: int = 0,
        device: str | None = None,
    ):
        self.preset, self.tokenizer, self.vocab_size = preset, tokenizer, vocab_size
        self.class_weight, self.seed, self.device = class_weight, seed, device

    @classmethod
    def from_pretrained(
        cls,
        checkpoint: str | Path = "minilm",
        adaptation: str = "full",
        *,
        class_weight: str | None = None,
        seed: int = 0,
        device: str | None = None,
        **recipe: object,
    ) -> "TextClassifier":
        """A classifier that will go on from the weights of a BERT, which `fit` loads.

        >>> TextClassifier.from_pretrained("minilm", "lora").fit(texts, labels)

        checkpoint: "minilm", the folder of a checkpoint, or hub:owner/name. adaptation: "full" trains all weights,
        lower layers more slowly; "lora" thin matrices beside them; "frozen" a linear head on the vectors of the texts,
        which are computed once. recipe: other fields of `FineTuning`.
        """
        preset = FineTuning(str(checkpoint), adaptation, **recipe)
        return cls(preset, class_weight=class_weight, seed=seed, device=device)

    def fit(
        self,
        X: Sequence[str],
        y: Sequence[Label],
        validation: tuple[Sequence[str], Sequence[Label]] | None = None,
        unlabelled: Sequence[str] = (),
        *,
        batch_size: int | None = None,
        epochs: float | None = None,
        steps: int | None = None,
        minutes: float | None = None,
        out: str | Path | None = None,
        resume: bool = False,
        observers: Iterable[Callable[[dict], None]] = (),
        progress: bool = True,
        **recipe: object,
    ) -> "TextClassifier":
        """Trains on texts X and their labels y. Without validation (texts, labels) a tenth, or 2,000, is held out.

        The held-out texts choose the best weights, and then the temperature that makes probabilities mean what they
        say. unlabelled: more texts of the kind, from which the preset "vectors" learns what words mean; never those
        that will be scored. batch_size: texts in a step, on average: batches hold equally many tokens. Other arguments
        as for `TextGenerator.fit`; labels are texts or whole numbers. A text beyond the context is read by its
        beginning.

        Raises:
            ValueError: if texts and labels do not fit, there is one class only, a name or number is not valid, or
                texts without labels are given to a preset that cannot learn from them.
            OSError: if `out` cannot be written.
        """
        preset = find_preset(self.preset, CLASSIFICATION_PRESETS)
        config = preset.training(steps=steps, epochs=epochs, minutes=minutes, seed=self.seed, **recipe)
        train, held_out = self._split(X, y, validation)
        self._begin(preset, train, held_out, fingerprint((X, y)), check_texts(unlabelled), progress)
        sizes = (preset.tokens_per_batch, batch_size, config.accumulate)
        batches, watched = classifying.make_batches(self, train, held_out, *sizes)
        fit = fit_head if getattr(preset, "adaptation", None) == "frozen" else fit_model
        data = f"{len(train[0]):,} texts of {len(self.classes_):,} classes, and {len(watched.texts):,} held out"
        session = {"out": out, "resume": resume, "observers": observers, "progress": progress}
        self.summary_ = fit(self, batches, watched, config, data=data, **session)
        self.summary_["texts_per_second"] = self.summary_.pop("tokens_per_second")  # its loss counts texts
        if self.summary_["stopped"] != "interrupted":
            self._calibrate(watched)
        if out:
            folders.save(self, Path(out), self.summary_)
        return self

    @property
    def classes_(self) -> np.ndarray:
        """(C,) the labels, sorted, of the type they were given in; column c of `predict_proba` is classes_[c]."""
        return np.array(self.facts_["labels"])

    @property
    def temperature_(self) -> float:
        """What logits are divided by before they become probabilities: above 1 where the model was too sure."""
        return self.facts_["temperature"]

    def predict(self, X: Sequence[str]) -> np.ndarray:
        """(N,) the likeliest label of each text; of an empty text, that of one about which nothing is known.

        A text longer than the model's context is read by its beginning, with a warning that counts them.

        Raises:
            ValueError: if X is one text in place of a sequence of them, or holds something else than text.
        """
        numbers = self.predict_proba(X).argmax(axis=1)
        return self.classes_[numbers]

    def predict_proba(self, X: Sequence[str], progress: bool = False) -> np.ndarray:
        """(N, C) the probability of each class: softmax(logits / temperature_), calibrated on the held-out texts.

        Source: Guo et al. 2017. Texts and errors as for `predict`, which it never contradicts.
        """
        check_is_fitted(self, "model_")
        tokens = classifying.tokens_of(self, X := check_texts(X), "texts")
        warn_unknown(self.tokenizer_, X)
        return softmax(classifying.logits(self.model_, tokens, progress), self.temperature_)

    def attention(self, text: str) -> tuple[list[str], np.ndarray]:
        """(tokens, (T,) how much each counts in the sum that decides); the first is the boundary, "■" or "[CLS]"."""
        check_is_fitted(self, "model_")
        (tokens,) = classifying.tokens_of(self, check_texts([text]), "texts")
        device = next(self.model_.parameters()).device
        batch, mask = (part.to(device) for part in pad_texts([tokens], self.model_.boundary))
        with torch.no_grad():
            weights = self.model_.eval().pool(self.model_.encode(batch, mask), mask)[0]
        start = self.model_.boundary  # a token of its own behind the vocabulary, or one of a pretrained tokenizer
        opening = "■" if start >= self.tokenizer_.vocab_size else self.tokenizer_.token_text(start)
        return [opening, *map(self.tokenizer_.token_text, tokens.tolist())], weights.cpu().numpy()

    def score(self, X: Sequence[str], y: Sequence[Label]) -> float:
        """Accuracy, 0 to 1."""
        return self.report(X, y)["accuracy"]

    def report(self, X: Sequence[str], y: Sequence[Label], progress: bool = False) -> dict[str, float | int | None]:
        """accuracy, macro_f1, calibration_error, nll and n, see `minigen.classification_metrics`.

        A label that training never saw counts as wrong, with a warning that names it.
        """
        check_is_fitted(self, "model_")
        texts, labels = check_labelled(X, y)
        numbers, unseen = classifying.class_numbers(self.facts_["labels"], labels)
        if unseen:
            classifying.warn_unseen(unseen, int((numbers >= len(self.classes_)).sum()), "count as wrong")
        return classification_scores(self.predict_proba(texts, progress), numbers)

    def saw(self, X: Sequence[str], y: Sequence[Label]) -> bool:
        """Whether it was trained on just these texts and labels, or they are all that a part was held out of."""
        check_is_fitted(self, "model_")
        return fingerprint((X, y)) in (self.texts_.get("train"), self.texts_.get("whole"))

    def save(self, folder: str | Path) -> None:
        """Writes config.json, tokenizer.json and model.safetensors; `TextClassifier.load(folder)` gives an equal."""
        check_is_fitted(self, "model_")
        folders.save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, device: str | None = None) -> "TextClassifier":
        """A trained classifier from a folder that `save`, or `fit(out=...)`, wrote.

        Raises:
            FileNotFoundError: if there is none. ValueError: if a file is damaged or the files do not fit.
        """
        kinds = {"preset": ClassificationPreset, "config": ClassifierConfig, "build": Classifier}
        if "bert" in folders.read_config(Path(folder), cls.__name__)["model"]:
            kinds = {"preset": FineTuning, "config": BertClassifierConfig, "build": BertClassifier}
            kinds["read_tokenizer"] = PretrainedTokenizer.read
        own = folders.restore(cls, Path(folder), device, **kinds)
        classifying.check_restored(own, Path(folder))
        return own

    def _split(self, X: Sequence[str], y: Sequence[Label], validation: tuple | None) -> tuple[Labelled, Labelled]:
        if self.class_weight not in (None, "balanced"):
            raise ValueError(f"class_weight is {self.class_weight!r}: choose None or 'balanced'")
        train = check_labelled(X, y)
        classifying.check_classes(train[1])
        return classifying.split(*train) if validation is None else (train, check_labelled(*validation))

    def _begin(
        self,
        preset: ClassificationPreset | FineTuning,
        train: Labelled,
        held_out: Labelled,
        whole: str,
        unlabelled: list[str],
        progress: bool,
    ) -> None:
        """Classes, tokenizer, model and fingerprints, before any training."""
        check_unlabelled(preset, unlabelled)
        self.facts_ = {"labels": sorted(set(train[1])), "temperature": 1.0}
        self.texts_ = {"train": fingerprint(train), "held_out": fingerprint(held_out), "whole": whole}
        if unlabelled:
            self.texts_["unlabelled"] = folders.fingerprint(unlabelled)
        seed_everything(self.seed)
        self.tokenizer_, model = build(self, preset, [*train[0], *unlabelled], progress)
        self.model_ = model.to(pick_device(self.device))

    def _calibrate(self, held_out: LabelBatches) -> None:
        """The temperature that fits the held-out texts best, and the scores that they then have."""
        logits, numbers = classifying.logits(self.model_, held_out.texts), held_out.labels.numpy()
        self.facts_["temperature"] = fit_temperature(logits, numbers, held_out.weights.numpy())
        scores = classification_scores(softmax(logits, self.temperature_), numbers)
        self.summary_ |= {"temperature": self.temperature_} | {f"val_{name}": scores[name] for name in SCORES}
