"""Muon against the published rule and torch's own; AdamW's groups; schedules against closed forms."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from training_tools import TINY, tiny_gpt

from minigen.layers import BlockConfig
from minigen.models.classifier import Classifier, ClassifierConfig
from minigen.training import Muon, TrainConfig, cosine, make_optimizers, trapezoid
from minigen.training.optimizers import COEFFICIENTS, orthogonalise, split_parameters

SHAPES = [(6, 10), (10, 6), (6, 10), (8, 8)]


def published_step(weight, gradient, buffer, lr, weight_decay, momentum=0.95):
    """The rule as published, for one matrix, with plain products and no lerp."""
    buffer = momentum * buffer + (1 - momentum) * gradient
    x = momentum * buffer + (1 - momentum) * gradient
    wide = weight.shape[0] <= weight.shape[1]
    x = x if wide else x.T
    x = x / x.norm()
    a, b, c = COEFFICIENTS
    for _ in range(5):
        x = a * x + b * (x @ x.T) @ x + c * (x @ x.T) @ (x @ x.T) @ x
    x = x if wide else x.T
    scale = max(1, weight.shape[0] / weight.shape[1]) ** 0.5
    return weight * (1 - lr * weight_decay) - lr * scale * x, buffer


def test_muon_follows_the_published_rule():
    matrices = [nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    optimizer = Muon(matrices, lr=0.1, weight_decay=0.2)
    optimizer.param_groups[0]["precision"] = torch.float32
    expected = [(matrix.detach().clone(), torch.zeros(matrix.shape)) for matrix in matrices]
    for _ in range(3):
        for number, matrix in enumerate(matrices):
            matrix.grad = torch.randn(matrix.shape)
            expected[number] = published_step(expected[number][0], matrix.grad, expected[number][1], 0.1, 0.2)
        optimizer.step()
    for matrix, (weight, _) in zip(matrices, expected, strict=True):
        torch.testing.assert_close(matrix.detach(), weight, rtol=1e-5, atol=1e-5)


def test_muon_is_close_to_torchs_own():
    ours = [nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    theirs = [nn.Parameter(matrix.detach().clone()) for matrix in ours]
    start = [matrix.detach().clone() for matrix in ours]
    optimizers = [Muon(ours, 0.1, 0.1), torch.optim.Muon(theirs, lr=0.1, weight_decay=0.1)]
    for _ in range(3):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn(mine.shape)
            other.grad = mine.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for mine, other, before in zip(ours, theirs, start, strict=True):  # torch's computes in bfloat16
        assert (mine - other).norm() < 0.02 * (mine - before).norm()


@pytest.mark.parametrize("shape", [(5, 12), (12, 5), (7, 7)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape):
    values = torch.linalg.svdvals(orthogonalise(torch.randn(3, *shape)))
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_a_zero_gradient_moves_nothing():
    matrix = nn.Parameter(torch.randn(4, 6))
    before = matrix.detach().clone()
    matrix.grad = torch.zeros(4, 6)
    Muon([matrix]).step()
    assert torch.equal(matrix, before)


def test_muon_leaves_matrices_without_a_gradient_alone():
    one, other = nn.Parameter(torch.randn(4, 6)), nn.Parameter(torch.randn(4, 6))
    before = other.detach().clone()
    one.grad = torch.randn(4, 6)
    Muon([one, other], weight_decay=0.5).step()
    assert torch.equal(other, before)


def test_muon_refuses_what_is_no_matrix():
    with pytest.raises(ValueError, match=r"shape \(4,\)"):
        Muon([nn.Parameter(torch.ones(4))])


def test_muon_takes_the_matrices_of_the_blocks_and_adamw_the_rest():
    model = tiny_gpt(positions="learned")
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    adamw, muon = make_optimizers(model, replace(TINY, optimizer="muon", weight_decay=0.1))
    in_muon = {names[id(p)] for group in muon.param_groups for p in group["params"]}
    decayed, plain = ({names[id(p)] for p in group["params"]} for group in adamw.param_groups)
    assert in_muon == {
        f"decoder.blocks.{n}.{part}.weight"
        for n in (0, 1)
        for part in ("attention.to_qkv", "attention.to_out", "feed_forward.up", "feed_forward.down")
    }
    assert decayed == {"embedding.weight", "positions.table", "head.weight"}
    assert in_muon | decayed | plain == set(names.values())
    assert [group["weight_decay"] for group in adamw.param_groups] == [0.1, 0.0]
    assert [group["peak"] for group in (*adamw.param_groups, *muon.param_groups)] == [0.01, 0.01, 0.02]


def test_adamw_alone_takes_everything_and_decays_no_norm_and_no_bias():
    model = tiny_gpt()
    (adamw,) = make_optimizers(model, replace(TINY, optimizer="adamw", learning_rate=0.005, weight_decay=0.1))
    decayed, plain = (group["params"] for group in adamw.param_groups)
    assert {p.ndim for p in decayed} == {2}
    assert {p.ndim for p in plain} == {1}
    assert len(decayed) + len(plain) == len(list(model.parameters()))
    assert {group["peak"] for group in adamw.param_groups} == {0.005}
    assert adamw.defaults["betas"] == TINY.betas


def test_weight_decay_shrinks_matrices_and_spares_biases():
    model = tiny_gpt()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
            parameter.grad = torch.zeros_like(parameter)
    for optimizer in make_optimizers(model, replace(TINY, weight_decay=0.1, learning_rate=0.02)):
        optimizer.step()
    matrices, rest = split_parameters(model)
    assert {round(float(p.detach().mean()), 6) for p in matrices} == {1 - 0.02 * 0.1}
    assert {round(float(p.detach().mean()), 6) for p in rest if p.ndim == 2} == {1 - 0.01 * 0.1}
    assert {float(p.detach().mean()) for p in rest if p.ndim == 1} == {1.0}


def test_the_trapezoid_rises_stays_and_falls_to_zero():
    points = [trapezoid(progress, 0.1, 0.4) for progress in (0, 0.05, 0.1, 0.5, 0.6, 0.8, 1)]
    assert points == pytest.approx([0.01, 0.5, 1, 1, 1, 0.5, 0])
    assert [trapezoid(progress, 0, 0) for progress in (0, 0.5, 1)] == [1, 1, 1]


def test_the_trapezoid_equals_torchs_linear_schedules():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
    up = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, 1.0, total_iters=20)
    flat = torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
    down = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1e-9, total_iters=50)
    schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [up, flat, down], milestones=[20, 50])
    for step in range(100):
        assert trapezoid(step / 100, 0.2, 0.5) == pytest.approx(optimizer.param_groups[0]["lr"], abs=0.011)
        optimizer.step()
        schedule.step()


def test_the_cosine_equals_torchs_after_the_warm_up():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=90, eta_min=0.1)
    for step in range(10, 100):
        assert cosine(step / 100, 0.1) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-6)
        optimizer.step()
        schedule.step()
    assert [cosine(progress, 0.1) for progress in (0, 0.05, 1)] == pytest.approx([0.01, 0.5, 0.1])


def test_lower_layers_learn_slower_and_the_head_at_its_own_rate():
    model = Classifier(ClassifierConfig(10, 8, 2, 3, BlockConfig(8, 2)))
    config = TrainConfig(
        steps=1, optimizer="adamw", learning_rate=0.1, layer_decay=0.5, head_learning_rate=0.3, weight_decay=0.2
    )
    (adamw,) = make_optimizers(model, config)
    assert adamw.param_groups[0]["peak"] == 0.1
    peak = {id(p): group["peak"] for group in adamw.param_groups for p in group["params"]}
    decay = {id(p): group["weight_decay"] for group in adamw.param_groups for p in group["params"]}
    blocks = model.encoder.blocks
    found = [peak[id(p)] for p in (model.embedding.weight, *(block.feed_forward.up.bias for block in blocks))]
    assert found == pytest.approx([0.0125, 0.025, 0.05, 0.1])
    assert peak[id(model.encoder.final_norm.weight)] == 0.1
    assert peak[id(model.head.weight)] == peak[id(model.head.bias)] == 0.3
    assert (decay[id(blocks[0].feed_forward.up.weight)], decay[id(blocks[0].feed_forward.up.bias)]) == (0.2, 0.0)
    with pytest.raises(ValueError, match="layer_decay must be above 0, got 0"):
        TrainConfig(steps=1, layer_decay=0)
