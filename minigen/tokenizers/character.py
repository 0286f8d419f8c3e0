"""One token per character: the simplest vocabulary, and the one that the first models of the course use."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from minigen.files import write_atomically
from minigen.tokenizers.base import (
    REPLACEMENT,
    as_ids,
    as_texts,
    check_unknown_choice,
    surrogates,
    to_utf8,
    unknown_error,
    visible,
)


class CharTokenizer:
    """id(c) = the place of c in the sorted set of the training characters; id 0 is "unknown" (U+FFFD).

    characters: the vocabulary as one string, U+FFFD first, the others sorted. ValueError if it is not so.
    """

    name = "char"

    def __init__(self, characters: str):
        expected = REPLACEMENT + "".join(sorted(set(characters) - {REPLACEMENT}))
        if characters != expected or surrogates(characters):
            raise ValueError(
                f"the characters of a CharTokenizer are U+FFFD and then a sorted set, got {characters[:20]!r}"
            )
        self.characters = characters
        self.codes = code_points(characters)  # (vocab_size,)
        # Code point -> id for every code point up to the largest known one, and one more for "beyond".
        self.table = np.zeros(int(self.codes.max()) + 2, dtype=np.int64)
        self.table[self.codes] = np.arange(len(characters))

    @classmethod
    def train(cls, texts: str | Iterable[str]) -> "CharTokenizer":
        """The tokenizer of all characters in texts. ValueError if there are none."""
        found = set().union(*as_texts(texts))
        to_utf8("".join(found))  # refuses lone surrogates, which could not be decoded to UTF-8 later
        return cls(REPLACEMENT + "".join(sorted(found - {REPLACEMENT})))

    @property
    def vocab_size(self) -> int:
        """The number of characters, the unknown included."""
        return len(self.characters)

    def encode_array(self, text: str, unknown: str = "error") -> np.ndarray:
        """int64 ids, shape (characters,). A table look-up per character: 5 MB in well under a second.

        unknown: "error" raises ValueError naming the unknown characters; "replace" gives them id 0, so that
        held-out text can be scored (report count_unknown beside the score, which leaves out what they were).
        """
        check_unknown_choice(unknown)
        ids, missing = self._look_up(text)
        if unknown == "error" and missing.any():
            raise unknown_error(
                "character",
                (text[i] for i in np.flatnonzero(missing)),
                f"the {self.vocab_size - 1} characters that this tokenizer was trained on",
                'use --tokenizer byte, which knows every character, or score with unknown="replace"',
            )
        return ids

    def encode(self, text: str, unknown: str = "error") -> list[int]:
        """The ids of text as a list; see encode_array."""
        return self.encode_array(text, unknown).tolist()

    def count_unknown(self, text: str) -> int:
        """How many characters of text are not in the vocabulary."""
        return int(self._look_up(text)[1].sum())

    def _look_up(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        codes = code_points(text)
        ids = self.table[np.minimum(codes, len(self.table) - 1)]
        return ids, (ids == 0) & (codes != self.codes[0])

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids. ValueError for an id outside the vocabulary."""
        return self.codes[as_ids(ids, self.vocab_size)].tobytes().decode("utf-32-le")

    def token_bytes(self, token: int) -> bytes:
        """The UTF-8 bytes of one character: 1 to 4."""
        return self.decode([token]).encode("utf-8")

    def token_text(self, token: int) -> str:
        """The character as a plot label: "␣" for a space, "⏎" for a newline."""
        return visible(self.token_bytes(token))

    def save(self, path: str | Path) -> None:
        """Writes the vocabulary to the file path, as JSON."""
        content = {"type": self.name, "characters": self.characters}
        write_atomically(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def code_points(text: str) -> np.ndarray:
    """The Unicode code points of text: uint32, shape (characters,). UTF-32 is exactly that array."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
