"""Two networks trained against each other. No loss says how far they are: what is written has to be measured."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Adam
from tqdm.auto import tqdm

from minigen.device import seed_everything
from minigen.models.text_gan import Critic, StringWriter, relativistic_losses
from minigen.training.errors import TrainingDiverged

LOG_EVERY = 50  # steps between rows


@dataclass(frozen=True)
class AdversarialConfig:
    """steps: updates of the writer; before each the critic has critic_steps of its own. The rates are Adam's.

    softness: of the Gumbel-softmax, see `StringWriter.write`. betas: little momentum, since the goal moves.

    Raises:
        ValueError: if a count, a rate or the softness is not above 0.
    """

    steps: int = 600
    batch_size: int = 64
    critic_steps: int = 1
    learning_rate: float = 0.0005
    critic_learning_rate: float = 0.004
    softness: float = 1.0
    betas: tuple[float, float] = (0.5, 0.9)
    seed: int = 0

    def __post_init__(self) -> None:
        numbers = ("steps", "batch_size", "critic_steps", "learning_rate", "critic_learning_rate", "softness")
        for name in numbers:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")


def train_adversarially(
    writer: StringWriter,
    critic: Critic,
    strings: Tensor,
    config: AdversarialConfig = AdversarialConfig(),
    observers: Iterable[Callable[[dict], None]] = (),
    progress: bool = True,
) -> list[dict]:
    """Trains both in place on strings (N, T). Returns rows of step, critic_loss and writer_loss, in nats.

    observers are called with each row, and may measure and write.

    Raises:
        ValueError: if the strings are not of the writer's length, or hold tokens that it has not.
        TrainingDiverged: when a loss is no longer a number.
    """
    _check(strings, writer)
    seed_everything(config.seed)
    optimizers = [
        Adam(model.parameters(), rate, config.betas)
        for model, rate in ((writer, config.learning_rate), (critic, config.critic_learning_rate))
    ]
    rows, losses = [], []
    for step in tqdm(range(1, config.steps + 1), unit="step", disable=not progress):
        losses.append(_step(writer, critic, strings, config, optimizers))
        if step % LOG_EVERY and step < config.steps:
            continue
        critic_loss, writer_loss = torch.stack(losses).mean(dim=0).tolist()
        _stop_if_not_a_number(critic_loss + writer_loss, step)
        rows.append({"step": step, "critic_loss": critic_loss, "writer_loss": writer_loss})
        losses = []
        for observer in observers:
            observer(rows[-1])
    return rows


def _step(
    writer: StringWriter, critic: Critic, strings: Tensor, config: AdversarialConfig, optimizers: list[Adam]
) -> Tensor:
    """One update of the writer, after those of the critic; returns (critic's loss, writer's loss)."""
    written = writer.write(config.batch_size, softness=config.softness)  # the slow part, so once for both
    for _ in range(config.critic_steps):
        real = _real(strings, config.batch_size, writer)
        critic_loss, _ = relativistic_losses(critic(real), critic(written.detach()))
        _update(optimizers[1], critic_loss)
    _, writer_loss = relativistic_losses(critic(real), critic(written))
    _update(optimizers[0], writer_loss)
    return torch.stack((critic_loss, writer_loss)).detach()


def _update(optimizer: Adam, loss: Tensor) -> None:
    parameters = optimizer.param_groups[0]["params"]
    optimizer.zero_grad()
    loss.backward(inputs=parameters)  # the other network's gradients are not wanted
    optimizer.step()


def _real(strings: Tensor, number: int, writer: StringWriter) -> Tensor:
    device = writer.head.weight.device
    rows = strings[torch.randint(len(strings), (number,))].to(device)
    return F.one_hot(rows, writer.config.vocab_size).to(writer.head.weight.dtype)


def _check(strings: Tensor, writer: StringWriter) -> None:
    c = writer.config
    if strings.ndim != 2 or not len(strings) or strings.shape[1] != c.length:
        raise ValueError(f"strings must be (N, {c.length}) tokens, got {tuple(strings.shape)}")
    if not 0 <= int(strings.min()) <= int(strings.max()) < c.vocab_size:
        raise ValueError(f"tokens must lie in 0..{c.vocab_size - 1}, got {int(strings.min())}..{int(strings.max())}")


def _stop_if_not_a_number(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise TrainingDiverged(
            f"the critic's or the writer's loss is {loss} at step {step}: training has diverged. Begin anew with "
            "smaller learning rates, or look for what is not a number in the strings or the weights"
        )
