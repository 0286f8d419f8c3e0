"""A text generator: learn from text, write, score, save, load."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from minigen.data.batches import WindowBatches
from minigen.data.splits import split_by_position
from minigen.device import pick_device, seed_everything
from minigen.estimators import folder as folders
from minigen.estimators.held_out import HeldOut, hold_out, to_tokens
from minigen.estimators.writing import until, write
from minigen.generate import Sampling
from minigen.metrics import perplexity
from minigen.models.gpt import GPT, GPTConfig
from minigen.presets import Preset, find_preset
from minigen.tokenizers import load_tokenizer, train_tokenizer
from minigen.training import evaluate, train
from minigen.training.checkpoints import load_model, save_model

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
            ValueError: if there is too little text, a name or number is not valid, or another run is to be resumed.
            OSError: if `out` cannot be written.
        """
        preset, device = find_preset(self.preset), pick_device(self.device)
        config = preset.training(steps=steps, epochs=epochs, minutes=minutes, seed=self.seed, **recipe)
        batch_size = preset.batch_size if batch_size is None else batch_size
        text = _joined(texts)
        text, held_out_text = split_by_position(text) if validation is None else (text, _joined(validation))
        self.tokenizer_ = train_tokenizer(self.tokenizer, text, self.vocab_size)
        batches = WindowBatches(to_tokens(text, self.tokenizer_), preset.context_length, batch_size, self.seed)
        held_out = hold_out(held_out_text, self.tokenizer_, preset.context_length)
        seed_everything(self.seed)
        self.model_ = GPT(preset.model(self.tokenizer_.vocab_size)).to(device)
        if out:
            self._prepare(Path(out), (text, held_out_text), resume)
        self.history_ = train(
            self.model_, batches, held_out.batches, config, out, resume=resume, observers=observers, progress=progress
        )
        self.summary_ = self._summary(held_out)
        if out:
            folders.write_summary(Path(out), self.summary_)
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
            ValueError: if the prompt is empty or holds characters that the tokenizer does not know, or a number is
                not valid.
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
        """The continuation piece by piece, as it is written. Arguments and errors as for `generate`."""
        check_is_fitted(self, "model_")
        steps = write(self.model_, self.tokenizer_, [prompt], max_new_tokens, Sampling(**sampling), seed)
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

    def save(self, folder: str | Path) -> None:
        """Writes config.json, tokenizer.json and model.safetensors; `TextGenerator.load(folder)` gives an equal."""
        check_is_fitted(self, "model_")
        folder = Path(folder)
        folders.write_config(folder, folders.describe(self, self.model_.config, self.tokenizer_))
        self.tokenizer_.save(folder / "tokenizer.json")
        save_model(self.model_, folder / "model.safetensors")

    @classmethod
    def load(cls, folder: str | Path, device: str | None = None) -> "TextGenerator":
        """A trained generator from a folder that `save`, or `fit(out=...)`, wrote.

        Raises:
            FileNotFoundError: if there is none. ValueError: if a file is damaged or the files do not fit.
        """
        folder, found = Path(folder), pick_device(device)
        description = folders.read_config(folder, cls.__name__)
        tokenizer = load_tokenizer(folder)
        try:
            own = cls(**(description["parameters"] | {"device": device}))
            own.preset = folders.from_json(Preset, own.preset) if isinstance(own.preset, dict) else own.preset
            config = folders.from_json(GPTConfig, description["model"])
            if folders.tokenizer_fingerprint(tokenizer) != description.get("tokenizer"):
                raise ValueError("tokenizer.json is that of another model")
            if tokenizer.vocab_size != config.vocab_size:
                raise ValueError(f"the tokenizer has {tokenizer.vocab_size} tokens, the model {config.vocab_size}")
            own.model_, own.tokenizer_ = GPT(config), tokenizer
        except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
            raise ValueError(f"{folder / 'config.json'} does not fit: {error}") from error
        load_model(own.model_, folder / "model.safetensors")
        own.model_.to(found).eval()
        return own

    def _prepare(self, folder: Path, texts: tuple[str, str], resume: bool) -> None:
        """The folder says what is trained before it is; one that is resumed has to say so already."""
        description = folders.describe(self, self.model_.config, self.tokenizer_, texts)
        if resume:
            folders.refuse_another_model(folder, description)
            return
        folders.write_config(folder, description)
        folders.forget_earlier_run(folder)
        self.tokenizer_.save(folder / "tokenizer.json")

    def _summary(self, held_out: HeldOut) -> dict:
        history, parameters = self.history_, list(self.model_.parameters())
        return {
            "val_loss": history.best_val_loss,
            "val_bits_per_byte": held_out.bits_per_byte(history.best_val_loss),
            "seconds": history.seconds,
            "tokens_per_second": history.tokens_per_second,
            "parameters": sum(p.numel() for p in parameters),
            "steps": history.steps,
            "best_step": history.best_step,
            "stopped": history.stopped,
            "device": parameters[0].device.type,
        }


def _joined(texts: str | Sequence[str]) -> str:
    if isinstance(texts, str):
        return texts
    texts = list(texts)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("texts must be a string or a sequence of strings")
    return BETWEEN_TEXTS.join(texts)
