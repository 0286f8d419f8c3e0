"""Where a token stands: attention alone sees a set, so position must be put in."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


def sinusoidal(length: int, width: int, base: float = 10_000.0) -> Tensor:
    """The (T, D) table of sines and cosines: row t, columns 2i and 2i+1 hold sin and cos of t / base^(2i/D).

    Source: Vaswani et al. 2017, section 3.5.

    Raises:
        ValueError: if width is odd, since columns come in pairs.
    """
    if width % 2:
        raise ValueError(f"sinusoidal positions need an even width, got {width}")
    frequencies = torch.exp(-math.log(base) * torch.arange(0, width, 2) / width)  # (D/2,)
    angles = torch.arange(length)[:, None] * frequencies  # (T, D/2)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)  # (T, D)


class SinusoidalPositions(nn.Module):
    """Adds the fixed table of `sinusoidal` to the token embeddings."""

    def __init__(self, context_length: int, width: int):
        super().__init__()
        self.register_buffer("table", sinusoidal(context_length, width), persistent=False)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """(B, T, D) -> (B, T, D), where the first of the T tokens stands at position `start`.

        Raises:
            ValueError: if the last of them stands beyond the context.
        """
        return x + _rows(self.table, start, x.shape[1])


class LearnedPositions(nn.Module):
    """Adds one learned vector per position to the token embeddings (as in GPT-2 and BERT)."""

    def __init__(self, context_length: int, width: int):
        super().__init__()
        self.table = nn.Parameter(0.02 * torch.randn(context_length, width))

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """(B, T, D) -> (B, T, D), where the first of the T tokens stands at position `start`.

        Raises:
            ValueError: if the last of them stands beyond the context.
        """
        return x + _rows(self.table, start, x.shape[1])


class Rotary(nn.Module):
    """The angles by which `rotate` turns queries and keys: position t turns pair i by t / base^(2i/Dh).

    Source: Su et al. 2021 (RoFormer), section 3.2.2. The table is (T, Dh/2, 2): cosine and sine of each angle.
    """

    def __init__(self, context_length: int, head_width: int, base: float = 10_000.0):
        super().__init__()
        table = sinusoidal(context_length, head_width, base).unflatten(-1, (-1, 2)).flip(-1)
        self.register_buffer("table", table.contiguous(), persistent=False)

    def forward(self, length: int, start: int = 0) -> Tensor:
        """The (T, Dh/2, 2) angles of the positions start .. start + length - 1.

        Raises:
            ValueError: if the last of them lies beyond the context.
        """
        return _rows(self.table, start, length)

    def _apply(self, change: Callable[[Tensor], Tensor], recurse: bool = True) -> "Rotary":
        """What `model.to` and the like call. A model in 16 bits keeps its angles in 32: they need more digits."""
        exact = self.table
        super()._apply(change, recurse)
        if self.table.dtype.itemsize < exact.dtype.itemsize:
            self.table = exact.to(self.table.device)
        return self


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Turns each pair of neighbouring channels of x (..., T, Dh) by the angles of `rotation` (T, Dh/2, 2).

    Seen as complex numbers, pair i at position t is multiplied by exp(j * t * theta_i). Lengths stay, and
    the dot product of a turned query with a turned key depends on the distance of their positions alone.
    """
    exact = torch.promote_types(x.dtype, torch.float32)  # angles need more digits than 16 bits; float64 stays
    pairs = x.to(exact).reshape(*x.shape[:-1], -1, 2)  # (..., T, Dh/2, 2)
    if x.device.type == "cpu" and not torch.compiler.is_compiling():
        # One complex product reads and writes each number once; compilers and other devices want it spelt out.
        y = torch.view_as_real(torch.view_as_complex(pairs) * torch.view_as_complex(rotation))
    else:
        y = rotate_explicit(pairs, rotation)
    return y.flatten(-2).to(x.dtype)


def rotate_explicit(pairs: Tensor, rotation: Tensor) -> Tensor:
    """The same turn in real numbers: (a, b) -> (a cos - b sin, a sin + b cos). Both arguments end in (Dh/2, 2)."""
    a, b = pairs.unbind(-1)
    cos, sin = rotation.unbind(-1)
    return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1)


def make_positions(
    kind: str, context_length: int, width: int, head_width: int
) -> tuple[Rotary | None, LearnedPositions | SinusoidalPositions | None]:
    """(angles for the attention, or None; what is added to the embeddings, or None): one of the two is there.

    kind: "rotary", "learned" or "sinusoidal". ValueError for another.
    """
    if kind == "rotary":
        return Rotary(context_length, head_width), None
    if kind == "learned":
        return None, LearnedPositions(context_length, width)
    if kind == "sinusoidal":
        return None, SinusoidalPositions(context_length, width)
    raise ValueError(f"unknown positions {kind!r}: choose 'rotary', 'learned' or 'sinusoidal'")


def _rows(table: Tensor, start: int, length: int) -> Tensor:
    if start + length > table.shape[0]:
        raise ValueError(
            f"positions {start}..{start + length - 1} do not fit: this model's context is {table.shape[0]} tokens"
        )
    return table[start : start + length]
