"""One training loop for every model of the course, and what it is made of."""

from minigen.training.config import TrainConfig
from minigen.training.errors import TrainingDiverged
from minigen.training.evaluate import evaluate
from minigen.training.history import History
from minigen.training.loop import train
from minigen.training.observers import LivePlot, TensorBoard
from minigen.training.optimizers import Muon, make_optimizers
from minigen.training.schedules import cosine, trapezoid

__all__ = [
    "History",
    "LivePlot",
    "Muon",
    "TensorBoard",
    "TrainConfig",
    "TrainingDiverged",
    "cosine",
    "evaluate",
    "make_optimizers",
    "train",
    "trapezoid",
]
