"""Dropout: the right share, the same mean, nothing in evaluation, repeatable, gradients of what was kept alone."""

import pytest
import torch

from minigen.layers import Dropout


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
def test_a_share_is_left_out_and_the_mean_stays(p):
    x = torch.ones(400, 500)
    y = Dropout(p)(x)
    assert float((y == 0).float().mean()) == pytest.approx(p, abs=1 / 512 + 0.005)
    assert float(y.mean()) == pytest.approx(1, abs=0.02)
    kept = y[y != 0]
    assert torch.equal(kept, torch.full_like(kept, float(kept[0])))


def test_elements_are_left_out_independently_of_their_neighbours():
    out = (Dropout(0.5)(torch.ones(1 << 17)) == 0).float()
    for distance in (1, 2, 7, 8, 9, 64):
        both = float((out[distance:] * out[:-distance]).mean())
        assert both == pytest.approx(0.25, abs=0.01)


def test_evaluation_and_no_dropout_change_nothing():
    x = torch.randn(7, 13)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 3, 7), (0, 4)])
def test_any_shape_and_the_same_seed_gives_the_same(shape):
    x, results = torch.randn(shape), []
    for _ in range(2):
        torch.manual_seed(7)
        results.append(Dropout(0.5)(x))
    assert results[0].shape == shape
    assert torch.equal(*results)


def test_gradients_flow_through_what_was_kept_alone():
    x = torch.randn(50, 60, requires_grad=True)
    y = Dropout(0.3)(x)
    y.sum().backward()
    assert torch.equal(x.grad == 0, y == 0)
    kept = x.grad[x.grad != 0]
    assert torch.allclose(kept, torch.full_like(kept, 256 / (256 - 77)))


@pytest.mark.parametrize("p", [-0.1, 1.0, 2])
def test_impossible_shares_are_refused(p):
    with pytest.raises(ValueError, match="dropout must be at least 0 and below 1"):
        Dropout(p)
