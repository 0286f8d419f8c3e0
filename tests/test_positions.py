"""Positions: the formula by a loop, rotary against transformers' Llama, and what rotation is for."""

import math

import pytest
import torch
from parity import assert_parity
from torch import nn
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from minigen.layers import LearnedPositions, Rotary, SinusoidalPositions, rotate, sinusoidal
from minigen.layers.positions import rotate_explicit

B, H, T, WIDTH = 2, 3, 9, 8


def test_the_sinusoidal_table_equals_a_plain_loop():
    table = sinusoidal(1000, 6)
    for position in (0, 1, 7, 999):
        for column in range(6):
            angle = position / 10_000 ** (column // 2 * 2 / 6)
            expected = math.cos(angle) if column % 2 else math.sin(angle)
            assert float(table[position, column]) == pytest.approx(expected, abs=1e-5)


def test_rotation_equals_that_of_llama_up_to_the_order_of_channels():
    # Llama pairs channel i with i + Dh/2; here neighbours are paired.
    to_llama = torch.cat((torch.arange(0, WIDTH, 2), torch.arange(1, WIDTH, 2)))
    frequencies = 10_000.0 ** (-torch.arange(0, WIDTH, 2) / WIDTH)
    angles = torch.arange(T)[:, None] * torch.cat((frequencies, frequencies))
    cos, sin = angles.cos()[None], angles.sin()[None]

    def llama(x):
        y, _ = apply_rotary_pos_emb(x[..., to_llama], x[..., to_llama], cos, sin)
        return y[..., to_llama.argsort()]

    assert_parity(lambda x: rotate(x, Rotary(T, WIDTH)(T)), llama, [torch.randn(B, H, T, WIDTH)])


def test_the_complex_and_the_real_path_of_rotate_agree():
    rotation = Rotary(T, WIDTH)(T)
    assert_parity(
        lambda x: rotate(x, rotation),
        lambda x: rotate_explicit(x.unflatten(-1, (-1, 2)), rotation).flatten(-2),
        [torch.randn(B, H, T, WIDTH)],
    )


def test_rotated_products_depend_on_the_distance_alone():
    q, k = torch.randn(WIDTH), torch.randn(WIDTH)
    rotation = Rotary(50, WIDTH)(50)
    scores = rotate(q.expand(50, -1), rotation) @ rotate(k.expand(50, -1), rotation).mT  # (T, S)
    for distance in (0, 1, 20):
        diagonal = scores.diagonal(-distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=0, atol=1e-4)
    assert scores.diagonal(0)[0] != scores.diagonal(-1)[0]


def test_rotation_keeps_lengths_and_the_number_format():
    x = torch.randn(B, H, T, WIDTH)
    y = rotate(x, Rotary(T, WIDTH)(T))
    torch.testing.assert_close(y.norm(dim=-1), x.norm(dim=-1))
    assert rotate(x.bfloat16(), Rotary(T, WIDTH)(T)).dtype == torch.bfloat16
    exact = rotate(x.double(), Rotary(T, WIDTH).double()(T))  # in float64 throughout, for checks of gradients
    explicit = rotate_explicit(x.double().unflatten(-1, (-1, 2)), Rotary(T, WIDTH).double()(T)).flatten(-2)
    torch.testing.assert_close(exact, explicit, rtol=1e-14, atol=1e-14)


def test_angles_are_never_rounded_to_16_bits_but_may_gain_digits():
    exact = Rotary(T, WIDTH).table
    for table in (Rotary(T, WIDTH).bfloat16().table, nn.Sequential(Rotary(T, WIDTH)).half()[0].table):
        assert table.dtype == torch.float32
        assert torch.equal(table, exact)
    assert Rotary(T, WIDTH).double().table.dtype == torch.float64


@pytest.mark.parametrize(
    "positions", [SinusoidalPositions(T, WIDTH), LearnedPositions(T, WIDTH)], ids=["sin", "learned"]
)
def test_a_later_start_takes_later_rows(positions):
    x = torch.randn(B, T, WIDTH)
    whole = positions(x)
    assert torch.equal(positions(x[:, 4:], start=4), whole[:, 4:])
    torch.testing.assert_close(whole - x, positions.table.expand(B, -1, -1), rtol=0, atol=1e-6)
    assert torch.equal(Rotary(T, WIDTH)(5, 4), Rotary(T, WIDTH)(T)[4:])


@pytest.mark.parametrize("layer", [SinusoidalPositions, LearnedPositions])
def test_positions_beyond_the_context_are_refused(layer):
    with pytest.raises(ValueError, match=r"positions 7\.\.9 do not fit: this model's context is 9 tokens"):
        layer(T, WIDTH)(torch.randn(B, 3, WIDTH), start=7)
    with pytest.raises(ValueError, match=r"context is 9"):
        Rotary(T, WIDTH)(3, 7)


def test_an_odd_width_is_refused():
    with pytest.raises(ValueError, match="even width, got 5"):
        sinusoidal(3, 5)
