"""Task 06.smoothed_loss: softened targets, and nothing for padding."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.data.pairs import IGNORED


def loss_cases(draw: Draw) -> list[Case]:
    """Without padding, with it, without smoothing, a row of padding alone, a model that is very sure."""

    def targets(vocab: int, *lengths: int) -> Tensor:
        rows = torch.full((len(lengths), max(lengths)), IGNORED)
        for row, length in zip(rows, lengths, strict=True):
            row[:length] = draw.integers(0, vocab - 1, length)
        return rows

    return [
        Case("one sentence of two tokens", draw.normal(1, 2, 3), targets(3, 2), 0.1),
        Case("padding after the first sentence", draw.normal(2, 3, 4), targets(4, 1, 3), 0.1),
        Case("no smoothing", draw.normal(2, 3, 4), targets(4, 3, 2), 0.0),
        Case("much smoothing", draw.normal(3, 5, 6), targets(6, 5, 2, 4), 0.5),
        Case("a row that is all padding", draw.normal(3, 4, 5), targets(5, 4, 0, 1), 0.2),
        Case("a model that is very sure", draw.normal(2, 3, 4, scale=150), targets(4, 2, 3), 0.1),
    ]


def smoothed_loss(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """The reference: torch's."""
    flat = logits.flatten(0, 1)
    return F.cross_entropy(flat, targets.flatten(), ignore_index=IGNORED, label_smoothing=smoothing)


def _each(logits, targets, smoothing, log=lambda z: z.log_softmax(-1), others=False):
    """(loss at each place (B, T), where it counts): padding is taken for token 0 and has to be left out later."""
    keep, log_p = targets != IGNORED, log(logits)
    right = log_p.gather(-1, targets.clamp_min(0)[..., None])[..., 0]
    spread = (log_p.sum(-1) - right) / (log_p.shape[-1] - 1) if others else log_p.mean(-1)
    return -((1 - smoothing) * right + smoothing * spread), keep


def _mean(**changes):
    def _loss(logits, targets, smoothing):
        each, keep = _each(logits, targets, smoothing, **changes)
        return each[keep].mean()

    return _loss


def _counts_padding(logits, targets, smoothing):
    each, keep = _each(logits, targets, smoothing)
    return (each * keep).mean()


def _total(logits, targets, smoothing):
    each, keep = _each(logits, targets, smoothing)
    return each[keep].sum()


def _mean_of_sentences(logits, targets, smoothing):
    each, keep = _each(logits, targets, smoothing)
    return ((each * keep).sum(1) / keep.sum(1)).mean()


def _smooths_padding(logits, targets, smoothing):
    log_p, keep = logits.log_softmax(-1), targets != IGNORED
    right = F.nll_loss(log_p[keep], targets[keep])
    return (1 - smoothing) * right - smoothing * log_p.mean()


def _by_distribution(logits, targets, smoothing):
    keep = targets != IGNORED
    wanted = F.one_hot(targets[keep], logits.shape[-1]) * (1 - smoothing) + smoothing / logits.shape[-1]
    return -(wanted * logits[keep].log_softmax(-1)).sum() / keep.sum()


def _ignores_padding(f, logits: Tensor, targets: Tensor, smoothing: float) -> bool:
    other = torch.where((targets == IGNORED)[..., None], logits.flip(-1) + 1, logits)
    return torch.allclose(f(other, targets, smoothing), f(logits, targets, smoothing), rtol=1e-4)


def _ignorance_costs_log_v(f, logits: Tensor, targets: Tensor, smoothing: float) -> bool:
    found = f(torch.zeros_like(logits), targets, smoothing)
    return math.isclose(found.item(), math.log(logits.shape[-1]), rel_tol=1e-4)


SMOOTHED_LOSS = Task(
    id="06.smoothed_loss",
    title="A loss that is never quite sure, and never counts padding",
    difficulty=2,
    minutes=20,
    points=4,
    reference=smoothed_loss,
    cases=loss_cases,
    rtol=1e-4,
    forbid=("cross_entropy", "nll_loss", "kl_div"),
    mistakes=[
        Mistake(
            "counts-padding",
            "Padding costs nothing, but it is counted: the sum is divided by all places, not by the real ones. A batch "
            "with much padding then looks easy.",
            _counts_padding,
        ),
        Mistake(
            "padding-smoothed",
            "The loss of the right tokens leaves padding out, the smoothed part does not: its mean runs over all "
            "places.",
            _smooths_padding,
        ),
        Mistake(
            "no-smoothing",
            "This is right without smoothing, which is not used.",
            lambda logits, targets, smoothing: _mean()(logits, targets, 0.0),
        ),
        Mistake(
            "others-only",
            "You spread the smoothing over the V - 1 other tokens. Here, as in Szegedy et al. (2016) and in torch, it "
            "is "
            "spread over all V, the right one included.",
            _mean(others=True),
        ),
        Mistake(
            "mean-of-sentences",
            "You take a mean for each sentence, and then the mean of these. Then a word of a short sentence weighs "
            "more "
            "than one of a long sentence, and a row of padding alone is 0 / 0.",
            _mean_of_sentences,
        ),
        Mistake(
            "not-a-mean",
            "This is the sum over all real targets. Their mean is wanted: it does not depend on the size of the batch.",
            _total,
        ),
        Mistake(
            "underflow",
            "Where the model is very sure, shares underflow to 0, and log(0) is minus infinity. log_softmax never "
            "leaves "
            "the logarithms.",
            _mean(log=lambda z: z.softmax(-1).log()),
        ),
    ],
    properties=[
        Property("padding-matters", "Other logits at padding should change nothing.", _ignores_padding),
        Property(
            "not-log-v",
            "If all logits are equal, the loss is ln V, whatever the targets and the smoothing.",
            _ignorance_costs_log_v,
        ),
    ],
    variants=[_by_distribution, _mean()],
    hints=(
        "With a smoothing of 0.1 and V = 4, which share does the right token get in the softened target, and which do "
        "the "
        "others get? What should they sum to?",
        "keep = targets != -100 is (B, T), and logits[keep] is (N, V): from there on there is no padding. "
        "log_p[torch.arange("
        "N), tokens] picks one number in each row.",
        "keep the logits and the targets of the real places         (N, V), (N,)\n"
        "log_p = log_softmax of them over V\nright = log_p of the right tokens\n"
        "return minus the mean of (1 - smoothing) * right + smoothing * (mean of log_p over V)",
    ),
)
