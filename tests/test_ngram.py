"""The n-gram model: proper probabilities, and equal to a slow implementation with dictionaries."""

import math
import time
from collections import Counter, defaultdict

import numpy as np
import pytest

from minigen.metrics import unigram_entropy
from minigen.models.ngram import FALLBACK_DISCOUNTS, NGram, discounts

ORDERS = [1, 2, 3, 4, 5, 6]


def markov_text(length: int, vocab_size: int, seed: int) -> np.ndarray:
    """Ids that depend on the one before, with frequent and rare ones: counts of all sizes occur."""
    random = np.random.default_rng(seed)
    rows = np.cumsum(random.dirichlet(np.full(vocab_size, 0.2), size=vocab_size), axis=1)
    ids = [0]
    for draw in random.random(length - 1):
        ids.append(min(int(np.searchsorted(rows[ids[-1]], draw)), vocab_size - 1))
    return np.array(ids)


class SlowNGram:
    """Modified Kneser-Ney as the formula says it: a dictionary of counts for each order, and recursion."""

    def __init__(self, order: int, vocab_size: int, ids: list[int]):
        self.order, self.vocab_size = order, vocab_size
        raw = {n: Counter(tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)) for n in range(1, order + 1)}
        self.counts = {order: raw[order]}
        for n in range(1, order):
            before = defaultdict(set)
            for ngram in raw[n + 1]:
                before[ngram[1:]].add(ngram[0])
            self.counts[n] = Counter({ngram: len(tokens) for ngram, tokens in before.items()})
        self.discounts = {n: self.estimate(self.counts[n]) for n in self.counts}

    @staticmethod
    def estimate(counts: Counter) -> dict[int, float]:
        n1, n2, n3, n4 = (sum(count == k for count in counts.values()) for k in (1, 2, 3, 4))
        if not (n1 and n2 and n3 and n4):
            return {0: 0.0, 1: 0.5, 2: 1.0, 3: 1.5}
        y = n1 / (n1 + 2 * n2)
        estimates = {1: 1 - 2 * y * n2 / n1, 2: 2 - 3 * y * n3 / n2, 3: 3 - 4 * y * n4 / n3}
        fallback = {1: 0.5, 2: 1.0, 3: 1.5}
        return {0: 0.0} | {k: value if value > 0 else fallback[k] for k, value in estimates.items()}

    def probability(self, token: int, context: tuple[int, ...]) -> float:
        context = context[max(0, len(context) - self.order + 1) :]
        return self.interpolated(token, context)

    def interpolated(self, token: int, context: tuple[int, ...] | None) -> float:
        if context is None:
            return 1 / self.vocab_size
        n = len(context) + 1
        shorter = self.interpolated(token, context[1:] if context else None)
        followers = [self.counts[n][(*context, w)] for w in range(self.vocab_size)]
        total = sum(followers)
        if total == 0:
            return shorter
        taken = [self.discounts[n][min(count, 3)] for count in followers]
        return (followers[token] - taken[token]) / total + sum(taken) / total * shorter


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("length, vocab_size", [(400, 7), (12, 3)])
def test_every_probability_equals_the_slow_reference(order, length, vocab_size):
    ids = markov_text(length, vocab_size, seed=order)
    fast, slow = NGram(order, vocab_size).fit(ids), SlowNGram(order, vocab_size, ids.tolist())
    unseen = np.random.default_rng(1).integers(0, vocab_size, size=60).tolist()
    for position in range(len(unseen)):
        context = tuple(unseen[:position])
        expected = [slow.probability(token, context) for token in range(vocab_size)]
        np.testing.assert_allclose(fast.probabilities(context), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", ORDERS)
def test_token_nats_are_the_logarithms_of_the_probabilities(order):
    model = NGram(order, 9).fit(markov_text(2000, 9, seed=0))
    held_out = np.random.default_rng(2).integers(0, 9, size=80)
    expected = [-math.log(model.probabilities(held_out[:t])[token]) for t, token in enumerate(held_out)]
    np.testing.assert_allclose(model.token_nats(held_out), expected, rtol=1e-12)
    assert model.nats(held_out) == pytest.approx(sum(expected), rel=1e-12)


@pytest.mark.parametrize("order", ORDERS)
def test_probabilities_sum_to_one_after_any_context_and_are_never_zero(order):
    vocab_size = 60  # of which the text uses 50: the last ten are never seen
    model = NGram(order, vocab_size).fit(markov_text(20_000, 50, seed=order))
    random = np.random.default_rng(3)
    for _ in range(200):
        context = random.integers(0, vocab_size, size=random.integers(0, 9))
        probability = model.probabilities(context)
        assert abs(probability.sum() - 1) < 1e-9
        assert probability.min() > 0


def test_probabilities_sum_to_one_after_contexts_of_the_training_text():
    ids = markov_text(20_000, 50, seed=0)
    model = NGram(5, 50).fit(ids)
    for end in [1, 2, 3, 4, 5, 100, 5000, len(ids)]:
        assert abs(model.probabilities(ids[:end]).sum() - 1) < 1e-9


def test_only_the_last_tokens_of_the_context_count():
    model = NGram(3, 6).fit(markov_text(500, 6, seed=0))
    np.testing.assert_array_equal(model.probabilities([1, 2, 3, 4]), model.probabilities([5, 0, 3, 4]))


def test_the_fallback_discounts_serve_where_counts_of_counts_are_missing():
    np.testing.assert_array_equal(discounts(np.array([1, 1, 9])), [0.0, *FALLBACK_DISCOUNTS])
    assert abs(NGram(3, 2).fit([0, 1, 0, 1, 0, 1]).probabilities([0, 1]).sum() - 1) < 1e-12


def test_discounts_follow_the_formula():
    counts = np.repeat([0, 1, 2, 3, 4, 5], [7, 100, 40, 20, 12, 30])
    y = 100 / (100 + 2 * 40)
    expected = [0, 1 - 2 * y * 40 / 100, 2 - 3 * y * 20 / 40, 3 - 4 * y * 12 / 20]
    np.testing.assert_allclose(discounts(counts), expected, rtol=1e-12)


def test_a_discount_is_never_zero_and_never_more_than_the_count():
    # Five n-grams seen three times against one seen twice: the formula's D_2 is 2 - 3 * (1 / 3) * 5 < 0.
    assert discounts(np.repeat([1, 2, 3, 4], [1, 1, 5, 1]))[2] == FALLBACK_DISCOUNTS[1]
    random = np.random.default_rng(0)
    for _ in range(300):
        found = discounts(np.repeat([1, 2, 3, 4, 5], random.integers(0, 9, size=5)))
        assert found[0] == 0
        assert (found[1:] > 0).all()
        assert (found <= [0, 1, 2, 3]).all()


def test_order_one_reaches_the_unigram_entropy_of_its_own_text():
    ids = markov_text(50_000, 20, seed=0)
    assert NGram(1, 20).fit(ids).nats(ids) / len(ids) == pytest.approx(unigram_entropy(ids), abs=1e-3)


def test_a_token_that_has_many_left_neighbours_is_preferred_in_a_new_context():
    # 1 is frequent but only after 0; 2 is less frequent but comes after everything.
    ids = [0, 1] * 10 + [2, 3, 2, 4, 2, 5, 2, 6, 2]
    probability = NGram(2, 8).fit(ids).probabilities([7])
    assert probability[2] > probability[1]


def test_a_higher_order_predicts_text_with_long_dependencies_better():
    random = np.random.default_rng(0)
    words = random.integers(1, 20, size=(30, 4))
    text = [np.concatenate([words[i] for i in random.integers(0, 30, size=n)]) for n in (5000, 500)]
    nats = [NGram(order, 20).fit(text[0]).nats(text[1]) for order in (1, 2, 3)]
    assert nats[0] > nats[1] > nats[2]


def test_samples_are_decided_by_the_seed_and_follow_the_prompt():
    model = NGram(2, 4).fit([0, 1, 2, 3] * 500)
    assert model.sample(50, seed=1) == model.sample(50, seed=1)
    assert model.sample(50, seed=1) != model.sample(50, seed=2)
    assert model.sample(4, seed=0, prompt=[1]) == [2, 3, 0, 1]  # after 1 nearly all probability is on 2
    assert model.sample(0, seed=0) == []


def test_samples_have_the_frequencies_of_the_model():
    ids = markov_text(5000, 5, seed=4)
    model = NGram(1, 5).fit(ids)
    drawn = np.bincount(model.sample(4000, seed=0), minlength=5) / 4000
    np.testing.assert_allclose(drawn, model.probabilities(), atol=0.03)


def test_fitting_again_forgets_the_first_text():
    first, second = markov_text(300, 5, seed=0), markov_text(300, 5, seed=1)
    again = NGram(3, 5).fit(first).fit(second)
    np.testing.assert_array_equal(again.token_nats(first), NGram(3, 5).fit(second).token_nats(first))


def test_a_large_vocabulary_does_not_overflow_at_the_highest_order():
    ids = np.random.default_rng(0).integers(0, 100_000, size=3000)  # 100,000 ** 6 is far beyond 64 bits
    model = NGram(6, 100_000).fit(ids)
    assert model.nats(ids) < 3000 * math.log(100_000)
    assert abs(model.probabilities(ids[:5]).sum() - 1) < 1e-9


def test_half_a_million_tokens_at_order_five_take_seconds_at_most():
    ids = np.random.default_rng(0).zipf(1.3, size=500_000) % 70
    start = time.perf_counter()
    NGram(5, 70).fit(ids).nats(ids[:100_000])
    assert time.perf_counter() - start < 8  # about half a second on an idle core


def test_scoring_no_tokens_costs_nothing():
    assert NGram(2, 3).fit([0, 1, 2]).nats([]) == 0.0


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: NGram(0, 5), "order 0 is not between 1 and 6"),
        (lambda: NGram(7, 5), "order 7 is not between 1 and 6"),
        (lambda: NGram(2, 0), "vocab_size 0 is not positive"),
        (lambda: NGram(3, 5).fit([1, 2]), "2 tokens are too few for n-grams of order 3"),
        (lambda: NGram(2, 5).fit([1, 2, 5]), "token id 5 is outside the vocabulary of 5"),
        (lambda: NGram(2, 5).fit([1, 2, 3]).nats([-1]), "token id -1 is outside"),
        (lambda: NGram(2, 5).fit([1, 2, 3]).probabilities([9]), "token id 9 is outside"),
        (lambda: NGram(2, 5).nats([1]), "call fit"),
        (lambda: NGram(2, 5).probabilities(), "call fit"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
