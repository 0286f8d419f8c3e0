"""Task 07.distinct_rows: no text twice, and none that is right and wrong at once."""

import re
from collections import Counter, defaultdict

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.data.labelled import distinct

LABELS = ("negative", "positive")


def copy_cases(draw: Draw) -> list[Case]:
    """Reviews with copies: exact, in other letters, of two opinions."""

    def many(size: int) -> Case:
        words = [draw.choice(("Good", "good", "bad", "Bad!", "so-so")) for _ in range(size)]
        texts = [f"{word}{draw.choice((' film', ' film.', ' plot', '  plot'))}" for word in words]
        # mostly the opinion of the word, so that some groups agree and some do not
        return Case(
            "many short reviews", texts, [LABELS["ood" in text or draw.random.random() < 0.1] for text in texts]
        )

    told = ["A fine film.", "Dull", "a fine film", "Dull"]
    split = ["Fine!", "Long.", "fine", "Short."]
    return [
        Case("two copies", told, ["positive", "negative", "positive", "negative"]),
        Case("a text of two opinions", split, ["positive", "negative", "negative", "negative"]),
        Case("no copies", ["One.", "Two.", "Three."], ["positive", "negative", "positive"]),
        Case("one text three times", ["So. So!", "so so", "So so..."], ["negative"] * 3),
        Case(
            "two opinions, and then one of them again",
            ["Ok.", "ok", "OK!", "Great"],
            ["positive", "negative", "positive", "positive"],
        ),
        many(12),
        many(40),
        Case("no texts", [], []),
    ]


def plain(text: str) -> str:
    """A text without case, punctuation and spacing: what the notebook hands out."""
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def _groups(texts):
    rows = defaultdict(list)
    for row, text in enumerate(texts):
        rows[plain(text)].append(row)
    return rows.values()


def _agree(labels, rows):
    return len({labels[row] for row in rows}) == 1


def _first_of_each(keys):
    return [row for row, key in enumerate(keys) if keys.index(key) == row]


def _exact(texts, labels):
    kinds = defaultdict(set)
    for text, label in zip(texts, labels, strict=True):
        kinds[text].add(label)
    return [row for row in _first_of_each(list(texts)) if len(kinds[texts[row]]) == 1]


def _by_pairs(texts, labels):
    pairs = set(zip(map(plain, texts), labels, strict=True))
    opinions = Counter(text for text, _ in pairs)
    return [row for row in _first_of_each([plain(text) for text in texts]) if opinions[plain(texts[row])] == 1]


def _no_two_alike(f, texts, labels) -> bool:
    kept = [plain(texts[row]) for row in f(texts, labels)]
    return len(kept) == len(set(kept))


def _all_agreed_texts_stay(f, texts, labels) -> bool:
    kept = {plain(texts[row]) for row in f(texts, labels)}
    return kept == {plain(texts[rows[0]]) for rows in _groups(texts) if _agree(labels, rows)}


DISTINCT_ROWS = Task(
    id="07.distinct_rows",
    title="No text on both sides",
    difficulty=2,
    minutes=15,
    points=2,
    reference=distinct,
    cases=copy_cases,
    mistakes=[
        Mistake(
            "exact-copies",
            'Only exact copies are found. "A fine film." and "a fine film" are the same to a reader, and a model that '
            "learned one has seen the other: compare plain(text).",
            _exact,
        ),
        Mistake(
            "two-opinions",
            "A text with two labels is kept, with the label that came first. Nobody can say which is right: "
            "all its copies go.",
            lambda texts, labels: _first_of_each([plain(text) for text in texts]),
        ),
        Mistake(
            "pairs",
            "You compare text and label together, so a text of two opinions stays twice, once with each.",
            lambda texts, labels: _first_of_each(list(zip(map(plain, texts), labels, strict=True))),
        ),
        Mistake(
            "drops-all-copies",
            "A text that occurs twice is thrown away altogether. If its copies agree, one of them stays.",
            lambda texts, labels: sorted(rows[0] for rows in _groups(texts) if len(rows) == 1),
        ),
        Mistake(
            "last-copy",
            "The last copy is kept. It is to be the first, as every reader of the table expects.",
            lambda texts, labels: [rows[-1] for rows in _groups(texts) if _agree(labels, rows)],
        ),
        Mistake(
            "not-rows",
            "You return the texts. What is asked for is their rows, so that texts and labels can both be chosen by "
            "them.",
            lambda texts, labels: [texts[row] for row in distinct(texts, labels)],
        ),
    ],
    properties=[
        Property("two-alike", "Two of the rows that are kept hold the same text.", _no_two_alike),
        Property(
            "not-the-agreed",
            "Of each text whose copies agree on the label one row should stay, and of the others none.",
            _all_agreed_texts_stay,
        ),
    ],
    variants=[
        _by_pairs,
        lambda texts, labels: sorted(min(rows) for rows in _groups(texts) if _agree(labels, rows)),
    ],
    hints=(
        "What must you know about a text before you can decide whether its first row stays? Is one look at the table "
        "enough?",
        "Two dictionaries by plain(text): the first row, and the set of labels. dict.setdefault keeps the first; "
        "dictionaries keep their order.",
        "for each row: first[plain text] = row, unless it is there;  labels of[plain text] add label\n"
        "return the first rows of the texts that have one label",
    ),
)
