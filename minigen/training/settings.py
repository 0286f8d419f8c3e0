"""Is this the run that was interrupted? Its settings and a fingerprint of its data tell."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from minigen.training.config import TrainConfig

FREE = ("steps", "epochs", "minutes", "evaluations", "patience", "compile")  # may change when a run is resumed

DEPENDS = {
    "steps per epoch": "it depends on the data and on the batch size",
    "fingerprint of the first batch": "it depends on the data, the batch size and the seed",
}


def run_settings(config: TrainConfig, batches: Any, precision: torch.dtype) -> dict[str, Any]:
    """All that has to be the same for a run to go on as if it had never stopped, as JSON values."""
    settings = {name: value for name, value in asdict(config).items() if name not in FREE}
    settings["betas"] = list(config.betas)
    settings["precision"] = str(precision).removeprefix("torch.")
    return settings | {"steps per epoch": len(batches), "fingerprint of the first batch": fingerprint(batches[0])}


def refuse_another_run(then: dict[str, Any], now: dict[str, Any]) -> None:
    """Compares the settings of two sessions.

    Raises:
        ValueError: if they differ, with the first that does.
    """
    for name, value in now.items():
        if then.get(name) != value:
            reason = f" ({DEPENDS[name]})" if name in DEPENDS else ""
            raise ValueError(
                f"this is another run: {name} was {then.get(name)} and is now {value}{reason}; resume with the same "
                "settings and data, or start anew in another folder"
            )


def fingerprint(batch: Any) -> str:
    """16 hex digits that depend on every number of a batch."""
    digest = hashlib.sha256()
    for tensor in _tensors(batch):
        digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _tensors(batch: Any) -> Iterator[Tensor]:
    if isinstance(batch, Tensor):
        yield batch
    else:
        for part in batch:
            yield from _tensors(part)
