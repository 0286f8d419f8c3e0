"""One token per word: short texts become shorter, and what stands between the words is lost. For models that read."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from minigen.files import write_atomically
from minigen.tokenizers.base import REPLACEMENT, as_ids, as_texts, check_unknown_choice, to_utf8, unknown_error

WORD = re.compile(r"\w[\w'’-]*|[^\w\s]")  # letters and digits, with - and ' inside or behind; or one other sign


class WordTokenizer:
    """Tokens are the most frequent words, in lower case, and signs; token 0 is "unknown" (U+FFFD).

    Unlike the other tokenizers it cannot give back the text: capitals, spaces and rare words are gone. words: the
    vocabulary, U+FFFD first, each as `split` finds it. ValueError if it is not so.
    """

    name = "word"

    def __init__(self, words: list[str]):
        own = words[:1] == [REPLACEMENT] and all(split(word) == [word] for word in words[1:])
        if not own or len(set(words)) < len(words):
            raise ValueError("the words of a WordTokenizer are U+FFFD and then different words in lower case")
        self.words = words
        self.ids = {word: token for token, word in enumerate(words)}

    @classmethod
    def train(cls, texts: str | Iterable[str], vocab_size: int = 2000) -> "WordTokenizer":
        """The vocab_size - 1 most frequent words, of equally frequent ones those first in the alphabet.

        ValueError for a vocab_size under 2, for no text, and for what is not Unicode text.
        """
        if vocab_size < 2:
            raise ValueError(f"vocab_size {vocab_size} is too small: there must be a word beside the unknown")
        texts = as_texts(texts)
        for text in texts:
            to_utf8(text)
        counts = Counter(word for text in texts for word in split(text))
        del counts[REPLACEMENT]
        words = sorted(counts, key=lambda word: (-counts[word], word))
        return cls([REPLACEMENT, *words[: vocab_size - 1]])

    @property
    def vocab_size(self) -> int:
        """The number of words, the unknown included."""
        return len(self.words)

    def encode_array(self, text: str, unknown: str = "error") -> np.ndarray:
        """int64 ids, shape (tokens,). unknown: "error" raises ValueError naming the words; "replace" gives token 0."""
        check_unknown_choice(unknown)
        words = split(text)
        if unknown == "error" and (missing := [word for word in words if word not in self.ids]):
            raise unknown_error(
                "word",
                missing,
                f"the {self.vocab_size - 1} words of this tokenizer",
                'read it with unknown="replace", or train one with a larger vocab_size',
            )
        return np.array([self.ids.get(word, 0) for word in words], dtype=np.int64)

    def encode(self, text: str, unknown: str = "error") -> list[int]:
        """The ids of text as a list; see encode_array."""
        return self.encode_array(text, unknown).tolist()

    def count_unknown(self, text: str) -> int:
        """How many words of text are not in the vocabulary."""
        return sum(word not in self.ids for word in split(text))

    def decode(self, ids: Iterable[int]) -> str:
        """The words of ids with a space between. ValueError for an id outside the vocabulary."""
        return " ".join(self.words[token] for token in as_ids(ids, self.vocab_size))

    def token_bytes(self, token: int) -> bytes:
        """The UTF-8 bytes of the word, without any space."""
        return self.decode([token]).encode("utf-8")

    def token_text(self, token: int) -> str:
        """The word as a plot label."""
        return self.decode([token])

    def save(self, path: str | Path) -> None:
        """Writes the vocabulary to the file path, as JSON."""
        content = {"type": self.name, "words": self.words}
        write_atomically(path, json.dumps(content, ensure_ascii=False, indent=0) + "\n")


def split(text: str) -> list[str]:
    """The words and signs of a text, in lower case."""
    return WORD.findall(text.lower())
