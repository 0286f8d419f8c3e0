"""Task 04.first_loss: what the loss should be before anything was learned."""

import math
from collections.abc import Callable

from minigen.checks.task import Mistake, Property, Task

VOCABULARY, SURE = 4096, 0.99
NATS = math.log(VOCABULARY)
REST = -math.log((1 - SURE) / (VOCABULARY - 1))  # the loss where the sure model is wrong
CONFIDENT = (VOCABULARY - 1) / VOCABULARY * REST - math.log(SURE) / VOCABULARY
RIGHT = {"nats": NATS, "bits": math.log2(VOCABULARY), "confident": CONFIDENT}


def _close(name: str) -> Callable[[Callable], bool]:
    return lambda f: math.isclose(f()[name], RIGHT[name], rel_tol=0.01)


FIRST_LOSS = Task(
    id="04.first_loss",
    title="Before training: predict the loss",
    kind="value",
    difficulty=1,
    minutes=5,
    points=2,
    reference=RIGHT,
    rtol=0.01,
    mistakes=[
        Mistake(
            "swapped",
            "Nats and bits are exchanged. A nat is the larger unit (1 nat is 1.44 bits), so there are fewer of them.",
            RIGHT | {"nats": RIGHT["bits"], "bits": NATS},
        ),
        Mistake(
            "log10",
            "'nats' is a logarithm to the base 10. Nats are natural logarithms, as in math.log.",
            RIGHT | {"nats": math.log10(VOCABULARY)},
        ),
        Mistake(
            "negative",
            "The loss is *minus* the logarithm of a probability below 1: it is positive.",
            {name: -value for name, value in RIGHT.items()},
        ),
        Mistake(
            "entropy",
            "'confident' is the model's own entropy: how surprised it expects to be. But the targets do not come from "
            "the model: its favourite is right one time in V only.",
            RIGHT | {"confident": (1 - SURE) * REST - SURE * math.log(SURE)},
        ),
        Mistake(
            "always-right",
            "'confident' is the loss where the favourite happens to be right. How often is that?",
            RIGHT | {"confident": -math.log(SURE)},
        ),
        Mistake(
            "not-shared-out",
            "'confident' gives 1 % to the target. The 1 % is shared out among all V - 1 other tokens.",
            RIGHT | {"confident": -math.log(1 - SURE)},
        ),
    ],
    properties=[
        Property(
            "entries",
            "The answer is a dictionary with 'nats', 'bits' and 'confident'.",
            lambda f: set(f()) == set(RIGHT),
        ),
        Property("nats", "'nats': what is -ln p if all V tokens have the same p?", _close("nats")),
        Property("bits", "'bits': the same loss, with a logarithm to the base 2.", _close("bits")),
        Property(
            "confident",
            "'confident': average over the targets. In nearly all cases the target is one of the V - 1 tokens that "
            "share the rest.",
            _close("confident"),
        ),
    ],
    hints=(
        "All V tokens are equally likely: what is the probability of the target? And minus its logarithm?",
        "The sure model: with probability 1 / V its favourite is the target, loss -ln 0.99. Otherwise the target has "
        "0.01 / (V - 1).",
        "nats = ln V\nbits = log2 V\nconfident = (1/V) (-ln 0.99) + (1 - 1/V) (-ln(0.01 / (V - 1)))",
    ),
)
