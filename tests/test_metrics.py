"""The numbers about text: by hand on small examples."""

import math

import numpy as np
import pytest
import torch

from minigen.metrics import (
    bits_per_byte,
    distinct_n,
    perplexity,
    repeated_fraction,
    repetition_n,
    unigram_entropy,
)


def test_a_uniform_guess_over_bytes_costs_eight_bits_each():
    assert bits_per_byte(5 * math.log(256), 5) == pytest.approx(8, abs=1e-12)


def test_bits_per_byte_counts_bytes_and_not_characters():
    text = "né"  # 2 characters, 3 bytes
    assert bits_per_byte(2 * math.log(8), len(text.encode("utf-8"))) == pytest.approx(2, abs=1e-12)


@pytest.mark.parametrize("num_bytes", [0, -1])
def test_bits_per_byte_of_no_text_is_refused(num_bytes):
    with pytest.raises(ValueError, match=f"num_bytes {num_bytes} is not positive"):
        bits_per_byte(1.0, num_bytes)


def test_perplexity_of_a_uniform_guess_is_the_number_of_choices():
    assert perplexity(math.log(65)) == pytest.approx(65)
    assert perplexity(0.0) == 1.0
    assert perplexity(1e6) == math.inf


def test_unigram_entropy_is_ln_v_for_equal_shares_and_0_for_one_token():
    assert unigram_entropy("abcd") == pytest.approx(math.log(4), abs=1e-12)
    assert unigram_entropy([7, 7, 7]) == 0.0
    assert unigram_entropy("aab") == pytest.approx(-(2 / 3) * math.log(2 / 3) - math.log(1 / 3) / 3, abs=1e-12)


def test_a_loop_has_few_distinct_n_grams_and_fresh_text_only_distinct_ones():
    assert distinct_n("abcdef", 2) == 1.0
    assert distinct_n("ababab", 2) == 2 / 5
    assert repetition_n("ababab", 2) == pytest.approx(3 / 5)
    assert repetition_n([1, 1, 1, 1, 1], 1) == pytest.approx(4 / 5)


def test_repeated_fraction_looks_back_no_further_than_its_window():
    assert repeated_fraction("aaaa", 1) == 3 / 4
    assert repeated_fraction("abab", 1) == 0.0
    assert repeated_fraction("abab", 2) == 2 / 4


@pytest.mark.parametrize("tokens", [[1, 2, 1, 2], (1, 2, 1, 2), np.array([1, 2, 1, 2]), torch.tensor([1, 2, 1, 2])])
def test_lists_arrays_and_tensors_measure_the_same(tokens):
    assert distinct_n(tokens, 2) == 2 / 3
    assert repeated_fraction(tokens, 2) == 1 / 2
    assert unigram_entropy(tokens) == pytest.approx(math.log(2))


def test_too_few_tokens_are_refused():
    with pytest.raises(ValueError, match="2 tokens are too few for n-grams of 3"):
        distinct_n("ab", 3)
    with pytest.raises(ValueError, match="n 0 is not positive"):
        distinct_n("ab", 0)
    with pytest.raises(ValueError, match="no tokens"):
        unigram_entropy([])
    with pytest.raises(ValueError, match="no tokens"):
        repeated_fraction([], 3)
    with pytest.raises(ValueError, match="window 0 is not positive"):
        repeated_fraction("ab", 0)
