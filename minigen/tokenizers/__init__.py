"""Text to numbers: tokenizers of characters, bytes, byte pairs and words, with one behaviour.

>>> tokenizer = train_tokenizer("char", ["to be"])
>>> tokenizer.decode(tokenizer.encode("be to"))
'be to'
"""

import difflib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from minigen.files import read_text
from minigen.tokenizers.base import Tokenizer
from minigen.tokenizers.bpe import BPETokenizer
from minigen.tokenizers.byte import ByteTokenizer
from minigen.tokenizers.character import CharTokenizer
from minigen.tokenizers.word import WordTokenizer

__all__ = [
    "BPETokenizer",
    "ByteTokenizer",
    "CharTokenizer",
    "Tokenizer",
    "WordTokenizer",
    "load_tokenizer",
    "train_tokenizer",
]

FILE_NAME = "tokenizer.json"
NAMES = ("char", "byte", "bpe")
READING = (*NAMES, "word")  # for models that write nothing: words cannot be put together to the text again


def train_tokenizer(
    name: str, texts: str | Iterable[str], vocab_size: int = 2000, names: Sequence[str] = NAMES
) -> Tokenizer:
    """Makes the tokenizer called "char", "byte", "bpe" or, if `names` has it, "word" from texts.

    vocab_size: tokens of a BPE, or words; characters and bytes are as many as they are. ValueError for another name.
    """
    if name == "char":
        return CharTokenizer.train(texts)
    if name == "byte":
        return ByteTokenizer.train(texts)
    if name == "bpe":
        return BPETokenizer.train(texts, vocab_size=vocab_size)
    if name == "word" and name in names:
        return WordTokenizer.train(texts, vocab_size=vocab_size)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"unknown tokenizer {name!r}: expected one of {', '.join(names)}{hint}")


def load_tokenizer(path: str | Path) -> Tokenizer:
    """Reads a saved tokenizer of any kind from a file, or from the tokenizer.json in a folder.

    FileNotFoundError if it is not there; ValueError if it is not JSON, not whole, or of another kind.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE_NAME
    text = read_text(path)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is damaged or not a tokenizer: it is not valid JSON ({error})") from None
    try:
        return _from_json(content, text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _from_json(content: object, text: str) -> Tokenizer:
    if not isinstance(content, dict):
        raise ValueError(f"not a tokenizer: expected a JSON object, got {str(content)[:60]!r}")
    if content.get("type") == "byte":
        return ByteTokenizer()
    if content.get("type") == "char":
        if not isinstance(content.get("characters"), str):
            raise ValueError('damaged: a char tokenizer needs a string "characters"')
        return CharTokenizer(content["characters"])
    if content.get("type") == "word":
        if not isinstance(words := content.get("words"), list) or not all(isinstance(word, str) for word in words):
            raise ValueError('damaged: a word tokenizer needs a list of texts, "words"')
        return WordTokenizer(words)
    if "model" in content:
        return BPETokenizer.from_json(text)
    raise ValueError(
        f'not a minigen tokenizer: expected "type" char, byte or word, or a BPE, found {sorted(content)[:5]}'
    )
