"""Task 08.wordpiece: how BERT cuts a word, the longest piece first."""

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task

UNKNOWN = "[UNK]"


def word_cases(draw: Draw) -> list[Case]:
    """Words that are whole, that are cut, that greed cannot spell, that hold a foreign letter; then random ones."""
    english = {"un", "unforgiv", "##forget", "##for", "##get", "##table", "##ing", "for", "get", "film", "##s", "s"}

    def random_case() -> Case:
        pieces = {draw.text(draw.integer(1, 3), "ab") for _ in range(4)} | {"a"}
        pieces |= {"##" + draw.text(draw.integer(1, 3), "abc") for _ in range(4)} | {"##b"}
        return Case("", draw.text(draw.integer(3, 8), "aab"), pieces)

    return [
        Case("a whole word", "film", english),
        Case("a word of three pieces", "unforgettable", english),
        Case("a piece that is in the vocabulary only as a beginning", "forfilm", english),
        Case("an ending", "films", english),
        Case("greed takes a long beginning, and the rest cannot be spelt", "abcd", {"abc", "ab", "##cd", "a"}),
        Case("a foreign letter in the middle", "filmés", english),
        Case("a piece that is in the vocabulary only as a continuation", "ings", english),
        Case("one letter", "s", english),
        *(random_case() for _ in range(12)),
    ]


def wordpiece(word: str, vocabulary: set[str]) -> list[str]:
    """The reference: from each place on the longest piece that is known; [UNK] if there is none."""
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        ends = (end for end in range(len(word), start, -1) if mark + word[start:end] in vocabulary)
        end = next(ends, None)
        if end is None:
            return [UNKNOWN]
        pieces.append(mark + word[start:end])
        start = end
    return pieces


def _cut(word, vocabulary, *, shortest=False, marked=True, stop="all"):
    """Greedy pieces with one thing changed. stop: what a place without a piece makes unknown."""
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start and marked else ""
        ends = range(start + 1, len(word) + 1) if shortest else range(len(word), start, -1)
        end = next((end for end in ends if mark + word[start:end] in vocabulary), None)
        if end is None and stop == "all":
            return [UNKNOWN]
        pieces.append(UNKNOWN if end is None else mark + word[start:end])
        if end is None and stop == "rest":
            return pieces
        start = end or start + 1
    return pieces


def _any_spelling(word, vocabulary, mark=""):
    """The first spelling by going back where greed gets stuck; None if there is none."""
    if not word:
        return []
    for end in range(len(word), 0, -1):
        if mark + word[:end] in vocabulary:
            rest = _any_spelling(word[end:], vocabulary, "##")
            if rest is not None:
                return [mark + word[:end], *rest]
    return None


def _by_library(word, vocabulary):
    from tokenizers.models import WordPiece

    numbers = {piece: n for n, piece in enumerate([UNKNOWN, *sorted(vocabulary)])}
    model = WordPiece(numbers, unk_token=UNKNOWN, max_input_chars_per_word=1000)
    return [token.value for token in model.tokenize(word)]


def _by_recursion(word, vocabulary, mark=""):
    for end in range(len(word), 0, -1):
        if mark + word[:end] in vocabulary:
            rest = _by_recursion(word[end:], vocabulary, "##") if word[end:] else []
            return [UNKNOWN] if rest == [UNKNOWN] else [mark + word[:end], *rest]
    return [UNKNOWN]


def _gives_back_the_word(f, word, vocabulary) -> bool:
    pieces = f(word, vocabulary)
    return pieces == [UNKNOWN] or "".join(piece.removeprefix("##") for piece in pieces) == word


def _all_known(f, word, vocabulary) -> bool:
    return set(f(word, vocabulary)) <= vocabulary | {UNKNOWN}


WORDPIECE = Task(
    id="08.wordpiece",
    title="Cut a word as BERT does",
    difficulty=3,
    minutes=25,
    points=4,
    reference=wordpiece,
    cases=word_cases,
    forbid=("tokenize", "encode"),
    mistakes=[
        Mistake(
            "shortest",
            "You take the shortest piece that is known, so that a word falls into crumbs. Begin with the whole rest of "
            "the word, and shorten it from the end.",
            lambda word, vocabulary: _cut(word, vocabulary, shortest=True),
        ),
        Mistake(
            "no-mark",
            'Pieces inside of a word are looked up without their "##". "get" at the beginning of a word and "##get" '
            "inside are two entries, and mean different things.",
            lambda word, vocabulary: _cut(word, vocabulary, marked=False),
        ),
        Mistake(
            "mark-lost",
            'Pieces inside are looked up with "##" and given back without it. The mark belongs to the piece.',
            lambda word, vocabulary: [piece.removeprefix("##") for piece in wordpiece(word, vocabulary)],
        ),
        Mistake(
            "partly-unknown",
            "Where you get stuck you keep the pieces so far, and make the rest [UNK]. In WordPiece the *whole* word is "
            "unknown then.",
            lambda word, vocabulary: _cut(word, vocabulary, stop="rest"),
        ),
        Mistake(
            "letter-unknown",
            "Where you get stuck, one letter becomes [UNK], and you go on behind it. In WordPiece the *whole* word is "
            "unknown then.",
            lambda word, vocabulary: _cut(word, vocabulary, stop="letter"),
        ),
        Mistake(
            "goes-back",
            "You go back and try a shorter piece where the longest one leads nowhere. That finds more spellings than "
            "WordPiece, which never takes a piece back; its weights know only greedy spellings.",
            lambda word, vocabulary: _any_spelling(word, vocabulary) or [UNKNOWN],
        ),
    ],
    properties=[
        Property("letters-lost", "The pieces, without their marks, should spell the word.", _gives_back_the_word),
        Property("not-in-vocabulary", "Each piece should be in the vocabulary, or [UNK].", _all_known),
    ],
    variants=[_by_library, _by_recursion],
    hints=(
        'How often do you look into the vocabulary for "films", if it has "film" and "##s"? With what do you begin?',
        "Two loops: the outer one stands at `start`; the inner one lets `end` run from len(word) down to start + 1, "
        "and stops at the first piece that is known. Where start > 0, look for '##' + word[start:end].",
        "start = 0\nwhile start is inside of the word:\n    for end from the last to the first place after start:\n"
        "        stop if (## unless start is 0) + word[start:end] is known\n    none found: return only [UNK]\n"
        "    keep the piece, start = end",
    ),
)
