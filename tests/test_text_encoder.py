"""TextEncoder: vectors that are those of transformers, near texts, hidden words, attention by the names of tokens."""

import numpy as np
import pytest
import torch
from pretrained_tools import small_bert, small_gpt2
from transformers import BertForMaskedLM

from minigen.estimators import TextEncoder

TEXTS = ["a cat", "the dog sat", "", "🎉 x"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The checkpoint of a small BERT."""
    torch.manual_seed(0)
    return small_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def encoder(folder):
    """It, read."""
    return TextEncoder(folder, device="cpu")


def test_vectors_have_length_one_and_do_not_depend_on_the_batch(encoder):
    found = encoder.embed(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    np.testing.assert_allclose(found, [encoder.embed([text])[0] for text in TEXTS], atol=1e-5)
    assert encoder.embed([]).shape == (0, 16)


def test_a_vector_is_the_mean_of_what_transformers_makes_of_the_tokens(encoder, folder):
    theirs = BertForMaskedLM.from_pretrained(folder).eval().bert
    tokens = [*encoder.tokenizer.start, *encoder.tokenizer.encode(TEXTS[1]), *encoder.tokenizer.end]
    with torch.no_grad():
        mean = theirs(torch.tensor([tokens])).last_hidden_state[0].mean(dim=0).numpy()
    np.testing.assert_allclose(encoder.embed(TEXTS)[1], mean / np.linalg.norm(mean), atol=1e-5)


def test_the_nearest_text_to_a_text_is_itself(encoder):
    found = encoder.nearest("the dog sat", TEXTS, k=2)
    assert found[0] == ("the dog sat", pytest.approx(1))
    assert found[1][1] < 1


def test_the_likeliest_hidden_words_are_those_of_transformers(encoder, folder):
    theirs = BertForMaskedLM.from_pretrained(folder).eval()
    tokens = torch.tensor([[2, *encoder.tokenizer.encode("a [MASK] b"), 3]])
    with torch.no_grad():
        expected = theirs(tokens).logits[0, 2].softmax(dim=-1).topk(3)
    found = encoder.fill("a [MASK] b", k=3)
    assert [word for word, _ in found] == [encoder.tokenizer.token_text(t) for t in expected.indices.tolist()]
    assert [p for _, p in found] == pytest.approx(expected.values.tolist(), abs=1e-5)


def test_attention_is_told_for_the_tokens_by_name(encoder):
    tokens, weights = encoder.attention("cat b")
    assert tokens == ["[CLS]", "c", "##a", "##t", "b", "[SEP]"]
    assert weights.shape == (2, 2, 6, 6)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)


def test_what_it_cannot_do_is_said(encoder, tmp_path):
    with pytest.raises(ValueError, match=r"there is no \[MASK\] in the text 'a b'"):
        encoder.fill("a b")
    with pytest.raises(ValueError, match=r"is no encoder that opens a text with \[CLS\], as a BERT does"):
        TextEncoder(small_gpt2(tmp_path))
    with pytest.warns(UserWarning, match="1 of 1 texts are longer than the 30 tokens"):
        encoder.embed(["a " * 40])


@pytest.mark.needs_data("minilm")
def test_minilm_finds_what_means_the_same_and_has_no_head_for_words():
    encoder = TextEncoder("minilm", device="cpu")
    texts = ["two litres of milk", "a movie to keep in mind", "the train is late"]
    assert encoder.nearest("a film to remember", texts)[0][0] == "a movie to keep in mind"
    with pytest.raises(ValueError, match="no head that guesses hidden words"):
        encoder.fill("a [MASK]")
