"""From prompts to text: tokens out of a model, bytes out of tokens, characters out of bytes."""

import codecs
from collections.abc import Iterator, Sequence

from torch import nn

from minigen.generate import Sampling, generate
from minigen.models.gpt import GPT
from minigen.models.gru import GRULanguageModel
from minigen.tokenizers import Tokenizer
from minigen.tokenizers.base import unknown_error


def write(
    model: GPT | GRULanguageModel,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    max_new_tokens: int,
    sampling: Sampling,
    seed: int | None,
    compiled: bool = False,
) -> Iterator[list[str]]:
    """Gives, step by step, the piece of text that each prompt gains; "" where it gains none.

    A character can be several tokens: a piece comes once its bytes are whole. compiled: see `GPT.next_token_function`.

    Raises:
        ValueError: if a prompt is empty or holds characters that the tokenizer does not know, or a model that is not a
            Transformer is to be compiled; at once.
    """
    if compiled and not isinstance(model, GPT):
        raise ValueError("only a Transformer writes compiled: leave out compiled=True")
    if not prompts or not all(prompts):
        raise ValueError('the prompt is empty: give at least one character to begin with, for instance "\\n"')
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens must be 0 or above, got {max_new_tokens}")
    tokens = [_encode(tokenizer, prompt)[-model.config.context_length :] for prompt in prompts]
    steps = generate(
        model.next_token_function(compiled=True) if compiled else model.next_token_function(),
        tokens,
        max_new_tokens,
        sampling,
        forbidden=[0] if tokenizer.name == "char" else [],  # "unknown" is nothing to write
        seed=seed,
        device=next(model.parameters()).device,
    )
    return _pieces(_without_dropout(model, steps), tokenizer, len(prompts))


def usual_prompt(tokenizer: Tokenizer) -> str:
    """A line break; where the training text had none, a space, or else the first of its characters."""
    return next((sign for sign in "\n " if not tokenizer.count_unknown(sign)), None) or tokenizer.decode([1])


def _encode(tokenizer: Tokenizer, prompt: str) -> list[int]:
    if not tokenizer.count_unknown(prompt):
        return tokenizer.encode(prompt)
    unknown = [character for character in prompt if tokenizer.count_unknown(character)]
    advice = "leave them out of the prompt, or train with --tokenizer byte, which knows every character"
    if tokenizer.name != "char":
        advice = "they are no characters at all: repair the prompt"
    raise unknown_error("character", unknown, "the text that the model was trained on", advice)


def _without_dropout(model: nn.Module, steps: Iterator[list[int | None]]) -> Iterator[list[int | None]]:
    """The steps, taken in evaluation mode; a model that is being trained goes on being trained."""
    was_training = model.training
    model.eval()
    try:
        yield from steps
    finally:
        model.train(was_training)


def _pieces(steps: Iterator[list[int | None]], tokenizer: Tokenizer, num_prompts: int) -> Iterator[list[str]]:
    decoders = [codecs.getincrementaldecoder("utf-8")(errors="replace") for _ in range(num_prompts)]
    for step in steps:
        yield [
            "" if token is None else decoder.decode(tokenizer.token_bytes(token))
            for token, decoder in zip(step, decoders, strict=True)
        ]
    yield [decoder.decode(b"", final=True) for decoder in decoders]


def until(pieces: Iterator[str], stop: str | None) -> Iterator[str]:
    """The pieces up to the string `stop`, which may lie across several of them and is left out itself."""
    text, given = "", 0
    for piece in pieces:
        text += piece
        if stop and stop in text:
            yield text.split(stop)[0][given:]
            return
        # What could be the beginning of `stop` is held back until it is certain.
        held = max((n for n in range(1, len(stop or "")) if text.endswith(stop[:n])), default=0)
        if len(text) - held > given:
            yield text[given : len(text) - held]
            given = len(text) - held
    yield text[given:]
