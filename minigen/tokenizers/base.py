"""What all tokenizers share: the protocol, and the small tools that keep their behaviour the same."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np

REPLACEMENT = "\ufffd"  # Unicode's own sign for "something that could not be read"
SHOWN = 5  # unknown characters, or words, named in an error message
VISIBLE = {" ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍"}


class Tokenizer(Protocol):
    """Text to token ids and back. Ids run from 0 to vocab_size - 1.

    decode(encode(text)) == text whenever encode does not raise and nothing had to be replaced.
    """

    name: str

    @property
    def vocab_size(self) -> int: ...

    def encode_array(self, text: str, unknown: str = "error") -> np.ndarray:
        """int64 ids of shape (tokens,), ready for torch.from_numpy."""

    def encode(self, text: str, unknown: str = "error") -> list[int]:
        """The same ids as a list."""

    def count_unknown(self, text: str) -> int:
        """How many characters of text this tokenizer cannot represent."""

    def decode(self, ids: Iterable[int]) -> str: ...

    def token_bytes(self, token: int) -> bytes:
        """The UTF-8 bytes that the token stands for; over an encoded text they sum to the text's bytes."""

    def token_text(self, token: int) -> str:
        """The token as a plot label, with white space and bytes made visible."""

    def save(self, path: str | Path) -> None: ...


def as_texts(texts: str | Iterable[str]) -> list[str]:
    """One text or many, as a list. ValueError if there is no character in them."""
    found = [texts] if isinstance(texts, str) else list(texts)
    for text in found:
        if not isinstance(text, str):
            raise ValueError(f"expected texts to train a tokenizer on, got a {type(text).__name__}: {text!r:.60}")
    if not any(found):
        raise ValueError("no text to train a tokenizer on: all texts are empty")
    return found


def as_ids(ids: Iterable[int], vocab_size: int) -> np.ndarray:
    """Ids (list, generator, array, CPU tensor) as int64 (tokens,). ValueError outside the vocabulary."""
    array = np.asarray(ids if hasattr(ids, "__array__") else list(ids))
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"expected a flat sequence of token ids, got shape {array.shape} of {array.dtype}")
    outside = array[(array < 0) | (array >= vocab_size)]
    if outside.size:
        raise ValueError(
            f"token id {outside[0]} is outside the vocabulary of {vocab_size} tokens (0 to {vocab_size - 1})"
        )
    return array.astype(np.int64)


def check_unknown_choice(unknown: str) -> None:
    """ValueError unless unknown is "error" or "replace"."""
    if unknown not in ("error", "replace"):
        raise ValueError(f'unknown must be "error" or "replace", got {unknown!r}')


def unknown_error(what: str, unknown: Iterable[str], vocabulary: str, suggestion: str) -> ValueError:
    """The error for what cannot be encoded, characters or words: names at most five, and says what to do."""
    distinct = sorted(set(unknown))
    named = ", ".join(f"{c!r}" for c in distinct[:SHOWN])
    more = f" and {len(distinct) - SHOWN} more" if len(distinct) > SHOWN else ""
    plural = "s" if len(distinct) > 1 else ""
    return ValueError(f"unknown {what}{plural} {named}{more}: not in {vocabulary}; {suggestion}")


def surrogates(text: str) -> list[str]:
    """The lone surrogates of text: halves of a UTF-16 pair, which have no UTF-8 form."""
    return [c for c in text if "\ud800" <= c <= "\udfff"]


def to_utf8(text: str, unknown: str = "error") -> bytes:
    """UTF-8 bytes of text. Lone surrogates raise ValueError, or become U+FFFD with unknown="replace"."""
    check_unknown_choice(unknown)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        if unknown == "error":
            raise unknown_error(
                "character",
                surrogates(text),
                "Unicode text (half of a UTF-16 pair)",
                'repair the text, or pass unknown="replace"',
            ) from None
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode("utf-8")


def visible(token: bytes) -> str:
    """A token for human eyes: "␣" is a space, "⏎" a newline, "<E9>" a byte that is no character alone."""
    shown = []
    for c in token.decode("utf-8", "surrogateescape"):  # byte b that is not UTF-8 becomes U+DC00 + b
        code = ord(c)
        if c in VISIBLE:
            shown.append(VISIBLE[c])
        elif c.isprintable():
            shown.append(c)
        elif code < 0x80 or 0xDC80 <= code <= 0xDCFF:
            shown.append(f"<{code & 0xFF:02X}>")
        else:
            shown.append(f"<U+{code:04X}>")
    return "".join(shown)
