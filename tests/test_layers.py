"""Attention, feed-forward and norms against torch's own; masks and the cache by their properties."""

import copy

import pytest
import torch
import torch.nn.functional as F
from parity import assert_parity, attention_pairs, copy_pairs, randomise
from torch import nn

from minigen.layers import (
    FeedForward,
    KVCache,
    LayerNorm,
    MultiHeadAttention,
    RMSNorm,
    Rotary,
    attention,
    attention_weights,
    causal_mask,
    padding_mask,
    scaled_dot_product_attention,
)
from minigen.layers.feed_forward import ACTIVATIONS

B, T, S, D, H = 3, 5, 7, 16, 4
LENGTHS = torch.tensor([7, 2, 5])


@pytest.fixture
def pair():
    """Our attention and torch's, with the same random weights."""
    theirs = nn.MultiheadAttention(D, H, batch_first=True)
    randomise(theirs)
    ours = MultiHeadAttention(D, H)
    return ours, theirs, copy_pairs(attention_pairs(ours, theirs))


def test_self_attention_equals_torch(pair):
    ours, theirs, pairs = pair
    assert_parity(ours, lambda x: theirs(x, x, x, need_weights=False)[0], [torch.randn(B, T, D)], pairs)


def test_causal_attention_equals_torch(pair):
    ours, theirs, pairs = pair
    hidden = ~causal_mask(T)  # torch's masks are the other way round: True hides
    assert_parity(
        lambda x: ours(x, causal=True), lambda x: theirs(x, x, x, attn_mask=hidden)[0], [torch.randn(B, T, D)], pairs
    )


def test_attention_to_padded_keys_equals_torch(pair):
    ours, theirs, pairs = pair
    mask = padding_mask(LENGTHS, S)
    assert_parity(
        lambda x: ours(x, mask=mask),
        lambda x: theirs(x, x, x, key_padding_mask=~mask[:, 0, 0])[0],
        [torch.randn(B, S, D)],
        pairs,
    )


def test_causal_attention_to_padded_keys_equals_torch(pair):
    ours, theirs, pairs = pair
    mask = padding_mask(LENGTHS, S)
    assert_parity(
        lambda x: ours(x, mask=mask, causal=True),
        lambda x: theirs(x, x, x, attn_mask=~causal_mask(S), key_padding_mask=~mask[:, 0, 0])[0],
        [torch.randn(B, S, D)],
        pairs,
    )


def test_cross_attention_equals_torch(pair):
    ours, theirs, pairs = pair
    mask = padding_mask(LENGTHS, S)
    assert_parity(
        lambda x, context: ours(x, context, mask=mask),
        lambda x, context: theirs(x, context, context, key_padding_mask=~mask[:, 0, 0])[0],
        [torch.randn(B, T, D), torch.randn(B, S, D)],
        pairs,
    )


def test_attention_weights_equal_torch(pair):
    ours, theirs, _ = pair
    x = torch.randn(B, T, D)
    _, weights = theirs(x, x, x, attn_mask=~causal_mask(T), average_attn_weights=False)
    torch.testing.assert_close(ours.weights(x, causal=True), weights, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mask", [None, causal_mask(T, S), padding_mask(LENGTHS, S)], ids=["none", "causal", "padding"])
def test_explicit_attention_equals_the_fused_kernel(mask):
    inputs = [torch.randn(B, H, T, 4), torch.randn(B, H, S, 4), torch.randn(B, H, S, 6)]
    assert_parity(
        lambda q, k, v: scaled_dot_product_attention(q, k, v, mask),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=mask),
        inputs,
    )


