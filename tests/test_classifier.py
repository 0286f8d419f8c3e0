"""The classifier: pooling by hand, blind to padding, weighted as it says, regularised in training alone."""

import pytest
import torch
import torch.nn.functional as F
from parity import TOLERANCE, randomise
from torch import Tensor
from torch.testing import assert_close

from minigen.data.labels import pad_texts
from minigen.layers import BlockConfig
from minigen.models.classifier import POOLINGS, Classifier, ClassifierConfig

V, C, D, CONTEXT = 13, 3, 16, 12
TEXTS = [torch.tensor([1, 2, 3, 4, 5, 6]), torch.tensor([7, 8]), torch.tensor([], dtype=torch.long)]

each_pooling = pytest.mark.parametrize("pooling", POOLINGS)


def make(pooling: str = "mean", **changes) -> Classifier:
    """A small model with weights that all matter; the seed is that of the test."""
    block = changes.pop("block", BlockConfig(D, 2, 24))
    model = Classifier(ClassifierConfig(V, CONTEXT, C, 2, block, pooling=pooling, **changes))
    randomise(model)
    return model.eval()


def batch(weights: Tensor | None = None) -> tuple[Tensor, ...]:
    """TEXTS with the labels 0, 2, 1."""
    return *pad_texts(TEXTS, V), torch.tensor([0, 2, 1]), torch.ones(3) if weights is None else weights


@each_pooling
@pytest.mark.parametrize("positions", ["rotary", "learned", "sinusoidal"])
@torch.no_grad()
def test_padding_changes_nothing(pooling, positions):
    model = make(pooling, positions=positions)
    together = model(*pad_texts(TEXTS, V))
    assert together.shape == (3, C)
    for row, text in enumerate(TEXTS):
        assert_close(together[row], model(*pad_texts([text], V))[0], **TOLERANCE)


@each_pooling
@torch.no_grad()
def test_what_stands_in_the_padding_changes_nothing(pooling):
    model = make(pooling)
    tokens, mask = pad_texts(TEXTS, V)
    other = tokens.masked_fill(~mask[:, 0, 0], 5)
    assert not torch.equal(tokens, other)
    assert_close(model(tokens, mask), model(other, mask), **TOLERANCE)


@torch.no_grad()
def test_each_pooling_weighs_tokens_as_it_says():
    mask = pad_texts(TEXTS, V)[1]
    hidden = torch.randn(3, 7, D)
    assert make("mean").pool(hidden, mask)[1].tolist() == pytest.approx([1 / 3] * 3 + [0] * 4)
    assert make("first").pool(hidden, mask)[1].tolist() == [1, 0, 0, 0, 0, 0, 0]
    model = make("attention")
    scores = torch.stack([hidden[1, t] @ model.query for t in range(3)]) / D**0.5
    assert_close(model.pool(hidden, mask)[1, :3], scores.softmax(dim=0), **TOLERANCE)
    for pooling in POOLINGS:
        weights = make(pooling).pool(hidden, mask)
        assert_close(weights.sum(dim=1), torch.ones(3), **TOLERANCE)
        assert not weights[~mask[:, 0, 0]].any()
        assert weights[2].tolist() == [1, 0, 0, 0, 0, 0, 0], "of a text without tokens there is the boundary"


@each_pooling
@torch.no_grad()
def test_the_logits_are_the_head_of_the_weighted_sum(pooling):
    model = make(pooling)
    tokens, mask = pad_texts(TEXTS[:1], V)
    hidden = model.encode(tokens, mask)
    weights = {"mean": torch.full((7,), 1 / 7), "first": torch.eye(7)[0], "attention": model.pool(hidden, mask)[0]}
    expected = model.head(sum(weights[pooling][t] * hidden[0, t] for t in range(7)))
    assert_close(model(tokens, mask)[0], expected, **TOLERANCE)


def test_the_loss_is_a_weighted_sum_and_the_sum_of_weights():
    model, weights = make(), torch.tensor([1.0, 0.5, 2.0])
    total, count = model.loss(batch(weights))
    log_p = model(*batch()[:2]).log_softmax(dim=-1)
    assert_close(total, -(log_p[0, 0] + 0.5 * log_p[1, 2] + 2 * log_p[2, 1]), **TOLERANCE)
    assert count == 3.5
    reference = F.cross_entropy(model(*batch()[:2]), batch()[2], weight=torch.tensor([1.0, 2.0, 0.5]))
    assert_close(total / count, reference, **TOLERANCE)


def test_labels_are_smoothed_and_words_hidden_in_training_alone():
    model = make(label_smoothing=0.1)
    plain = model.loss(batch())[0]
    log_p = model(*batch()[:2]).log_softmax(dim=-1)
    smoothed = 0.9 * plain - 0.1 * log_p.mean(dim=-1).sum()
    assert_close(model.train().loss(batch())[0], smoothed, **TOLERANCE)
    hiding = make(word_dropout=1.0)
    nothing = [torch.full_like(text, V) for text in TEXTS]
    assert_close(hiding.train()(*batch()[:2]), hiding(*pad_texts(nothing, V)), **TOLERANCE)
    hiding.eval()
    assert (hiding(*batch()[:2]) - hiding(*pad_texts(nothing, V)))[:2].abs().min() > 1e-4


@each_pooling
def test_every_parameter_learns_and_at_first_all_classes_are_equally_likely(pooling):
    fresh = Classifier(ClassifierConfig(V, CONTEXT, C, 2, BlockConfig(D, 2), pooling=pooling))
    total, count = fresh.loss(batch())
    assert_close((total / count).detach(), torch.tensor(float(C)).log(), **TOLERANCE)
    model = make(pooling)
    model.loss(batch())[0].backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_what_no_classifier_can_be_is_refused():
    with pytest.raises(ValueError, match="unknown pooling 'max': choose one of mean, first, attention"):
        Classifier(ClassifierConfig(V, CONTEXT, C, 1, pooling="max"))
    with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
        Classifier(ClassifierConfig(V, CONTEXT, 1, 1))
    with pytest.raises(ValueError, match="context is 12 tokens"):
        make()(*pad_texts([torch.zeros(CONTEXT, dtype=torch.long)], V))
