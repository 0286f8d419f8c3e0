"""The GRU: equal to torch's, forward and gradients; a language model that forgets nothing it was given, and causal."""

import math

import pytest
import torch
from parity import TOLERANCE, assert_parity, copy_pairs, randomise
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.testing import assert_close

from minigen.layers import GRU, AdditiveAttention, BidirectionalGRU, BlockConfig, GRUStack
from minigen.models.gpt import GPT, GPTConfig
from minigen.models.gru import GRUConfig, GRULanguageModel, gru_like, num_parameters

B, T, I, D, V, LAYERS = 3, 7, 5, 8, 13, 2
LENGTHS = torch.tensor([7, 4, 1])


def gru_pairs(ours: GRU, theirs: nn.GRU, suffix: str = "l0") -> list[tuple[Tensor, Tensor]]:
    """All parameters of one layer and direction."""
    names = {"ih": ours.from_input, "hh": ours.from_state}
    return [
        (getattr(layer, kind), getattr(theirs, f"{kind}_{name}_{suffix}"))
        for name, layer in names.items()
        for kind in ("weight", "bias")
    ]


def torch_gru(**options) -> nn.GRU:
    """torch's, with weights that all matter."""
    theirs = nn.GRU(I, D, batch_first=True, **options)
    randomise(theirs)
    return theirs


@pytest.mark.parametrize("way", ["forward", "explicit"])
@pytest.mark.parametrize("with_state", [False, True], ids=["from nothing", "from a state"])
def test_equal_to_torchs_gru_forward_and_gradients(way, with_state):
    theirs, ours = torch_gru(), GRU(I, D)
    pairs = copy_pairs(gru_pairs(ours, theirs))
    inputs = [torch.randn(B, T, I)] + [torch.randn(B, D)] * with_state
    assert_parity(
        getattr(ours, way),
        lambda x, state=None: theirs(x, None if state is None else state[None])[0],
        inputs,
        pairs,
    )


def test_the_number_of_parameters_is_three_times_input_state_and_two_biases():
    assert num_parameters(GRU(I, D)) == 3 * (I * D + D**2 + 2 * D)


def test_reading_in_parts_is_reading_at_once():
    gru, x = GRU(I, D), torch.randn(B, T, I)
    first = gru(x[:, :3])
    assert_close(torch.cat((first, gru(x[:, 3:], first[:, -1])), dim=1), gru(x), **TOLERANCE)


def test_gates_decide_what_stays():
    gru, x, state = GRU(I, D), torch.randn(B, I), torch.randn(B, D)
    gates = gru.from_state.bias.data
    gates[D : 2 * D] = 100.0  # the update gate wide open: nothing changes
    assert_close(gru.step(x, state), state)
    gates[D : 2 * D], gates[:D] = -100.0, -100.0  # all is replaced, and the candidate does not see the state
    expected = torch.tanh(gru.from_input(x)[:, 2 * D :])
    assert_close(gru.step(x, state), expected, **TOLERANCE)
    assert_close(gru.step(x, 5 * state), expected, **TOLERANCE)


