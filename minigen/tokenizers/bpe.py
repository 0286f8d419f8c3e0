"""Byte-level BPE by the `tokenizers` library: what `bpe_from_scratch.py` derives, compiled and parallel."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as LibraryTokenizer

from minigen.files import write_atomically
from minigen.tokenizers.base import as_ids, as_texts, surrogates, to_utf8, visible
from minigen.tokenizers.byte_level import CHARACTER_BYTES, SPLIT_PATTERN

NUM_BYTES = 256
CHUNK = 1 << 16  # characters handed to the library at a time
# A piece of SPLIT_PATTERN never goes from a visible character on to white space, so text may be cut there.
CUT = re.compile(r"(?<=\S)(?=[ \n])")


class BPETokenizer:
    """Tokens are the 256 bytes and what vocab_size - 256 merges of frequent neighbours make of them.

    library: a `tokenizers.Tokenizer` with GPT-2's splitting and byte characters and nothing else (no
    normalizer, no special tokens), so that decoding gives back the exact text. ValueError if it is another.
    """

    name = "bpe"

    def __init__(self, library: LibraryTokenizer):
        _check_library(library)
        self.library = library
        tokens = sorted(library.get_vocab(), key=library.get_vocab().get)
        self.tokens = [bytes(CHARACTER_BYTES[character] for character in token) for token in tokens]

    @classmethod
    def train(cls, texts: str | Iterable[str], vocab_size: int = 2000) -> "BPETokenizer":
        """Learns merges until there are vocab_size tokens, or until the text has no pair left to merge.

        ValueError for a vocab_size under 256 (each byte is a token) and for no text.
        """
        if vocab_size < NUM_BYTES:
            raise ValueError(f"vocab_size {vocab_size} is too small: the {NUM_BYTES} bytes alone take {NUM_BYTES}")
        texts = as_texts(texts)
        for text in texts:
            to_utf8(text)
        library = _untrained()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
        library.train_from_iterator((chunk for text in texts for chunk in _chunks(text)), trainer)
        return cls(library)

    @classmethod
    def from_json(cls, text: str) -> "BPETokenizer":
        """Reads what save wrote. ValueError if it is damaged, or another kind of tokenizer."""
        try:
            library = LibraryTokenizer.from_str(text)
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(f"damaged or foreign: the tokenizers library cannot read it ({error})") from None
        return cls(library)

    @property
    def vocab_size(self) -> int:
        """The number of tokens, the 256 bytes included."""
        return len(self.tokens)

    def encode_array(self, text: str, unknown: str = "error") -> np.ndarray:
        """int64 ids, shape (tokens,). Only lone surrogates, which are not Unicode text, are unknown."""
        text = to_utf8(text, unknown).decode("utf-8")
        encodings = self.library.encode_batch_fast(list(_chunks(text)), add_special_tokens=False)
        return np.concatenate([np.empty(0, np.int64), *(np.array(e.ids, np.int64) for e in encodings)])

    def encode(self, text: str, unknown: str = "error") -> list[int]:
        """The ids of text as a list; see encode_array."""
        return self.encode_array(text, unknown).tolist()

    def count_unknown(self, text: str) -> int:
        """0 for all text that is Unicode: counts lone surrogates."""
        return len(surrogates(text))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; bytes that are not UTF-8, such as half a character, become U+FFFD."""
        return b"".join(self.tokens[i] for i in as_ids(ids, self.vocab_size)).decode("utf-8", "replace")

    def token_bytes(self, token: int) -> bytes:
        """The bytes of one token; they need not be whole characters."""
        return self.tokens[as_ids([token], self.vocab_size)[0]]

    def token_text(self, token: int) -> str:
        """The token as a plot label: "␣the", "⏎", and "<C3>" for a byte that is no character alone."""
        return visible(self.token_bytes(token))

    def save(self, path: str | Path) -> None:
        """Writes the library's own tokenizer.json, which `tokenizers` and `transformers` open as well."""
        write_atomically(path, self.library.to_str(pretty=True) + "\n")


def _untrained() -> LibraryTokenizer:
    """The library's tokenizer with our conventions and no vocabulary."""
    library = LibraryTokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(SPLIT_PATTERN), behavior="isolated")
    to_characters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    library.pre_tokenizer = pre_tokenizers.Sequence([split, to_characters])
    library.decoder = decoders.ByteLevel()
    return library


def _chunks(text: str) -> Iterator[str]:
    """text in parts that tokenize as the whole would: less memory, and the library's threads are used."""
    start = 0
    while start < len(text):
        cut = CUT.search(text, start + CHUNK)
        end = cut.start() if cut else len(text)
        yield text[start:end]
        start = end


def _check_library(library: LibraryTokenizer) -> None:
    """ValueError unless the tokenizer is one that BPETokenizer.train could have made."""
    state = json.loads(library.to_str())
    wanted = json.loads(_untrained().to_str())
    for part in (
        "normalizer",
        "pre_tokenizer",
        "post_processor",
        "decoder",
        "added_tokens",
        "truncation",
        "padding",
    ):
        if state[part] != wanted[part]:
            raise ValueError(f"not a byte-level BPE of minigen: its {part} is {str(state[part])[:80]}")
    vocab = library.get_vocab()
    options = {key: value for key, value in state["model"].items() if key not in ("vocab", "merges")}
    if options != {key: value for key, value in wanted["model"].items() if key not in ("vocab", "merges")}:
        raise ValueError(f"not a byte-level BPE of minigen: its model is {options}")
    if sorted(vocab.values()) != list(range(len(vocab))):
        raise ValueError(f"not a byte-level BPE of minigen: its {len(vocab)} ids are not 0 to {len(vocab) - 1}")
    if missing := set(CHARACTER_BYTES) - set(vocab):
        raise ValueError(f"not a byte-level BPE of minigen: {len(missing)} of the {NUM_BYTES} bytes have no token")
    if foreign := set().union(*vocab) - set(CHARACTER_BYTES):
        raise ValueError(f"not a byte-level BPE of minigen: {sorted(foreign)[:5]} stand for no byte")
