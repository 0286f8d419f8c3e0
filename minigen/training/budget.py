"""How much of a run's budget is used up, and whether a measurement is worth its time."""

import math
import time

from minigen.training.config import TrainConfig

EVALUATION_SHARE = 0.15  # of the time of a run whose budget is minutes


class Budget:
    """Steps, epochs and the clock of a run; the clock goes on where that of the sessions before it stopped."""

    def __init__(self, config: TrainConfig, steps_per_epoch: int):
        self.config, self.steps_per_epoch = config, steps_per_epoch
        self.started, self.earlier = time.perf_counter(), 0.0
        self.evaluation_seconds = self.last_evaluation = 0.0  # of all measurements, and of the latest

    @property
    def wall_clock(self) -> float:
        """Seconds since the run began, those of earlier sessions included."""
        return self.earlier + time.perf_counter() - self.started

    @property
    def steps(self) -> int | None:
        """After so many steps the run ends, unless its minutes are over before; None if minutes alone count."""
        c = self.config
        by_epochs = c.epochs and math.ceil(c.epochs * self.steps_per_epoch / c.accumulate)
        return min((steps for steps in (c.steps, by_epochs) if steps), default=None)

    def used(self, step: int) -> float:
        """The share of the budget that is used up, 0 to 1."""
        return min(1.0, max(self._by_steps(step), self._by_clock()))

    def evaluation_took(self, seconds: float) -> None:
        """Notes the seconds of a measurement."""
        self.last_evaluation = seconds
        self.evaluation_seconds += seconds

    def affords_evaluation(self, step: int) -> bool:
        """Whether another measurement keeps all of them within their share of the time; always where steps decide."""
        if self._by_clock() <= self._by_steps(step):
            return True
        return self.evaluation_seconds + self.last_evaluation <= EVALUATION_SHARE * self.wall_clock

    def _by_steps(self, step: int) -> float:
        c, shares = self.config, [0.0]
        if c.steps:
            shares.append(step / c.steps)
        if c.epochs:
            shares.append(step * c.accumulate / (c.epochs * self.steps_per_epoch))
        return max(shares)

    def _by_clock(self) -> float:
        if not self.config.minutes:
            return 0.0
        # The last measurement is part of the minutes that the user gave.
        return (self.wall_clock + self.last_evaluation) / (60 * self.config.minutes)
