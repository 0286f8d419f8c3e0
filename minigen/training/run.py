"""One run: steps until the budget is used up, measured, logged and saved on the way."""

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from minigen.device import pick_precision, require_compiler, seed_everything
from minigen.training.bar import Bar
from minigen.training.budget import Budget
from minigen.training.config import TrainConfig
from minigen.training.errors import TrainingDiverged, stop_if_diverged
from minigen.training.evaluate import evaluate, to_device
from minigen.training.gradients import Gradients
from minigen.training.history import History
from minigen.training.interrupt import deferred_interrupt
from minigen.training.optimizers import make_optimizers, use_precision
from minigen.training.schedules import SCHEDULES
from minigen.training.settings import refuse_another_run, run_settings
from minigen.training.store import Store

LOG_EVERY = 10  # steps between rows of the history; each row waits for the device
SAVE_EVERY = 100  # steps between checkpoints without a held-out split; with one, whenever a measurement is due


class Batches(Protocol):
    """What the loop trains on: batches[step] for any step >= 0, and len(batches) steps in an epoch."""

    def __len__(self) -> int: ...
    def __getitem__(self, step: int) -> Any: ...


class Run:
    """The state of one call of `train`; `go` does the work."""

    def __init__(
        self,
        model: nn.Module,
        batches: Batches,
        held_out: Sequence | None,
        config: TrainConfig,
        out: str | Path | None,
        observers: tuple[Callable[[dict], None], ...] = (),
    ):
        self.model, self.batches, self.held_out, self.config = model, batches, held_out, config
        self.observers = observers
        self.device = next(model.parameters()).device
        self.precision = pick_precision(self.device, config.precision)
        self.settings = run_settings(config, batches, self.precision)
        if config.compile:
            require_compiler()
        loss = torch.compile(model.loss) if config.compile else model.loss
        workers = 1 if config.compile else min(config.workers, config.accumulate)
        self.gradients = Gradients(model, loss, self.precision, workers)
        # Of a model whose loss changes over the run, such as a VAE.
        self.set_progress: Callable[[float], None] | None = getattr(model, "set_progress", None)
        self.optimizers = make_optimizers(model, config)
        use_precision(self.optimizers, self.precision)
        self.schedule = SCHEDULES[config.schedule]
        self.store = Store(Path(out) if out else None, model, self.optimizers)
        self.history, self.budget = History(), Budget(config, len(batches))
        self.step, self.seconds = 0, 0.0
        self.evaluations, self.unimproved = 0, 0
        self.pending: list[Tensor] = []  # (loss, targets) of the steps since the last row of the history
        self.interrupted = False

    def go(self, resume: bool, progress: bool) -> History:
        """Trains until the budget, the patience or the user ends it."""
        if resume:
            self._resume()
        else:
            seed_everything(self.config.seed)
            self._set_learning_rate(0.0)
            self._log(self._evaluate())
        self.model.train()
        try:
            with (
                deferred_interrupt(self._interrupt),
                Bar(self.budget.steps, self.config.minutes, self.step, progress) as bar,
            ):
                used = self.progress
                while used < 1 and not self.interrupted and not self._out_of_patience():
                    used = self._train_until_next_row(used, bar)
                    self._show(bar)
        except TrainingDiverged:
            self.store.restore_best()
            raise
        if self.interrupted:
            self.history.stopped = "interrupted"
        elif self._out_of_patience():
            self.history.stopped = "patience"
        self.model.eval()
        self.store.finish(self._state(), self.history)
        return self.history

    @property
    def progress(self) -> float:
        """The share of the budget that is used up, 0 to 1."""
        return self.budget.used(self.step)

    def _train_until_next_row(self, progress: float, bar: Bar) -> float:
        """Steps from `progress` on, and their row; returns the progress after it.

        Ctrl-C ends it between two rows. The losses so far then wait for the resumed run, so that its history,
        too, is that of a run which never stopped.
        """
        start, due = time.perf_counter(), False
        while not due and not self.interrupted:
            self.pending.append(self._train_step(progress))
            self.step += 1
            progress = self.progress
            due = progress >= 1 or self.step % LOG_EVERY == 0 or self._evaluations_by(progress) > self.evaluations
            if bar.is_old and not due:
                self._show(bar)
        losses, counts = self._fetch_pending()  # waits for the device, so the clock below is right
        self.seconds += time.perf_counter() - start
        if not due:
            return progress
        self.pending = []
        self.history.tokens += int(sum(counts))
        row: dict = {"train_loss": sum(losses) / len(losses)}
        milestone = progress >= 1 or self._evaluations_by(progress) > self.evaluations
        self.evaluations = self._evaluations_by(progress)
        measure = progress >= 1 or (milestone and self.budget.affords_evaluation(self.step))
        if measure:
            row |= self._evaluate()
        self._log(row)
        if milestone if self.held_out is not None else self.step % SAVE_EVERY == 0:
            self.store.save(self._state(), self.history)
        return self.progress if measure else progress  # a run ends with a measurement

    def _fetch_pending(self) -> tuple[list[float], list[float]]:
        if not self.pending:
            return [], []
        losses, counts = torch.stack(self.pending).T.tolist()
        self._check(sum(losses) / len(losses))
        return losses, counts

    def _set_learning_rate(self, progress: float) -> None:
        factor = self.schedule(progress, self.config.warmup, self.config.decay)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor

    def _train_step(self, progress: float) -> Tensor:
        """One update; returns (mean loss before it, number of targets)."""
        c = self.config
        self._set_learning_rate(progress)
        if self.set_progress:
            self.set_progress(progress)
        first = self.step * c.accumulate
        parts = (to_device(self.batches[part], self.device) for part in range(first, first + c.accumulate))
        total, count = self.gradients.add(parts)
        parameters = [p for p in self.model.parameters() if p.grad is not None]
        # Sums were added up; dividing by the number of targets gives each the same weight, in whatever batch.
        torch._foreach_div_([p.grad for p in parameters], count)
        norm = nn.utils.clip_grad_norm_(parameters, c.clip)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        # A gradient that is not finite spoils the weights before any loss shows it: 0 * norm is then NaN.
        return torch.stack((total / count + 0 * norm, count))

    def _evaluations_by(self, progress: float) -> int:
        return int(progress * self.config.evaluations + 1e-9)  # 29 / 50 * 50 is a little below 29

    def _evaluate(self) -> dict:
        """The held-out loss as a part of a row, and the weights kept if they are the best so far."""
        if self.held_out is None:
            return {}
        start = time.perf_counter()
        val_loss = evaluate(self.model, self.held_out, self.precision)
        # Measured is what counts in the end, which a loss that changes may at first ignore: it can rise on the way.
        if self.set_progress is None or not math.isfinite(val_loss):
            self._check(val_loss)
        if val_loss < self.history.best_val_loss:
            self.history.best_val_loss, self.history.best_step, self.unimproved = val_loss, self.step, 0
            self.store.keep_best()
        else:
            self.unimproved += 1
        self.budget.evaluation_took(time.perf_counter() - start)
        return {"val_loss": val_loss}

    def _out_of_patience(self) -> bool:
        return self.config.patience is not None and self.unimproved >= self.config.patience

    def _check(self, loss: float) -> None:
        stop_if_diverged(loss, self.step, self.history, self.config, self.store.place())

    def _log(self, row: dict) -> None:
        rate = self.optimizers[-1].param_groups[0]["lr"]
        row = {"step": self.step, "seconds": round(self.seconds, 4), "learning_rate": rate} | row
        self.history.rows.append(row)
        for observer in self.observers:
            observer(row)

    def _state(self) -> dict:
        return {
            "step": self.step,
            "seconds": self.seconds,
            "wall_clock": self.budget.wall_clock,
            "evaluation_seconds": [self.budget.evaluation_seconds, self.budget.last_evaluation],
            "unimproved": self.unimproved,
            "pending": [pair.tolist() for pair in self.pending],
            "settings": self.settings,
            "history": asdict(self.history),
        }

    def _resume(self) -> None:
        state = self.store.read_state()
        if self.config.precision == "auto":  # "auto" measures the device; what the first session found holds
            self.settings["precision"] = state["settings"]["precision"]
            self.precision = getattr(torch, self.settings["precision"])
            use_precision(self.optimizers, self.precision)
            self.gradients.precision = self.precision
        refuse_another_run(state["settings"], self.settings)
        self.history = History(**state["history"] | {"stopped": "budget"})
        self.store.load(self.history.best_step if math.isfinite(self.history.best_val_loss) else None)
        self.step, self.seconds, self.budget.earlier = state["step"], state["seconds"], state["wall_clock"]
        self.budget.evaluation_seconds, self.budget.last_evaluation = state["evaluation_seconds"]
        self.unimproved = state["unimproved"]
        self.pending = [torch.tensor(pair, device=self.device) for pair in state["pending"]]
        self.evaluations = self._evaluations_by(self.progress)
        if self.progress >= 1 or self._out_of_patience():
            c = self.config
            what = f"budget of {c.budget}" if self.progress >= 1 else f"patience of {c.patience} evaluations"
            warnings.warn(
                f"this run is finished: its {what} was used up at step {self.step:,}. Nothing is trained; "
                "to train on, resume it with a larger one",
                stacklevel=4,
            )

    def _interrupt(self) -> None:
        self.interrupted = True

    def _show(self, bar: Bar) -> None:
        rows = self.history.rows
        loss = float(self.pending[-1][0]) if self.pending else rows[-1].get("train_loss", math.nan)
        bar.show(self.step, self.budget.wall_clock, loss, self.history.best_val_loss)
