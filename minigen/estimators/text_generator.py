"""A text generator: learn from text, write, score, save, load."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from minigen.data.batches import WindowBatches
from minigen.data.splits import split_by_position
from minigen.device import pick_device, seed_everything
from minigen.estimators import folder as folders
from minigen.estimators.architectures import LANGUAGE_MODELS, find_architecture, saved_architecture
from minigen.estimators.fitting import fit_model
from minigen.estimators.held_out import hold_out, to_tokens
from minigen.estimators.writing import until, usual_prompt, write
from minigen.generate import Sampling
from minigen.metrics import perplexity
from minigen.presets import PRESETS, Preset, find_preset
from minigen.tokenizers import train_tokenizer
from minigen.training import evaluate

BETWEEN_TEXTS = "\n\n"


class TextGenerator(BaseEstimator):
    """Learns to write like the texts it is given.

    >>> writer = TextGenerator(preset="speedrun").fit(open("plays.txt").read(), minutes=1)
    >>> print(writer.generate("ROMEO:\\n"))

    preset: a name from `minigen.presets` or a Preset. tokenizer: "char", "byte" or "bpe" (of vocab_size tokens).
    device: "cuda", "mps" or "cpu"; the fastest one there if None. architecture: "transformer", or "gru", a recurrent
    model of about as many parameters.
    After `fit`: model_, tokenizer_, history_ and summary_ (losses, speed, size).
    """

    columns = ("text",)  # of a data set, as `report` takes them

    def __init__(
        self,
        preset: str | Preset = "speedrun",
        tokenizer: str = "char",
        vocab_size: int = 2000,
        seed: int = 0,
        device: str | None = None,
        architecture: str = "transformer",
    ):
        self.preset, self.tokenizer, self.vocab_size = preset, tokenizer, vocab_size
        self.seed, self.device, self.architecture = seed, device, architecture

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
        TrainConfig (learning_rate=..., optimizer="adamw", ...). out: a folder for everything, ready for `load`; a model
        that is in it is deleted first, unless resume=True goes on with the interrupted run that is there.

        Raises:
            ValueError: if there is too little text, a name or number is not valid, or another run is to be resumed.
            FileNotFoundError: if there is none to resume. OSError: if `out` cannot be written.
        """
        preset, device = find_preset(self.preset), pick_device(self.device)
        architecture = find_architecture(self.architecture, LANGUAGE_MODELS)
        config = architecture.training(preset, steps=steps, epochs=epochs, minutes=minutes, seed=self.seed, **recipe)
        batch_size = preset.batch_size if batch_size is None else batch_size
        text = _joined(texts)
        text, held_out_text = split_by_position(text) if validation is None else (text, _joined(validation))
        self.tokenizer_ = train_tokenizer(self.tokenizer, text, self.vocab_size)
        tokens = to_tokens(text, self.tokenizer_)
        _refuse_short(len(tokens), preset.context_length)
        batches = WindowBatches(tokens, preset.context_length, batch_size, self.seed)
        held_out = hold_out(held_out_text, self.tokenizer_, preset.context_length)
        shape = architecture.like(preset.model(self.tokenizer_.vocab_size))
        seed_everything(self.seed)
        self.model_ = architecture.build(shape).to(device)
        self.texts_ = _fingerprints(text, held_out_text)
        data = f"{len(tokens):,} tokens ({self.tokenizer_.vocab_size:,} different ones)"
        data += f", and {held_out.num_tokens + 1:,} held out"
        session = {"out": out, "resume": resume, "observers": observers, "progress": progress}
        self.summary_ = fit_model(self, batches, held_out.batches, config, data=data, **session)
        self.summary_["val_bits_per_byte"] = held_out.bits_per_byte(self.summary_["val_loss"])
        if out:
            folders.write_summary(Path(out), self.summary_)
        return self

    def generate(
        self,
        prompt: str | Sequence[str] | None = None,
        max_new_tokens: int = 200,
        *,
        seed: int | None = None,
        stop: str | None = None,
        compiled: bool = False,
        **sampling: float,
    ) -> str | list[str]:
        """The prompt's continuation, without the prompt; for a list of prompts a list, all written at once.

        Without a prompt it begins after a line break, or the first character it knows where the text had none.
        sampling: temperature, top_k, top_p, repetition_penalty, see `minigen.generate.Sampling`.
        stop: the text ends before this string. A prompt longer than the context is read by its end alone.
        compiled: by a program that is made in about a minute when it is first needed, and writes several times as
        fast on a CPU: for whoever writes much with one model. It needs a C++ compiler.

        Raises:
            ValueError: if the prompt is empty or holds characters that the tokenizer does not know, or a number is
                not valid. FileNotFoundError: if it is to be compiled, and there is no C++ compiler.
        """
        check_is_fitted(self, "model_")
        if prompt is None or isinstance(prompt, str):
            return "".join(self.stream(prompt, max_new_tokens, seed=seed, stop=stop, compiled=compiled, **sampling))
        steps = write(self.model_, self.tokenizer_, prompt, max_new_tokens, Sampling(**sampling), seed, compiled)
        texts = ["".join(pieces) for pieces in zip(*steps, strict=True)]
        return [text.split(stop)[0] if stop else text for text in texts]

    def stream(
        self,
        prompt: str | None = None,
        max_new_tokens: int = 200,
        *,
        seed: int | None = None,
        stop: str | None = None,
        compiled: bool = False,
        **sampling: float,
    ) -> Iterator[str]:
        """The continuation piece by piece, as it is written. Arguments and errors as for `generate`."""
        check_is_fitted(self, "model_")
        prompt = usual_prompt(self.tokenizer_) if prompt is None else prompt
        steps = write(self.model_, self.tokenizer_, [prompt], max_new_tokens, Sampling(**sampling), seed, compiled)
        return until((piece for (piece,) in steps), stop)

    def predict(self, prompts: Sequence[str]) -> list[str]:
        """Continuations of the prompts, greedily: the same each time."""
        return self.generate(list(prompts), temperature=0.0)

    def score(self, texts: str | Sequence[str], y: None = None) -> float:
        """Bits per byte of the texts, averaged over all their bytes: LOWER is better, unlike other scores."""
        return self.report(texts)["bits_per_byte"]

    def report(self, texts: str | Sequence[str]) -> dict[str, float]:
        """Loss in nats per token, bits per byte, perplexity, and of how many tokens and bytes.

        The first token is given, so neither it nor its bytes count.

        Characters that the tokenizer does not know are scored as "unknown", counted, and warned about.
        """
        check_is_fitted(self, "model_")
        text = _joined(texts)
        held_out = hold_out(text, self.tokenizer_, self.model_.config.context_length)
        loss = evaluate(self.model_, held_out.batches)
        return {
            "loss": loss,
            "bits_per_byte": held_out.bits_per_byte(loss),
            "perplexity": perplexity(loss),
            "tokens": held_out.num_tokens,
            "bytes": held_out.num_bytes,
            "unknown_characters": self.tokenizer_.count_unknown(text),
        }

    def saw(self, texts: str | Sequence[str]) -> bool:
        """Whether it was trained on just these texts, or they are all of a text that it was trained on a part of."""
        check_is_fitted(self, "model_")
        return folders.fingerprint([_joined(texts)]) in (self.texts_.get("train"), self.texts_.get("whole"))

    def save(self, folder: str | Path) -> None:
        """Writes config.json, tokenizer.json and model.safetensors; `TextGenerator.load(folder)` gives an equal."""
        check_is_fitted(self, "model_")
        folders.save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, device: str | None = None) -> "TextGenerator":
        """A trained generator from a folder that `save`, or `fit(out=...)`, wrote.

        Raises:
            FileNotFoundError: if there is none. ValueError: if a file is damaged or the files do not fit.
        """
        saved = saved_architecture(Path(folder), cls.__name__, LANGUAGE_MODELS)
        return folders.restore(cls, Path(folder), device, preset=Preset, config=saved.config, build=saved.build)


def _refuse_short(num_tokens: int, context_length: int) -> None:
    if num_tokens <= context_length:
        smaller = [name for name, preset in PRESETS.items() if preset.context_length < num_tokens]
        raise ValueError(
            f"the text has {num_tokens} tokens, but a context of {context_length} needs at least {context_length + 1}: "
            f"give more text{f' or a smaller preset (--preset {smaller[-1]})' if smaller else ''}"
        )


def _fingerprints(text: str, held_out: str) -> dict[str, str]:
    parts = {"train": text, "held_out": held_out, "whole": text + held_out}
    return {name: folders.fingerprint([part]) for name, part in parts.items()}


def _joined(texts: str | Sequence[str]) -> str:
    if isinstance(texts, str):
        return texts
    texts = list(texts)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("texts must be a string or a sequence of strings")
    return BETWEEN_TEXTS.join(texts)
