"""A tiny model and tiny batches that the tests of training share."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from minigen.data.batches import WindowBatches, held_out_windows
from minigen.layers import BlockConfig
from minigen.models.gpt import GPT, GPTConfig
from minigen.training import History, TrainConfig, train

VOCABULARY = 11
CONTEXT = 8
TINY = TrainConfig(steps=24, evaluations=3, precision="fp32", adamw_learning_rate=0.01)


def tiny_gpt(seed: int = 0, dropout: float = 0.0, num_layers: int = 2, **changes) -> GPT:
    """Two blocks unless told otherwise, 16 wide; every call with one seed gives the same weights."""
    torch.manual_seed(seed)
    block = BlockConfig(width=16, num_heads=2, dropout=dropout)
    return GPT(GPTConfig(VOCABULARY, CONTEXT, num_layers, block=block, **changes))


def text(length: int = 700, seed: int = 3) -> Tensor:
    """Tokens with a rule to learn: each is one more than the last, now and then two more."""
    generator = torch.Generator().manual_seed(seed)
    tokens = [0]
    for noise in torch.rand(length, generator=generator).tolist():
        tokens.append((tokens[-1] + 1 + (noise < 0.1)) % VOCABULARY)
    return torch.tensor(tokens[:length])


def batches(batch_size: int = 4, seed: int = 0, data: Tensor | None = None) -> WindowBatches:
    """Training batches of `text`."""
    return WindowBatches(text() if data is None else data, CONTEXT, batch_size, seed)


def held_out() -> list[tuple[Tensor, Tensor]]:
    """A text of the same rule that is not trained on."""
    return held_out_windows(text(150, seed=4), CONTEXT, 4)


def run(model: nn.Module, out: Path | None = None, *, resume: bool = False, **changes) -> History:
    """`train` on the tiny data without a progress bar."""
    return train(model, batches(), held_out(), replace(TINY, **changes), out, resume=resume, progress=False)


def weights(model: nn.Module) -> dict[str, Tensor]:
    """Copies of all parameters."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    """Equal to the last bit."""
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


def untimed(history: History) -> list[dict]:
    """The rows without what no two runs share."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows]


class Cycle:
    """A list of batches that begins again after its end, and notes which of them were asked for."""

    def __init__(self, inner: Iterable):
        self.inner, self.asked = list(inner), []

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, step: int) -> object:
        self.asked.append(step)
        return self.inner[step % len(self.inner)]


class StopAfter:
    """Batches that act as if the user pressed Ctrl-C while batch number `step` is fetched."""

    def __init__(self, inner: WindowBatches, step: int, act: Callable[[], None]):
        self.inner, self.step, self.act, self.started = inner, step, act, False

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        if step == self.step and self.started:
            self.act()
        self.started = True  # the very first call is for the fingerprint of the data
        return self.inner[step]


def ctrl_c() -> None:
    """What the terminal does when the user presses Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


def interrupted(out: Path, step: int, act: Callable[[], None] = ctrl_c, **changes) -> History:
    """A run in `out` that is stopped during step number `step`."""
    config = replace(TINY, **changes)
    data = StopAfter(batches(), step * config.accumulate, act)
    return train(tiny_gpt(dropout=0.1), data, held_out(), config, out, progress=False)


def start_python(code: str, *arguments: str) -> subprocess.Popen:
    """A Python that can import what the tests can."""
    tests = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(tests), str(tests.parent)))}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
