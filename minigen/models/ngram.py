"""N-gram language model with interpolated, modified Kneser-Ney smoothing: the baseline beside each model.

An n-gram model guesses the next token from the last order - 1 tokens, by counting what followed them in the
training text. Most long contexts were never seen, so each order takes a discount off its counts and gives
what that frees to the next shorter context:

    P_n(w | h) = max(c(h w) - D(c(h w)), 0) / c(h)  +  gamma(h) P_{n-1}(w | h without its first token)
    gamma(h)   = (D_1 N_1(h) + D_2 N_2(h) + D_3 N_3+(h)) / c(h)        (so that P_n sums to 1)
    P_0(w)     = 1 / V

c is the count of an n-gram at the highest order; below it, the number of *different tokens seen before* it,
which tells whether a word is likely in a new context ("Francisco" is frequent, but only after "San"). N_k(h)
is the number of tokens w with c(h w) = k, and c(h) = sum_w c(h w). Where c(h) = 0, P_n is P_{n-1}.

Source: Chen and Goodman 1999, "An empirical study of smoothing techniques for language modeling", section 2.7
(Kneser-Ney) and section 3 (the modified form: three discounts, estimated from counts of counts).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from minigen.tokenizers.base import as_ids

MAX_ORDER = 6
UNSEEN = -1
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)  # for text so small or regular that the estimate does not exist


@dataclass(frozen=True)
class Level:
    """All that is known about the n-grams of one order n, as sorted arrays instead of a dictionary.

    An n-gram is its prefix (a row of the level below) and its last token, packed into one number:
    key = row * V + token. Each level is at most as long as the text, so a key always fits in 64 bits.
    """

    keys: np.ndarray  # (n-grams,) int64, sorted
    seen: np.ndarray  # (n-grams,) (c(h w) - D) / c(h)
    gamma: np.ndarray  # (prefixes,) the share that goes to the shorter context; 1 where c(h) = 0

    def rows(self, prefixes: np.ndarray, tokens: np.ndarray, vocab_size: int) -> np.ndarray:
        """The row of each n-gram (prefix row, token), or UNSEEN."""
        wanted = prefixes * vocab_size + tokens
        places = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where((prefixes != UNSEEN) & (self.keys[places] == wanted), places, UNSEEN)


class NGram:
    """P(token | the last order - 1 tokens), over ids 0 to vocab_size - 1; every probability is above 0.

    order: 1 (no context) to 6. ValueError outside that, or for an empty vocabulary.
    """

    def __init__(self, order: int, vocab_size: int):
        if not 1 <= order <= MAX_ORDER:
            raise ValueError(f"order {order} is not between 1 and {MAX_ORDER}")
        if vocab_size < 1:
            raise ValueError(f"vocab_size {vocab_size} is not positive")
        self.order = order
        self.vocab_size = vocab_size
        self.levels: list[Level] = []  # one for each order 1 to self.order, once fitted

    def fit(self, ids: Iterable[int]) -> "NGram":
        """Counts the n-grams of ids, shape (tokens,); what an earlier fit counted is forgotten.

        ValueError for fewer tokens than the order, or for an id outside the vocabulary.
        """
        ids = as_ids(ids, self.vocab_size)
        if len(ids) < self.order:
            raise ValueError(f"{len(ids)} tokens are too few for n-grams of order {self.order}")
        keys: list[np.ndarray] = []  # one array for each order
        counts: list[np.ndarray] = []
        # Rows in the order below: of the tokens before a position, and of its n-gram without the first token.
        prefixes = suffixes = np.zeros(len(ids), dtype=np.int64)  # of the empty context, row 0
        for n in range(1, self.order + 1):
            packed = prefixes * self.vocab_size + ids[n - 1 :]  # the n-gram that ends at each position
            unique, first, rows, count = np.unique(packed, return_index=True, return_inverse=True, return_counts=True)
            if n > 1:  # below the highest order: each different n-gram counts once for its suffix
                counts[-1] = np.bincount(suffixes[first], minlength=len(keys[-1]))
            keys.append(unique)
            counts.append(count)
            prefixes, suffixes = rows[:-1], rows[1:]
        num_prefixes = [1, *map(len, keys[:-1])]
        tables = zip(keys, counts, num_prefixes, strict=True)
        self.levels = [smooth(*table, self.vocab_size) for table in tables]
        return self

    def token_nats(self, ids: Iterable[int]) -> np.ndarray:
        """-ln P of each id given those before it, shape (tokens,). The first ids have a shorter context.

        ValueError for an id outside the vocabulary, or before fit.
        """
        self._check_fitted()
        ids = as_ids(ids, self.vocab_size)
        probability = np.full(len(ids), 1.0 / self.vocab_size)
        prefixes = np.zeros(len(ids), dtype=np.int64)  # row of the n - 1 tokens before each position
        for level in self.levels:
            rows = level.rows(prefixes, ids, self.vocab_size)
            probability *= np.where(prefixes == UNSEEN, 1.0, level.gamma[prefixes])
            probability += np.where(rows == UNSEEN, 0.0, level.seen[rows])
            prefixes = np.concatenate([[UNSEEN], rows[:-1]])[: len(ids)]
        return -np.log(probability)

    def nats(self, ids: Iterable[int]) -> float:
        """The total -ln P of ids: see metrics.bits_per_byte. Errors as token_nats."""
        return float(self.token_nats(ids).sum())

    def probabilities(self, context: Sequence[int] = ()) -> np.ndarray:
        """P(each token | context), shape (V,), sum 1. Only the last order - 1 ids of the context count.

        ValueError for an id outside the vocabulary, or before fit.
        """
        self._check_fitted()
        context = as_ids(context, self.vocab_size)
        probability = np.full(self.vocab_size, 1.0 / self.vocab_size)
        for n, level in enumerate(self.levels[: len(context) + 1]):
            row = self._row(context[len(context) - n :])
            if row == UNSEEN:
                break  # a longer context holds this one, so it is unseen as well
            start, end = np.searchsorted(level.keys, [row * self.vocab_size, (row + 1) * self.vocab_size])
            probability *= level.gamma[row]
            probability[level.keys[start:end] - row * self.vocab_size] += level.seen[start:end]
        return probability

    def sample(self, num_tokens: int, seed: int, prompt: Sequence[int] = ()) -> list[int]:
        """num_tokens ids drawn one after the other, after the prompt (which is not part of them).

        The same seed gives the same ids. ValueError as in probabilities.
        """
        random = np.random.default_rng(seed)
        ids = as_ids(prompt, self.vocab_size).tolist()
        start = len(ids)
        for _ in range(num_tokens):
            context = ids[max(0, len(ids) - self.order + 1) :]
            cumulative = np.cumsum(self.probabilities(context))
            ids.append(int(np.searchsorted(cumulative, random.random() * cumulative[-1], side="right")))
        return ids[start:]

    def _row(self, context: np.ndarray) -> int:
        """The row of the context in the level of its length; the empty context is row 0."""
        row = np.zeros(1, dtype=np.int64)
        for level, token in zip(self.levels, context, strict=False):
            row = level.rows(row, token, self.vocab_size)
        return int(row[0])

    def _check_fitted(self) -> None:
        if not self.levels:
            raise ValueError("this NGram has counted nothing yet: call fit(ids) first")


def discounts(counts: np.ndarray) -> np.ndarray:
    """[0, D_1, D_2, D_3+], what to take off a count of 0, 1, 2, and 3 or more.

    D_k = k - (k + 1) Y n_{k+1} / n_k with Y = n_1 / (n_1 + 2 n_2), n_k = number of n-grams with count k.
    Source: Chen and Goodman 1999, section 3. Where a count of counts is 0 or a D_k is not above 0, as happens
    on small texts, fixed values serve: a discount of 0 would leave nothing for unseen tokens.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)
    if not n[1:5].all():
        return np.array([0.0, *FALLBACK_DISCOUNTS])
    y = n[1] / (n[1] + 2 * n[2])
    k = np.array([1, 2, 3])
    estimates = k - (k + 1) * y * n[k + 1] / n[k]  # never above k, so no count turns negative
    return np.array([0.0, *np.where(estimates > 0, estimates, FALLBACK_DISCOUNTS)])


def smooth(keys: np.ndarray, counts: np.ndarray, num_prefixes: int, vocab_size: int) -> Level:
    """The Level of n-grams with these counts: discounted, and divided by the total of their prefix."""
    prefixes = keys // vocab_size
    discount = discounts(counts)[np.minimum(counts, 3)]
    totals = np.bincount(prefixes, weights=counts, minlength=num_prefixes)
    freed = np.bincount(prefixes, weights=discount, minlength=num_prefixes)
    totals_or_one = np.maximum(totals, 1)
    gamma = np.where(totals > 0, freed / totals_or_one, 1.0)
    return Level(keys, (counts - discount) / totals_or_one[prefixes], gamma)
