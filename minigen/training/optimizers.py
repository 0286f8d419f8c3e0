"""Muon for the hidden matrices, AdamW for everything else."""

import re
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from minigen.device import pick_precision
from minigen.training.config import TrainConfig

# A quintic with a steep slope at 0: it lifts all singular values into about 0.7..1.2 in five steps.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Replaces the singular values of each matrix by numbers near 1, by Newton-Schulz iteration.

    matrices: (N, rows, columns), all at once: many small products in one call are faster than a call each.
    Source: Jordan et al. 2024 (Muon); Bernstein and Newhouse 2024.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices  # the short side first: its Gram matrix is the small one
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)  # b A + c A^2
        x = torch.baddbmm(x, polynomial, x, beta=a)  # (a + b A + c A^2) X
    return x.mT if tall else x


class Muon(Optimizer):
    """Momentum, then each matrix's update is made orthogonal, so that no direction is starved.

    B = momentum B + (1 - momentum) g;  N = momentum B + (1 - momentum) g
    W = W (1 - lr weight_decay) - lr sqrt(max(1, rows / columns)) orthogonalise(N)

    The same rule as torch.optim.Muon, but it orthogonalises all matrices of one shape in one call, and in
    bfloat16 only on devices that are fast in it (`precision` of each group; None picks). Source: Jordan et al. 2024.

    Raises:
        ValueError: if a parameter is not a matrix.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 0.02,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ):
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "precision": None}
        super().__init__(parameters, defaults)
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.ndim != 2:
                    raise ValueError(f"Muon is for matrices, got a parameter of shape {tuple(matrix.shape)}")

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One update of every matrix that has a gradient."""
        for group in self.param_groups:
            same_shape = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    same_shape[matrix.shape].append(matrix)
            for (rows, columns), matrices in same_shape.items():
                directions = self._directions(matrices, group["momentum"], group["precision"])
                torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
                scale = group["lr"] * max(1, rows / columns) ** 0.5
                torch._foreach_add_(matrices, directions, alpha=-scale)

    def _directions(self, matrices: list[Tensor], momentum: float, precision: torch.dtype | None) -> list[Tensor]:
        gradients = [matrix.grad for matrix in matrices]
        for matrix in matrices:
            if not self.state[matrix]:
                self.state[matrix]["momentum"] = torch.zeros_like(matrix)
        buffers = [self.state[matrix]["momentum"] for matrix in matrices]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        nesterov = torch._foreach_lerp(gradients, buffers, momentum)
        stack = torch.stack(nesterov).to(precision or pick_precision(matrices[0].device))
        return list(orthogonalise(stack).to(matrices[0].dtype).unbind())


def make_optimizers(model: nn.Module, config: TrainConfig) -> list[Optimizer]:
    """The optimisers of a run; each group remembers its peak rate as "peak".

    Under "muon", Muon takes the matrices of the blocks and AdamW the rest: rows of an embedding are vectors
    looked up one by one, so orthogonality between them means nothing.
    """
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    matrices, rest = split_parameters(model)
    if config.optimizer == "adamw":
        matrices, rest, rates = [], matrices + rest, layer_rates(model, config)
    else:
        rates = defaultdict(lambda: config.adamw_learning_rate)
    groups = defaultdict(list)
    for parameter in sorted(rest, key=lambda parameter: parameter.ndim < 2):
        groups[rates[parameter], parameter.ndim < 2].append(parameter)
    described = [
        # Norm scales and biases have no weight decay: shrinking them is no regulariser (as in GPT-2's reproductions).
        {"params": parameters, "lr": rate, "weight_decay": 0.0 if vectors else config.weight_decay}
        # The group of the full rate first: its rate is what the history tells.
        for (rate, vectors), parameters in sorted(groups.items(), key=lambda item: item[0][0] != config.learning_rate)
    ]
    optimizers: list[Optimizer] = [AdamW(described, betas=config.betas, fused=fused)]
    if matrices:
        optimizers.append(Muon(matrices, config.learning_rate, config.weight_decay))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers


def use_precision(optimizers: Iterable[Optimizer], precision: torch.dtype) -> None:
    """Lets Muon orthogonalise in this precision."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if "precision" in group:
                group["precision"] = precision


def layer_rates(model: nn.Module, config: TrainConfig) -> dict[Tensor, float]:
    """The peak rate of each parameter under AdamW: what lies lower learns slower, since it is of more general use.

    rate * layer_decay^(L - 1 - l) in block l of L, rate * layer_decay^L below the blocks, rate above them, and
    head_learning_rate in the head. Source: Howard and Ruder 2018, section 3.2 (discriminative fine-tuning).
    """
    named = dict(model.named_parameters())
    block_of = {name: int(found[1]) for name in named if (found := re.search(r"(?:^|\.)blocks\.(\d+)\.", name))}
    count, below, rates = max(block_of.values(), default=-1) + 1, True, {}
    for name, parameter in named.items():
        below = below and name not in block_of
        depth = count - 1 - block_of[name] if name in block_of else count if below and count else 0
        rates[parameter] = config.learning_rate * config.layer_decay**depth
        if config.head_learning_rate and name.startswith("head."):
            rates[parameter] = config.head_learning_rate
    return rates


def split_parameters(model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """(matrices inside blocks, all other parameters), in the model's own order; those that are frozen are left out."""
    matrices, rest = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (matrices if parameter.ndim == 2 and ".blocks." in f".{name}" else rest).append(parameter)
    return matrices, rest
