"""What a training run is told."""

from dataclasses import dataclass

from minigen.training.schedules import SCHEDULES

USUAL_LEARNING_RATE = {"muon": 0.02, "adamw": 0.002}  # peak rates that train the small models of the course


@dataclass(frozen=True)
class TrainConfig:
    """Budgets, optimiser and schedule of one run. The run ends when the first of the budgets that are set is used up.

    steps, epochs, minutes: budgets; minutes are wall-clock time, evaluations included.
    optimizer: "muon" (hidden matrices by Muon, the rest by AdamW) or "adamw".
    learning_rate: peak rate of the hidden matrices under Muon, or of everything under AdamW.
    adamw_learning_rate: peak rate of embeddings, output matrix, norms and biases under Muon.
    layer_decay: under AdamW, each block learns at this share of the rate of the block above it, what is below the
        blocks as if it were one more. head_learning_rate: peak rate of the `head` of a model; None: as all else.
    warmup, decay: shares of the run in which the rate rises to its peak and falls to zero ("trapezoid");
        "cosine" falls from the end of the warm-up on, to a tenth, and has no use for decay.
    clip: largest norm of the gradient. accumulate: batches whose gradients are added up in a step. workers: how many
        of these a CPU computes at once, each on its share of the cores; models that draw other random numbers than
        those of `minigen.layers.Dropout` are refused. No use with compile.
    evaluations: how often the held-out split is measured, evenly over the run; while minutes are the budget that
        runs out first, those are left out that would take more than 15 % of the time, but never the last.
        patience: stop after so many evaluations without a new best. precision: "auto", "fp32" or "bf16".
    compile: by torch.compile, for batches of one shape: half a minute and a C++ compiler before the first step.

    Raises:
        ValueError: if there is no budget, no such optimizer or schedule, a budget, rate or count is not above 0, or
            warmup and decay are not shares of the run that add up to at most 1 (of a cosine, warmup below 1).
    """

    steps: int | None = None
    epochs: float | None = None
    minutes: float | None = None
    optimizer: str = "muon"
    learning_rate: float = 0.02
    adamw_learning_rate: float = 0.003
    layer_decay: float = 1.0
    head_learning_rate: float | None = None
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.95)
    schedule: str = "trapezoid"
    warmup: float = 0.02
    decay: float = 0.5
    clip: float = 1.0
    accumulate: int = 1
    workers: int = 1
    evaluations: int = 20
    patience: int | None = None
    precision: str = "auto"
    compile: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        budgets = {"steps": self.steps, "epochs": self.epochs, "minutes": self.minutes}
        if all(value is None for value in budgets.values()):
            raise ValueError("a run needs a budget: set steps, epochs or minutes")
        positive = budgets | {
            "learning_rate": self.learning_rate,
            "adamw_learning_rate": self.adamw_learning_rate,
            "layer_decay": self.layer_decay,
            "head_learning_rate": self.head_learning_rate,
            "clip": self.clip,
            "accumulate": self.accumulate,
            "workers": self.workers,
            "evaluations": self.evaluations,
            "patience": self.patience,
        }
        for name, value in positive.items():
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be above 0, got {value}")
        if self.optimizer not in ("muon", "adamw"):
            raise ValueError(f"unknown optimizer {self.optimizer!r}: choose 'muon' or 'adamw'")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"unknown schedule {self.schedule!r}: choose one of {', '.join(SCHEDULES)}")
        if self.schedule == "cosine" and not 0 <= self.warmup < 1:
            raise ValueError(f"warmup must be a share of the run, at least 0 and below 1, got {self.warmup}")
        if self.schedule == "trapezoid" and not (min(self.warmup, self.decay) >= 0 and self.warmup + self.decay <= 1):
            raise ValueError(f"warmup {self.warmup} and decay {self.decay} must be shares that add up to at most 1")

    @property
    def budget(self) -> str:
        """In words: "200 steps", or "2 epochs or 1.5 minutes", whichever ends first."""
        set_ones = [(name, value) for name in ("steps", "epochs", "minutes") if (value := getattr(self, name))]
        return " or ".join(f"{value:g} {name if value != 1 else name[:-1]}" for name, value in set_ones)
