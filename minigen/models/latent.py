"""Latent variables: a text becomes a cloud of points z, kept near where a standard normal puts its own."""

from dataclasses import dataclass

import torch
from torch import Tensor

SCHEDULES = ("constant", "linear", "cyclical")


def reparameterise(mean: Tensor, log_variance: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """z = mean + exp(log_variance / 2) * noise, noise ~ N(0, I): a draw that gradients pass through.

    Any shape -> the same shape. Source: Kingma and Welling 2014, section 2.4.
    """
    noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
    return mean + torch.exp(log_variance / 2) * noise


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) = (mean^2 + variance - 1 - ln variance) / 2, in nats, of each dimension.

    Any shape -> the same shape; never below 0. Source: Kingma and Welling 2014, appendix B.
    """
    return (mean.square() + torch.expm1(log_variance) - log_variance) / 2


def log_normal(z: Tensor, mean: Tensor | float = 0.0, log_variance: Tensor | float = 0.0) -> Tensor:
    """ln N(z; mean, variance) of vectors with independent dimensions: (..., Z) -> (...,), in nats."""
    log_variance = torch.as_tensor(log_variance, dtype=z.dtype, device=z.device)
    each = (z - mean).square() * torch.exp(-log_variance) + log_variance + torch.log(z.new_tensor(2 * torch.pi))
    return -each.sum(dim=-1) / 2


def with_free_bits(kl: Tensor, free: float) -> Tensor:
    """sum_d max(free, mean over the batch of KL_d): (B, Z) nats -> one number, nats per text.

    Below `free` nats a dimension costs nothing more, so there is no gain in giving it up.
    Source: Kingma et al. 2016 (inverse autoregressive flow), section C.8.
    """
    return kl.mean(dim=0).clamp(min=free).sum()


@dataclass(frozen=True)
class BetaSchedule:
    """The weight of the KL term over a run, 0 to `peak`; progress runs from 0 to 1, whatever the budget counts.

    kind: "constant"; "linear": 0 up to `start`, then a ramp up to `end`, then level (Bowman et al. 2016, section 3.1);
    "cyclical": the same in each of `cycles` equal parts of the run (Fu et al. 2019).
    start, end: shares of the run, or of a cycle.

    Raises:
        ValueError: if there is no such kind, the ramp ends before it starts or after the run, or a number is negative.
    """

    kind: str = "linear"
    peak: float = 1.0
    start: float = 0.25
    end: float = 0.55
    cycles: int = 4

    def __post_init__(self) -> None:
        if self.kind not in SCHEDULES:
            raise ValueError(f"unknown beta schedule {self.kind!r}: choose one of {', '.join(SCHEDULES)}")
        if self.end < self.start:
            raise ValueError(f"the beta schedule ends before it starts: start is {self.start}, end {self.end}")
        if not 0 <= self.start <= self.end <= 1:
            raise ValueError(f"start {self.start} and end {self.end} of a beta schedule must be shares from 0 to 1")
        if self.peak < 0 or self.cycles < 1:
            raise ValueError(f"peak must be 0 or above and cycles 1 or above, got {self.peak} and {self.cycles}")

    def __call__(self, progress: float) -> float:
        """beta after this share of the run."""
        if self.kind == "constant":
            return self.peak
        if self.kind == "cyclical" and progress < 1:  # the run ends at the end of a cycle, not at the start of one
            progress = progress * self.cycles % 1
        if progress >= self.end:
            return self.peak
        if progress <= self.start:
            return 0.0
        return self.peak * (progress - self.start) / (self.end - self.start)
