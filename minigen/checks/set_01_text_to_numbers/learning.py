"""Task 01.train_bpe: count, choose, merge, and again."""

from collections.abc import Callable
from itertools import pairwise

from minigen.checks.draw import Draw
from minigen.checks.set_01_text_to_numbers.merging import Pair, Piece, merge_with_a_stack, pairs_of, random_pieces
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.tokenizers.bpe_from_scratch import merge_pair


def train_reference(pieces: dict[Piece, int], num_merges: int) -> list[Pair]:
    """The merges in the order in which they are learnt; of equally frequent pairs the alphabetically first."""
    return learn(pieces, num_merges, lambda pairs: min(pairs, key=lambda pair: (-pairs[pair], pair)))


def learn(pieces: dict[Piece, int], num_merges: int, choose: Callable, weigh: bool = True) -> list[Pair]:
    """Counts, chooses and merges, so often."""
    merges: list[Pair] = []
    while len(merges) < num_merges and (pairs := pairs_of(pieces, weigh)):
        merges.append(choose(pairs))
        pieces = {merge_pair(piece, merges[-1]): count for piece, count in pieces.items()}
    return merges


def train_cases(draw: Draw) -> list[Case]:
    """Clear counts first, then ties, then more merges than there are."""
    lesson = {("t", "h", "e"): 5, ("o", "t", "h", "e", "r"): 2, ("t", "e", "n"): 4}
    return [
        Case("three merges", lesson, 3),
        Case("equally frequent pairs", {("b", "c"): 2, ("a", "c"): 2, ("c", "a", "b"): 2}, 3),
        Case("no merges", lesson, 0),
        Case("more merges than there are", {("a", "b"): 1, ("c",): 3}, 5),
        Case("a rare long word beside a frequent short one", {tuple("xyxyxy"): 1, tuple("ab"): 2}, 2),
        Case("several words", random_pieces(draw, 8), 6),
        Case("several others", random_pieces(draw, 12), 8),
    ]


def _train_without_recount(pieces, num_merges):
    pairs = pairs_of(pieces)
    return sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:num_merges]


def _train_with_lists(pieces, num_merges):
    words = [(list(piece), count) for piece, count in pieces.items()]
    merges = []
    for _ in range(num_merges):
        counts: dict[Pair, int] = {}
        for word, count in words:
            for pair in pairwise(word):
                counts[pair] = counts.get(pair, 0) + count
        if not counts:
            break
        top = max(counts.values())
        best = sorted(pair for pair, count in counts.items() if count == top)[0]
        merges.append(best)
        words = [(list(merge_with_a_stack(word, best)), count) for word, count in words]
    return merges


TRAIN_BPE = Task(
    id="01.train_bpe",
    title="Learn a vocabulary",
    difficulty=3,
    minutes=30,
    points=5,
    reference=train_reference,
    cases=train_cases,
    mistakes=[
        Mistake(
            "no-recount",
            "All merges come from the first count. After each merge the words are cut anew, and new pairs appear: "
            "`th` + `e` exists only once `t` + `h` is one token.",
            _train_without_recount,
        ),
        Mistake(
            "first-seen",
            "Of equally frequent pairs you take the one that was met first (as Counter.most_common does). Then the "
            "answer depends on the order of the words; the rule is: the alphabetically first.",
            lambda pieces, n: learn(pieces, n, lambda pairs: max(pairs, key=pairs.get)),
        ),
        Mistake(
            "last-of-ties",
            "Of equally frequent pairs you take the alphabetically last. max over (count, pair) does that.",
            lambda pieces, n: learn(pieces, n, lambda pairs: max(pairs, key=lambda pair: (pairs[pair], pair))),
        ),
        Mistake(
            "ignores-counts",
            "Each word counts once, however frequent it is.",
            lambda pieces, n: learn(pieces, n, lambda p: min(p, key=lambda pair: (-p[pair], pair)), weigh=False),
        ),
        Mistake(
            "rarest",
            "The *least* frequent pair is merged.",
            lambda pieces, n: learn(pieces, n, lambda pairs: min(pairs, key=lambda pair: (pairs[pair], pair))),
        ),
    ],
    properties=[
        Property(
            "too-many",
            "At most num_merges merges come back, and none once every word is a single token.",
            lambda f, pieces, n: len(f(pieces, n)) == len(train_reference(pieces, n)),
        )
    ],
    variants=[_train_with_lists],
    hints=(
        "You have a function that counts, and one that merges. What must happen again after each merge?",
        "min(counts, key=lambda pair: (-counts[pair], pair)) finds the most frequent pair, and of several the "
        "alphabetically first. Make a new dictionary of words; the one that you were given stays.",
        "merges = []\nrepeat num_merges times:\n    count the pairs; stop if there are none\n"
        "    best = the most frequent, then the alphabetically first\n    append it\n"
        "    words = each word merged, with its count\nreturn merges",
    ),
)
