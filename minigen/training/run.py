"""One run: steps until the budget is used up, measured, logged and saved on the way."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from minigen.device import pick_precision, seed_everything
from minigen.training.config import TrainConfig
from minigen.training.errors import TrainingDiverged
from minigen.training.evaluate import autocast, evaluate, to_device
from minigen.training.history import History
from minigen.training.interrupt import deferred_interrupt
from minigen.training.optimizers import make_optimizers, use_precision
from minigen.training.schedules import SCHEDULES
from minigen.training.settings import refuse_another_run, run_settings
from minigen.training.store import Store

LOG_EVERY = 10  # steps between rows of the history; each row waits for the device
SAVE_EVERY = 100  # steps between checkpoints without a held-out split; with one, each measurement saves


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
        self.loss = torch.compile(model.loss) if config.compile else model.loss
        self.optimizers = make_optimizers(model, config)
        use_precision(self.optimizers, self.precision)
        self.schedule = SCHEDULES[config.schedule]
        self.store = Store(Path(out) if out else None, model, self.optimizers)
        self.history = History()
        self.step, self.seconds, self.earlier_wall_clock = 0, 0.0, 0.0
        self.evaluations, self.unimproved, self.evaluation_seconds = 0, 0, 0.0
        self.pending: list[Tensor] = []  # (loss, targets) of the steps since the last row of the history
        self.interrupted = False

    def go(self, resume: bool, progress: bool) -> History:
        """Trains until the budget, the patience or the user ends it."""
        self.started = time.perf_counter()
        if resume:
            self._resume()
        else:
            seed_everything(self.config.seed)
            self._set_learning_rate(0.0)
            self._log(self._evaluate())
        self.model.train()
        try:
            with deferred_interrupt(self._interrupt), self._bar(progress) as bar:
                used = self.progress
                while used < 1 and not self.interrupted and not self._out_of_patience():
                    used = self._train_until_next_row(used)
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
    def wall_clock(self) -> float:
        """Seconds since the run began, those of earlier sessions included."""
        return self.earlier_wall_clock + time.perf_counter() - self.started

    @property
    def progress(self) -> float:
        """The share of the budget that is used up, 0 to 1."""
        c, shares = self.config, [0.0]
        if c.steps:
            shares.append(self.step / c.steps)
        if c.epochs:
            shares.append(self.step * c.accumulate / (c.epochs * len(self.batches)))
        if c.minutes:
            # The last evaluation is part of the minutes that the user gave.
            shares.append((self.wall_clock + self.evaluation_seconds) / (60 * c.minutes))
        return min(1.0, max(shares))

    def _train_until_next_row(self, progress: float) -> float:
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
        losses, counts = self._fetch_pending()  # waits for the device, so the clock below is right
        self.seconds += time.perf_counter() - start
        if not due:
            return progress
        self.pending = []
        self.history.tokens += int(sum(counts))
        row: dict = {"train_loss": sum(losses) / len(losses)}
        measure = self._evaluations_by(progress) > self.evaluations or progress >= 1
        if measure:
            self.evaluations = self._evaluations_by(progress)
            row |= self._evaluate()
        self._log(row)
        if "val_loss" in row or (self.held_out is None and self.step % SAVE_EVERY == 0):
            self.store.save(self._state(), self.history)
        return self.progress if measure else progress  # a run ends with a measurement

    def _fetch_pending(self) -> tuple[list[float], list[float]]:
        if not self.pending:
            return [], []
        losses, counts = torch.stack(self.pending).T.tolist()
        self._stop_if_diverged(sum(losses) / len(losses))
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
        total = count = torch.zeros((), device=self.device)
        for part in range(c.accumulate):
            batch = to_device(self.batches[self.step * c.accumulate + part], self.device)
            with autocast(self.device, self.precision):
                loss, targets = self.loss(batch)
            loss.backward()
            total, count = total + loss.detach(), count + targets
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
        self._stop_if_diverged(val_loss)
        if val_loss < self.history.best_val_loss:
            self.history.best_val_loss, self.history.best_step, self.unimproved = val_loss, self.step, 0
            self.store.keep_best()
        else:
            self.unimproved += 1
        self.evaluation_seconds = time.perf_counter() - start
        return {"val_loss": val_loss}

    def _out_of_patience(self) -> bool:
        return self.config.patience is not None and self.unimproved >= self.config.patience

    def _stop_if_diverged(self, loss: float) -> None:
        losses = (row[name] for row in self.history.rows for name in ("val_loss", "train_loss") if name in row)
        first = next(losses, math.inf)
        if math.isfinite(loss) and loss <= 2 * first + 1:
            return
        began = f" (it began at {first:.3g})" if math.isfinite(first) else ""
        raise TrainingDiverged(
            f"the loss is {loss:.3g} at step {self.step}{began}: training has diverged. "
            f"Try a learning rate of {self.config.learning_rate / 3:.2g} or a longer warm-up. {self.store.place()}"
        )

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
            "wall_clock": self.wall_clock,
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
        refuse_another_run(state["settings"], self.settings)
        self.store.load(has_best=math.isfinite(state["history"]["best_val_loss"]))
        self.step, self.seconds, self.earlier_wall_clock = state["step"], state["seconds"], state["wall_clock"]
        self.unimproved = state["unimproved"]
        self.pending = [torch.tensor(pair, device=self.device) for pair in state["pending"]]
        self.history = History(**state["history"] | {"stopped": "budget"})
        self.evaluations = self._evaluations_by(self.progress)

    def _interrupt(self) -> None:
        self.interrupted = True

    def _bar(self, visible: bool) -> tqdm:
        c = self.config
        steps = [n for n in (c.steps, c.epochs and math.ceil(c.epochs * len(self.batches) / c.accumulate)) if n]
        total, unit = (min(steps), "step") if steps else (round(60 * c.minutes), "s")
        return tqdm(total=total, unit=unit, disable=not visible)

    def _show(self, bar: tqdm) -> None:
        loss = self.history.rows[-1].get("train_loss", math.nan)
        best = self.history.best_val_loss
        held_out = "" if math.isinf(best) else f", best held out {best:.3f}"
        bar.set_postfix_str(f"loss {loss:.3f}{held_out}", refresh=False)
        done = self.step if self.config.steps or self.config.epochs else round(self.wall_clock)
        bar.update(min(done, bar.total or done) - bar.n)
