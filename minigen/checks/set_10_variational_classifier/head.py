"""Task 10.bottleneck_head: noise and a price while it learns, neither when it is measured; a control without both."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.models.latent import gaussian_kl

LEARNING, MEASURED = "loss while it learns", "loss when it is measured"


def head_cases(draw: Draw) -> list[Case]:
    """stochastic, x (B, D), labels, beta, noise (B, Z), and values for both layers, each with its bias behind."""

    def case(note: str, batch: int, width: int, size: int, classes: int, beta: float, stochastic: bool = True) -> Case:
        rows = 2 * size if stochastic else size
        layers = draw.normal(rows, width + 1, scale=0.5), draw.normal(classes, size + 1)
        labels = draw.integers(0, classes - 1, batch)
        return Case(note, stochastic, draw.normal(batch, width), labels, beta, draw.normal(batch, size), *layers)

    return [
        case("one text, two numbers in z", 1, 3, 2, 2, 0.1),
        case("a batch", 5, 4, 3, 3, 0.5),
        case("the control: no noise, no price", 4, 3, 2, 2, 0.5, stochastic=False),
        case("z costs nothing", 3, 6, 4, 2, 0.0),
        case("a nat of z is worth a nat of the label", 6, 5, 2, 4, 1.0),
        case("the control with more numbers than x has", 2, 2, 5, 3, 1.0, stochastic=False),
    ]


def use_head(
    make: type, stochastic: bool, x: Tensor, labels: Tensor, beta: float, noise: Tensor, *values: Tensor
) -> dict:
    """What a head says and what it costs, with the given values in its layers."""
    classes, size = len(values[1]), noise.shape[1]
    head = make(x.shape[1], size, classes, stochastic)
    layers = head.to_latent, head.head
    shapes = [tuple(layer.weight.shape) for layer in layers]
    if shapes != [(len(value), value.shape[1] - 1) for value in values]:
        return {"shapes of to_latent.weight and head.weight": shapes}
    with torch.no_grad():
        for layer, value in zip(layers, values, strict=True):
            layer.weight.copy_(value[:, :-1])
            layer.bias.copy_(value[:, -1])
        head.train()
        learning = head.loss(x, labels, beta, noise)
        head.eval()
        measured = head.loss(x, labels, beta, noise)
        return {"logits": head(x), LEARNING: learning, MEASURED: measured}


class _Head(nn.Module):
    """The reference, with what learners change left open."""

    noisy, wide_control, swapped, halved = True, False, False, 0.5
    noise_when_measured = price_when_measured = False

    def __init__(self, width: int, latent_size: int, num_classes: int, stochastic: bool):
        super().__init__()
        self.size, self.stochastic = latent_size, stochastic
        self.to_latent = nn.Linear(width, 2 * latent_size if stochastic or self.wide_control else latent_size)
        self.head = nn.Linear(latent_size, num_classes)

    def latent(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """(mean, log variance), (B, Z) each; (z, None) for the control."""
        found = self.to_latent(x)
        if not self.stochastic:
            return found, None
        halves = found[:, : self.size], found[:, self.size :]
        return halves[::-1] if self.swapped else halves

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.latent(x)[0])

    def price(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return gaussian_kl(mean, log_variance).sum(dim=1).mean()

    def loss(self, x: Tensor, labels: Tensor, beta: float, noise: Tensor) -> Tensor:
        z, log_variance = self.latent(x)
        cost = torch.zeros(())
        if log_variance is not None:
            if self.training or self.price_when_measured:
                cost = beta * self.price(z, log_variance)
            if self.noisy and (self.training or self.noise_when_measured):
                z = z + (self.halved * log_variance).exp() * noise
        return F.cross_entropy(self.head(z), labels) + cost


class _NoNoise(_Head):
    noisy = False


class _NoiseWhenMeasured(_Head):
    noise_when_measured = True


class _PriceWhenMeasured(_Head):
    price_when_measured = True


class _MeanForSum(_Head):
    def price(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return gaussian_kl(mean, log_variance).mean()


class _Swapped(_Head):
    swapped = True


class _Variance(_Head):
    halved = 1.0


class _WideControl(_Head):
    wide_control = True


class _Distributions(_Head):
    """Written with torch's own bell curves."""

    def loss(self, x: Tensor, labels: Tensor, beta: float, noise: Tensor) -> Tensor:
        if not (self.training and self.stochastic):
            return F.nll_loss(self(x).log_softmax(dim=1), labels)
        mean, log_variance = self.latent(x)
        q = torch.distributions.Normal(mean, (log_variance / 2).exp())
        kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
        each = F.cross_entropy(self.head(q.mean + q.stddev * noise), labels, reduction="none")
        return (each + beta * kl.sum(dim=1)).mean()


