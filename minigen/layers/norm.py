"""Normalisation over the width: each token's vector is brought to a standard size."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LayerNorm(nn.Module):
    """y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias, over the last axis.

    Source: Ba, Kiros and Hinton 2016, section 3. The variance is the biased one.
    weight=False leaves out both scale and shift: the matrix that follows can learn them.
    """

    def __init__(self, width: int, weight: bool = True, bias: bool = True, eps: float = 1e-5):
        super().__init__()
        self.width, self.eps = width, eps
        self.weight = nn.Parameter(torch.ones(width)) if weight else None
        self.bias = nn.Parameter(torch.zeros(width)) if weight and bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D)"""
        return F.layer_norm(x, (self.width,), self.weight, self.bias, self.eps)

    def explicit(self, x: Tensor) -> Tensor:
        """The formula, one step a line: what the fused kernel of `forward` computes."""
        centred = x - x.mean(dim=-1, keepdim=True)
        variance = centred.square().mean(dim=-1, keepdim=True)
        y = centred / (variance + self.eps).sqrt()
        y = y if self.weight is None else y * self.weight
        return y if self.bias is None else y + self.bias


class RMSNorm(nn.Module):
    """y = x / sqrt(mean(x^2) + eps) * weight: a LayerNorm that neither centres nor shifts.

    Source: Zhang and Sennrich 2019, section 4.
    """

    def __init__(self, width: int, weight: bool = True, eps: float = 1e-6):
        super().__init__()
        self.width, self.eps = width, eps
        self.weight = nn.Parameter(torch.ones(width)) if weight else None

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) -> (..., D)"""
        return F.rms_norm(x, (self.width,), self.weight, self.eps)

    def explicit(self, x: Tensor) -> Tensor:
        """The formula, one step a line: what the fused kernel of `forward` computes."""
        y = x / (x.square().mean(dim=-1, keepdim=True) + self.eps).sqrt()
        return y if self.weight is None else y * self.weight
