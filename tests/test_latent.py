"""Latent variables: divergences against torch's own and against sampling, free bits, the schedules of beta."""

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence
from torch.testing import assert_close

from minigen.models.latent import BetaSchedule, gaussian_kl, log_normal, reparameterise, with_free_bits

MEAN = torch.tensor([[0.0, 1.5, -2.0], [0.3, 0.0, 4.0]], dtype=torch.float64)
LOG_VARIANCE = torch.tensor([[0.0, -3.0, 1.0], [-8.0, 1e-9, 2.0]], dtype=torch.float64)


def test_the_kl_is_that_of_torch():
    expected = kl_divergence(Normal(MEAN, torch.exp(LOG_VARIANCE / 2)), Normal(torch.zeros(3), torch.ones(3)))
    assert_close(gaussian_kl(MEAN, LOG_VARIANCE), expected.double())


def test_the_kl_is_what_sampling_finds():
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = MEAN[:1].expand(100_000, 3), LOG_VARIANCE[:1].expand(100_000, 3)
    z = reparameterise(mean, log_variance, generator)
    ratios = log_normal(z, mean, log_variance) - log_normal(z)
    error = ratios.std() / len(ratios) ** 0.5
    assert abs(ratios.mean() - gaussian_kl(MEAN, LOG_VARIANCE)[0].sum()) < 4 * error
    assert error < 0.02


def test_the_kl_is_never_negative_and_zero_for_the_prior_alone():
    mean, log_variance = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0)) * 1e-3
    assert (gaussian_kl(mean, log_variance) >= 0).all(), "also where rounding could make it so"
    assert gaussian_kl(torch.zeros(4), torch.zeros(4)).tolist() == [0] * 4


def test_the_density_is_that_of_torch():
    z = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert_close(log_normal(z, MEAN, LOG_VARIANCE), Independent(Normal(MEAN, (LOG_VARIANCE / 2).exp()), 1).log_prob(z))
    assert_close(log_normal(z), Independent(Normal(torch.zeros(3), torch.ones(3)), 1).log_prob(z).double())


def test_gradients_pass_through_a_draw():
    mean, log_variance = MEAN.clone().requires_grad_(), LOG_VARIANCE.clone().requires_grad_()
    z = reparameterise(mean, log_variance, torch.Generator().manual_seed(0))
    z.sum().backward()
    assert_close(mean.grad, torch.ones_like(MEAN))
    assert_close(log_variance.grad, (z - mean).detach() / 2)


def test_free_bits_are_of_each_dimension_over_the_batch():
    kl = torch.tensor([[0.0, 1.0, 0.1], [0.4, 3.0, 0.1]], requires_grad=True)
    total = with_free_bits(kl, 0.25)
    assert_close(total.detach(), torch.tensor(0.25 + 2.0 + 0.25))
    total.backward()
    assert kl.grad.tolist() == [[0.0, 0.5, 0.0]] * 2, "what is free has no gradient"
    assert_close(with_free_bits(kl, 0.0).detach(), torch.tensor(0.2 + 2.0 + 0.1))


def test_beta_waits_then_rises_then_stays():
    beta = BetaSchedule(peak=0.5, start=0.2, end=0.6)
    assert [round(beta(p / 10), 6) for p in range(11)] == [0, 0, 0, 0.125, 0.25, 0.375, 0.5, 0.5, 0.5, 0.5, 0.5]
    usual = BetaSchedule()
    assert (usual(0.25), usual(0.55)) == (0, 1), "zero for a quarter, then up over 30 %"
    assert BetaSchedule(start=0.0, end=0.0)(0.0) == 1
    jump = BetaSchedule(peak=2.0, start=0.5, end=0.5)
    assert (jump(0.4), jump(0.5)) == (0, 2), "a ramp of no length is a jump"
    assert BetaSchedule("constant", peak=0.3)(0.0) == 0.3


def test_a_cyclical_beta_begins_again():
    beta = BetaSchedule("cyclical", start=0.0, end=0.5, cycles=2)
    assert [round(beta(p / 8), 6) for p in range(9)] == [0, 0.5, 1, 1, 0, 0.5, 1, 1, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": 0.5, "end": 0.2}, "ends before it starts: start is 0.5, end 0.2"),
        ({"start": 0.5, "end": 1.5}, "must be shares from 0 to 1"),
        ({"kind": "square"}, "unknown beta schedule 'square': choose one of constant, linear, cyclical"),
        ({"peak": -1.0}, "peak must be 0 or above"),
        ({"kind": "cyclical", "cycles": 0}, "cycles 1 or above"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        BetaSchedule(**changes)
