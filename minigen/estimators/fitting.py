"""What `fit` of every estimator does once it has a model and batches: prepare, announce, train, sum up."""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sklearn.base import BaseEstimator
from torch import nn

from minigen.estimators.folder import prepare
from minigen.training import History, TrainConfig, train
from minigen.training.run import Batches

log = logging.getLogger(__name__)


def fit_model(
    estimator: BaseEstimator,
    batches: Batches,
    held_out: Sequence,
    config: TrainConfig,
    *,
    data: str,
    out: str | Path | None = None,
    resume: bool = False,
    observers: Iterable[Callable[[dict], None]] = (),
    progress: bool = True,
) -> dict:
    """Trains model_ and sets history_; `out` is then ready for `restore`. Returns the part of summary_ that all share.

    data: what is learned from and what is held out, in words, for the line that is logged at the start.
    Other arguments and errors as for `minigen.training.train` and `folder.prepare`.
    """
    model = estimator.model_
    if out:
        resume = prepare(estimator, Path(out), resume)
    count, device = sum(p.numel() for p in model.parameters()), next(model.parameters()).device
    doing = "going on with" if resume else "training"
    log.info("%s %s parameters on %s for %s: %s", doing, f"{count:,}", device, config.budget, data)
    if config.compile:
        log.info("compiling it first: about half a minute")
    history = estimator.history_ = train(
        model, batches, held_out, config, out, resume=resume, observers=observers, progress=progress
    )
    if history.measured and history.best_step == 0:
        log.warning(
            "no held-out loss was below that of the untrained weights, so these are what is kept: try more data, a "
            "lower learning rate, or more steps"
        )
    return summarise(model, history)


def summarise(model: nn.Module, history: History) -> dict:
    """The part of summary_ that all estimators share."""
    return {
        "val_loss": history.best_val_loss if history.measured else None,
        "seconds": history.seconds,
        "tokens_per_second": history.tokens_per_second,
        "parameters": sum(p.numel() for p in model.parameters()),
        "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "steps": history.steps,
        "best_step": history.best_step if history.measured else None,
        "stopped": history.stopped,
        "device": next(model.parameters()).device.type,
    }
