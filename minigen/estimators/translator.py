"""A translator: learn from pairs of sentences, translate, score, save, load."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from minigen.beam_search import BeamConfig
from minigen.data.pairs import PairBatches, held_out_pairs, pair_batch
from minigen.data.splits import group_rows, hold_out
from minigen.device import pick_device, seed_everything
from minigen.estimators import folder as folders
from minigen.estimators.architectures import ENCODER_DECODERS, find_architecture, saved_architecture
from minigen.estimators.fitting import fit_model
from minigen.estimators.translating import Candidates, encode, translate
from minigen.presets import TRANSLATION_PRESETS, TranslationPreset, find_preset
from minigen.tokenizers import train_tokenizer
from minigen.translation_metrics import translation_scores

SCORES = ("bleu", "chrf", "exact_match")  # of the held-out pairs, in the summary
HELD_OUT = 1000  # pairs that are held out at most: enough to tell one BLEU from another
FOUR_BEST = BeamConfig(beam_size=4, num_best=4)
Pairs = tuple[Sequence[str], Sequence[str]]


class Translator(BaseEstimator):
    """Learns to turn the sentences of one language into those of another.

    >>> translator = Translator().fit(sources, targets, minutes=4)
    >>> translator.predict(["Open the file"])
    ['Ouvrir le fichier']

    preset: a name from `minigen.presets.TRANSLATION_PRESETS` or a TranslationPreset. tokenizer: "bpe" (of vocab_size
    tokens), "byte" or "char"; one for both languages, learned from the training pairs alone.
    device: "cuda", "mps" or "cpu"; the fastest one there if None. architecture: "transformer", or "gru", a recurrent
    model with attention and about as many parameters.
    After `fit`: model_, tokenizer_, history_ and summary_ (losses, scores, speed, size).
    """

    columns = ("source", "target")  # of a data set, as `report` takes them

    def __init__(
        self,
        preset: str | TranslationPreset = "laptop",
        tokenizer: str = "bpe",
        vocab_size: int = 4000,
        seed: int = 0,
        device: str | None = None,
        architecture: str = "transformer",
    ):
        self.preset, self.tokenizer, self.vocab_size = preset, tokenizer, vocab_size
        self.seed, self.device, self.architecture = seed, device, architecture

    def fit(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        validation: Pairs | None = None,
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
    ) -> "Translator":
        """Trains on pairs. Without validation (sources, targets) a tenth, or 1,000 pairs, is held out.

        batch_size: pairs in a step, on average: batches hold equally many tokens. Other arguments as for
        `TextGenerator.fit`.

        Raises:
            ValueError: if the sides are not of one length, hold an empty text or something else than text, or no
                pair fits the context; or a name or number is not valid. OSError: if `out` cannot be written.
        """
        preset = find_preset(self.preset, TRANSLATION_PRESETS)
        kind = find_architecture(self.architecture, ENCODER_DECODERS)
        config = kind.training(preset, steps=steps, epochs=epochs, minutes=minutes, seed=self.seed, **recipe)
        train, held_out = _split((sources, targets), validation)
        self._begin(preset, train, held_out)
        pairs, watched = self._fitting(train, "training"), self._fitting(held_out, "held-out")
        size = _tokens_per_batch(preset.tokens_per_batch, batch_size, config.accumulate, pairs)
        self.summary_ = fit_model(
            self,
            PairBatches(*pairs, self.model_.boundary, size, self.seed),
            held_out_pairs(*watched, self.model_.boundary, preset.tokens_per_batch),
            config,
            data=f"{len(train[0]):,} pairs ({self.tokenizer_.vocab_size:,} tokens), {len(held_out[0]):,} held out",
            out=out,
            resume=resume,
            observers=observers,
            progress=progress,
        )
        if self.summary_["stopped"] != "interrupted":
            scores = self.report(*held_out, progress=progress)
            self.summary_ |= {f"val_{name}": scores[name] for name in SCORES}
        if out:
            folders.write_summary(Path(out), self.summary_)
        return self

    def predict(
        self, sources: Sequence[str], beam_size: int = 4, length_penalty: float = 1.0, progress: bool = False
    ) -> list[str]:
        """The best translation of each source, one line each; beam_size 1 is greedy. See `candidates`."""
        found = self.candidates(sources, BeamConfig(beam_size, length_penalty), progress)
        return [best for ((best, _), *_) in found]

    def candidates(
        self, sources: Sequence[str], config: BeamConfig = FOUR_BEST, progress: bool = False
    ) -> list[Candidates]:
        """For each source its num_best translations with their scores, best first; "" for a source without text.

        A source longer than the model's context is read up to there, with a warning that counts them.

        Raises:
            ValueError: if sources is one text in place of a sequence of them, or a number is not valid.
        """
        check_is_fitted(self, "model_")
        return translate(self.model_, self.tokenizer_, _texts(sources, "sources"), config, progress)

    def attention(self, source: str, target: str | None = None) -> tuple[list[str], list[str], Tensor]:
        """Where it looks: (source tokens, target tokens, weights (L, H, T, S)) for a target, or its own translation.

        Row t shows what was looked at when target token t was chosen; the last tokens are the boundary, "■".
        """
        check_is_fitted(self, "model_")
        target = self.predict([source])[0] if target is None else target
        (one,), (other,) = (encode(self.tokenizer_, [text]) for text in (source, target))
        device = next(self.model_.parameters()).device
        batch = (part.to(device) for part in pair_batch([one], [other], self.model_.boundary)[:3])
        weights = self.model_.eval().cross_attention_weights(*batch)[:, 0]
        labels = [[*map(self.tokenizer_.token_text, tokens.tolist()), "■"] for tokens in (one, other)]
        return labels[0], labels[1], weights.cpu()

    def score(self, sources: Sequence[str], targets: Sequence[str]) -> float:
        """BLEU of the translations, 0 to 100."""
        return self.report(sources, targets)["bleu"]

    def report(
        self, sources: Sequence[str], targets: Sequence[str], progress: bool = False
    ) -> dict[str, float | int | str]:
        """BLEU, chrF and exact match of the translations, see `minigen.translation_metrics.translation_scores`.

        too_long: in how many pairs a side is longer than the context, so that the source is translated in part only,
        or the translation cannot be as long as the target. They count like all others.
        """
        check_is_fitted(self, "model_")
        _check_pairs(sources, targets)
        hypotheses = self.predict(sources, progress=progress)
        limit = self.model_.config.context_length
        sides = (encode(self.tokenizer_, side) for side in (sources, targets))
        too_long = sum(max(map(len, pair)) >= limit for pair in zip(*sides, strict=True))
        references = [" ".join(target.split()) for target in targets]
        return translation_scores(hypotheses, references) | {"too_long": too_long}

    def saw(self, sources: Sequence[str], targets: Sequence[str]) -> bool:
        """Whether it was trained on just these pairs."""
        check_is_fitted(self, "model_")
        return _fingerprint(sources, targets) == self.texts_.get("train")

    def save(self, folder: str | Path) -> None:
        """Writes config.json, tokenizer.json and model.safetensors; `Translator.load(folder)` gives an equal."""
        check_is_fitted(self, "model_")
        folders.save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, device: str | None = None) -> "Translator":
        """A trained translator from a folder that `save`, or `fit(out=...)`, wrote.

        Raises:
            FileNotFoundError: if there is none. ValueError: if a file is damaged or the files do not fit.
        """
        saved = saved_architecture(Path(folder), cls.__name__, ENCODER_DECODERS)
        kinds = {"preset": TranslationPreset, "config": saved.config, "build": saved.build}
        return folders.restore(cls, Path(folder), device, **kinds)

    def _begin(self, preset: TranslationPreset, train: Pairs, held_out: Pairs) -> None:
        """Tokenizer, model and fingerprints, before any training."""
        self.tokenizer_ = train_tokenizer(self.tokenizer, [*train[0], *train[1]], self.vocab_size)
        self.texts_ = {"train": _fingerprint(*train), "held_out": _fingerprint(*held_out)}
        architecture = find_architecture(self.architecture, ENCODER_DECODERS)
        shape = architecture.like(preset.model(self.tokenizer_.vocab_size))
        seed_everything(self.seed)
        self.model_ = architecture.build(shape).to(pick_device(self.device))

    def _fitting(self, pairs: Pairs, kind: str) -> tuple[list[Tensor], list[Tensor]]:
        """The tokens of the pairs that fit the context; how many do not is said in a warning."""
        limit = self.model_.config.context_length
        both = list(zip(*(encode(self.tokenizer_, side) for side in pairs), strict=True))
        short = [pair for pair in both if max(map(len, pair)) < limit]
        if not short:
            raise ValueError(f"none of the {len(both):,} {kind} pairs is shorter than the context of {limit} tokens")
        if len(short) < len(both):
            long = f"{len(both) - len(short):,} of {len(both):,} {kind} pairs are longer than {limit - 1} tokens"
            warnings.warn(f"{long}; the loss leaves them out", stacklevel=3)
        return [source for source, _ in short], [target for _, target in short]


def _tokens_per_batch(usual: int, batch_size: int | None, accumulate: int, pairs: tuple[list, list]) -> int:
    if batch_size is None:
        return usual
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    lengths = [len(source) + len(target) + 2 for source, target in zip(*pairs, strict=True)]
    return max(round(batch_size * sum(lengths) / len(lengths) / accumulate), *lengths)


def _split(pairs: Pairs, validation: Pairs | None) -> tuple[Pairs, Pairs]:
    _check_pairs(*pairs)
    if validation is not None:
        _check_pairs(*validation)
        return pairs, validation
    rows = hold_out(group_rows(*pairs), ["validation"], most=HELD_OUT)
    train, held_out = (tuple([side[r] for r in rows[name]] for side in pairs) for name in ("train", "validation"))
    return train, held_out


def _check_pairs(sources: Sequence[str], targets: Sequence[str]) -> None:
    sources, targets = _texts(sources, "sources"), _texts(targets, "targets")
    if len(sources) != len(targets):
        raise ValueError(f"there are {len(sources):,} sources but {len(targets):,} targets: one each is needed")
    if not sources:
        raise ValueError("there are no pairs")
    for name, side in (("source", sources), ("target", targets)):
        empty = next((row for row, text in enumerate(side) if not text.strip()), None)
        if empty is not None:
            raise ValueError(f"the {name} of pair {empty + 1} is empty; leave the pair out, or fill it in")


def _texts(texts: Sequence[str], name: str) -> Sequence[str]:
    if isinstance(texts, str):
        raise ValueError(f"{name} must be a sequence of texts, not one text: put it into a list")
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{name} must be texts")
    return texts


def _fingerprint(sources: Sequence[str], targets: Sequence[str]) -> str:
    return folders.fingerprint([*sources, *targets])
