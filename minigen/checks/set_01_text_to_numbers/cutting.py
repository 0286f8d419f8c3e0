"""Tasks 01.encode and 01.decode: cutting a new word by the merges, and reading bytes as text again."""

from itertools import pairwise

from minigen.checks.draw import Draw
from minigen.checks.set_01_text_to_numbers.learning import train_reference
from minigen.checks.set_01_text_to_numbers.merging import Pair, Piece, random_pieces
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.tokenizers.bpe_from_scratch import encode_piece, merge_pair


def encode_cases(draw: Draw) -> list[Case]:
    """By hand, so that the order of the merges matters; then by merges that were learnt."""
    the = [("t", "h"), ("th", "e")]
    order = [("b", "c"), ("a", "b"), ("ab", "c")]
    learnt = train_reference(random_pieces(draw, 12), 8)
    return [
        Case("two merges, one after the other", "the", the),
        Case("twice in a word", "thethe", the),
        Case("the merge that was learnt first goes first", "abc", order),
        Case("the first pair of the word was learnt last", "cabab", [("b", "a"), ("c", "a"), ("a", "b")]),
        Case("a longer token that is never reached", "abcd", [("c", "d"), ("b", "c"), ("a", "b"), ("ab", "c")]),
        Case("a long token that the first pair would spoil", "abc", [("b", "c"), ("a", "bc"), ("a", "b")]),
        Case("no merges", "abc", []),
        Case("one letter", "a", the),
        Case("merges that were learnt", draw.text(12, "abc"), learnt),
        Case("another word, the same merges", draw.text(12, "abc"), learnt),
    ]


def encode_reference(word: str, merges: list[Pair]) -> Piece:
    """The tokens of a word: always the merge that was learnt first, until none is left to apply."""
    return encode_piece(tuple(word), {pair: rank for rank, pair in enumerate(merges)})


def _apply(word: str, merges: list[Pair], choose) -> Piece:
    piece, ranks = tuple(word), {pair: rank for rank, pair in enumerate(merges)}
    while known := [pair for pair in pairwise(piece) if pair in ranks]:
        piece = merge_pair(piece, choose(known, ranks))
    return piece


def _longest_match(word, merges):
    tokens = {"".join(pair) for pair in merges}
    cut, i = [], 0
    while i < len(word):
        end = next((end for end in range(len(word), i + 1, -1) if word[i:end] in tokens), i + 1)
        cut.append(word[i:end])
        i = end
    return tuple(cut)


def _one_round(word, merges):
    known = [pair for pair in merges if pair in set(pairwise(word))]
    return merge_pair(tuple(word), known[0]) if known else tuple(word)


def _in_order_of_learning(word, merges):
    piece = tuple(word)
    for pair in merges:
        piece = merge_pair(piece, pair)
    return piece


ENCODE = Task(
    id="01.encode",
    title="Cut a word that nobody has seen",
    difficulty=2,
    minutes=15,
    points=3,
    reference=encode_reference,
    cases=encode_cases,
    mistakes=[
        Mistake(
            "leftmost-first",
            "You merge the first pair of the word that is known. The merges go in the order in which they were learnt.",
            lambda word, merges: _apply(word, merges, lambda known, ranks: known[0]),
        ),
        Mistake(
            "latest-first",
            "You apply the merge that was learnt *last*. The order of learning is the order of applying.",
            lambda word, merges: _apply(word, merges, lambda known, ranks: max(known, key=ranks.get)),
        ),
        Mistake(
            "longest-match",
            "You look for the longest known token at each place. That is how WordPiece cuts; BPE replays its merges, "
            "and a long token may never be reached.",
            _longest_match,
        ),
        Mistake(
            "one-merge",
            "One merge is applied, and then you stop. Go on until no known pair is left: `th` + `e` can only come "
            "after `t` + `h`.",
            _one_round,
        ),
        Mistake(
            "letters",
            "The word comes back as letters: no merge is applied.",
            lambda word, merges: tuple(word),
        ),
    ],
    properties=[
        Property(
            "text-lost", "The tokens, joined, must spell the word.", lambda f, word, m: "".join(f(word, m)) == word
        )
    ],
    variants=[_in_order_of_learning],
    hints=(
        "The merges are a list in the order of learning. Which of them may be applied to the bare letters?",
        "Replay the learning: merges[0] everywhere in the word, then merges[1], and so on. You have merge_pair.",
        "piece = the letters of the word, as a tuple\nfor each pair in merges, in order:\n"
        "    piece = piece with that pair merged\nreturn piece",
    ),
)


def decode_cases(draw: Draw) -> list[Case]:
    """Plain text, characters that are cut in two, and an end in the middle of one."""
    text = draw.text(8, "aé€😀 ")
    cut = draw.integer(1, len(text.encode()) - 1)
    return [
        Case("two words", [b"to", b" be"]),
        Case("an accent in two tokens", [b"caf\xc3", b"\xa9"]),
        Case("a euro sign, byte by byte", [b"5 ", b"\xe2", b"\x82", b"\xac"]),
        Case("an end in the middle of a character", [b"n", b"\xc3"]),
        Case("a stray byte inside", [b"a", b"\xff", b"b"]),
        Case("no tokens", []),
        Case("a random text, cut anywhere", [text.encode()[:cut], text.encode()[cut:]]),
    ]


def decode_reference(tokens: list[bytes]) -> str:
    """The text of the tokens: their bytes joined, then read as UTF-8; what is no character becomes U+FFFD."""
    return b"".join(tokens).decode("utf-8", errors="replace")


def _decode_with_bytearray(tokens):
    whole = bytearray()
    for token in tokens:
        whole += token
    return str(bytes(whole), "utf-8", "replace")


DECODE = Task(
    id="01.decode",
    title="Bytes back to text",
    difficulty=1,
    minutes=5,
    points=2,
    reference=decode_reference,
    cases=decode_cases,
    mistakes=[
        Mistake(
            "each-alone",
            "Each token is read as text by itself. A character may begin in one token and end in the next: join the "
            "bytes first.",
            lambda tokens: "".join(token.decode("utf-8", errors="replace") for token in tokens),
        ),
        Mistake(
            "drops-broken",
            "Bytes that are no character vanish. A reader should see that something is missing: errors='replace'.",
            lambda tokens: b"".join(tokens).decode("utf-8", errors="ignore"),
        ),
        Mistake(
            "latin-1",
            "Every byte becomes one character. In UTF-8 an é has two bytes, an emoji four.",
            lambda tokens: b"".join(tokens).decode("latin-1"),
        ),
        Mistake(
            "spaces-between",
            "Spaces are put between the tokens. Where there is a space, it is in a token already.",
            lambda tokens: b" ".join(tokens).decode("utf-8", errors="replace"),
        ),
    ],
    properties=[
        Property(
            "another-cut",
            "The same bytes, cut into tokens elsewhere, are the same text.",
            lambda f, tokens: f([bytes([byte]) for byte in b"".join(tokens)]) == f(tokens),
        )
    ],
    variants=[_decode_with_bytearray],
    hints=(
        "The é of café is the bytes C3 A9. What is the text of the token C3 alone?",
        "First one bytes object out of all tokens, then .decode. Look up what its argument `errors` can be.",
        "whole = all tokens joined, as bytes\nreturn whole read as UTF-8, with a sign in place of what is broken",
    ),
)
