"""LoRA: equal at the start, equal when merged, and nothing else learns."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from minigen.layers import BlockConfig, Encoder, LoRALinear, MultiHeadAttention, add_lora, merge_lora
from minigen.training import TrainConfig, make_optimizers

D, H, LAYERS, RANK = 16, 2, 2, 3
TOLERANCE = {"rtol": 1e-6, "atol": 1e-6}


def adapted(steps: int = 3) -> tuple[Encoder, torch.Tensor]:
    """An encoder whose LoRAs have learned something, and what goes into it."""
    encoder, x = Encoder(BlockConfig(D, H), LAYERS), torch.randn(2, 5, D)
    add_lora(encoder, RANK)
    learning = [p for p in encoder.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=0.1)
    for _ in range(steps):
        encoder(x).square().mean().backward()
        optimizer.step()
    return encoder, x


def test_the_formula_is_that_of_the_paper():
    layer, x = LoRALinear(nn.Linear(4, 6), rank=2, alpha=8), torch.randn(3, 4)
    with torch.no_grad():
        layer.b.normal_()
        expected = layer.linear(x) + 8 / 2 * x @ (layer.b @ layer.a).T
    assert_close(layer(x), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_at_first_nothing_changes():
    encoder, x = Encoder(BlockConfig(D, H), LAYERS), torch.randn(2, 5, D)
    before = encoder(x)
    add_lora(encoder, RANK)
    assert torch.equal(encoder(x), before)


@pytest.mark.parametrize("bias", [True, False])
@torch.no_grad()
def test_merged_equals_unmerged(bias):
    layer, x = LoRALinear(nn.Linear(12, 7, bias=bias), rank=2), torch.randn(3, 12)
    layer.b.normal_(std=0.1)
    assert_close(layer.merged()(x), layer(x), **TOLERANCE)


def test_a_merged_model_equals_the_unmerged_and_has_its_first_shape():
    encoder, x = adapted()
    first = Encoder(BlockConfig(D, H), LAYERS)
    with torch.no_grad():
        before = encoder(x)
        merge_lora(encoder)
        assert_close(encoder(x), before, **TOLERANCE)
    assert [n for n, _ in encoder.named_parameters()] == [n for n, _ in first.named_parameters()]


def test_only_the_thin_matrices_learn_and_their_number_is_as_computed():
    encoder, x = adapted(steps=0)
    frozen = {name: p.clone() for name, p in encoder.named_parameters() if not p.requires_grad}
    learning = {name: p.clone() for name, p in encoder.named_parameters() if p.requires_grad}
    # r (in + out) for the matrices of queries, keys and values; of the output; and of the feed-forward part
    assert sum(p.numel() for p in learning.values()) == LAYERS * RANK * ((D + 3 * D) + 2 * D + 2 * (D + 4 * D))
    (optimizer,) = make_optimizers(encoder, TrainConfig(steps=1, optimizer="adamw", learning_rate=0.1))
    seen = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert seen == {id(p) for p in encoder.parameters() if p.requires_grad}
    for _ in range(2):  # with B at zero, A learns from the second step on
        encoder(x).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    now = dict(encoder.named_parameters())
    assert all(torch.equal(now[name], value) for name, value in frozen.items())
    assert not any(torch.equal(now[name], value) for name, value in learning.items())


@torch.no_grad()
def test_cross_attention_which_takes_parts_of_the_matrix_is_adapted_too():
    attention, x, memory = MultiHeadAttention(D, H), torch.randn(1, 4, D), torch.randn(1, 6, D)
    add_lora(attention, RANK)
    attention.to_qkv.b.normal_()
    before = attention(x, memory)
    merge_lora(attention)
    assert_close(attention(x, memory), before, rtol=1e-5, atol=1e-5)


def test_places_can_be_chosen_and_what_cannot_be_is_refused():
    encoder = Encoder(BlockConfig(D, H), LAYERS)
    add_lora(encoder, RANK, places=["to_qkv"])
    assert sum(isinstance(part, LoRALinear) for part in encoder.modules()) == LAYERS
    with pytest.raises(ValueError, match="no linear layer called query or value"):
        add_lora(Encoder(BlockConfig(D, H), 1), places=["query", "value"])
    for rank in (0, D + 1):
        with pytest.raises(ValueError, match=f"rank must be from 1 to 16, .* got {rank}"):
            add_lora(Encoder(BlockConfig(D, H), 1), rank)
