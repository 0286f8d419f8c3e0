"""Measuring a model on held-out batches, and moving batches to where the model is."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Iterable, precision: torch.dtype = torch.float32) -> float:
    """Mean loss in nats per target over all the batches, in evaluation mode (no dropout).

    Raises:
        ValueError: if the batches hold no target.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    total, count = torch.zeros((), dtype=torch.float64), 0.0
    for batch in batches:
        with autocast(device, precision):
            loss, targets = model.loss(to_device(batch, device))
        total += loss.cpu().double()  # in this order: Apple's GPUs have no double
        count += float(targets)  # of weighted targets a sum of weights
    model.train(was_training)
    if not count:
        raise ValueError("there is nothing to evaluate: the held-out batches hold no target")
    return float(total) / count


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """Matrix products in `precision`; nothing changes for float32."""
    return torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32)


def to_device(batch: Any, device: torch.device) -> Any:
    """A tensor, or a tuple or list of tensors, on the device."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    return tuple(to_device(part, device) for part in batch)
