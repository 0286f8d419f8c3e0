"""How a training run can fail."""


class TrainingDiverged(RuntimeError):
    """The loss became infinite, not a number, or far worse than at the start."""
