"""What a byte-level BPE agrees on before it counts anything: where to cut the text, and how to number bytes.

Both are GPT-2's (Radford et al. 2019, section 2.2), and `bpe.py` and `bpe_from_scratch.py` share them.
"""

import regex

# A word takes the space before it; letters, digits and signs never share a piece; a run of white space leaves
# its last character to what follows. Each character falls in exactly one piece: joined, they are the text.
SPLIT_PATTERN = r"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
SPLIT = regex.compile(SPLIT_PATTERN)


def split(text: str) -> list[str]:
    """The pieces of text that BPE works on one by one; no merge ever crosses from one to the next."""
    return SPLIT.findall(text)


def _byte_characters() -> dict[int, str]:
    """byte -> the printable character that stands for it in a tokenizer.json, which can hold text only.

    Bytes that are a visible Latin-1 character stand for themselves; the other 68 get U+0100, U+0101, ...
    """
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + i) for i, byte in enumerate(hidden)}


BYTE_CHARACTERS = _byte_characters()
CHARACTER_BYTES = {character: byte for byte, character in BYTE_CHARACTERS.items()}

# Token ids 0 to 255 are the bytes in the order of their characters: "!" is 0, the space is 220.
FIRST_TOKENS = [bytes([CHARACTER_BYTES[character]]) for character in sorted(CHARACTER_BYTES)]
