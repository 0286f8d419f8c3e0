"""Task 03.next_token_loss: which output is asked about which token."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def loss_cases(draw: Draw) -> list[Case]:
    """Few tokens first; then texts whose number, length and vocabulary differ, and logits that are very sure."""

    def case(note: str, batch: int, length: int, vocabulary: int, scale: float = 1.0) -> Case:
        tokens = draw.integers(0, vocabulary - 1, batch, length)
        return Case(note, draw.normal(batch, length, vocabulary, scale=scale), tokens)

    return [
        case("one text of three tokens", 1, 3, 4),
        case("two texts", 2, 4, 5),
        case("one text of two tokens", 1, 2, 3),
        case("as many tokens as words", 3, 6, 6),
        case("many texts", draw.integer(5, 8), draw.integer(3, 4), 9),
        case("very sure, and often wrong", 2, 5, 7, scale=300),
    ]


def next_token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """The reference: output t is asked about token t + 1."""
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


def _mean(logits, targets):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def _by_loop(logits, tokens):
    losses = []
    for row, text in zip(logits.log_softmax(-1), tokens.tolist(), strict=True):
        losses += [-row[t, text[t + 1]] for t in range(len(text) - 1)]
    return torch.stack(losses).mean()


def _by_gather(logits, tokens):
    scores = logits.transpose(1, 2)  # (B, V, T), as cross_entropy likes it
    targets = torch.cat((tokens[:, 1:], torch.full_like(tokens[:, :1], -100)), dim=1)
    return F.cross_entropy(scores, targets, ignore_index=-100)


def _last_output_is_not_asked(f, logits: Tensor, tokens: Tensor) -> bool:
    other = logits.clone()
    other[:, -1] = other[:, -1].flip(-1) + torch.arange(logits.shape[-1])
    assert_close(f(other, tokens), f(logits, tokens))
    return True


def _first_token_is_no_target(f, logits: Tensor, tokens: Tensor) -> bool:
    other = tokens.clone()
    other[:, 0] = (other[:, 0] + 1) % logits.shape[-1]
    assert_close(f(logits, other), f(logits, tokens))
    return True


def _no_opinion(f, logits: Tensor, tokens: Tensor) -> bool:
    return math.isclose(f(torch.zeros_like(logits), tokens).item(), math.log(logits.shape[-1]), rel_tol=1e-4)


NEXT_TOKEN_LOSS = Task(
    id="03.next_token_loss",
    title="Which output predicts which token?",
    difficulty=1,
    minutes=10,
    points=2,
    reference=next_token_loss,
    cases=loss_cases,
    mistakes=[
        Mistake(
            "no-shift",
            "Output t is asked about token t, which it has just read. A model learns to copy within a few steps: the "
            "loss falls to nearly 0, and the model cannot write.",
            _mean,
        ),
        Mistake(
            "backwards",
            "Output t is asked about the token before it. A causal model has seen that one; the question is what "
            "comes next.",
            lambda logits, tokens: _mean(logits[:, 1:], tokens[:, :-1]),
        ),
        Mistake(
            "wraps-around",
            "The last output is asked about the first token: torch.roll goes round in a circle. Nothing follows the "
            "last token, so its output is not asked.",
            lambda logits, tokens: _mean(logits, tokens.roll(-1, dims=1)),
        ),
        Mistake(
            "joined",
            "You flatten first and shift afterwards. Then the last output of each text is asked about the first token "
            "of the *next* text of the batch. Shift along T first.",
            lambda logits, tokens: F.cross_entropy(logits.flatten(0, 1)[:-1], tokens.flatten()[1:]),
        ),
        Mistake(
            "summed",
            "This is the sum of the losses. The task asks for their mean.",
            lambda logits, tokens: next_token_loss(logits, tokens) * tokens[:, 1:].numel(),
        ),
        Mistake(
            "wrong-count",
            "The sum is right, and is divided by B T. How many predictions are there really?",
            lambda logits, tokens: next_token_loss(logits, tokens) * tokens[:, 1:].numel() / tokens.numel(),
        ),
    ],
    properties=[
        Property(
            "last-is-asked", "The last output has nothing to predict: it should not count.", _last_output_is_not_asked
        ),
        Property("first-is-target", "No output predicts the first token: it is no target.", _first_token_is_no_target),
        Property("not-ln-v", "Logits of zero have no opinion: the loss should be ln V.", _no_opinion),
    ],
    variants=[_by_loop, _by_gather],
    hints=(
        "A text of 5 tokens: how many times does a model predict a token that is there? Which outputs, which tokens?",
        "logits[:, :-1] has no last output, tokens[:, 1:] no first token: (B, T-1, V) and (B, T-1). "
        "F.cross_entropy wants (N, V) and (N,).",
        "outputs = logits without the last position     (B, T-1, V)\n"
        "targets = tokens without the first             (B, T-1)\n"
        "return the mean cross-entropy of all B (T-1) pairs",
    ),
)
