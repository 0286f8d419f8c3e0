"""GPT against transformers' GPT-2 and GPT-NeoX, with their weights copied: logits, loss and gradients."""

from collections.abc import Callable

import torch
from parity import copy_pairs, gpt2_pairs, linear_pairs, randomise
from torch.testing import assert_close
from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM

from minigen.layers import BlockConfig
from minigen.models.gpt import GPT, IGNORED, GPTConfig

T, V, D, H, LAYERS = 9, 13, 16, 2, 2


def assert_same_model(ours: GPT, theirs: torch.nn.Module, gradients: Callable[[], list]) -> None:
    """Logits, loss, and the gradients, in pairs that are asked for once they are there."""
    x = torch.randint(V, (3, T))
    targets = torch.cat((x[:, 1:], torch.full((3, 1), IGNORED)), dim=1)  # transformers moves the labels itself
    logits, reference = ours(x), theirs(x, labels=x)
    assert logits.std() > 0.1
    assert_close(logits, reference.logits, rtol=1e-4, atol=1e-4)
    total, count = ours.loss((x, targets))
    assert int(count) == 3 * (T - 1)
    assert_close(total / count, reference.loss, rtol=1e-5, atol=1e-5)
    (total / count).backward()
    reference.loss.backward()
    for mine, other in gradients():
        assert other.abs().max() > 1e-4
        assert_close(mine, other, rtol=1e-4, atol=1e-5)


def test_gpt_equals_transformers_gpt2():
    config = GPT2Config(
        vocab_size=V, n_positions=T, n_embd=D, n_layer=LAYERS, n_head=H, resid_pdrop=0.0, embd_pdrop=0.0,
        attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    theirs = GPT2LMHeadModel(config).eval()
    randomise(theirs)
    ours = GPT(GPTConfig(V, T, LAYERS, BlockConfig(D, H, activation="gelu_tanh"), "learned", tie_embeddings=True))
    pairs = gpt2_pairs(ours, theirs)
    copy_pairs(pairs)
    assert len(pairs) == len(list(ours.parameters())) == len(list(theirs.parameters()))
    body = theirs.transformer
    last, other = ours.decoder.blocks[-1], body.h[-1]
    assert_same_model(
        ours,
        theirs,
        lambda: [
            (ours.embedding.weight.grad, body.wte.weight.grad),
            (ours.positions.table.grad, body.wpe.weight.grad),
            (last.attention.to_qkv.weight.grad, other.attn.c_attn.weight.grad.T),
            (last.feed_forward.down.weight.grad, other.mlp.c_proj.weight.grad.T),
            (last.attention_norm.bias.grad, other.ln_1.bias.grad),
        ],
    )


def by_part(tensor: torch.Tensor) -> torch.Tensor:
    """NeoX's (head, q/k/v, channel) rows in our order (q/k/v, head, channel), with rotated pairs as neighbours."""
    parts = tensor.unflatten(0, (H, 3, D // H)).transpose(0, 1).clone()  # (3, H, Dh, ...)
    neighbours = torch.arange(D // H).view(2, -1).T.flatten()
    parts[:2] = parts[:2][:, :, neighbours]
    return parts.flatten(0, 2)


def test_gpt_with_rotary_positions_equals_transformers_gpt_neox():
    config = GPTNeoXConfig(
        vocab_size=V, hidden_size=D, num_hidden_layers=LAYERS, num_attention_heads=H, intermediate_size=4 * D,
        hidden_act="gelu", max_position_embeddings=T, use_parallel_residual=False, bos_token_id=0, eos_token_id=0,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 1.0},
    )  # fmt: skip
    theirs = GPTNeoXForCausalLM(config).eval()
    randomise(theirs)
    ours = GPT(GPTConfig(V, T, LAYERS, BlockConfig(D, H)))
    body = theirs.gpt_neox
    pairs = [(ours.embedding.weight, body.embed_in.weight), (ours.head.weight, theirs.get_output_embeddings().weight)]
    for mine, other in zip(ours.decoder.blocks, body.layers, strict=True):
        pairs += linear_pairs(mine.attention_norm, other.input_layernorm)
        pairs += linear_pairs(mine.feed_forward_norm, other.post_attention_layernorm)
        pairs += linear_pairs(mine.attention.to_out, other.attention.dense)
        pairs += linear_pairs(mine.feed_forward.up, other.mlp.dense_h_to_4h)
        pairs += linear_pairs(mine.feed_forward.down, other.mlp.dense_4h_to_h)
        qkv = other.attention.query_key_value
        copy_pairs([(mine.attention.to_qkv.weight, by_part(qkv.weight.detach()))])
        copy_pairs([(mine.attention.to_qkv.bias, by_part(qkv.bias.detach()))])
    copy_pairs(pairs + linear_pairs(ours.decoder.final_norm, body.final_layer_norm))
    assert_same_model(ours, theirs, lambda: [(mine.grad, other.grad) for mine, other in pairs])
