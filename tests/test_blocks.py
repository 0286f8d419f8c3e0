"""Blocks and stacks against torch's Transformer layers, both norm orders; cached against uncached."""

from itertools import pairwise

import pytest
import torch
from parity import assert_parity, block_pairs, copy_pairs, randomise
from torch import nn

from minigen.layers import Block, BlockConfig, Decoder, Encoder, KVCache, Rotary, causal_mask, padding_mask

B, T, S, D, H, HIDDEN, LAYERS = 3, 5, 7, 16, 4, 24, 2
LENGTHS = torch.tensor([7, 2, 5])
MASK = padding_mask(LENGTHS, S)
HIDDEN_KEYS = ~MASK[:, 0, 0]  # torch's way: True hides
REAL = MASK[:, 0, 0, :, None]  # (B, S, 1)

both_orders = pytest.mark.parametrize("norm_first", [True, False], ids=["norm_first", "norm_last"])


def config(norm_first: bool, **changes) -> BlockConfig:
    """A small block."""
    return BlockConfig(D, H, hidden_size=HIDDEN, norm_first=norm_first, **changes)


def torch_stack(kind: str, norm_first: bool) -> nn.Module:
    """torch's encoder or decoder with random weights."""
    arguments = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": norm_first}
    norm = nn.LayerNorm(D) if norm_first else None
    if kind == "encoder":
        stack = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(D, H, HIDDEN, **arguments), LAYERS, norm, enable_nested_tensor=False
        )
    else:
        stack = nn.TransformerDecoder(nn.TransformerDecoderLayer(D, H, HIDDEN, **arguments), LAYERS, norm)
    randomise(stack)
    return stack


def stack_pairs(ours: nn.Module, theirs: nn.Module) -> list:
    """All parameters of two stacks; none is left out."""
    pairs = [pair for a, b in zip(ours.blocks, theirs.layers, strict=True) for pair in block_pairs(a, b)]
    if theirs.norm is not None:
        pairs += [(ours.final_norm.weight, theirs.norm.weight), (ours.final_norm.bias, theirs.norm.bias)]
    assert len(pairs) == len(list(ours.parameters())) == len(list(theirs.parameters()))
    return copy_pairs(pairs)


@both_orders
def test_a_block_equals_torchs_encoder_layer(norm_first):
    theirs = torch_stack("encoder", norm_first).layers[0]
    ours = Block(config(norm_first))
    pairs = copy_pairs(block_pairs(ours, theirs))
    assert_parity(
        lambda x: ours(x, mask=MASK),
        lambda x: theirs(x, src_key_padding_mask=HIDDEN_KEYS),
        [torch.randn(B, S, D)],
        pairs,
    )


@both_orders
def test_a_block_with_cross_attention_equals_torchs_decoder_layer(norm_first):
    theirs = torch_stack("decoder", norm_first).layers[0]
    ours = Block(config(norm_first), cross_attention=True)
    pairs = copy_pairs(block_pairs(ours, theirs))
    assert_parity(
        lambda x, memory: ours(x, causal=True, memory=memory, memory_mask=MASK),
        lambda x, memory: theirs(x, memory, tgt_mask=~causal_mask(T), memory_key_padding_mask=HIDDEN_KEYS),
        [torch.randn(B, T, D), torch.randn(B, S, D)],
        pairs,
    )


@both_orders
def test_an_encoder_equals_torchs(norm_first):
    theirs, ours = torch_stack("encoder", norm_first), Encoder(config(norm_first), LAYERS)
    pairs = stack_pairs(ours, theirs)
    assert_parity(
        lambda x: ours(x, mask=MASK),
        lambda x: theirs(x, src_key_padding_mask=HIDDEN_KEYS),
        [torch.randn(B, S, D)],
        pairs,
        keep=REAL,
    )


@both_orders
def test_a_decoder_equals_torchs(norm_first):
    theirs, ours = torch_stack("decoder", norm_first), Decoder(config(norm_first), LAYERS, cross_attention=True)
    pairs = stack_pairs(ours, theirs)
    target_mask = torch.ones(B, 1, 1, T, dtype=torch.bool)
    target_mask[1, ..., 1] = target_mask[2, ..., 2:4] = False  # keys that a causal mask alone would show
    assert_parity(
        lambda x, memory: ours(x, memory, mask=target_mask, memory_mask=MASK),
        lambda x, memory: theirs(
            x,
            memory,
            tgt_mask=~causal_mask(T),
            tgt_key_padding_mask=~target_mask[:, 0, 0],
            memory_key_padding_mask=HIDDEN_KEYS,
        ),
        [torch.randn(B, T, D), torch.randn(B, S, D)],
        pairs,
    )


