"""The gradients of a step's batches, added up: one batch after another, or several at once."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import torch
from torch import Tensor, nn

from minigen.layers.dropout import drawing_from
from minigen.training.evaluate import autocast

Loss = Callable[[Any], tuple[Tensor, Tensor]]


class Gradients:
    """Adds up the gradients of batches in the parameters' `.grad`.

    loss(batch) gives (sum of losses, number of targets). workers: above 1, and on a CPU, so many batches are computed
    at once, each by a thread of its own on its share of the cores: products of small matrices keep one core busy, not
    several. Sums are made in the order of the batches, so it does not matter who is ready first.

    Raises, by `add` with workers:
        ValueError: if the loss draws random numbers other than those of `Dropout`.
    """

    def __init__(self, model: nn.Module, loss: Loss, precision: torch.dtype, workers: int = 1):
        self.loss, self.precision = loss, precision
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.device = next(model.parameters()).device
        self.pool = _threads(workers) if workers > 1 and self.device.type == "cpu" else None

    def add(self, batches: Iterable[Any]) -> tuple[Tensor, Tensor]:
        """(sum of the losses of all batches, number of their targets); each weighs what it has of targets."""
        return self._one_by_one(batches) if self.pool is None else self._side_by_side(batches)

    def _one_by_one(self, batches: Iterable[Any]) -> tuple[Tensor, Tensor]:
        total = count = torch.zeros((), device=self.device)
        for batch in batches:
            with autocast(self.device, self.precision):
                loss, targets = self.loss(batch)
            loss.backward()
            total, count = total + loss.detach(), count + targets
        return total, count

    def _side_by_side(self, batches: Iterable[Any]) -> tuple[Tensor, Tensor]:
        total = count = torch.zeros(())
        drawn = [(batch, int(torch.randint(2**62, ()))) for batch in batches]
        state = torch.get_rng_state()
        with _one_core():
            for part in [self.pool.submit(self._part, *one) for one in drawn]:
                gradients, loss, targets = part.result()
                for parameter, gradient in zip(self.parameters, gradients, strict=True):
                    if gradient is not None and parameter.grad is None:
                        parameter.grad = gradient.clone()  # two parameters may share one tensor
                    elif gradient is not None:
                        parameter.grad += gradient
                total, count = total + loss, count + targets
        if not torch.equal(state, torch.get_rng_state()):
            raise ValueError(
                "this model draws random numbers of torch's own, and which batch gets which would depend on the clock: "
                "train it with workers=1, or let minigen.layers.Dropout alone draw"
            )
        return total, count

    def _part(self, batch: Any, seed: int) -> tuple[tuple[Tensor | None, ...], Tensor, Tensor]:
        own = torch.Generator().manual_seed(seed)  # torch's one for all would serve whoever comes first
        with drawing_from(own), autocast(self.device, self.precision):
            loss, targets = self.loss(batch)
        return torch.autograd.grad(loss, self.parameters, allow_unused=True), loss.detach(), targets


@contextmanager
def _one_core() -> Iterator[None]:
    """This thread computes alone: helpers of its own would wait for work by spinning, on the cores of the others."""
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(cores)


def _threads(workers: int) -> ThreadPoolExecutor:
    """At most as many threads as torch may use, which they share among them."""
    cores = torch.get_num_threads()
    count = min(workers, cores)
    all_there = Barrier(count + 1)

    def begin() -> None:
        torch.get_num_threads()  # a thread first takes over the number that holds for all; then its own can be set
        torch.set_num_threads(cores // count)
        all_there.wait()

    pool = ThreadPoolExecutor(count, initializer=begin)
    for _ in range(count):
        pool.submit(int)
    all_there.wait()
    torch.set_num_threads(cores)  # of this thread, and of all that begin later
    return pool
