"""Dropout: while training, some numbers are left out at random, so that no part relies on a single other one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_this_thread = threading.local()


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """While it is open, `Dropout` on a CPU draws from this generator in this thread, not from torch's own."""
    _this_thread.generator = generator
    try:
        yield
    finally:
        del _this_thread.generator


class Dropout(nn.Module):
    """y = x * m / (1 - p), each element of m being 0 with probability p and else 1; y = x when not training.

    Source: Srivastava et al. 2014. On a CPU drawing m is what costs: here eight elements share a random integer of
    64 bits, a byte each, so that p is rounded to a multiple of 1/256; twice as fast as torch's (docs/decisions.md).

    Raises:
        ValueError: if p is not at least 0 and below 1.
    """

    def __init__(self, p: float):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same shape."""
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.p)
        left_out = min(255, max(1, round(256 * self.p)))  # of 256
        integers = torch.empty(-(-x.numel() // 8), dtype=torch.int64)
        integers.random_(-(2**63), None, generator=getattr(_this_thread, "generator", None))
        # In bytes to the end: torch compares and converts them ten times as fast as it makes and converts booleans.
        kept = integers.view(torch.uint8)[: x.numel()].view(x.shape).ge_(left_out)
        return x * kept.to(x.dtype).mul_(256 / (256 - left_out))

    def extra_repr(self) -> str:
        """For print(model)."""
        return f"p={self.p}"
