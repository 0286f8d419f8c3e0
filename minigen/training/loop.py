"""Train any model: a model is whatever has a `loss(batch)`, and `set_progress` where its loss changes over the run."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from torch import nn

from minigen.training.config import TrainConfig
from minigen.training.history import History
from minigen.training.run import Batches, Run


def train(
    model: nn.Module,
    batches: Batches,
    held_out: Sequence | None,
    config: TrainConfig,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    observers: Iterable[Callable[[dict], None]] = (),
    progress: bool = True,
) -> History:
    """Trains model in place and leaves it with the weights that were best on held_out (the last ones without).

    model.loss(batch) gives (sum of losses, number of targets). held_out is a list of batches, measured whole.
    model.set_progress(progress), if there is one, is called before each step with the share of the run that is done, 0
    to 1: a pure function of the step where steps or epochs are the budget, so that a resumed run goes on just so. Its
    held-out loss should be that of the end of the run, whatever the progress, or the best weights would mean nothing.
    out: a folder for model.safetensors (best weights), last.safetensors (all that `resume` needs) and
    history.jsonl. observers are called with each new row of the history. Ctrl-C ends the run after the
    step at hand and saves, so that resume=True goes on from there.

    Raises:
        TrainingDiverged: when the loss is no longer a number, or above twice the first one plus 1; the last good
            checkpoint stays.
        OSError: when `out` cannot be written; the weights are then saved in a temporary folder that is named.
        FileNotFoundError: when `out` holds no run to resume.
        ValueError: when it is to resume without `out`, or what another run left there.
    """
    return Run(model, batches, held_out, config, out, tuple(observers)).go(resume, progress)
