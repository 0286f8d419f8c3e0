"""The learning rate over a run, as a factor of its peak. Progress runs from 0 to 1, whatever the budget counts."""

import math


def trapezoid(progress: float, warmup: float = 0.02, decay: float = 0.5) -> float:
    """Up in a line for `warmup` of the run, level, then down in a line to 0 over the last `decay` of it.

    Source: Zhai et al. 2022 (Scaling Vision Transformers), section 3.5; Haegele et al. 2024.
    """
    return max(0.0, min(1.0, _ramp(progress, warmup), (1 - progress) / decay if decay else 1.0))


def cosine(progress: float, warmup: float = 0.02, final: float = 0.1) -> float:
    """Up in a line for `warmup` of the run, then down along half a cosine to `final`.

    Source: Loshchilov and Hutter 2017 (SGDR), section 3.
    """
    if progress < warmup:
        return _ramp(progress, warmup)
    turned = min(1.0, (progress - warmup) / (1 - warmup))
    return 1 - (1 - final) * (1 - math.cos(math.pi * turned)) / 2


def _ramp(progress: float, warmup: float) -> float:
    # Never quite 0, or the first step would be wasted.
    return max(progress / warmup, 0.01) if warmup else 1.0


# Called with progress, warmup and decay; a cosine falls all the way from the warm-up on.
SCHEDULES = {"trapezoid": trapezoid, "cosine": lambda progress, warmup, decay: cosine(progress, warmup)}