def _fits(f, *args) -> bool:
    return LEARNING in f(*args)


def _measured_without_noise(f, stochastic, x, labels, beta, noise, *values) -> bool:
    one, other = (f(stochastic, x, labels, beta, some, *values)[MEASURED] for some in (noise, noise + 3))
    assert_close(one, other, rtol=1e-5, atol=1e-6)
    return True


def _measured_without_price(f, stochastic, x, labels, beta, noise, *values) -> bool:
    one, other = (f(stochastic, x, labels, some, noise, *values)[MEASURED] for some in (beta, beta + 3))
    assert_close(one, other, rtol=1e-5, atol=1e-6)
    return True


def _noise_is_heard(f, stochastic, x, labels, beta, noise, *values) -> bool:
    one, other = (f(stochastic, x, labels, beta, some, *values)[LEARNING] for some in (noise, noise + 3))
    return stochastic != torch.allclose(one, other, rtol=1e-5, atol=1e-6)


def _price_is_heard(f, stochastic, x, labels, beta, noise, *values) -> bool:
    one, other = (f(stochastic, x, labels, some, noise, *values)[LEARNING] for some in (beta, beta + 3))
    return stochastic != torch.allclose(one, other, rtol=1e-5, atol=1e-6)


BOTTLENECK_HEAD = Task(
    id="10.bottleneck_head",
    title="A head behind a narrow, noisy place",
    difficulty=3,
    minutes=30,
    points=5,
    reference=_Head,
    cases=head_cases,
    call=use_head,
    rtol=1e-4,
    atol=1e-5,
    mistakes=[
        Mistake(
            "no-noise",
            "Nothing random happens to z while it learns. Without noise there is no narrow place: a single number can "
            "hold all of the text in its digits.",
            _NoNoise,
        ),
        Mistake(
            "noise-at-evaluation",
            "The noise is still there when it is measured: the same text gets another answer each time, and a worse "
            "one. Ask self.training.",
            _NoiseWhenMeasured,
        ),
        Mistake(
            "price-at-evaluation",
            "The price of z is part of what is measured. Then a classifier is chosen for its low KL, and two arms with "
            "different betas cannot be compared. Measured is the cross-entropy alone.",
            _PriceWhenMeasured,
        ),
        Mistake(
            "mean-for-sum",
            "The KL is averaged over the numbers of z, so that beta is Z times smaller than it says.",
            _MeanForSum,
        ),
        Mistake(
            "swapped",
            "The first Z numbers are taken for the logarithm of the variance, and the others for the mean.",
            _Swapped,
        ),
        Mistake(
            "variance-for-deviation",
            "The noise is multiplied by the variance. It is the standard deviation, its root.",
            _Variance,
        ),
        Mistake(
            "wide-control",
            "The control has a layer of 2 Z numbers, half of which nobody reads. It should be the same narrow place "
            "without noise: Z numbers.",
            _WideControl,
        ),
    ],
    properties=[
        Property(
            "wrong-layers",
            "to_latent is nn.Linear(width, 2 Z), or nn.Linear(width, Z) in the control; head is nn.Linear(Z, C).",
            _fits,
        ),
        Property(
            "noise-when-measured",
            "After .eval() the loss should be the same whatever the noise is.",
            _measured_without_noise,
        ),
        Property(
            "price-when-measured", "After .eval() the loss should be the same for every beta.", _measured_without_price
        ),
        Property(
            "noise-unheard",
            "After .train() the noise should change the loss of the stochastic head, and not that of the control.",
            _noise_is_heard,
        ),
        Property(
            "price-unheard",
            "After .train() beta should change the loss of the stochastic head, and not that of the control.",
            _price_is_heard,
        ),
    ],
    variants=[_Head, _Distributions],
    hints=(
        "Which three things differ between learning and measuring, and which of them has the control?",
        "One method that gives (mean, log variance), (z, None) for the control; forward is head(mean). In loss, noise "
        "and price come only `if self.training and self.stochastic`.",
        "mean, log_variance = the two halves of to_latent(x)\nz = mean,  cost = 0\n"
        "learning and stochastic:  z = mean + exp(log_variance / 2) * noise\n"
        "                          cost = beta * mean over texts of (sum over Z of KL)\n"
        "return cross-entropy of head(z) with the labels + cost",
    ),
)
