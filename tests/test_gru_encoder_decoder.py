"""The recurrent encoder-decoder: what it does beyond `test_pair_models.py`; attention, loss and size."""

import math

import pytest
import torch
from parity import TOLERANCE, randomise
from torch import Tensor
from torch.testing import assert_close

from minigen.data.pairs import pair_batch
from minigen.layers import BlockConfig, padding_mask
from minigen.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from minigen.models.gru import num_parameters
from minigen.models.gru_encoder_decoder import (
    GRUEncoderDecoder,
    GRUEncoderDecoderConfig,
    gru_encoder_decoder_like,
)

B, S, T, V, D, CONTEXT = 3, 7, 5, 13, 16, 12
LENGTHS = torch.tensor([7, 4, 1])


def make(**changes) -> GRUEncoderDecoder:
    """A small model with weights that all matter; the seed is that of the test."""
    model = GRUEncoderDecoder(GRUEncoderDecoderConfig(V - 1, CONTEXT, 2, D, **changes))
    randomise(model)
    return model.eval()


def example() -> tuple[Tensor, Tensor, Tensor]:
    """Random (source, source_mask, inputs)."""
    return torch.randint(V, (B, S)), padding_mask(LENGTHS, S), torch.randint(V, (B, T))


@torch.no_grad()
def test_attention_rows_sum_to_one_and_leave_padding_out():
    model = make()
    source, mask, inputs = example()
    weights = model.cross_attention_weights(source, mask, inputs)
    assert weights.shape == (1, B, 1, T, S)
    assert_close(weights.sum(dim=-1), torch.ones(1, B, 1, T))
    assert (weights[0, 2, 0, :, 1:] == 0).all()


def test_the_loss_counts_real_targets_alone_and_smooths_only_in_training():
    model = make(label_smoothing=0.1)
    batch = pair_batch([torch.tensor([1, 2]), torch.tensor([3])], [torch.tensor([4]), torch.tensor([5, 6, 7])], V - 1)
    total, count = model.loss(batch)
    log_p = model(*batch[:3]).log_softmax(dim=-1)
    expected = -sum(
        log_p[row, t, token] for row, tokens in enumerate([[4, 12], [5, 6, 7, 12]]) for t, token in enumerate(tokens)
    )
    assert count == 6
    assert_close(total, expected, **TOLERANCE)
    model.train()
    assert model.loss(batch)[0] > 1.01 * total


def test_at_first_all_tokens_are_equally_likely_and_soon_all_weights_learn():
    model = GRUEncoderDecoder(GRUEncoderDecoderConfig(V - 1, CONTEXT, 2, D))
    source, mask, inputs = example()
    batch = (source, mask, inputs, torch.randint(V, (B, T)))
    total, count = model.loss(batch)
    assert float((total / count).detach()) == pytest.approx(math.log(V), abs=1e-5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        model.loss(batch)[0].backward()
        optimizer.step()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


def test_like_a_transformer_it_has_as_many_parameters_and_not_one_more():
    config = EncoderDecoderConfig(500, CONTEXT, 2, 2, BlockConfig(64, 2, dropout=0.1), label_smoothing=0.1)
    shape, most = gru_encoder_decoder_like(config), num_parameters(EncoderDecoder(config))
    assert 0.85 * most < num_parameters(GRUEncoderDecoder(shape)) <= most
    assert (shape.vocab_size, shape.num_encoder_layers, shape.dropout, shape.label_smoothing) == (500, 2, 0.1, 0.1)
