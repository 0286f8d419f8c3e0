"""Frozen features: the encoder reads each text once, and a linear head learns from the vectors alone."""

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from minigen.classification_metrics import softmax
from minigen.data.labels import LabelBatches
from minigen.estimators.classifying import outputs
from minigen.estimators.fitting import summarise
from minigen.estimators.folder import prepare
from minigen.training import History, TrainConfig

log = logging.getLogger(__name__)

STRENGTHS = np.geomspace(0.0003, 1, 8)  # C of the logistic regression, smaller is simpler; the held-out texts choose


def fit_head(
    estimator: BaseEstimator,
    batches: LabelBatches,
    held_out: LabelBatches,
    config: TrainConfig,
    *,
    data: str,
    out: str | Path | None = None,
    resume: bool = False,
    observers: Iterable[Callable[[dict], None]] = (),
    progress: bool = True,
) -> dict:
    """Sets the head of model_, and history_ of one row. Arguments and the returned summary as for `fit_model`.

    config: only its seed is used, since there are no steps. ValueError if it is to resume: it takes one go.
    """
    if resume:
        raise ValueError("frozen features are learned from in one go: there is nothing to resume, start anew")
    model, start = estimator.model_, time.perf_counter()
    if out:
        prepare(estimator, Path(out), resume)
    count, device = sum(p.numel() for p in model.head.parameters()), next(model.parameters()).device
    log.info("training a head of %s parameters on %s, on frozen features: %s", f"{count:,}", device, data)
    x, watched = (outputs(model, model.features, part.texts, model.boundary, progress) for part in (batches, held_out))
    val_loss, weight, bias = _best_head(x, batches, watched, held_out)
    with torch.no_grad():
        model.head.weight.copy_(torch.from_numpy(weight))
        model.head.bias.copy_(torch.from_numpy(bias))
    model.eval()
    row = {"step": 1, "seconds": time.perf_counter() - start, "learning_rate": 0.0}
    row |= {"train_loss": _loss(x, batches, weight, bias), "val_loss": val_loss}
    history = estimator.history_ = History([row], val_loss, best_step=1, tokens=len(x))
    for observe in observers:
        observe(row)
    return summarise(model, history)


def _best_head(
    x: np.ndarray, batches: LabelBatches, watched: np.ndarray, held_out: LabelBatches
) -> tuple[float, np.ndarray, np.ndarray]:
    """(held-out loss, W, b) of the head whose strength fits the held-out texts best."""
    heads = [linear_head(x, batches.labels.numpy(), batches.weights.numpy(), strength) for strength in STRENGTHS]
    losses = [_loss(watched, held_out, *head) for head in heads]
    best = int(np.argmin(losses))
    return (losses[best], *heads[best])


def linear_head(x: np.ndarray, y: np.ndarray, weights: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """(W (C, D), b (C,)) of a logistic regression: softmax(x W^T + b) for vectors x (N, D) and classes y (N,).

    Each column of x is brought to mean 0 and variance 1 first, so that the penalty treats all alike; W and b are for
    the vectors as they are.
    """
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-8
    found = LogisticRegression(C=strength, max_iter=1000).fit((x - mean) / scale, y, weights)
    w, b = found.coef_, found.intercept_
    if len(w) == 1:  # of two classes: one logit, z, in place of the two -z/2 and z/2
        w, b = np.concatenate((-w, w)) / 2, np.concatenate((-b, b)) / 2
    w = w / scale
    return w, b - w @ mean


def _loss(x: np.ndarray, batches: LabelBatches, weight: np.ndarray, bias: np.ndarray) -> float:
    """Weighted mean of -log p(label) in nats."""
    y, weights = batches.labels.numpy(), batches.weights.numpy()
    right = softmax(x @ weight.T + bias, 1.0)[np.arange(len(y)), y]
    return float((weights * -np.log(right + 1e-30)).sum() / weights.sum())
