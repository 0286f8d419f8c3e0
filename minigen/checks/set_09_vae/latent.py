"""Tasks 09.reparameterise and 09.gaussian_kl: a draw that gradients pass through, and what it costs."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.models import latent


def draw_cases(draw: Draw) -> list[Case]:
    """Means, log variances and noise; at last a variance that float32 cannot hold, though its root is no trouble."""
    return [
        Case("one text, two numbers", torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, -1.0]]), draw.normal(1, 2)),
        Case("a batch", draw.normal(3, 4), draw.normal(3, 4), draw.normal(3, 4)),
        Case("a vector", draw.normal(5), draw.normal(5, scale=2), draw.normal(5)),
        Case("no noise", draw.normal(2, 3), draw.normal(2, 3), torch.zeros(2, 3)),
        Case("narrow", draw.normal(2, 3), torch.full((2, 3), -60.0), draw.normal(2, 3)),
        Case("a log variance of 100", draw.normal(2, 2), torch.full((2, 2), 100.0), draw.normal(2, 2) + 3),
    ]


def reparameterise(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """The reference, written by itself: the package's function draws its own noise."""
    return torch.addcmul(mean, torch.exp(0.5 * log_variance), noise)


def with_gradients(f: Callable, mean: Tensor, log_variance: Tensor, noise: Tensor) -> Any:
    """What was drawn, and which slope it has in the mean and in the log variance ("none" where there is none)."""
    inputs = mean.clone().requires_grad_(), log_variance.clone().requires_grad_()
    z = f(*inputs, noise)
    if not isinstance(z, Tensor):
        return z
    slopes = (None, None)
    if z.requires_grad:
        weights = torch.linspace(1, 2, z.numel()).view(z.shape)
        slopes = torch.autograd.grad((z * weights).sum(), inputs, allow_unused=True)
    names = ("gradient of the mean", "gradient of the log variance")
    return {"z": z} | {name: "none" if slope is None else slope for name, slope in zip(names, slopes, strict=True)}


def _without_noise_it_is_the_mean(f, mean, log_variance, noise) -> bool:
    assert_close(f(mean, log_variance, torch.zeros_like(noise))["z"], mean, rtol=1e-5, atol=1e-6)
    return True


def _noise_counts_in_proportion(f, mean, log_variance, noise) -> bool:
    once, twice = f(mean, log_variance, noise)["z"], f(mean, log_variance, 2 * noise)["z"]
    assert_close(twice - mean, 2 * (once - mean), rtol=1e-3, atol=1e-5)
    return True


REPARAMETERISE = Task(
    id="09.reparameterise",
    title="A draw that gradients pass through",
    difficulty=1,
    minutes=5,
    points=2,
    reference=reparameterise,
    cases=draw_cases,
    call=with_gradients,
    rtol=1e-4,
    mistakes=[
        Mistake(
            "variance-for-deviation",
            "The noise is multiplied by the variance. It has standard deviation 1, and should get that of z: the root "
            "of the variance.",
            lambda mean, log_variance, noise: mean + log_variance.exp() * noise,
        ),
        Mistake(
            "log-variance-as-deviation",
            "The noise is multiplied by the logarithm of the variance, which may even be negative. What the encoder "
            "gives out is ln of the variance: which function takes the logarithm back?",
            lambda mean, log_variance, noise: mean + log_variance * noise,
        ),
        Mistake(
            "overflow",
            "For a log variance of 100 you get infinity: the variance e^100 does not fit into float32, its root e^50 "
            "does. Where else can the root be taken?",
            lambda mean, log_variance, noise: mean + log_variance.exp().sqrt() * noise,
        ),
        Mistake(
            "no-noise",
            "The standard deviation is added as it is: nothing is drawn, and z is always off in the same direction.",
            lambda mean, log_variance, noise: mean + (log_variance / 2).exp(),
        ),
        Mistake(
            "no-gradient",
            "The numbers are right, but no gradient passes: z was cut off from the mean and the log variance (by "
            "detach, no_grad, .data or torch.tensor?). Then the encoder learns nothing of the reconstruction.",
            lambda mean, log_variance, noise: reparameterise(mean, log_variance, noise).detach(),
        ),
    ],
    properties=[
        Property("not-centred", "With noise 0 the draw should be the mean.", _without_noise_it_is_the_mean),
        Property(
            "not-proportional", "Twice the noise should lead twice as far from the mean.", _noise_counts_in_proportion
        ),
    ],
    variants=[
        lambda mean, log_variance, noise: noise * torch.pow(torch.e, log_variance / 2) + mean,
        lambda mean, log_variance, noise: mean + torch.einsum("...,...->...", torch.exp(log_variance / 2), noise),
    ],
    hints=(
        "Noise of mean 0 and standard deviation 1: how do you give it another mean and another standard deviation?",
        "z = mean + deviation * noise. You have the logarithm of the variance; the root of e^a is e^(a / 2).",
        "deviation = e to the power of half the log variance\nreturn mean + deviation times noise, place by place",
    ),
)


