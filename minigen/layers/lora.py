"""LoRA: a large matrix stays as it was, and what it should have learned is written as a product of two thin ones."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PLACES = ("to_qkv", "to_out", "up", "down")  # the matrices of a block: of attention, and of the feed-forward part


class LoRALinear(nn.Module):
    """y = x W^T + b + (alpha / r) x A^T B^T, where W and b stay and A (r, in) and B (out, r) learn.

    B begins at zero, so that at first nothing changes; A from N(0, 1 / in).
    Source: Hu et al. 2021, section 4.1.

    Raises:
        ValueError: if the rank is not between 1 and the smaller side of W.
    """

    def __init__(self, linear: nn.Linear, rank: int = 8, alpha: float = 16.0):
        super().__init__()
        if not 1 <= rank <= min(linear.in_features, linear.out_features):
            raise ValueError(
                f"rank must be from 1 to {min(linear.in_features, linear.out_features)}, the smaller side of the "
                f"matrix, got {rank}"
            )
        self.linear, self.scale = linear.requires_grad_(False), alpha / rank
        like = {"device": linear.weight.device, "dtype": linear.weight.dtype}
        self.a = nn.Parameter(torch.randn(rank, linear.in_features, **like) * linear.in_features**-0.5)
        self.b = nn.Parameter(torch.zeros(linear.out_features, rank, **like))

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out). The product of A and B, as large as W, is never made."""
        return self.linear(x) + self.scale * F.linear(F.linear(x, self.a), self.b)

    @property
    def weight(self) -> Tensor:
        """W + (alpha / r) B A: what `merged` has for its weight."""
        return self.linear.weight + self.scale * (self.b @ self.a)

    @property
    def bias(self) -> Tensor | None:
        """That of the matrix, which does not learn."""
        return self.linear.bias

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """One plain linear layer that computes the same, at the cost of one."""
        out, width = self.linear.weight.shape
        linear = nn.Linear(width, out, bias=self.bias is not None, device=self.a.device, dtype=self.a.dtype)
        linear.weight.copy_(self.weight)
        if self.bias is not None:
            linear.bias.copy_(self.bias)
        return linear


def add_lora(model: nn.Module, rank: int = 8, alpha: float = 16.0, places: Sequence[str] = PLACES) -> None:
    """Freezes the model and gives each of its linear layers that is called by one of the names a LoRA to learn with.

    Raises:
        ValueError: if there is no such layer, or for a rank that cannot be.
    """
    model.requires_grad_(False)
    chosen = _named_as(model, places, nn.Linear)
    if not chosen:
        raise ValueError(f"there is no linear layer called {' or '.join(places)} in this model")
    for parent, name in chosen:
        setattr(parent, name, LoRALinear(getattr(parent, name), rank, alpha))


def merge_lora(model: nn.Module) -> None:
    """Adds what was learned to the matrices: the model computes the same, and is of its first shape again."""
    for parent, name in _named_as(model, None, LoRALinear):
        setattr(parent, name, getattr(parent, name).merged())


def _named_as(model: nn.Module, names: Sequence[str] | None, kind: type) -> list[tuple[nn.Module, str]]:
    """(the module that has it, its name there) of each part of this kind; names: None for any."""
    return [
        (parent, name)
        for parent in model.modules()
        for name, part in parent.named_children()
        if isinstance(part, kind) and (names is None or name in names)
    ]