def test_padding_does_not_change_the_encoding():
    encoder, x = Encoder(config(True), LAYERS), torch.randn(B, S, D)
    encoded = encoder(x, mask=MASK)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = encoder(x[row : row + 1, :length])
        torch.testing.assert_close(encoded[row : row + 1, :length], alone, rtol=1e-5, atol=1e-5)
    other = encoder(torch.where(REAL, x, 100.0), mask=MASK)
    torch.testing.assert_close(other * REAL, encoded * REAL, rtol=1e-5, atol=1e-5)


def test_padding_of_the_memory_does_not_change_the_decoding():
    decoder, x, memory = Decoder(config(True), LAYERS, cross_attention=True), torch.randn(B, T, D), torch.randn(B, S, D)
    decoded = decoder(x, memory, memory_mask=MASK)
    other = decoder(x, torch.where(REAL, memory, 100.0), memory_mask=MASK)
    torch.testing.assert_close(decoded, other, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(decoded, decoder(x, memory), atol=1e-3)


def test_an_encoder_reads_both_ways_and_a_decoder_only_backwards():
    x = torch.randn(1, T, D)
    changed = x.clone()
    changed[:, 3] = torch.randn(D)  # not only shifted: a norm would take that out again
    encoder, decoder = Encoder(config(True), LAYERS), Decoder(config(True), LAYERS)
    assert not torch.allclose(encoder(x)[:, :3], encoder(changed)[:, :3], atol=1e-3)
    torch.testing.assert_close(decoder(x)[:, :3], decoder(changed)[:, :3], rtol=0, atol=1e-6)
    assert not torch.allclose(decoder(x)[:, 3:], decoder(changed)[:, 3:], atol=1e-3)


@pytest.mark.parametrize(
    "cuts", [range(T + 1), (0, 2, 5), (0, 1, 4, 5), (0, 5)], ids=["ones", "chunks", "mixed", "all"]
)
@pytest.mark.parametrize("cross", [False, True], ids=["gpt", "cross"])
@torch.no_grad()
def test_a_cached_decoder_equals_an_uncached_one(cuts, cross):
    decoder = Decoder(config(True, qk_norm=True), LAYERS, cross_attention=cross)
    rotary, x = Rotary(T, D // H), torch.randn(B, T, D)
    memory, memory_mask = (torch.randn(B, S, D), MASK) if cross else (None, None)
    whole = decoder(x, memory, memory_mask=memory_mask, rotation=rotary(T))
    cache = KVCache(LAYERS, (B, H, T, D // H))
    parts = [
        decoder(x[:, start:end], memory, memory_mask=memory_mask, rotation=rotary(end - start, start), cache=cache)
        for start, end in pairwise(cuts)
    ]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_the_memory_is_projected_once_and_forgotten_by_clear():
    decoder = Decoder(config(True), LAYERS, cross_attention=True)
    cache, x, memory = KVCache(LAYERS, (B, H, T, D // H)), torch.randn(B, 1, D), torch.randn(B, S, D)
    decoder(x, memory, cache=cache)
    first = cache.layers[0].memory[0]
    decoder(x, memory, cache=cache)
    assert cache.layers[0].memory[0] is first
    cache.clear()
    other = torch.randn(B, S, D)
    torch.testing.assert_close(decoder(x, other, cache=cache), decoder(x, other), rtol=1e-5, atol=1e-5)


def test_a_decoder_needs_a_memory_exactly_if_it_crosses_over():
    x = torch.randn(B, T, D)
    with pytest.raises(ValueError, match="memory"):
        Decoder(config(True), 1, cross_attention=True)(x)
    with pytest.raises(ValueError, match="memory"):
        Decoder(config(True), 1)(x, torch.randn(B, S, D))


def test_the_hidden_size_is_four_times_the_width_unless_given():
    assert Block(BlockConfig(D, H)).feed_forward.up.out_features == 4 * D
    assert Block(config(True)).feed_forward.up.out_features == HIDDEN


@pytest.mark.parametrize("part", ["attention", "feed_forward"])
def test_dropout_works_on_each_part_in_training_alone(part):
    block, x = Block(config(True, dropout=0.5)), torch.randn(B, T, D)
    other = block.feed_forward if part == "attention" else block.attention
    nn.init.zeros_((other.down if part == "attention" else other.to_out).weight)
    assert not torch.equal(block(x), block(x))
    block.eval()
    assert torch.equal(block(x), block(x))


def test_dropout_works_on_what_each_part_adds():
    block, x = Block(config(True, dropout=0.5)), torch.randn(B, T, D)
    block.attention.dropout.p = block.feed_forward.dropout.p = 0.0  # leaves the dropout of the block
    nn.init.zeros_(block.feed_forward.down.weight)
    nn.init.zeros_(block.feed_forward.down.bias)
    untouched = (block(x) == x).float().mean()
    assert 0.3 < untouched < 0.7


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="unknown norm 'batch'"):
        Block(BlockConfig(D, H, norm="batch"))
