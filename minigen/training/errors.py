"""How a training run can fail."""

import math

from minigen.training.config import USUAL_LEARNING_RATE, TrainConfig
from minigen.training.history import History


class TrainingDiverged(RuntimeError):
    """The loss became infinite, not a number, or far worse than at the start."""


def stop_if_diverged(loss: float, step: int, history: History, config: TrainConfig, place: str) -> None:
    """Raises TrainingDiverged with advice; place: a sentence that says where the last good checkpoint is."""
    losses = (row[name] for row in history.rows for name in ("val_loss", "train_loss") if name in row)
    first = next(losses, math.inf)
    if math.isfinite(loss) and loss <= 2 * first + 1:
        return
    began = f" (it began at {first:.3g})" if math.isfinite(first) else ""
    rate, usual = config.learning_rate, USUAL_LEARNING_RATE[config.optimizer]
    raise TrainingDiverged(
        f"the loss is {loss:.3g} at step {step}{began}: training has diverged. "
        f"Try a learning rate of {usual if rate > usual else rate / 3:.2g} or a longer warm-up. {place}"
    )
