"""A text generator: learn from text, write, score, save, load."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from minigen.data.batches import WindowBatches, held_out_windows
from minigen.data.splits import split_by_position
from minigen.device import pick_device, seed_everything
from minigen.estimators.folder import read_config, write_config, write_summary
from minigen.estimators.writing import until, write
from minigen.generate import Sampling
from minigen.layers import BlockConfig
from minigen.metrics import bits_per_byte, perplexity
from minigen.models.gpt import GPT, GPTConfig
from minigen.presets import Preset, find_preset
from minigen.tokenizers import load_tokenizer, train_tokenizer
from minigen.training import evaluate, train
from minigen.training.checkpoints import load_model, save_model

EVALUATION_TOKENS = 8192  # in one batch of a held-out split
BETWEEN_TEXTS = "\n\n"


class TextGenerator(BaseEstimator):
    """Learns to write like the texts it is given.

    >>> writer = TextGenerator(preset="speedrun").fit(open("plays.txt").read(), minutes=1)
    >>> print(writer.generate("ROMEO:\\n"))

    preset: a name from `minigen.presets` or a Preset. tokenizer: "char", "byte" or "bpe" (of vocab_size tokens).
    device: "cuda", "mps" or "cpu"; the fastest one there if None.
    After `fit`: model_, tokenizer_, history_ and summary_ (losses, speed, size).
    """

    def __init__(
        self,
        preset: str | Preset = "speedrun",
        tokenizer: str = "char",
        vocab_size: int = 2000,
        seed: int = 0,
        device: str | None = None,
    ):
        self.preset, self.tokenizer, self.vocab_size = preset, tokenizer, vocab_size
        self.seed, self.device = seed, device

    def fit(
        self,
        texts: str | Sequence[str],
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
    ) -> "TextGenerator":
        """Trains on one text or many. Without validation texts the last 10 % is held out.

        epochs, steps, minutes: the budget; the preset's minutes if none is given. recipe: other fields of
        TrainConfig (learning_rate=..., optimizer="adamw", ...). out: a folder for everything, ready for `load`;
        resume=True goes on with the interrupted run that is there.

        Raises:
            ValueError: if there is too little text, or a name or number is not valid.
        """
        preset, device = find_preset(self.preset), pick_device(self.device)
        config = preset.training(steps=steps, epochs=epochs, minutes=minutes, seed=self.seed, **recipe)
        text = _joined(texts)
        text, held_out = split_by_position(text) if validation is None else (text, _joined(validation))
        self.tokenizer_ = train_tokenizer(self.tokenizer, text, self.vocab_size)
        tokens = self._tokens(text)
        batches = WindowBatches(tokens, preset.context_length, batch_size or preset.batch_size, self.seed)
        windows = self._windows(held_out, preset.context_length)
        seed_everything(self.seed)
        self.model_ = GPT(preset.model(self.tokenizer_.vocab_size)).to(device)
        if out:
            self._describe(Path(out))
        self.history_ = train(
            self.model_, batches, windows, config, out, resume=resume, observers=observers, progress=progress
        )
        self._summarise(held_out, out)
        return self

    def generate(
        self,
        prompt: str | Sequence[str] = "\n",
        max_new_tokens: int = 200,
        *,
        seed: int | None = None,
        stop: str | None = None,
        **sampling: float,
    ) -> str | list[str]:
        """The prompt's continuation, without the prompt; for a list of prompts a list, all written at once.

        sampling: temperature, top_k, top_p, repetition_penalty, see `minigen.generate.Sampling`.
        stop: the text ends before this string. A prompt longer than the context is read by its end alone.

        Raises:
            ValueError: if the prompt is empty or holds characters that the tokenizer does not know.
        """
        check_is_fitted(self, "model_")
        if isinstance(prompt, str):
            return "".join(self.stream(prompt, max_new_tokens, seed=seed, stop=stop, **sampling))
        steps = write(self.model_, self.tokenizer_, prompt, max_new_tokens, Sampling(**sampling), seed)
        texts = ["".join(pieces) for pieces in zip(*steps, strict=True)]
        return [text.split(stop)[0] if stop else text for text in texts]

    def stream(
        self,
        prompt: str = "\n",
        max_new_tokens: int = 200,
        *,
        seed: int | None = None,
        stop: str | None = None,
        **sampling: float,
    ) -> Iterator[str]:
        """The continuation piece by piece, as it is written. Arguments as for `generate`."""
        check_is_fitted(self, "model_")
        steps = write(self.model_, self.tokenizer_, [prompt], max_new_tokens, Sampling(**sampling), seed)
        yield from until((piece for (piece,) in steps), stop)

    def predict(self, prompts: Sequence[str]) -> list[str]:
        """Continuations of the prompts, greedily: the same each time."""
        return self.generate(list(prompts), temperature=0.0)

    def score(self, texts: str | Sequence[str], y: None = None) -> float:
        """Bits per byte of the texts, averaged over all their bytes: LOWER is better, unlike other scores."""
        return self.report(texts)["bits_per_byte"]

    def report(self, texts: str | Sequence[str]) -> dict[str, float]:
        """Loss in nats per token, bits per byte, perplexity, and how much text that was.

        Characters that the tokenizer does not know are scored as "unknown", counted, and warned about.
        """
        check_is_fitted(self, "model_")
        text = _joined(texts)
        loss = evaluate(self.model_, self._windows(text, self.model_.config.context_length))
        return {
            "loss": loss,
            "bits_per_byte": self._bits_per_byte(loss, text),
            "perplexity": perplexity(loss),
            "tokens": len(self._tokens(text)),
            "bytes": len(text.encode()),
            "unknown_characters": self.tokenizer_.count_unknown(text),
        }

    def save(self, folder: str | Path) -> None:
        """Writes config.json, tokenizer.json and model.safetensors; `TextGenerator.load(folder)` gives an equal."""
        check_is_fitted(self, "model_")
        self._describe(Path(folder))
        save_model(self.model_, Path(folder) / "model.safetensors")

    @classmethod
    def load(cls, folder: str | Path, device: str | None = None) -> "TextGenerator":
        """A trained generator from a folder that `save`, or `fit(out=...)`, wrote.

        Raises:
            FileNotFoundError: if there is none. ValueError: if a file is damaged or the files do not fit.
        """
        folder = Path(folder)
        description = read_config(folder, cls.__name__)
        try:
            own = cls(**(description["parameters"] | {"device": device}))
            own.preset = Preset(**own.preset) if isinstance(own.preset, dict) else own.preset
            model = description["model"]
            config = GPTConfig(**(model | {"block": BlockConfig(**model["block"])}))
            own.model_ = GPT(config)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{folder / 'config.json'} does not describe a text generator: {error}") from error
        own.tokenizer_ = load_tokenizer(folder)
        if own.tokenizer_.vocab_size != config.vocab_size:
            raise ValueError(
                f"{folder}: the tokenizer has {own.tokenizer_.vocab_size} tokens and the model {config.vocab_size}: "
                "the files are of different models"
            )
        load_model(own.model_, folder / "model.safetensors")
        own.model_.to(pick_device(device)).eval()
        return own

    def _describe(self, folder: Path) -> None:
        write_config(folder, self, self.model_.config)
        self.tokenizer_.save(folder / "tokenizer.json")

    def _tokens(self, text: str) -> Tensor:
        # Half the memory of int64; batches are widened when they are made.
        return torch.from_numpy(self.tokenizer_.encode_array(text, unknown="replace")).int()

    def _windows(self, text: str, context_length: int) -> list[tuple[Tensor, Tensor]]:
        unknown = self.tokenizer_.count_unknown(text)
        if unknown:
            warnings.warn(
                f"{unknown:,} of {len(text):,} held-out characters do not occur in the training text; they are scored "
                'as "unknown". The tokenizers byte and bpe know every character.',
                stacklevel=3,
            )
        return held_out_windows(self._tokens(text), context_length, max(1, EVALUATION_TOKENS // context_length))

    def _bits_per_byte(self, nats_per_token: float, text: str) -> float:
        """The first token is given, so neither its loss nor its bytes count."""
        tokens = self._tokens(text)
        num_bytes = len(text.encode()) - len(self.tokenizer_.token_bytes(int(tokens[0])))
        return bits_per_byte(nats_per_token * (len(tokens) - 1), num_bytes)

    def _summarise(self, held_out: str, out: str | Path | None) -> None:
        history, parameters = self.history_, list(self.model_.parameters())
        self.summary_ = {
            "val_loss": history.best_val_loss,
            "val_bits_per_byte": self._bits_per_byte(history.best_val_loss, held_out),
            "seconds": history.seconds,
            "tokens_per_second": history.tokens_per_second,
            "parameters": sum(p.numel() for p in parameters),
            "steps": history.steps,
            "best_step": history.best_step,
            "stopped": history.stopped,
            "device": parameters[0].device.type,
        }
        if out:
            write_summary(Path(out), self.summary_)


def _joined(texts: str | Sequence[str]) -> str:
    if isinstance(texts, str):
        return texts
    texts = list(texts)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("texts must be a string or a sequence of strings")
    return BETWEEN_TEXTS.join(texts)
