"""Task 09.importance_bound: the logarithm of a mean lies above the mean of the logarithms."""

import math

import torch
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.models.latent import gaussian_kl, log_normal


def bound_cases(draw: Draw) -> list[Case]:
    """ln p(x | z), the draws z, and the bell curve that they were drawn from."""

    def case(note: str, draws: int, batch: int, size: int, level: float, spread: float) -> Case:
        mean, log_variance = draw.normal(batch, size), draw.normal(batch, size) - 1
        z = mean + (log_variance / 2).exp() * draw.normal(draws, batch, size)
        return Case(note, level + draw.normal(draws, batch, scale=spread), z, mean, log_variance)

    return [
        case("two draws for one text", 2, 1, 1, -1.0, 1.0),
        case("a batch", 3, 4, 2, -2.0, 1.0),
        case("one draw", 1, 3, 2, -5.0, 1.0),
        case("long texts: likelihoods that are 0 in float32", 4, 2, 5, -600.0, 5.0),
        case("one draw is far better than the others", 5, 3, 2, -300.0, 80.0),
    ]


def importance_bound(log_likelihood: Tensor, z: Tensor, mean: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
    """The reference, made of the package's densities."""
    log_weights = log_likelihood + log_normal(z) - log_normal(z, mean, log_variance)  # (K, B)
    return log_weights.mean(dim=0), log_weights.logsumexp(dim=0) - math.log(len(z))


def _ratio(z, mean, log_variance):
    return log_normal(z) - log_normal(z, mean, log_variance)


def _both(weights, dim=0):
    return weights.mean(dim=dim), weights.logsumexp(dim=dim) - math.log(weights.shape[dim])


def _overflowing(likelihood, z, mean, log_variance):
    weights = likelihood + _ratio(z, mean, log_variance)
    return weights.mean(dim=0), weights.exp().mean(dim=0).log()


def _no_count(likelihood, z, mean, log_variance):
    weights = likelihood + _ratio(z, mean, log_variance)
    return weights.mean(dim=0), weights.logsumexp(dim=0)


def _with_kl(likelihood, z, mean, log_variance):
    return _both(likelihood - gaussian_kl(mean, log_variance).sum(dim=-1))


def _no_normaliser(likelihood, z, mean, log_variance):
    return _both(likelihood + _ratio(z, mean, log_variance) - log_variance.sum(dim=-1) / 2)


def _bound_is_above(f, *args) -> bool:
    elbo, bound = f(*args)
    return bool((bound >= elbo - 1e-3).all())


def _equal_for_one_draw(f, likelihood, z, mean, log_variance) -> bool:
    elbo, bound = f(likelihood[:1], z[:1], mean, log_variance)
    assert_close(elbo, bound, rtol=1e-4, atol=1e-4)
    return True


def _repeated_draws(f, likelihood, z, mean, log_variance) -> bool:
    """Whether the same draws twice give what they give once."""
    once = f(likelihood, z, mean, log_variance)
    twice = f(likelihood.repeat(2, 1), z.repeat(2, 1, 1), mean, log_variance)
    assert_close(tuple(twice), tuple(once), rtol=1e-4, atol=1e-3)
    return True


def _by_distributions(likelihood, z, mean, log_variance):
    q = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    weights = likelihood + (prior.log_prob(z) - q.log_prob(z)).sum(dim=-1)
    top = weights.amax(dim=0)
    return weights.sum(dim=0) / len(weights), top + (weights - top).exp().mean(dim=0).log()


def _by_double(likelihood, z, mean, log_variance):
    weights = (likelihood + _ratio(z, mean, log_variance)).double()
    bounds = [torch.logsumexp(row, 0) for row in weights.T]
    return weights.mean(dim=0).float(), (torch.stack(bounds) - math.log(len(weights))).float()


IMPORTANCE_BOUND = Task(
    id="09.importance_bound",
    title="The ELBO, and a tighter bound",
    difficulty=3,
    minutes=25,
    points=4,
    reference=importance_bound,
    cases=bound_cases,
    rtol=1e-4,
    atol=1e-4,
    mistakes=[
        Mistake(
            "no-ratio",
            "The weights are the likelihoods alone. The draws came from q and not from the prior: each has to be "
            "weighed with p(z) / q(z).",
            lambda likelihood, z, mean, log_variance: _both(likelihood),
        ),
        Mistake(
            "inverted",
            "The ratio is upside down: q / p in place of p / q. What q draws too often must count less.",
            lambda likelihood, z, mean, log_variance: _both(likelihood - _ratio(z, mean, log_variance)),
        ),
        Mistake(
            "no-normaliser",
            "The density of q lacks a term: a narrow bell curve is also a high one. ln N(z; mean, variance) has "
            "-ln(variance) / 2 beside the square.",
            _no_normaliser,
        ),
        Mistake(
            "kl-for-ratio",
            "You subtract the mean of ln q / p, which is the KL. For the ELBO that is another road to the same mean; "
            "the bound needs the ratio of *each draw*, before the logarithm of the mean.",
            _with_kl,
        ),
        Mistake(
            "overflow",
            "The weights are taken out of the logarithms: for a text of many words e^-600 is 0 in float32, and its "
            "logarithm minus infinity. A function of torch takes sum and logarithm together.",
            _overflowing,
        ),
        Mistake(
            "sum-for-mean",
            "The bound is the logarithm of the *sum* of the weights, and grows with the number of draws. A mean has "
            "the number of draws below: what does that do to the logarithm?",
            _no_count,
        ),
        Mistake(
            "wrong-axis",
            "You average over the texts. The draws are the first axis; the answers have one number for each text.",
            lambda likelihood, z, mean, log_variance: _both(likelihood + _ratio(z, mean, log_variance), dim=1),
        ),
    ],
    properties=[
        Property("below-elbo", "The logarithm of a mean is never below the mean of the logarithms.", _bound_is_above),
        Property("one-draw", "With one draw the two numbers should be equal.", _equal_for_one_draw),
        Property("counts-draws", "The same draws given twice should not change the answers.", _repeated_draws),
    ],
    variants=[_by_distributions, _by_double],
    hints=(
        "ln w = ln p(x | z) + ln p(z) - ln q(z): which of the three do you have, and what do the other two need?",
        "Up to a constant that cancels, ln p(z) is -z^2 / 2 summed over the numbers of z, and ln q(z) is "
        "-((z - mean)^2 / variance + ln variance) / 2. Then torch.logsumexp over the draws, minus ln K.",
        "ln_p = minus half the sum of z^2                                        (K, B)\n"
        "ln_q = minus half the sum of (z - mean)^2 / variance + log_variance     (K, B)\n"
        "ln_w = log_likelihood + ln_p - ln_q\n"
        "return the mean of ln_w over the draws, and its logsumexp over the draws minus ln K",
    ),
)
