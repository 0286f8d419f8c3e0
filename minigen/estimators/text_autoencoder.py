"""A text autoencoder: sentences become points of a space, points become sentences; fit, transform, sample, save."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from minigen.data.pairs import PairBatches, held_out_pairs
from minigen.data.splits import group_rows, hold_out
from minigen.device import pick_device, seed_everything
from minigen.estimators import folder as folders
from minigen.estimators.autoencoding import beginnings, check_latent, fitting, lines_of
from minigen.estimators.classifying import tokens_per_batch
from minigen.estimators.fitting import fit_model
from minigen.generate import Sampling
from minigen.models.text_vae import TextVAE, TextVAEConfig
from minigen.presets import find_preset
from minigen.tokenizers import train_tokenizer
from minigen.vae_metrics import diagnose, elbo_and_bound, posteriors, write
from minigen.vae_presets import VAE_PRESETS, AutoencoderPreset

HELD_OUT = 1000  # sentences that are held out at most
SCORES = ("elbo", "kl", "active_units", "gap", "reconstructed")  # of the held-out sentences, in the summary
DRAWS = 8  # of z for each sentence, where an ELBO is measured


class TextAutoencoder(TransformerMixin, BaseEstimator):
    """Learns a space of sentences, with a variational autoencoder (`minigen.models.text_vae.TextVAE`).

    >>> space = TextAutoencoder(beta=0.2).fit(sentences, minutes=4)
    >>> z = space.transform(["Delete this file?"])  # (1, 32)
    >>> space.inverse_transform(z)
    ['Delete this item?']

    preset: a name from `minigen.vae_presets.VAE_PRESETS` or an AutoencoderPreset. tokenizer: "bpe" (of vocab_size
    tokens), "byte" or "char", learned from the training sentences alone. beta: how much a nat of z costs; 1 is the
    language model point, whose samples from the prior read best, 0.1 to 0.3 the autoencoder point, which gives
    sentences back. device: the fastest one there if None.
    After `fit`: model_, tokenizer_, history_ and summary_ (losses, diagnostics, speed, size).
    """

    columns = ("text",)  # of a data set, as `report` takes them

    def __init__(
        self,
        preset: str | AutoencoderPreset = "laptop",
        tokenizer: str = "bpe",
        vocab_size: int = 1000,
        beta: float = 1.0,
        seed: int = 0,
        device: str | None = None,
    ):
        self.preset, self.tokenizer, self.vocab_size = preset, tokenizer, vocab_size
        self.beta, self.seed, self.device = beta, seed, device

    def fit(
        self,
        X: str | Sequence[str],
        validation: str | Sequence[str] | None = None,
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
    ) -> "TextAutoencoder":
        """Trains on sentences: each line of the texts X is one. Without validation a tenth, or 1,000, is held out.

        batch_size: sentences in a step, on average: batches hold equally many tokens. Other arguments as for
        `TextGenerator.fit`. Sentences that do not fit the context are left out, with a warning.

        Raises:
            ValueError: if there are no sentences, or none that fits, or a name or number is not valid.
            OSError: if `out` cannot be written.
        """
        preset = find_preset(self.preset, VAE_PRESETS)
        config = preset.training(steps=steps, epochs=epochs, minutes=minutes, seed=self.seed, **recipe)
        train, held_out = _split(lines_of(X), validation)
        self._begin(preset, train, held_out, lines_of(X))
        texts = fitting(self.tokenizer_, train, preset.context_length, "training")
        watched = fitting(self.tokenizer_, held_out, preset.context_length, "held-out")
        size, boundary = _tokens_per_batch(preset, batch_size, config.accumulate, texts), self.model_.boundary
        known = f"{len(texts):,} sentences ({self.tokenizer_.vocab_size:,} different tokens)"
        self.summary_ = fit_model(
            self,
            PairBatches(texts, texts, boundary, size, self.seed),
            held_out_pairs(watched, watched, boundary, size),
            config,
            data=f"{known}, and {len(watched):,} held out",
            out=out,
            resume=resume,
            observers=observers,
            progress=progress,
        )
        if self.summary_["stopped"] != "interrupted" and len(watched) > 1:
            self.summary_ |= self._scores(watched)
        if out:
            folders.write_summary(Path(out), self.summary_)
        return self

    def transform(self, X: Sequence[str]) -> np.ndarray:
        """(N, Z) the mean of q(z | x) of each text. One beyond the context is read by its beginning, with a warning.

        Raises:
            ValueError: if X is one text in place of a sequence of them, or a text is empty.
        """
        return self.posterior(X)[0]

    def posterior(self, X: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(mean, standard deviation) of q(z | x) of each text, (N, Z) each. Errors as for `transform`."""
        check_is_fitted(self, "model_")
        means, log_variances = posteriors(self.model_.eval(), self._tokens(X))
        return means.numpy(), torch.exp(log_variances / 2).numpy()

    def inverse_transform(self, Z: np.ndarray, temperature: float = 0.0, seed: int | None = None) -> list[str]:
        """The sentence that the decoder writes from each point (N, Z); temperature 0 always takes the likeliest token.

        Raises:
            ValueError: if Z is of another size than the model's z, or holds numbers that are none.
        """
        check_is_fitted(self, "model_")
        z = check_latent(Z, self.model_)
        written = write(self.model_.eval(), z, Sampling(temperature), seed) if len(z) else []
        return [" ".join(self.tokenizer_.decode(tokens).split()) for tokens in written]

    def reconstruct(self, X: Sequence[str]) -> list[str]:
        """Each text written again from its z alone, greedily."""
        return self.inverse_transform(self.transform(X))

    def sample(self, n: int = 1, temperature: float = 0.0, seed: int | None = None) -> list[str]:
        """n sentences from the prior: z ~ N(0, I), then written as `inverse_transform` does."""
        check_is_fitted(self, "model_")
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        z = torch.randn(n, self.model_.config.latent_size, generator=generator)
        return self.inverse_transform(z.numpy(), temperature, seed)

    def interpolate(self, start: str, end: str, num_points: int = 7) -> list[str]:
        """Sentences on the straight line from one to the other, both ends included.

        Raises:
            ValueError: if one of the two is empty, or num_points is below 2.
        """
        if num_points < 2:
            raise ValueError(f"num_points must be at least 2, the two ends, got {num_points}")
        first, last = self.transform([start, end])
        shares = np.linspace(0, 1, num_points, dtype=np.float32)[:, None]
        return self.inverse_transform((1 - shares) * first + shares * last)

    def direction(self, those_with: Sequence[str], those_without: Sequence[str]) -> np.ndarray:
        """(Z,) where an attribute lies: the mean of z of texts that have it, less that of texts that do not.

        Added to z of a text, it should give the text the attribute (Larsen et al. 2016, section 3.2).
        """
        return self.transform(those_with).mean(axis=0) - self.transform(those_without).mean(axis=0)

    def score(self, X: str | Sequence[str], y: None = None) -> float:
        """The mean ELBO of the sentences in nats, a lower bound on ln p(x): higher is better."""
        check_is_fitted(self, "model_")
        tokens = self._tokens(lines_of(X))
        return float(elbo_and_bound(self.model_.eval(), tokens, DRAWS)[0].mean())

    def report(self, X: str | Sequence[str], num_samples: int = 64) -> dict[str, float | int]:
        """Whether z is used, on sentences that training never saw: see `minigen.vae_metrics.diagnose`.

        Raises:
            ValueError: if there are fewer than two sentences.
        """
        check_is_fitted(self, "model_")
        return diagnose(self.model_, self._tokens(lines_of(X)), num_samples)

    def saw(self, X: str | Sequence[str]) -> bool:
        """Whether it was trained on just these sentences, or they are all that a part was held out of."""
        check_is_fitted(self, "model_")
        return folders.fingerprint(lines_of(X)) in (self.texts_.get("train"), self.texts_.get("whole"))

    def save(self, folder: str | Path) -> None:
        """Writes config.json, tokenizer.json and model.safetensors; `TextAutoencoder.load(folder)` gives an equal."""
        check_is_fitted(self, "model_")
        folders.save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, device: str | None = None) -> "TextAutoencoder":
        """A trained autoencoder from a folder that `save`, or `fit(out=...)`, wrote.

        Raises:
            FileNotFoundError: if there is none. ValueError: if a file is damaged or the files do not fit.
        """
        kinds = {"preset": AutoencoderPreset, "config": TextVAEConfig, "build": TextVAE}
        return folders.restore(cls, Path(folder), device, **kinds)

    def _begin(self, preset: AutoencoderPreset, train: list[str], held_out: list[str], whole: list[str]) -> None:
        """Tokenizer, model and fingerprints, before any training."""
        self.tokenizer_ = train_tokenizer(self.tokenizer, train, self.vocab_size)
        parts = {"train": train, "held_out": held_out, "whole": whole}
        self.texts_ = {name: folders.fingerprint(lines) for name, lines in parts.items()}
        seed_everything(self.seed)
        config = preset.model(self.tokenizer_.vocab_size, self.beta)
        self.model_ = TextVAE(config).to(pick_device(self.device))

    def _scores(self, held_out: list[Tensor]) -> dict[str, float | int]:
        """What the summary says of the held-out sentences."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the mutual information, which is not told here
            found = diagnose(self.model_, held_out, num_samples=1)
        return {f"val_{name}": found[name] for name in SCORES}

    def _tokens(self, texts: Sequence[str]) -> list[Tensor]:
        return beginnings(self.tokenizer_, texts, self.model_.config.context_length)


def _tokens_per_batch(preset: AutoencoderPreset, batch_size: int | None, accumulate: int, texts: list[Tensor]) -> int:
    """Of both sides: each sentence is read and written, with its boundary."""
    size = preset.tokens_per_batch
    if batch_size is not None:
        size = 2 * tokens_per_batch(size, batch_size, accumulate, texts)
    return max(size, 2 * preset.context_length)


def _split(lines: list[str], validation: str | Sequence[str] | None) -> tuple[list[str], list[str]]:
    if validation is not None:
        return lines, lines_of(validation)
    rows = hold_out(group_rows(lines), ["validation"], most=HELD_OUT)
    train, held_out = ([lines[row] for row in rows[name]] for name in ("train", "validation"))
    return train, held_out