@pytest.mark.parametrize("qk_norm", [False, True])
def test_the_weights_of_a_layer_explain_its_output(qk_norm):
    layer = MultiHeadAttention(D, H, qk_norm=qk_norm)
    x, mask, rotation = torch.randn(B, S, D), padding_mask(LENGTHS, S), Rotary(S, D // H)(S)
    arguments = {"mask": mask, "causal": True, "rotation": rotation}
    values = layer.project(x, rotation=rotation)[2]
    by_hand = layer.to_out((layer.weights(x, **arguments) @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(layer(x, **arguments), by_hand, rtol=1e-5, atol=1e-6)


def test_attention_weights_are_shares():
    weights = attention_weights(torch.randn(B, T, 4), torch.randn(B, S, 4), causal_mask(T, S))
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, T))
    assert (weights[:, ~causal_mask(T, S)] == 0).all()


@pytest.mark.parametrize("context", [None, 1000 * torch.randn(B, S, D)], ids=["self", "cross"])
def test_normalised_queries_and_keys_bound_the_scores(context):
    layer = MultiHeadAttention(D, H, qk_norm=True)
    q, k, _ = layer.project(1000 * torch.randn(B, T, D), context)
    for x in (q, k):
        torch.testing.assert_close(x.square().mean(-1), torch.ones(x.shape[:-1]), rtol=1e-3, atol=1e-3)
    assert (q @ k.mT).abs().max() <= D // H + 1e-4


def test_attention_drops_weights_in_training_alone():
    layer = MultiHeadAttention(D, H, dropout=0.5)
    x = torch.randn(B, T, D)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


def test_dropped_weights_leave_the_mean_as_it_was_and_nothing_later_in():
    layer = MultiHeadAttention(D, H, dropout=0.5)
    x = torch.randn(1, T, D, requires_grad=True)
    with torch.no_grad():
        mean = torch.stack([layer(x, causal=True) for _ in range(4000)]).mean(dim=0)
        torch.testing.assert_close(mean, layer.eval()(x, causal=True), rtol=0, atol=0.1)
    layer.train()(x, causal=True)[:, 2].sum().backward()
    assert (x.grad[:, 3:] == 0).all()
    assert (x.grad[:, :3] != 0).any()


@pytest.mark.parametrize("arguments", [{"causal": True}, {"mask": padding_mask(LENGTHS, S)}], ids=["causal", "padding"])
def test_all_ways_to_train_in_bfloat16_agree_with_float32(arguments, monkeypatch):
    layer, x = MultiHeadAttention(64, H, qk_norm=True), torch.randn(B, S, 64)

    def results(precision: torch.dtype) -> tuple[torch.Tensor, ...]:
        own = x.clone().requires_grad_()
        with torch.autocast("cpu", precision, enabled=precision is torch.bfloat16):
            y = layer(own, **arguments).float()
        y.sin().sum().backward()
        return y.detach(), own.grad

    exact = results(torch.float32)
    torch.testing.assert_close(results(torch.bfloat16), exact, rtol=0.02, atol=0.02)  # the fused kernel in float32
    monkeypatch.setattr(attention, "SHORT", 0)  # spelt out in bfloat16
    torch.testing.assert_close(results(torch.bfloat16), exact, rtol=0.02, atol=0.02)
    monkeypatch.setattr(attention, "MOST_WEIGHTS", 0)  # the fused kernel in bfloat16
    torch.testing.assert_close(results(torch.bfloat16), exact, rtol=0.02, atol=0.02)


def test_the_newest_token_attends_alike_in_bfloat16():
    layer, x = MultiHeadAttention(64, H).eval(), torch.randn(B, S, 64)

    def newest(dtype: torch.dtype) -> torch.Tensor:
        own, cache = copy.deepcopy(layer).to(dtype), KVCache(1, (B, H, S, 64 // H), dtype=dtype).layers[0]
        chunks = x.to(dtype).split((S - 1, 1), dim=1)
        return [own(chunk, causal=True, cache=cache) for chunk in chunks][1].float()

    with torch.no_grad():
        torch.testing.assert_close(newest(torch.bfloat16), newest(torch.float32), rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    "precision, dropout, length, training, kernel, spelt_out",
    [
        (torch.bfloat16, 0.0, S, True, [torch.float32], []),
        (torch.bfloat16, 0.1, S, True, [], [torch.float32]),
        (torch.bfloat16, 0.0, 40, True, [], [torch.bfloat16]),
        (torch.bfloat16, 0.1, 40, True, [], [torch.bfloat16]),
        (torch.bfloat16, 0.1, 40, False, [torch.bfloat16], []),
        (torch.bfloat16, 0.1, 1, False, [], []),  # one query, by sums
        (torch.float32, 0.0, 1, False, [torch.float32], []),
        (torch.float32, 0.0, 40, True, [torch.float32], []),
        (torch.float32, 0.1, 40, True, [], [torch.float32]),
    ],
)
def test_attention_goes_the_way_that_is_fast(precision, dropout, length, training, kernel, spelt_out, monkeypatch):
    seen: dict[str, list[torch.dtype]] = {"scaled_dot_product_attention": [], "attention_weights": []}

    def watch(module, name: str) -> None:
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, **k: _remember(seen[name], original(*a, **k)))

    watch(F, "scaled_dot_product_attention")
    watch(attention, "attention_weights")
    layer = MultiHeadAttention(D, H, dropout=dropout).train(training)
    with torch.autocast("cpu", precision, enabled=precision is torch.bfloat16), torch.set_grad_enabled(training):
        layer(torch.randn(B, length, D), causal=True)
    assert seen == {"scaled_dot_product_attention": kernel, "attention_weights": spelt_out}


def test_the_newest_token_drops_weights_in_training_too():
    layer, x = MultiHeadAttention(64, H, dropout=0.5).bfloat16(), torch.randn(B, 1, 64).bfloat16()
    with torch.no_grad():
        assert not torch.equal(layer.train()(x), layer(x))
        assert torch.equal(layer.eval()(x), layer(x))


def _remember(seen: list[torch.dtype], y: torch.Tensor) -> torch.Tensor:
    seen.append(y.dtype)
    return y


def test_a_width_that_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="width 16 is not divisible by num_heads 3"):
        MultiHeadAttention(16, 3)


@pytest.mark.parametrize(
    "name, reference",
    [
        ("relu", nn.ReLU()),
        ("gelu", nn.GELU()),
        ("gelu_tanh", nn.GELU("tanh")),
        ("relu_squared", lambda x: x.relu() ** 2),
    ],
)
def test_feed_forward_equals_torch(name, reference):
    ours = FeedForward(D, 24, activation=name)
    randomise(ours)
    up, down = nn.Linear(D, 24), nn.Linear(24, D)
    pairs = [(ours.up.weight, up.weight), (ours.up.bias, up.bias), (ours.down.weight, down.weight)]
    pairs = copy_pairs([*pairs, (ours.down.bias, down.bias)])
    assert_parity(ours, lambda x: down(reference(up(x))), [torch.randn(B, T, D)], pairs)


def test_an_unknown_activation_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"'swish'.*" + ", ".join(ACTIVATIONS)):
        FeedForward(D, 24, activation="swish")


