"""Task 03.repair_tying: two matrices that should be one."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Task


def tying_cases(draw: Draw) -> list[Case]:
    """The matrix to start from (V, D), inputs and targets (B, T)."""

    def case(note: str, vocabulary: int, width: int, batch: int, length: int) -> Case:
        tokens = draw.integers(0, vocabulary - 1, 2, batch, length)
        return Case(note, draw.normal(vocabulary, width, scale=0.5), tokens[0], tokens[1])

    return [case("four words of width 3", 4, 3, 1, 3), case("a batch", 7, 4, 3, 5), case("square", 5, 5, 2, 4)]


def one_step(build: Callable[[int, int], nn.Module], start: Tensor, tokens: Tensor, targets: Tensor) -> dict:
    """Builds the model, sets its matrices to `start`, and takes a step of gradient descent."""
    model = build(*start.shape)
    with torch.no_grad():
        for matrix in model.parameters():
            if matrix.shape == start.shape:
                matrix.copy_(start)
    logits = model(tokens)  # (B, T, V)
    F.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
    with torch.no_grad():  # by hand: the first optimiser of a process imports torch's compiler, for more than a second
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter -= parameter.grad
    return {
        "trainable numbers": sum(parameter.numel() for parameter in model.parameters()),
        "logits": logits.detach(),
        "logits after a step": model(tokens).detach(),
    }


class _Model(nn.Module):
    """tanh of the token's row, then a score for each word: by what `head` makes of it."""

    def __init__(self, vocab_size: int, width: int):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(torch.tanh(self.embedding(tokens)))

    def head(self, x: Tensor) -> Tensor:
        return x @ self.embedding.weight.mT


class _Copied(_Model):
    def __init__(self, vocab_size: int, width: int):
        super().__init__(vocab_size, width)
        self.out = nn.Parameter(self.embedding.weight.detach().clone())

    def head(self, x: Tensor) -> Tensor:
        return x @ self.out.mT


class _SharedMemory(_Model):
    def __init__(self, vocab_size: int, width: int):
        super().__init__(vocab_size, width)
        self.out = nn.Parameter(self.embedding.weight.data)

    def head(self, x: Tensor) -> Tensor:
        return x @ self.out.mT


class _DetachedHead(_Model):
    def head(self, x: Tensor) -> Tensor:
        return x @ self.embedding.weight.detach().mT


class _DetachedInput(_Model):
    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(torch.tanh(self.embedding(tokens).detach()))


class _Biased(_Model):
    def __init__(self, vocab_size: int, width: int):
        super().__init__(vocab_size, width)
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def head(self, x: Tensor) -> Tensor:
        return x @ self.embedding.weight.mT + self.bias


class _Assigned(nn.Module):
    def __init__(self, vocab_size: int, width: int):
        super().__init__()
        self.head = nn.Linear(width, vocab_size, bias=False)
        self.embedding = nn.Embedding(vocab_size, width, _weight=self.head.weight)
        self.embedding.weight = self.head.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.embedding(tokens).tanh())


REPAIR_TYING = Task(
    id="03.repair_tying",
    title="Find the bug: tied, said its author",
    kind="bug",
    difficulty=2,
    minutes=15,
    points=3,
    reference=_Model,
    cases=tying_cases,
    call=one_step,
    rtol=1e-4,
    atol=1e-5,
    mistakes=[
        Mistake(
            "as-found",
            "The two matrices begin equal and part at the first step: a copy of numbers ties nothing. What would make "
            "both modules use one and the same parameter?",
            _Copied,
        ),
        Mistake(
            "shared-memory",
            "Two parameters in one piece of memory. Gradient descent happens to be right, but the numbers are counted "
            "twice, and an optimiser with a memory of its own (AdamW, momentum) moves them twice with two memories. "
            "One parameter is wanted.",
            _SharedMemory,
        ),
        Mistake(
            "detached-head",
            "The head uses the embedding's numbers but gives no gradient back to them: .detach(), .data and no_grad "
            "cut the road. Half of the learning is missing.",
            _DetachedHead,
        ),
        Mistake(
            "detached-input",
            "The rows that are looked up get no gradient: .detach(), .data or no_grad cut the road to them.",
            _DetachedInput,
        ),
        Mistake(
            "extra-bias",
            "The head has a bias, which the faulty model had not. Its matrix is right.",
            _Biased,
        ),
    ],
    variants=[_Assigned],
    hints=(
        "How many trainable numbers should a tied model of V words and width D have, and how many has this one?",
        "A module's parameter is an attribute that can be assigned: one.weight = other.weight makes both names mean "
        "the same object. Or leave the second module out.",
        "make the embedding, (V, D)\nmake the head without a bias; its weight is (V, D) too\n"
        "let the head's weight *be* the embedding's weight: assign the object, copy nothing",
    ),
)
