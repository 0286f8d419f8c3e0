"""The tokenizer that came with pretrained weights: read by the `tokenizers` library, never trained here."""

import json
from collections.abc import Iterable
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from tokenizers import Encoding, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as LibraryTokenizer

from minigen.files import write_atomically
from minigen.tokenizers.base import as_ids, check_unknown_choice, surrogates, to_utf8, unknown_error, visible
from minigen.tokenizers.byte_level import CHARACTER_BYTES


class PretrainedTokenizer:
    """Any tokenizer of the library, behind the interface of ours. It need not give back the text that it was given:
    BERT's drops capitals, accents and spacing, and writes [UNK] for words that it cannot spell.

    start, end: the tokens that its model wants around each text, such as [CLS] and [SEP]; empty for GPT-2.
    `encode` gives the tokens of the text alone.
    """

    name = "pretrained"

    def __init__(self, library: LibraryTokenizer):
        library.no_padding()  # a file may say otherwise; batches are cut and padded where they are made
        library.no_truncation()
        self.library = library
        self.is_byte_level = isinstance(library.decoder, decoders.ByteLevel)
        frame = library.encode("").ids
        self.start, self.end = frame[: (len(frame) + 1) // 2], frame[(len(frame) + 1) // 2 :]
        self.unknown_token = getattr(library.model, "unk_token", None)

    @classmethod
    def from_json(cls, text: str) -> "PretrainedTokenizer":
        """Reads a tokenizer.json. ValueError if the library cannot."""
        try:
            return cls(LibraryTokenizer.from_str(text))
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(f"damaged or foreign: the tokenizers library cannot read it ({error})") from None

    @classmethod
    def read(cls, folder: Traversable) -> "PretrainedTokenizer":
        """The tokenizer of a checkpoint: its tokenizer.json, else vocab.txt, else vocab.json and merges.txt.

        Raises:
            FileNotFoundError: if none of them is there. ValueError: if they are damaged.
        """
        if (folder / "tokenizer.json").is_file():
            try:
                return cls.from_json((folder / "tokenizer.json").read_text("utf-8"))
            except ValueError as error:
                raise ValueError(f"{folder / 'tokenizer.json'} is {error}") from None
        if (folder / "vocab.txt").is_file():
            return cls(_word_pieces(folder))
        if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
            return cls(_byte_pairs(folder))
        raise FileNotFoundError(
            f"{folder} holds no tokenizer: neither tokenizer.json, nor vocab.txt, nor vocab.json with merges.txt"
        )

    @property
    def vocab_size(self) -> int:
        """The number of tokens, special ones included."""
        return self.library.get_vocab_size()

    def encode_array(self, text: str, unknown: str = "error") -> np.ndarray:
        """int64 ids, shape (tokens,), without those around a text.

        ValueError for what this tokenizer cannot represent; with unknown="replace" that becomes its unknown token.
        """
        encoding = self._encode(text, unknown)
        if unknown == "error" and (missing := self._unknown_parts(text, encoding)):
            raise unknown_error("character", "".join(missing), "its vocabulary", 'pass unknown="replace"')
        return np.array(encoding.ids, dtype=np.int64)

    def encode(self, text: str, unknown: str = "error") -> list[int]:
        """The ids of text as a list; see encode_array."""
        return self.encode_array(text, unknown).tolist()

    def count_unknown(self, text: str) -> int:
        """How many characters of text are in words that become the unknown token, or are lone surrogates."""
        parts = self._unknown_parts(text, self._encode(text, "replace"))
        return len(surrogates(text)) + sum(map(len, parts))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, special tokens included, as the library joins them."""
        return self.library.decode(as_ids(ids, self.vocab_size).tolist(), skip_special_tokens=False)

    def token_id(self, token: str) -> int:
        """The number of a token by its name, such as "[MASK]". ValueError if there is none."""
        number = self.library.token_to_id(token)
        if number is None:
            raise ValueError(f"this tokenizer has no token {token!r}")
        return number

    def token_bytes(self, token: int) -> bytes:
        """The bytes of one token; of BERT's pieces inside a word, the two marks ## before them too."""
        written = self.library.id_to_token(int(as_ids([token], self.vocab_size)[0]))
        if written is None:
            return b""  # a number that the vocabulary leaves out
        if self.is_byte_level and all(character in CHARACTER_BYTES for character in written):
            return bytes(CHARACTER_BYTES[character] for character in written)
        return written.encode("utf-8")

    def token_text(self, token: int) -> str:
        """The token as a plot label: "film", "##ing", "[CLS]", "␣the"."""
        return visible(self.token_bytes(token))

    def save(self, path: str | Path) -> None:
        """Writes the library's own tokenizer.json."""
        write_atomically(path, self.library.to_str(pretty=True) + "\n")

    def _encode(self, text: str, unknown: str) -> Encoding:
        check_unknown_choice(unknown)
        return self.library.encode(to_utf8(text, unknown).decode("utf-8"), add_special_tokens=False)

    def _unknown_parts(self, text: str, encoding: Encoding) -> list[str]:
        spans = zip(encoding.tokens, encoding.offsets, strict=True)
        return [text[start:end] for token, (start, end) in spans if token == self.unknown_token]


def _word_pieces(folder: Traversable) -> LibraryTokenizer:
    """BERT's tokenizer from its vocabulary, a token a line."""
    lines = (folder / "vocab.txt").read_text("utf-8").splitlines()
    vocabulary = {token: number for number, token in enumerate(lines)}
    settings = _settings(folder)
    if missing := [token for token in ("[UNK]", "[CLS]", "[SEP]", "[PAD]") if token not in vocabulary]:
        raise ValueError(f"{folder / 'vocab.txt'} is damaged, or not BERT's: it lacks {', '.join(missing)}")
    library = LibraryTokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    library.add_special_tokens([t for t in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]") if t in vocabulary])
    library.normalizer = normalizers.BertNormalizer(
        handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
        strip_accents=settings.get("strip_accents"),
        lowercase=settings.get("do_lower_case", True),
    )
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    library.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")],
    )
    library.decoder = decoders.WordPiece()
    return library


def _byte_pairs(folder: Traversable) -> LibraryTokenizer:
    """GPT-2's tokenizer from its tokens and its merges, a pair a line."""
    vocabulary = _read_json(folder / "vocab.json")
    lines = (folder / "merges.txt").read_text("utf-8").splitlines()
    merges = [tuple(line.split(" ")) for line in lines if line.strip() and not line.startswith("#version")]
    try:
        library = LibraryTokenizer(models.BPE(vocabulary, merges))
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f"{folder}: vocab.json and merges.txt do not fit together ({error})") from None
    library.add_special_tokens([token for token in ("<|endoftext|>",) if token in vocabulary])
    prefix = _settings(folder).get("add_prefix_space", False)
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    library.decoder = decoders.ByteLevel()
    return library


def _settings(folder: Traversable) -> dict:
    path = folder / "tokenizer_config.json"
    return _read_json(path) if path.is_file() else {}


def _read_json(path: Traversable) -> dict:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:  # of JSON, or of UTF-8
        raise ValueError(f"{path} is damaged: it is not valid JSON ({error})") from None
