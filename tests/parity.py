"""Two computations are equal when their results and all their gradients are."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from minigen.layers import Block, MultiHeadAttention

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def assert_parity(
    ours: Callable[..., Tensor],
    theirs: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    parameters: Sequence[tuple[Tensor, Tensor]] = (),
    keep: Tensor | None = None,
) -> None:
    """Same output, same gradients of inputs and of each pair of parameters. keep: which outputs count (not padding)."""
    results = []
    for function in (ours, theirs):
        copies = [x.clone().requires_grad_() for x in inputs]
        y = function(*copies)
        y = y if keep is None else y * keep
        probe = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
        (y * probe).sum().backward()
        results.append([y.detach(), *(x.grad for x in copies)])
    for mine, reference in zip(*results, strict=True):
        torch.testing.assert_close(mine, reference, **TOLERANCE)
    for mine, reference in parameters:
        assert reference.grad is not None
        assert reference.grad.abs().max() > 1e-3, "a gradient of nothing proves nothing"
        torch.testing.assert_close(mine.grad, reference.grad, **TOLERANCE)


Pairs = list[tuple[Tensor, Tensor]]


def randomise(module: nn.Module) -> None:
    """Fills all parameters, the biases and norm scales too, so that none can be forgotten unnoticed."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, mean=0.1, std=0.3)


def copy_pairs(pairs: Pairs) -> Pairs:
    """Copies the second of each pair into the first."""
    with torch.no_grad():
        for ours, theirs in pairs:
            assert ours.shape == theirs.shape
            ours.copy_(theirs)
    return pairs


def attention_pairs(ours: MultiHeadAttention, theirs: nn.MultiheadAttention) -> Pairs:
    """What corresponds to what in torch's attention."""
    return [
        (ours.to_qkv.weight, theirs.in_proj_weight),
        (ours.to_qkv.bias, theirs.in_proj_bias),
        (ours.to_out.weight, theirs.out_proj.weight),
        (ours.to_out.bias, theirs.out_proj.bias),
    ]


def block_pairs(ours: Block, theirs: nn.Module) -> Pairs:
    """What corresponds to what in torch's encoder and decoder layers."""
    pairs = attention_pairs(ours.attention, theirs.self_attn)
    modules = [
        (ours.attention_norm, theirs.norm1),
        (ours.feed_forward.up, theirs.linear1),
        (ours.feed_forward.down, theirs.linear2),
    ]
    if ours.cross_attention is None:
        modules.append((ours.feed_forward_norm, theirs.norm2))
    else:
        pairs += attention_pairs(ours.cross_attention, theirs.multihead_attn)
        modules += [(ours.cross_norm, theirs.norm2), (ours.feed_forward_norm, theirs.norm3)]
    for mine, reference in modules:
        pairs += [(mine.weight, reference.weight), (mine.bias, reference.bias)]
    return pairs


def linear_pairs(ours: nn.Module, theirs: nn.Module, transposed: bool = False) -> Pairs:
    """Weights and biases of two linear layers; GPT-2 keeps its matrices the other way round."""
    weight = theirs.weight.T if transposed else theirs.weight
    return [(ours.weight, weight), (ours.bias, theirs.bias)]


def gpt2_pairs(ours: nn.Module, theirs: nn.Module) -> Pairs:
    """All parameters of our GPT and of transformers' GPT2LMHeadModel."""
    body = theirs.transformer
    pairs = [(ours.embedding.weight, body.wte.weight), (ours.positions.table, body.wpe.weight)]
    for mine, other in zip(ours.decoder.blocks, body.h, strict=True):
        pairs += linear_pairs(mine.attention_norm, other.ln_1) + linear_pairs(mine.feed_forward_norm, other.ln_2)
        pairs += linear_pairs(mine.attention.to_qkv, other.attn.c_attn, True)
        pairs += linear_pairs(mine.attention.to_out, other.attn.c_proj, True)
        pairs += linear_pairs(mine.feed_forward.up, other.mlp.c_fc, True)
        pairs += linear_pairs(mine.feed_forward.down, other.mlp.c_proj, True)
    return pairs + linear_pairs(ours.decoder.final_norm, body.ln_f)
