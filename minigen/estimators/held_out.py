"""A text that a model is measured on."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from minigen.data.batches import held_out_windows
from minigen.metrics import bits_per_byte
from minigen.tokenizers import Tokenizer

TOKENS_IN_A_BATCH = 8192


@dataclass(frozen=True)
class HeldOut:
    """Batches, and how many tokens and bytes they score: the first token of the text is given, so it does not count."""

    batches: list[tuple[Tensor, Tensor]]
    num_tokens: int
    num_bytes: int

    def bits_per_byte(self, nats_per_token: float | None) -> float | None:
        """From the mean loss over the batches; None, of a model that was never measured, stays None."""
        if nats_per_token is None:
            return None
        return bits_per_byte(nats_per_token * self.num_tokens, self.num_bytes)


def hold_out(text: str, tokenizer: Tokenizer, context_length: int) -> HeldOut:
    """The whole of text as batches; characters that the tokenizer does not know become "unknown", with a warning.

    Raises:
        ValueError: if the text has fewer than two tokens.
    """
    unknown = tokenizer.count_unknown(text)
    if unknown:
        warnings.warn(
            f"{unknown:,} of {len(text):,} held-out characters do not occur in the training text; they are scored "
            'as "unknown". The tokenizers byte and bpe know every character.',
            stacklevel=3,
        )
    tokens = to_tokens(text, tokenizer)
    batches = held_out_windows(tokens, context_length, max(1, TOKENS_IN_A_BATCH // context_length))
    first = _num_bytes(text[0])
    if not tokenizer.count_unknown(text[0]):
        first = len(tokenizer.token_bytes(int(tokens[0])))
    return HeldOut(batches, len(tokens) - 1, _num_bytes(text) - first)


def to_tokens(text: str, tokenizer: Tokenizer) -> Tensor:
    """(N,) int32: half the memory of int64; batches are widened when they are made."""
    return torch.from_numpy(tokenizer.encode_array(text, unknown="replace")).int()


def _num_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
