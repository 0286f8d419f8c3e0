"""Inputs from a seed: the same seed gives the same inputs, another seed gives others."""

import random
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Draw:
    """Random numbers, masks and texts. `draw.random` is Python's own generator, for all that is not here."""

    def __init__(self, seed: int):
        self.seed, self.random = seed, random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int, scale: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
        """Normally distributed with standard deviation `scale`."""
        return (scale * torch.randn(shape, generator=self.generator)).to(dtype)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Uniform in low..high."""
        return low + (high - low) * torch.rand(shape, generator=self.generator)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Whole numbers (int64) from low to high, both included."""
        return torch.randint(low, high + 1, shape, generator=self.generator)

    def integer(self, low: int, high: int) -> int:
        """One whole number from low to high, both included."""
        return self.random.randint(low, high)

    def mask(self, *shape: int, share: float = 0.6) -> Tensor:
        """A bool mask with about this share of True, and at least one in each row (the last axis)."""
        found = torch.rand(shape, generator=self.generator) < share
        sure = torch.randint(shape[-1], shape[:-1], generator=self.generator)
        return found.scatter(-1, sure[..., None], True)

    def choice(self, options: Sequence) -> Any:
        """One of the options."""
        return self.random.choice(options)

    def text(self, length: int, alphabet: str = "abc ") -> str:
        """`length` letters of the alphabet, each drawn by itself."""
        return "".join(self.random.choices(alphabet, k=length))
