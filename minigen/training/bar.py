"""The line that shows how far a run is."""

import math
import time
from types import TracebackType

from tqdm.auto import tqdm

QUICKEST, SLOWEST = 0.1, 1.0  # seconds between two looks of the bar


class Bar:
    """Steps of all steps; or, where minutes alone are the budget, the time that has gone by of the time there is."""

    def __init__(self, steps: int | None, minutes: float | None, step: int, visible: bool):
        self.steps, self.minutes, self.visible = steps, minutes, visible
        self.shown = -math.inf
        if steps:
            self.bar = tqdm(total=steps, initial=min(step, steps), unit="step", disable=not visible)
        else:
            line = "{percentage:3.0f}%|{bar}| {desc}"
            self.bar = tqdm(total=60 * minutes, bar_format=line, disable=not visible)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bar.close()

    @property
    def is_old(self) -> bool:
        """Whether what it shows is from so long ago that one might think the run stands still."""
        return self.visible and time.monotonic() - self.shown >= SLOWEST

    def show(self, step: int, seconds: float, loss: float, best: float) -> None:
        """seconds: of the whole run so far. loss: of training; best: the best held-out loss, infinite for none."""
        losses = f"loss {loss:.3f}" + ("" if math.isinf(best) else f", best held out {best:.3f}")
        if self.steps:
            self.bar.n = min(step, self.steps)
            self.bar.set_postfix_str(losses, refresh=False)
        else:
            self.bar.n = min(seconds, self.bar.total or 0)
            text = f"{_clock(seconds)} of {_clock(60 * self.minutes)}, {step:,} steps, {losses}"
            self.bar.set_description_str(text, refresh=False)
        if self.visible and time.monotonic() - self.shown >= QUICKEST:
            self.bar.refresh()
            self.shown = time.monotonic()


def _clock(seconds: float) -> str:
    """90 -> "1:30"."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"
