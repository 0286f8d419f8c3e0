"""GPT: causality, the cache, the forgetting, and how it starts."""

import copy
import math
from itertools import pairwise

import pytest
import torch
from parity import randomise
from torch.testing import assert_close

from minigen.layers import BlockConfig
from minigen.models.gpt import GPT, GPTConfig

B, T, V, D, H, LAYERS = 2, 9, 13, 16, 2, 2


def make(positions: str = "rotary", context_length: int = T, **changes) -> GPT:
    """A small GPT with weights that all matter; the seed is that of the test."""
    block = changes.pop("block", BlockConfig(D, H))
    model = GPT(GPTConfig(V, context_length, LAYERS, block, positions, **changes))
    randomise(model)
    return model.eval()


def tokens(batch: int = B, length: int = T) -> torch.Tensor:
    """Random tokens."""
    return torch.randint(V, (batch, length))


@pytest.mark.parametrize("positions", ["rotary", "learned", "sinusoidal"])
def test_a_token_changes_nothing_before_it(positions):
    model, x = make(positions), tokens()
    changed = x.clone()
    changed[:, 5] = (x[:, 5] + 1) % V
    before, after = model(x), model(changed)
    assert_close(before[:, :5], after[:, :5], rtol=0, atol=1e-6)
    assert (before[:, 5:] - after[:, 5:]).abs().amax(dim=(0, 2)).min() > 1e-3


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_no_gradient_flows_to_later_tokens(positions):
    model = make(positions)
    embedded = []
    model.embedding.register_forward_hook(lambda module, inputs, output: embedded.append(output))
    logits = model(tokens())
    embedded[0].retain_grad()
    logits[:, 4].square().sum().backward()
    sizes = embedded[0].grad.abs().amax(dim=(0, 2))
    assert (sizes[5:] == 0).all()
    assert (sizes[:5] > 0).all()


@pytest.mark.parametrize("positions", ["rotary", "learned", "sinusoidal"])
@pytest.mark.parametrize("cuts", [range(T + 1), (0, 4, 9), (0, 1, 2, 7, 8, 9)], ids=["ones", "halves", "mixed"])
@torch.no_grad()
def test_cached_logits_equal_uncached(positions, cuts):
    model, x = make(positions), tokens()
    cache = model.new_cache(B)
    parts = [model(x[:, start:end], cache) for start, end in pairwise(cuts)]
    assert_close(torch.cat(parts, dim=1), model(x), rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="context is 9"):
        model(x[:, :1], cache)


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_a_full_context_is_forgotten_down_to_its_newer_half(positions):
    model, x = make(positions, context_length=6), tokens(length=20)
    step = model.next_token_function()
    seen = 0  # tokens that the model should still know, by the documented rule
    for end in range(1, 21):
        logits = step(x[:, end - 1 : end])
        seen = 3 if seen == 6 else seen + 1
        with torch.no_grad():
            assert_close(logits, model(x[:, end - seen : end])[:, -1], rtol=1e-5, atol=1e-5)


def test_a_chunk_longer_than_the_context_is_cut_to_its_newer_half():
    model, x = make(context_length=6), tokens(length=20)
    logits = model.next_token_function()(x)
    assert_close(logits, model(x[:, -3:])[:, -1].detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("chunks", [[1] * 20, [6, 1, 1, 1, 5, 2], [4, 9, 3]])
def test_the_next_token_function_gives_the_same_without_a_cache(chunks):
    model, x = make(context_length=6), tokens(length=20)
    cached, plain = model.next_token_function(), model.next_token_function(use_cache=False)
    for chunk in x[:, : sum(chunks)].split(chunks, dim=1):
        assert_close(cached(chunk), plain(chunk), rtol=1e-5, atol=1e-5)


def test_a_model_in_bfloat16_writes_nearly_the_same():
    model, x = make(), tokens()
    exact, step = model(x).detach(), copy.deepcopy(model).bfloat16().next_token_function()
    for position in range(T):
        logits = step(x[:, position : position + 1])
        # Eight bits of each number are left: up to a tenth of what logits vary by, through two layers.
        assert_close(logits.float(), exact[:, position], rtol=0, atol=0.12 * exact.std().item())
    assert logits.dtype == torch.bfloat16


def test_the_next_token_function_keeps_no_graph():
    assert not make().next_token_function()(tokens(length=2)).requires_grad


def test_evaluation_is_deterministic_and_training_drops_out():
    model, x = make(block=BlockConfig(D, H, dropout=0.5)), tokens()
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x), model(x))


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_the_loss_of_step_0_is_ln_v(positions):
    model = GPT(GPTConfig(V, T, LAYERS, BlockConfig(D, H), positions))
    total, count = model.loss((tokens(), tokens()))
    assert float((total / count).detach()) == pytest.approx(math.log(V), abs=1e-5)


