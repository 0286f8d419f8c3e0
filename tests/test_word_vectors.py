"""Word vectors: counts by hand, the factorisation against dense algebra, and what similar words have in common."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from minigen.word_vectors import WINDOW, beside, factorise, in_texts, word_vectors

TEXTS = [np.array(text, dtype=np.int64) for text in ([0, 1, 2, 1], [], [2, 2, 3], [4])]


def random_texts(number: int = 60, vocab_size: int = 20, seed: int = 0) -> list[np.ndarray]:
    """Texts of 1 to 30 tokens, some of them much more frequent than others."""
    draw = np.random.default_rng(seed)
    return [(vocab_size * draw.random(draw.integers(1, 30)) ** 3).astype(np.int64) for _ in range(number)]


def dense(counts: np.ndarray, width: int) -> np.ndarray:
    """The formula of `factorise` in plain float64 algebra, without the scaling of columns."""
    p = counts / counts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        ppmi = np.maximum(np.log(p / (p.sum(1, keepdims=True) * p.sum(0, keepdims=True))), 0)
    u, s, _ = np.linalg.svd(np.nan_to_num(ppmi), full_matrices=False)
    vectors = (u * s)[:, :width]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_token_is_in_a_text_or_not_however_often():
    expected = [[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert in_texts(TEXTS, 6).toarray().tolist() == expected


def test_neighbours_count_less_the_farther_they_are_and_never_reach_another_text():
    tokens = np.array([0, 1, 2, *[-1] * WINDOW, 3, 0, 3])
    expected = np.zeros((5, 5))
    expected[0, 1] = expected[1, 2] = 1
    expected[0, 2] = 1 / 2
    expected[3, 0] = 1 + 1
    expected[3, 3] = 1 / 2
    np.testing.assert_allclose(beside(tokens, 5).toarray(), expected + expected.T)
    far = np.array([0, *[1] * WINDOW, 2])
    assert beside(far, 3)[0, 2] == 0
    assert beside(far[1:], 3)[1, 2] == pytest.approx(sum(1 / k for k in range(1, WINDOW + 1)))


@pytest.mark.parametrize("kind", ["texts", "neighbours"])
def test_the_factorisation_is_that_of_dense_algebra(kind):
    texts = random_texts(vocab_size=12)  # so few that the randomised decomposition leaves nothing out
    flat = np.concatenate([np.append(text, [-1] * WINDOW) for text in texts])
    counts = in_texts(texts, 12) if kind == "texts" else beside(flat, 12)
    expected = dense(counts.toarray().astype(np.float64), 6)
    expected = (expected - expected.mean(0)) / expected.std(0)
    found = factorise(counts, 6, seed=0)
    signs = np.sign((found * expected).sum(0))  # a singular vector may point either way
    np.testing.assert_allclose(found * signs, expected, atol=1e-4)


def test_columns_have_mean_0_and_variance_1_over_the_tokens_that_occur_and_the_others_are_0():
    vectors = word_vectors(random_texts(), 25, 12)
    assert (vectors.shape, vectors.dtype) == ((25, 12), np.float32)
    assert (vectors[20:] == 0).all()
    np.testing.assert_allclose(vectors[:20].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(vectors[:20].std(0), 1, atol=1e-5)


def test_one_seed_gives_the_same_vectors():
    first, again = (word_vectors(random_texts(), 20, 8, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_tokens_of_the_same_places_get_similar_vectors():
    draw = np.random.default_rng(0)
    # Tokens 0 to 3 stand among 8 to 13, tokens 4 to 7 among 14 to 19.
    texts = []
    for _ in range(400):
        kind = draw.integers(2)
        others = draw.integers(8 + 6 * kind, 14 + 6 * kind, size=7)
        texts.append(np.insert(others, draw.integers(8), 4 * kind + draw.integers(4)))
    vectors = word_vectors(texts, 20, 4)[:8]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similar = vectors @ vectors.T
    same = np.arange(8)[:, None] // 4 == np.arange(8) // 4
    assert similar[same].min() > similar[~same].max() + 0.2


def test_fewer_texts_than_columns_leave_columns_at_0():
    vectors = word_vectors([np.array([0, 1, 2])], 5, 16)
    assert np.isfinite(vectors).all()
    assert (vectors[:, 1:8] == 0).all()  # one text has one direction


@pytest.mark.parametrize(
    "texts, width, message",
    [
        ([np.array([], dtype=np.int64)], 4, "there is no text to make word vectors of"),
        ([], 4, "there is no text to make word vectors of"),
        ([np.array([5])], 4, "a token of the texts is outside the vocabulary of 5 tokens"),
        ([np.array([-2, 1])], 4, "a token of the texts is outside the vocabulary of 5 tokens"),
        ([np.array([0])], 1, "width must be at least 2, got 1"),
    ],
)
def test_what_cannot_be_is_named(texts, width, message):
    with pytest.raises(ValueError, match=message):
        word_vectors(texts, 5, width)


def test_a_matrix_of_one_row_and_column_has_a_finite_vector():
    assert np.isfinite(factorise(csr_matrix(np.ones((1, 1), np.float32)), 3, seed=0)).all()