def test_both_directions_equal_torchs_on_texts_of_different_lengths():
    theirs = nn.GRU(D, D // 2, batch_first=True, bidirectional=True)
    randomise(theirs)
    ours = BidirectionalGRU(D)
    pairs = copy_pairs(gru_pairs(ours.forwards, theirs) + gru_pairs(ours.backwards, theirs, "l0_reverse"))

    def reference(x: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, LENGTHS, batch_first=True)
        return pad_packed_sequence(theirs(packed)[0], batch_first=True)[0]

    keep = (torch.arange(T) < LENGTHS[:, None])[:, :, None]
    assert_parity(lambda x: ours(x, LENGTHS), reference, [torch.randn(B, T, D)], pairs, keep)


def test_additive_attention_equals_its_formula_pair_by_pair():
    attention, queries, memory = AdditiveAttention(D), torch.randn(B, 4, D), torch.randn(B, T, D)
    mask = (torch.arange(T) < LENGTHS[:, None])[:, None]
    found = attention(queries, memory, attention.to_key(memory), mask)
    w, u, v = attention.to_query.weight, attention.to_key.weight, attention.to_score.weight[0]
    for b, length in enumerate(LENGTHS.tolist()):
        for t in range(4):
            scores = [v @ torch.tanh(w @ queries[b, t] + u @ memory[b, s]) for s in range(length)]
            weights = torch.stack(scores).softmax(dim=0)
            assert_close(found[b, t], weights @ memory[b, :length], **TOLERANCE)


@pytest.mark.parametrize("make", [lambda: GRU(I, D)(torch.zeros(B, 0, I)), lambda: BidirectionalGRU(5)])
def test_what_cannot_be_read_or_halved_is_refused(make):
    with pytest.raises(ValueError, match=r"at least one token|must be even, got 5"):
        make()


# The language model.


def make(**changes) -> GRULanguageModel:
    """A small model with weights that all matter; the seed is that of the test."""
    model = GRULanguageModel(GRUConfig(V, T, LAYERS, D, **changes))
    randomise(model)
    return model.eval()


def tokens(batch: int = B, length: int = T) -> Tensor:
    """Random tokens."""
    return torch.randint(V, (batch, length))


def test_a_stack_equals_torchs_gru_of_several_layers_and_hands_on_all_their_states():
    theirs, stack = nn.GRU(D, D, LAYERS, batch_first=True), GRUStack(D, LAYERS)
    randomise(theirs)
    pairs = [pair for n, gru in enumerate(stack.blocks) for pair in gru_pairs(gru, theirs, f"l{n}")]
    copy_pairs(pairs)
    x, state = torch.randn(B, T, D), torch.randn(LAYERS, B, D)
    assert_parity(lambda *inputs: stack(*inputs)[0], lambda *inputs: theirs(*inputs)[0], [x, state], pairs)
    assert_close(stack(x, state)[1], theirs(x, state)[1], **TOLERANCE)


def test_a_token_changes_nothing_before_it_and_all_after_it():
    model, x = make(), tokens()
    changed = x.clone()
    changed[:, 4] = (x[:, 4] + 1) % V
    before, after = model(x), model(changed)
    assert_close(before[:, :4], after[:, :4], rtol=0, atol=1e-6)
    assert (before[:, 4:] - after[:, 4:]).abs().amax(dim=(0, 2)).min() > 1e-4


def test_no_gradient_flows_to_later_tokens():
    model, embedded = make(), []
    model.embedding.register_forward_hook(lambda module, inputs, output: embedded.append(output))
    logits = model(tokens())
    embedded[0].retain_grad()
    logits[:, 4].square().sum().backward()
    sizes = embedded[0].grad.abs().amax(dim=(0, 2))
    assert (sizes[5:] == 0).all()
    assert (sizes[:5] > 0).all()


@pytest.mark.parametrize("chunks", [[1] * 20, [7, 1, 1, 9, 2], [20]])
@torch.no_grad()
def test_carrying_the_state_is_reading_all_again_however_long_the_text(chunks):
    model, x = make(logit_cap=5.0), tokens(length=20)
    step, whole, end = model.next_token_function(), model(x), 0
    for chunk in x.split(chunks, dim=1):
        end += chunk.shape[1]
        assert_close(step(chunk), whole[:, end - 1], **TOLERANCE)


def test_the_next_token_function_keeps_no_graph():
    assert not make().next_token_function()(tokens(length=2)).requires_grad


def test_evaluation_is_deterministic_and_training_drops_out():
    model, x = make(dropout=0.5), tokens()
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x), model(x))


def test_the_loss_of_step_0_is_ln_v_and_ignored_targets_count_for_nothing():
    model, inputs, targets = GRULanguageModel(GRUConfig(V, T, LAYERS, D)), tokens(), tokens()
    targets[0, 2:] = -100
    total, count = model.loss((inputs, targets))
    assert int(count) == 2 + 2 * T
    assert float((total / count).detach()) == pytest.approx(math.log(V), abs=1e-5)


def test_all_weights_learn_within_two_steps():
    model = GRULanguageModel(GRUConfig(V, T, LAYERS, D))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):  # the head at zero holds the others back for a step
        optimizer.zero_grad()
        model.loss((tokens(), tokens()))[0].backward()
        optimizer.step()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


def test_bfloat16_gives_about_the_same_and_finite_gradients():
    model, batch = make(), (tokens(), tokens())
    expected = model.loss(batch)[0].detach()
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = model.loss(batch)
    loss.backward()
    assert_close(loss.detach(), expected, rtol=0.02, atol=0.0)
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("layers, width", [(2, 64), (4, 128)])
def test_like_a_transformer_it_has_as_many_parameters_and_not_one_more(layers, width):
    config = GPTConfig(65, 32, layers, BlockConfig(width, 2, dropout=0.1), logit_cap=15.0)
    shape, most = gru_like(config), num_parameters(GPT(config))
    assert 0.85 * most < num_parameters(GRULanguageModel(shape)) <= most
    assert (shape.vocab_size, shape.context_length, shape.dropout, shape.logit_cap) == (65, 32, 0.1, 15.0)
