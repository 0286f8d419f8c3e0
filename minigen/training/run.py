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
from minigen.training.optimizers import make_optimizers
from minigen.training.schedules import SCHEDULES
from minigen.training.store import Store

LOG_EVERY = 10  # steps between rows of the history; each row waits for the device


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
        self.loss = torch.compile(model.loss) if config.compile else model.loss
        self.optimizers = make_optimizers(model, config)
        self.schedule = SCHEDULES[config.schedule]
        self.store = Store(Path(out) if out else None, model, self.optimizers)
        self.history = History()
        self.step, self.seconds, self.earlier_wall_clock = 0, 0.0, 0.0
        self.evaluations, self.unimproved, self.evaluation_seconds = 0, 0, 0.0
        self.interrupted = False

    def go(self, resume: bool, progress: bool) -> History:
        """Trains until the budget, the patience or the user ends it."""
        self.started = time.perf_counter()
        if resume:
            self._resume()
        else:
            seed_everything(self.config.seed)
            self._log(self._evaluate())
        self.model.train()
        with deferred_interrupt(self._interrupt), self._bar(progress) as bar:
            while self.progress < 1 and not self.interrupted and not self._out_of_patience():
                self._train_until_next_row()
                self._show(bar)
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

    def _train_until_next_row(self) -> None:
        start, losses, counts = time.perf_counter(), [], []
        progress, due = self.progress, False
        while progress < 1 and not due and not self.interrupted:
            loss, count = self._train_step(progress)
            losses.append(loss)
            counts.append(count)
            self.step += 1
            progress = self.progress
            due = self.step % LOG_EVERY == 0 or self._evaluation_due(progress)
        train_loss = float(torch.stack(losses).mean())  # waits for the device, so the clock below is right
        self.seconds += time.perf_counter() - start
        self.history.tokens += int(sum(counts))
        self._stop_if_diverged(train_loss)
        row = {"train_loss": train_loss}
        if self._evaluation_due(progress) or progress >= 1 or self.interrupted:
            self.evaluations = int(progress * self.config.evaluations)
            row |= self._evaluate()
        self._log(row)
        if "val_loss" in row or (self.held_out is None and self.step % 100 < LOG_EVERY):
            self.store.save(self._state(), self.history)

    def _train_step(self, progress: float) -> tuple[Tensor, Tensor]:
        """One update; returns the mean loss before it and the number of targets."""
        c = self.config
        factor = self.schedule(progress, c.warmup, c.decay)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
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
        nn.utils.clip_grad_norm_(parameters, c.clip)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return total / count, count

    def _evaluation_due(self, progress: float) -> bool:
        return int(progress * self.config.evaluations) > self.evaluations

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
        first = next((row["val_loss"] for row in self.history.rows if "val_loss" in row), math.inf)
        if math.isfinite(loss) and loss <= 2 * first + 1:
            return
        raise TrainingDiverged(
            f"the loss is {loss:.3g} at step {self.step} (it began at {first:.3g}): training has diverged. "
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
            "evaluations": self.evaluations,
            "unimproved": self.unimproved,
            "precision": str(self.precision),
            "steps_per_epoch": len(self.batches),
            "config": asdict(self.config),
            "history": asdict(self.history),
        }

    def _resume(self) -> None:
        state = self.store.load()
        budgets = ("steps", "epochs", "minutes", "evaluations", "patience")
        ours = asdict(self.config) | {"steps_per_epoch": len(self.batches), "precision": str(self.precision)}
        theirs = state["config"] | {k: state[k] for k in ("steps_per_epoch", "precision")}
        for name, value in ours.items():
            then = tuple(theirs[name]) if isinstance(theirs[name], list) else theirs[name]
            if name not in budgets and then != value and not (name == "precision" and value == "auto"):
                raise ValueError(
                    f"this is another run: {name} was {then} and is now {value}; resume with the same settings "
                    "and data, or start anew in another folder"
                )
        self.step, self.seconds, self.earlier_wall_clock = (
            state["step"],
            state["seconds"],
            state["wall_clock"],
        )
        self.evaluations, self.unimproved = state["evaluations"], state["unimproved"]
        self.history = History(**state["history"])
        self.history.stopped = "budget"

    def _interrupt(self) -> None:
        self.interrupted = True

    def _bar(self, visible: bool) -> tqdm:
        c = self.config
        steps = [n for n in (c.steps, c.epochs and int(c.epochs * len(self.batches) / c.accumulate)) if n]
        total, unit = (min(steps), "step") if steps else (round(60 * c.minutes), "s")
        return tqdm(total=total, unit=unit, disable=not visible)

    def _show(self, bar: tqdm) -> None:
        row = self.history.rows[-1]
        best = self.history.best_val_loss
        held_out = "" if math.isinf(best) else f", best held out {best:.3f}"
        bar.set_postfix_str(f"loss {row['train_loss']:.3f}{held_out}", refresh=False)
        done = self.step if self.config.steps or self.config.epochs else round(self.wall_clock)
        bar.update(min(done, bar.total or done) - bar.n)
