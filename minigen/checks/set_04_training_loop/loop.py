"""Task 04.repair_loop: a loop with three faults, each of which leaves its mark on the curve."""

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def loop_cases(draw: Draw) -> list[Case]:
    """Windows of a text, (steps, B, T + 1), the size of the vocabulary and the rate."""
    return [
        Case("three steps", draw.integers(0, 2, 3, 2, 4), 3, 0.5),
        Case("one step", draw.integers(0, 3, 1, 3, 3), 4, 1.0),
        Case("more steps", draw.integers(0, 4, 6, 4, 6), 5, 2.0),
        Case("one window a step", draw.integers(0, 3, 4, 1, 5), 4, 0.3),
    ]


def train(windows: Tensor, vocab_size: int, rate: float) -> tuple[Tensor, list[float]]:
    """The reference: the gradient of a mean cross-entropy is known: shares minus the truth, divided by the count."""
    weight, losses = torch.zeros(vocab_size, vocab_size), []
    for batch in windows:
        inputs, targets = batch[:, :-1].flatten(), batch[:, 1:].flatten()
        logs = weight[inputs].log_softmax(1)
        losses.append(-logs[torch.arange(len(targets)), targets].mean().item())
        error = (logs.exp() - F.one_hot(targets, vocab_size)) / len(targets)
        weight = weight - rate * torch.zeros_like(weight).index_add(0, inputs, error)
    return weight, losses


def _left(*faults):
    """The loop with the faults that are left in it: "shift", "pile", "twice"."""

    def _loop(windows, vocab_size, rate):
        weight, losses = torch.zeros(vocab_size, vocab_size, requires_grad=True), []
        for batch in windows:
            inputs, targets = batch[:, :-1], batch[:, :-1] if "shift" in faults else batch[:, 1:]
            loss = F.cross_entropy(weight[inputs].flatten(0, 1), targets.flatten())
            loss = loss / len(batch) if "twice" in faults else loss
            loss.backward()
            with torch.no_grad():
                weight -= rate * weight.grad
            if "pile" not in faults:
                weight.grad = None
            losses.append(loss.item())
        return weight.detach(), losses

    return _loop


def _by_optimizer(windows, vocab_size, rate):
    model = torch.nn.Embedding.from_pretrained(torch.zeros(vocab_size, vocab_size), freeze=False)
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=rate), []
    for batch in windows:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch[:, :-1]).transpose(1, 2), batch[:, 1:])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model.weight.detach(), losses


def _starts_at_ln_v(f, windows: Tensor, vocab_size: int, rate: float) -> bool:
    return abs(f(windows, vocab_size, rate)[1][0] - torch.tensor(float(vocab_size)).log().item()) < 1e-4


SHIFT = "The model still learns to repeat what it reads: what is the target of token t?"
PILE = "A step still follows the gradients of all steps before it: backward *adds* to .grad."
TWICE = "The first loss is still not ln V, and the steps are too short: what does F.cross_entropy return already?"

REPAIR_LOOP = Task(
    id="04.repair_loop",
    title="Find the bugs: three faults in one loop",
    kind="bug",
    difficulty=2,
    minutes=20,
    points=4,
    reference=train,
    cases=loop_cases,
    rtol=1e-4,
    atol=1e-5,
    mistakes=[
        Mistake(
            "as-found",
            "This gives what the faulty loop gives. Begin with the first loss: no opinion about V tokens should cost "
            "ln V.",
            _left("shift", "pile", "twice"),
        ),
        Mistake(
            "shift-and-pile",
            f"One of three is repaired. {SHIFT} And does a step only use its own gradient?",
            _left("shift", "pile"),
        ),
        Mistake(
            "shift-and-twice",
            f"One of three is repaired. {SHIFT} And the first loss is not ln V yet.",
            _left("shift", "twice"),
        ),
        Mistake(
            "pile-and-twice",
            f"One of three is repaired. {TWICE} And does a step only use its own gradient?",
            _left("pile", "twice"),
        ),
        Mistake("no-shift", f"Two of three are repaired. {SHIFT}", _left("shift")),
        Mistake("gradients-pile-up", f"Two of three are repaired. {PILE}", _left("pile")),
        Mistake("averaged-twice", f"Two of three are repaired. {TWICE}", _left("twice")),
    ],
    properties=[
        Property("not-ln-v", "The first loss should be ln V: the weights are all zero.", _starts_at_ln_v),
    ],
    variants=[_by_optimizer],
    hints=(
        "Three curves of lesson 04: one starts at the wrong place, one falls too well, one begins to swing. Which line "
        "can do which?",
        "Print the first loss beside ln V. Print one batch: inputs beside targets. Print weight.grad before backward, "
        "in the second step.",
        "inputs are the windows without their last token, targets those without the first\n"
        "the loss is the mean over all targets: F.cross_entropy is one, nothing more to divide\n"
        "backward; step; clear the gradient",
    ),
)