def test_the_loss_of_step_0_is_near_ln_v_with_tied_embeddings():
    model = GPT(GPTConfig(1000, T, LAYERS, BlockConfig(D, H), tie_embeddings=True))
    total, count = model.loss((torch.randint(1000, (50, T)), torch.randint(1000, (50, T))))
    assert float((total / count).detach()) == pytest.approx(math.log(1000), abs=0.02)


def test_each_block_starts_as_the_identity():
    model = GPT(GPTConfig(V, T, LAYERS, BlockConfig(D, H)))
    x = torch.randn(B, T, D)
    for block in model.decoder.blocks:
        assert torch.equal(block(x, causal=True), x)


def test_all_weights_learn_within_two_steps():
    model = GPT(GPTConfig(V, T, LAYERS, BlockConfig(D, H)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):  # the zeros of head and output projections hold the others back for a step each
        optimizer.zero_grad()
        model.loss((tokens(), tokens()))[0].backward()
        optimizer.step()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


@pytest.mark.parametrize("tied", [False, True])
def test_the_number_of_parameters_follows_the_formula(tied):
    model = GPT(GPTConfig(V, T, LAYERS, BlockConfig(D, H), "learned", tie_embeddings=tied))
    block = 12 * D**2 + 13 * D  # 3 + 1 + 4 + 4 squares; biases 3 + 1 + 4 + 1; two norms of 2
    expected = (1 if tied else 2) * V * D + T * D + LAYERS * block + 2 * D
    assert sum(p.numel() for p in model.parameters()) == expected
    bare = GPT(GPTConfig(V, T, LAYERS, BlockConfig(D, H, bias=False, norm="rms", norm_weight=False)))
    assert sum(p.numel() for p in bare.parameters()) == 2 * V * D + LAYERS * 12 * D**2


def test_tied_embeddings_are_one_tensor():
    model = make(tie_embeddings=True)
    assert model.head.weight is model.embedding.weight
    model.loss((tokens(), tokens()))[0].backward()
    assert (model.embedding.weight.grad.abs().sum(1) > 0).all()


def test_ignored_targets_count_for_nothing():
    model, inputs, targets = make(), tokens(), tokens()
    ragged = targets.clone()
    ragged[0, 4:] = -100
    total, count = model.loss((inputs, ragged))
    first, _ = model.loss((inputs[:1, :4], targets[:1, :4]))
    second, _ = model.loss((inputs[1:], targets[1:]))
    assert int(count) == 4 + T
    assert_close(total, first + second, rtol=1e-5, atol=1e-5)


def test_the_cap_bends_logits_softly():
    free, capped = make(), make(logit_cap=0.5)
    capped.load_state_dict(free.state_dict())
    x = tokens()
    assert free(x).abs().max() > 0.5
    assert_close(capped(x), 0.5 * torch.tanh(free(x) / 0.5))


def test_a_text_longer_than_the_context_is_refused():
    for positions in ("rotary", "learned", "sinusoidal"):
        with pytest.raises(ValueError, match="context is 9 tokens"):
            make(positions)(tokens(length=T + 1))


def test_unknown_positions_are_refused():
    with pytest.raises(ValueError, match="unknown positions 'alibi'"):
        make("alibi")


@pytest.mark.gpu
def test_the_gpu_computes_what_the_cpu_computes():
    model, x = make(), tokens()
    expected = model(x)
    assert_close(model.cuda()(x.cuda()).cpu(), expected, rtol=1e-4, atol=1e-4)
