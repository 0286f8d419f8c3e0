"""One token per byte of UTF-8: 256 ids, nothing to train, and no text in the world is unknown to it."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from minigen.files import write_atomically
from minigen.tokenizers.base import as_ids, as_texts, surrogates, to_utf8, visible


class ByteTokenizer:
    """id = the value of the byte, 0 to 255. A character takes 1 token (English) to 4 (emoji)."""

    name = "byte"
    vocab_size = 256

    @classmethod
    def train(cls, texts: str | Iterable[str]) -> "ByteTokenizer":
        """There is nothing to learn; here so that all tokenizers are made in the same way."""
        as_texts(texts)
        return cls()

    def encode_array(self, text: str, unknown: str = "error") -> np.ndarray:
        """int64 ids, shape (bytes,). Only lone surrogates, which are not Unicode text, are unknown."""
        return np.frombuffer(to_utf8(text, unknown), dtype=np.uint8).astype(np.int64)

    def encode(self, text: str, unknown: str = "error") -> list[int]:
        """The ids of text as a list; see encode_array."""
        return list(to_utf8(text, unknown))

    def count_unknown(self, text: str) -> int:
        """0 for all text that is Unicode: counts lone surrogates."""
        return len(surrogates(text))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; bytes that are not UTF-8, such as half a character, become U+FFFD."""
        return as_ids(ids, self.vocab_size).astype(np.uint8).tobytes().decode("utf-8", "replace")

    def token_bytes(self, token: int) -> bytes:
        """The one byte of the token."""
        return as_ids([token], self.vocab_size).astype(np.uint8).tobytes()

    def token_text(self, token: int) -> str:
        """The byte as a plot label: the ASCII character if it can be seen, otherwise hexadecimal, "<E9>"."""
        return visible(self.token_bytes(token))

    def save(self, path: str | Path) -> None:
        """Writes the file path, which says no more than that this is the byte tokenizer."""
        write_atomically(path, json.dumps({"type": self.name}) + "\n")
