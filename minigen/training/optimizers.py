"""Muon for the hidden matrices, AdamW for everything else."""

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
        matrices, rest = [], matrices + rest
    rate = config.learning_rate if config.optimizer == "adamw" else config.adamw_learning_rate
    # Norm scales and biases have no weight decay: shrinking them is no regulariser (as in GPT-2's reproductions).
    groups = [
        {"params": [p for p in rest if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    optimizers: list[Optimizer] = [AdamW(groups, lr=rate, betas=config.betas, fused=fused)]
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


def split_parameters(model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """(matrices inside blocks, all other parameters), in the model's own order."""
    matrices, rest = [], []
    for name, parameter in model.named_parameters():
        (matrices if parameter.ndim == 2 and ".blocks." in f".{name}" else rest).append(parameter)
    return matrices, rest
