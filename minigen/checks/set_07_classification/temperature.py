"""Task 07.fit_temperature: one number makes a model as sure as it may be, and changes no answer."""

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def logit_cases(draw: Draw) -> list[Case]:
    """Models that are too sure, too modest, and about right; some logits are so large that softmax gives a plain 0."""
    candidates = torch.tensor([0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0])

    def case(note: str, size: int, classes: int, told: float, tried: Tensor = candidates) -> Case:
        logits = draw.normal(size, classes, scale=1.5)
        noise = -(-draw.uniform(size, classes, low=1e-6).log()).log()
        labels = (logits + noise).argmax(1)  # drawn from softmax(logits), by Gumbel's trick
        return Case(note, told * logits, labels, tried)

    return [
        Case("two texts", torch.tensor([[2.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]), torch.tensor([1.0, 3.0, 9.0])),
        case("too sure", 200, 3, 3.0),
        case("too modest", 200, 2, 0.3),
        case("as sure as it should be", 200, 4, 1.0),
        case("candidates in any order", 60, 3, 2.0, candidates[torch.tensor([4, 7, 0, 2, 5, 1, 6, 3])]),
        case("far too sure", 100, 3, 120.0, torch.tensor([1.0, 10.0, 100.0, 1000.0])),
        case("no candidate is large enough", 50, 3, 200.0, torch.tensor([0.5, 1.0, 2.0])),
        Case("one text, one candidate", draw.normal(1, 5), torch.tensor([3]), torch.tensor([2.0])),
    ]


def fit_temperature(logits: Tensor, labels: Tensor, candidates: Tensor) -> tuple[float, float]:
    """The reference: by torch's own loss, in float64."""
    losses = torch.stack([F.cross_entropy(logits.double() / t.double(), labels) for t in candidates])
    return candidates[losses.argmin()].item(), losses.amin().item()


def _best(logits, labels, candidates, loss, pick=torch.argmin):
    losses = torch.stack([loss(logits, labels, t) for t in candidates])
    best = pick(losses)
    return candidates[best].item(), losses[best].item()


def _nll(logits, labels, t):
    return F.cross_entropy(logits / t, labels)


def _changed(key: str, hint: str, loss=_nll, pick=torch.argmin) -> Mistake:
    return Mistake(key, hint, lambda logits, labels, tried: _best(logits, labels, tried, loss, pick))


def _error_rate(logits, labels, t):
    return ((logits / t).argmax(1) != labels).float().mean()


def _log_of_softmax(logits, labels, t):
    return -(logits / t).softmax(1)[torch.arange(len(labels)), labels].log().mean()


def _by_gather(logits, labels, candidates):
    scaled = logits / candidates[:, None, None]  # (K, N, C)
    losses = (scaled.logsumexp(-1) - scaled[:, torch.arange(len(labels)), labels]).mean(-1)
    return candidates[losses.argmin()].item(), losses.min().item()


FIT_TEMPERATURE = Task(
    id="07.fit_temperature",
    title="A temperature for a model that is too sure",
    difficulty=2,
    minutes=15,
    points=3,
    reference=fit_temperature,
    cases=logit_cases,
    rtol=1e-4,
    atol=1e-5,
    mistakes=[
        _changed(
            "inverted",
            "You multiply by the temperature. A temperature above 1 makes a model less sure: the logits are divided.",
            lambda logits, labels, t: _nll(logits, labels, 1 / t),
        ),
        _changed(
            "log-of-zero",
            "softmax rounds a very small probability to 0, and its logarithm is minus infinity: one text that is far "
            "off then decides alone. log_softmax, or the cross-entropy of the logits, never makes the small number.",
            _log_of_softmax,
        ),
        _changed(
            "accuracy",
            "You look for the temperature with the fewest wrong answers. But dividing by T changes no answer, so all "
            "are equal; what changes is the probability of the labels.",
            _error_rate,
        ),
        _changed(
            "total-sum",
            "The right temperature, but the loss is a sum over the texts. What is asked for is the mean, nats a text.",
            lambda logits, labels, t: F.cross_entropy(logits / t, labels, reduction="sum"),
        ),
        _changed("largest", "You pick the temperature with the *largest* loss.", pick=torch.argmax),
        _changed(
            "scale-after",
            "You divide the log-probabilities by T, after the softmax. They are no distribution then: any large T "
            "looks good.",
            lambda logits, labels, t: _nll(logits, labels, 1) / t,
        ),
        Mistake(
            "returns-index",
            "You return the place of the best candidate. What is asked for is the temperature itself.",
            lambda *args: (args[2].tolist().index(fit_temperature(*args)[0]), fit_temperature(*args)[1]),
        ),
    ],
    properties=[
        Property(
            "not-a-candidate",
            "The temperature should be one of the candidates.",
            lambda f, logits, labels, candidates: f(logits, labels, candidates)[0] in candidates.tolist(),
        ),
        Property(
            "not-the-loss",
            "The second number should be the mean of -log p(label) at that temperature.",
            lambda f, *args: abs(f(*args)[1] - _nll(args[0].double(), args[1], f(*args)[0]).item()) < 1e-3,
        ),
    ],
    variants=[_by_gather, lambda *args: _best(*args, _nll)],
    hints=(
        "Two probabilities of a wrong answer, 0.99 and 0.7: which costs more in -log p(label), and what does a "
        "temperature of 3 do to the first?",
        "For each T: F.cross_entropy(logits / T, labels), or log_softmax and the entry of the label. Then the T with "
        "the least.",
        "for each T of the candidates:\n    loss = mean of -log_softmax(logits / T) at the label\n"
        "return the T with the least loss, and that loss, both as floats",
    ),
)
