"""Word vectors in closed form: words of the same texts and with the same neighbours get similar vectors. No gradient,
no label: any text of the kind will do.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

WINDOW = 5  # places to either side that a neighbour stands in


def word_vectors(texts: Sequence[np.ndarray], vocab_size: int, width: int, seed: int = 0) -> np.ndarray:
    """A vector for each token of the vocabulary: (V, D) float32.

    texts: the tokens of each, (tokens,) integers. The first half of a vector tells in which texts its token occurs,
    once or more, the other half beside which tokens: a neighbour k places away, at most WINDOW, counts 1/k. See
    `factorise`. seed: of the randomised decomposition.

    Raises:
        ValueError: if no text has a token, a token lies outside the vocabulary, or the width is below 2.
    """
    if width < 2:
        raise ValueError(f"width must be at least 2, got {width}")
    if not sum(map(len, texts)):
        raise ValueError("there is no text to make word vectors of: all are empty")
    apart = np.full(WINDOW, -1)  # between two texts, whose tokens are no neighbours
    tokens = np.concatenate([part for text in texts for part in (text, apart)])
    if tokens.min() < -1 or tokens.max() >= vocab_size:
        raise ValueError(f"a token of the texts is outside the vocabulary of {vocab_size:,} tokens")
    parts = (in_texts(texts, vocab_size), beside(tokens, vocab_size))
    widths = (width - width // 2, width // 2)
    return np.concatenate([factorise(part, w, seed) for part, w in zip(parts, widths, strict=True)], axis=1)


def in_texts(texts: Sequence[np.ndarray], vocab_size: int) -> "csr_matrix":
    """(V, texts) 1 where a token occurs in a text."""
    from scipy.sparse import csr_matrix

    distinct = [np.unique(text) for text in texts]
    rows = np.concatenate(distinct)
    columns = np.repeat(np.arange(len(distinct)), [len(text) for text in distinct])
    return csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(vocab_size, len(distinct)))


def beside(tokens: np.ndarray, vocab_size: int) -> "csr_matrix":
    """(V, V) the sum of 1/k over all pairs of tokens that stand k places apart, k <= WINDOW; -1 is no token."""
    from scipy.sparse import csr_matrix

    counts = csr_matrix((vocab_size, vocab_size), dtype=np.float32)
    for distance in range(1, WINDOW + 1):
        left, right = tokens[:-distance], tokens[distance:]
        real = (left >= 0) & (right >= 0)
        weights = np.full(real.sum(), 1 / distance, np.float32)
        counts += csr_matrix((weights, (left[real], right[real])), shape=counts.shape)
    return (counts + counts.T).tocsr()


def factorise(counts: "csr_matrix", width: int, seed: int) -> np.ndarray:
    """(V, width) vectors of the rows of counts (V, contexts): those of U S, where U S V^T is the best approximation of
    this rank to the positive pointwise mutual information,

        max(0, ln(n N / (n_w n_c))),

    of n in row w and column c, the row's sum n_w, the column's n_c, and the sum of all, N. Each row is then brought to
    length 1, so that frequent and rare tokens count alike, and each column to mean 0 and variance 1 over the rows that
    are not empty; an empty one stays 0. Sources: Deerwester et al. 1990 (singular vectors of words and texts),
    Bullinaria and Levy 2007 (positive PMI), Halko et al. 2011 (the decomposition).
    """
    from sklearn.utils.extmath import randomized_svd

    of_row, of_column = (np.asarray(counts.sum(axis=axis), dtype=np.float64).ravel() for axis in (1, 0))
    found = counts.tocoo()
    pmi = np.log(found.data * of_row.sum() / (of_row[found.row] * of_column[found.col]))
    found.data = np.maximum(pmi, 0).astype(np.float32)
    rank = min(width, *counts.shape)
    u, s, _ = randomized_svd(found.tocsr(), rank, n_iter=4, random_state=seed)
    rows = (u * s)[of_row > 0]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-12
    rows -= rows.mean(axis=0)
    vectors = np.zeros((len(of_row), width), np.float32)
    vectors[of_row > 0, :rank] = rows / (rows.std(axis=0) + 1e-12)
    return vectors