@pytest.mark.parametrize("path", ["forward", "explicit"])
@pytest.mark.parametrize("bias", [True, False])
def test_layer_norm_equals_torch(path, bias):
    ours, theirs = LayerNorm(D, bias=bias), nn.LayerNorm(D, bias=bias)
    randomise(theirs)
    pairs = copy_pairs(list(zip(ours.parameters(), theirs.parameters(), strict=True)))
    assert_parity(getattr(ours, path), theirs, [3 + 2 * torch.randn(B, T, D)], pairs)


@pytest.mark.parametrize("path", ["forward", "explicit"])
def test_rms_norm_equals_torch(path):
    ours, theirs = RMSNorm(D), nn.RMSNorm(D, eps=1e-6)
    randomise(theirs)
    pairs = copy_pairs([(ours.weight, theirs.weight)])
    assert_parity(getattr(ours, path), theirs, [3 + 2 * torch.randn(B, T, D)], pairs)


@pytest.mark.parametrize("norm", [LayerNorm(D, weight=False), RMSNorm(D, weight=False)], ids=["layer", "rms"])
def test_a_norm_without_weights_has_none_and_its_two_paths_agree(norm):
    assert not list(norm.parameters())
    assert_parity(norm.forward, norm.explicit, [3 + 2 * torch.randn(B, T, D)])
    torch.testing.assert_close(norm(torch.randn(B, D)).square().mean(-1), torch.ones(B), rtol=1e-3, atol=1e-3)


def test_the_last_query_of_a_causal_mask_sees_the_last_key():
    expected = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]], dtype=torch.bool)
    assert torch.equal(causal_mask(2, 4), expected)
    assert torch.equal(causal_mask(3), torch.ones(3, 3).tril().bool())


def test_a_causal_mask_with_too_few_keys_is_refused():
    with pytest.raises(ValueError, match="3 queries, 2 keys"):
        causal_mask(3, 2)


def test_a_padding_mask_shows_the_first_keys_of_each_row():
    assert padding_mask(torch.tensor([1, 3]), 3)[:, 0, 0].tolist() == [[True, False, False], [True, True, True]]


@pytest.mark.parametrize("lengths", [[0, 2], [1, 4]])
def test_lengths_that_do_not_fit_are_refused(lengths):
    with pytest.raises(ValueError, match=rf"1\.\.3, got {lengths[0]}\.\.{lengths[1]}"):
        padding_mask(torch.tensor(lengths), 3)


def test_a_full_cache_says_how_much_it_holds():
    cache = KVCache(1, (B, H, 4, 4))
    layer = MultiHeadAttention(D, H)
    with torch.no_grad():
        layer(torch.randn(B, 3, D), causal=True, cache=cache.layers[0])
        assert (cache.length, cache.capacity) == (3, 4)
        with pytest.raises(ValueError, match="holds 4 tokens and was asked to hold 5"):
            layer(torch.randn(B, 2, D), causal=True, cache=cache.layers[0])
    cache.clear()
    assert cache.length == 0