def kl_cases(draw: Draw) -> list[Case]:
    """The prior itself, each number alone, batches, and a variance that is 0 in float32."""
    return [
        Case("the prior itself", torch.zeros(1, 2), torch.zeros(1, 2)),
        Case("two texts, two numbers", torch.tensor([[1.0, 0.0], [0.0, -2.0]]), torch.tensor([[0.0, 1.0], [-1, 0.5]])),
        Case("a batch", draw.normal(3, 5), draw.normal(3, 5)),
        Case("far away", draw.normal(2, 3, scale=20), draw.normal(2, 3, scale=3)),
        Case("almost a point: the variance rounds to 0", draw.normal(2, 2), torch.full((2, 2), -200.0)),
    ]


def _kl_of(mean, log_variance, variance, log_of_it, half=2.0):
    return (mean.square() + variance - 1 - log_of_it) / half


def _never_negative(f, mean, log_variance) -> bool:
    return bool((f(mean, log_variance) >= -1e-5).all())


def _least_at_the_prior(f, mean, log_variance) -> bool:
    nothing = torch.zeros_like(mean)
    assert_close(f(nothing, nothing), nothing, rtol=0, atol=1e-6)
    return True


def _same_on_both_sides(f, mean, log_variance) -> bool:
    assert_close(f(-mean, log_variance), f(mean, log_variance))
    return True


def _kl_number_by_number(mean, log_variance):
    each = [(m * m + torch.exp(v) - v - 1) * 0.5 for m, v in zip(mean.flatten(), log_variance.flatten(), strict=True)]
    return torch.stack(each).view(mean.shape)


GAUSSIAN_KL = Task(
    id="09.gaussian_kl",
    title="What a bell curve costs",
    difficulty=2,
    minutes=10,
    points=3,
    reference=latent.gaussian_kl,
    cases=kl_cases,
    atol=1e-5,
    forbid=("kl_divergence", "kl_div"),
    mistakes=[
        Mistake(
            "log-variance-as-variance",
            "The second input is used as if it were the variance. It is the *logarithm* of the variance, and may be "
            "negative.",
            lambda mean, log_variance: _kl_of(mean, log_variance, log_variance, log_variance.log()),
        ),
        Mistake(
            "wrong-sign",
            "All signs are turned round: this is -KL, as it stands in the ELBO. A KL divergence is never negative.",
            lambda mean, log_variance: -latent.gaussian_kl(mean, log_variance),
        ),
        Mistake(
            "no-half",
            "Everything is twice as large as it should be. What stands before the bracket?",
            lambda mean, log_variance: 2 * latent.gaussian_kl(mean, log_variance),
        ),
        Mistake(
            "deviation-for-variance",
            "e^(a / 2) is the standard deviation. The formula has its square, the variance.",
            lambda mean, log_variance: _kl_of(mean, log_variance, (log_variance / 2).exp(), log_variance),
        ),
        Mistake(
            "other-way-round",
            "This is KL(prior || q). The two are not the same: the mean over the logarithm of q / prior is taken "
            "over draws of q, the first of the two.",
            lambda mean, log_variance: ((1 + mean.square()) * (-log_variance).exp() - 1 + log_variance) / 2,
        ),
        Mistake(
            "underflow",
            "For a very small variance you get infinity: e^-200 is 0 in float32, and the logarithm of 0 is minus "
            "infinity. You need not take that logarithm: it was handed to you.",
            lambda mean, log_variance: _kl_of(mean, log_variance, log_variance.exp(), log_variance.exp().log()),
        ),
        Mistake(
            "summed",
            "The numbers of a text are added up. Here the price of each single one is asked for: free bits, the next "
            "task, look at each by itself.",
            lambda mean, log_variance: latent.gaussian_kl(mean, log_variance).sum(dim=-1),
        ),
    ],
    properties=[
        Property("negative", "A KL divergence is never below 0.", _never_negative),
        Property(
            "prior-not-free", "Mean 0 and log variance 0 are the prior itself, which costs 0.", _least_at_the_prior
        ),
        Property("lopsided", "A mean of -2 should cost what a mean of 2 costs.", _same_on_both_sides),
    ],
    variants=[_kl_number_by_number, lambda mean, log_variance: 0.5 * (log_variance.exp() + mean**2 - log_variance - 1)],
    hints=(
        "Which of the four terms of the formula do you have at once, and which needs one function of torch?",
        "You have mu and a = ln sigma^2. So ln sigma^2 is a itself, and sigma^2 = e^a. Nothing is summed.",
        "variance = e to the power of log_variance\n"
        "return half of (mean squared + variance - 1 - log_variance), place by place",
    ),
)
