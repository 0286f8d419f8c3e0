"""Tasks 01.count_pairs and 01.merge_pair: what learning a vocabulary does again and again."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.tokenizers.bpe_from_scratch import count_pairs, merge_pair

Piece = tuple[str, ...]
Pair = tuple[str, str]


def random_pieces(draw: Draw, words: int) -> dict[Piece, int]:
    """Some words of a small alphabet, cut into letters, with how often each occurs."""
    spelt = [draw.text(draw.integer(2, 6), "abc") for _ in range(words)]
    return {tuple(word): draw.integer(1, 9) for word in spelt}


def count_cases(draw: Draw) -> list[Case]:
    """Words with counts, pairs that overlap, words without a pair."""
    return [
        Case("one word, seen twice", {("t", "h", "e"): 2}),
        Case("two words that share a pair", {("t", "h", "e"): 3, ("o", "t", "h", "e", "r"): 2}),
        Case("a pair that overlaps itself", {("a", "a", "a"): 2}),
        Case("tokens of several letters", {("th", "e"): 2, (" ", "th", "e", "n"): 1}),
        Case("words of one token", {("a",): 5, ("the",): 1}),
        Case("nothing", {}),
        Case("several words", random_pieces(draw, 6)),
    ]


def pairs_of(pieces: dict[Piece, int], weigh: bool = True, step: int = 1, swap: bool = False) -> dict[Pair, int]:
    """The pairs with their counts; each argument but the first makes one of the mistakes."""
    found: Counter = Counter()
    for piece, count in pieces.items():
        for pair in list(pairwise(piece))[::step]:
            found[tuple(sorted(pair)) if swap else pair] += count if weigh else 1
    return found


def _across_words(pieces):
    return Counter(pairwise([token for piece, count in pieces.items() for _ in range(count) for token in piece]))


def _pairs_by_index(pieces):
    found = {}
    for piece in pieces:
        for i in range(len(piece) - 1):
            pair = (piece[i], piece[i + 1])
            found[pair] = found.get(pair, 0) + pieces[piece]
    return found


def _total(f, pieces) -> bool:
    return sum(f(pieces).values()) == sum((len(piece) - 1) * count for piece, count in pieces.items())


COUNT_PAIRS = Task(
    id="01.count_pairs",
    title="Count the neighbours",
    difficulty=1,
    minutes=5,
    points=2,
    reference=count_pairs,
    cases=count_cases,
    mistakes=[
        Mistake(
            "ignores-counts",
            "Each word counts once. A word that was seen three times holds each of its pairs three times.",
            lambda pieces: pairs_of(pieces, weigh=False),
        ),
        Mistake(
            "crosses-words",
            "The last token of a word and the first of the next one are counted as neighbours. Pairs never cross "
            "from one word into another.",
            _across_words,
        ),
        Mistake(
            "skips-every-second",
            "Only every second pair is counted: t-h and e-r of t-h-e-r, but not h-e. Pairs overlap.",
            lambda pieces: pairs_of(pieces, step=2),
        ),
        Mistake(
            "order-lost",
            "(e, h) and (h, e) are counted as one. Which token comes first matters: `he` is not `eh`.",
            lambda pieces: pairs_of(pieces, swap=True),
        ),
    ],
    properties=[
        Property("total", "A word of n tokens that occurs c times has c (n - 1) pairs; the sum is off.", _total)
    ],
    variants=[_pairs_by_index],
    hints=(
        "How many pairs of neighbours has a word of four tokens? And all of its three occurrences together?",
        "itertools.pairwise(piece) gives the neighbours of one word. Add the word's count to each of them.",
        "counts = empty\nfor each piece with its count:\n    for each two neighbours in it:\n"
        "        counts[left, right] += count",
    ),
)


def merge_cases(draw: Draw) -> list[Case]:
    """Once, twice, overlapping, not at all, and the same spelling out of other tokens."""
    return [
        Case("once, in the middle", ("o", "t", "h", "e", "r"), ("t", "h")),
        Case("twice", ("t", "h", "e", "t", "h"), ("t", "h")),
        Case("three equal tokens", ("a", "a", "a"), ("a", "a")),
        Case("four equal tokens", ("a", "a", "a", "a"), ("a", "a")),
        Case("not there", ("h", "t", "e"), ("t", "h")),
        Case("the same letters in other tokens", ("t", "he", "th", "e"), ("th", "e")),
        Case("one token", ("a",), ("a", "a")),
        Case("a random word", tuple(draw.text(12, "ab")), ("a", "b")),
        Case("another, with runs", tuple(draw.text(12, "ab")) + ("a", "a", "a"), ("a", "a")),
    ]


def _merge(piece: Piece, pair: Pair, times: int = 99, step: int = 2, last: bool = True) -> Piece:
    merged, i = [], 0
    while i < len(piece) - (not last):
        if piece[i : i + 2] == pair and times:
            merged.append("".join(pair))
            i, times = i + step, times - 1
        else:
            merged.append(piece[i])
            i += 1
    return tuple(merged)


def _merge_by_spelling(piece, pair):
    merged, i = [], 0
    while i < len(piece):
        if "".join(piece[i : i + 2]) == "".join(pair):
            merged.append("".join(pair))
            i += 2
        else:
            merged.append(piece[i])
            i += 1
    return tuple(merged)


def _merge_from_the_right(piece, pair):
    """It matters in runs of equal tokens alone: elsewhere no two occurrences overlap."""
    return merge_pair(piece[::-1], pair)[::-1] if pair[0] == pair[1] else merge_pair(piece, pair)


def merge_with_a_stack(piece: Sequence[str], pair: Pair) -> Piece:
    """The same merge, written another way."""
    merged: list[str] = []
    grown = False  # whether the top of the stack has just been made of two
    for token in piece:
        if merged and not grown and (merged[-1], token) == tuple(pair):
            merged[-1] += token
            grown = True
        else:
            merged.append(token)
            grown = False
    return tuple(merged)


MERGE_PAIR = Task(
    id="01.merge_pair",
    title="Make two tokens one",
    difficulty=1,
    minutes=10,
    points=2,
    reference=merge_pair,
    cases=merge_cases,
    mistakes=[
        Mistake(
            "first-only",
            "Only the first occurrence is merged. All of them have to go, from left to right.",
            lambda piece, pair: _merge(piece, pair, times=1),
        ),
        Mistake(
            "overlap",
            "In a a a both pairs are merged, so the middle a is used twice. After a merge go on behind *both* tokens.",
            lambda piece, pair: _merge(piece, pair, step=1),
        ),
        Mistake(
            "drops-last",
            "The last token is lost when it is not part of a pair. Where does your loop end?",
            lambda piece, pair: _merge(piece, pair, last=False),
        ),
        Mistake(
            "by-spelling",
            "You compare letters: `t` + `he` spells the same as `th` + `e`, but it is another pair of tokens.",
            _merge_by_spelling,
        ),
        Mistake(
            "right-to-left",
            "In a run of three equal tokens the last two were merged. The rule says: from left to right.",
            _merge_from_the_right,
        ),
    ],
    properties=[
        Property(
            "text-lost",
            "The letters, joined, must stay what they were.",
            lambda f, piece, pair: "".join(f(piece, pair)) == "".join(piece),
        )
    ],
    variants=[merge_with_a_stack],
    hints=(
        "Do it by hand for a a a and the pair (a, a). Where do you stand after the first merge?",
        "A `while` loop with an index: on by two after a merge, by one otherwise. piece[i : i + 2] is the pair at i.",
        "i = 0\nwhile i is inside of the piece:\n"
        "    if the two tokens from i on are the pair: append them joined, i += 2\n"
        "    else: append the token, i += 1\nreturn a tuple",
    ),
)
