"""Task 07.tfidf: the bar to beat, by hand."""

import math

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def count_cases(draw: Draw) -> list[Case]:
    """Counts of words in texts: few, many, an empty text, a word that is nowhere."""
    counts = draw.integers(0, 3, 4, 6)
    counts[:, 0] = draw.integers(1, 3, 4)
    empty, nowhere = counts.clone(), counts.clone()
    empty[2], nowhere[:, 3] = 0, 0
    return [
        Case("two texts, three words", torch.tensor([[2, 1, 0], [1, 0, 1]])),
        Case("more words than texts", counts),
        Case("as many texts as words", draw.integers(0, 2, 5, 5) + torch.eye(5, dtype=torch.int64)),
        Case("a word that is in no text", nowhere),
        Case("a text without a known word", empty),
        Case("one text", torch.tensor([[3, 4]])),
        Case("a larger table", draw.integers(0, 1, 30, 12)),
    ]


def tfidf(counts: Tensor) -> Tensor:
    """The reference: tf (ln((1 + N) / (1 + df)) + 1), rows of length 1, as scikit-learn does by default."""
    return _weigh(counts, _idf(counts))


def _idf(counts):
    return ((1 + len(counts)) / (1 + (counts > 0).sum(0))).log() + 1


def _weigh(counts, idf, power=2.0, dim=1):
    values = counts * idf
    lengths = values.norm(p=power, dim=dim, keepdim=True)
    return values / lengths.where(lengths > 0, 1.0)


def _nan_row(counts):
    values = counts * _idf(counts)
    return values / values.norm(dim=1, keepdim=True)


def _by_library(counts):
    from sklearn.feature_extraction.text import TfidfTransformer

    return torch.from_numpy(TfidfTransformer().fit_transform(counts.numpy()).toarray()).float()


def _by_loop(counts):
    rows, texts = counts.tolist(), len(counts)
    idf = [math.log((1 + texts) / (1 + sum(n > 0 for n in column))) + 1 for column in zip(*rows, strict=True)]
    found = []
    for row in rows:
        values = [n * weight for n, weight in zip(row, idf, strict=True)]
        length = math.sqrt(sum(value**2 for value in values)) or 1.0
        found.append([value / length for value in values])
    return torch.tensor(found)


def _rows_have_length_one(f, counts: Tensor) -> bool:
    lengths, wanted = f(counts).norm(dim=1), (counts.sum(1) > 0).float()
    return torch.allclose(lengths, wanted, atol=1e-5)


def _twice_the_text_is_the_same(f, counts: Tensor) -> bool:
    return torch.allclose(f(2 * counts), f(counts), atol=1e-5)


TFIDF = Task(
    id="07.tfidf",
    title="TF-IDF by hand",
    difficulty=2,
    minutes=15,
    points=3,
    reference=tfidf,
    cases=count_cases,
    forbid=("fit_transform", "transform", "TfidfTransformer"),
    mistakes=[
        Mistake(
            "counts-tokens",
            "The document frequency counts *texts* that have the word, not how often it occurs: a word ten times in "
            "one text is rare all the same.",
            lambda counts: _weigh(counts, ((1 + len(counts)) / (1 + counts.sum(0))).log() + 1),
        ),
        Mistake(
            "no-smoothing",
            "ln(N / df) without the two ones: a word that is in no text divides by zero, and its column becomes NaN.",
            lambda counts: _weigh(counts, (len(counts) / (counts > 0).sum(0)).log() + 1),
        ),
        Mistake(
            "no-plus-one",
            "The 1 after the logarithm is missing: a word that is in every text then counts for nothing at all.",
            lambda counts: _weigh(counts, _idf(counts) - 1),
        ),
        Mistake(
            "no-norm",
            "The rows are not divided by their length, so a long text has a larger vector than a short one.",
            lambda counts: counts * _idf(counts),
        ),
        Mistake(
            "sums-to-one",
            "The rows are divided by their sum. Length is the root of the sum of squares; so a dot product of two rows "
            "is a cosine.",
            lambda counts: _weigh(counts, _idf(counts), power=1.0),
        ),
        Mistake(
            "wrong-axis",
            "The columns have length 1. It is the texts, the rows, that are to have it.",
            lambda counts: _weigh(counts, _idf(counts), dim=0),
        ),
        Mistake(
            "nan-row",
            "A text without a known word has length 0, and 0 / 0 is NaN. Such a row stays all zeros.",
            _nan_row,
        ),
    ],
    properties=[
        Property("not-length-one", "Each row should have length 1, or be all zeros.", _rows_have_length_one),
        Property(
            "length-matters",
            "Write each text twice over, and its vector should not change.",
            _twice_the_text_is_the_same,
        ),
    ],
    variants=[_by_loop, _by_library],
    hints=(
        "Of which shape is df, and does it ask how often a word occurs, or in how many texts?",
        "(counts > 0).sum(dim=0) is df. Multiply counts by the idf, then divide each row by its norm; where is that 0?",
        "df  = number of rows in which the column is > 0           (V,)\nidf = log((1 + N) / (1 + df)) + 1\n"
        "x   = counts times idf\nreturn x / length of each row, where a length of 0 counts as 1",
    ),
)
