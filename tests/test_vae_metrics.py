"""The diagnostics: each by hand, each with a model that has collapsed."""

import math

import pytest
import torch
from torch.testing import assert_close
from vae_tools import V, Z, make

from minigen.data.pairs import pair_batch
from minigen.generate import Sampling
from minigen.models.latent import gaussian_kl, reparameterise
from minigen.vae_metrics import (
    active_units,
    diagnose,
    elbo_and_bound,
    mutual_information,
    nll_of_own_and_permuted,
    posteriors,
    reconstruction_rates,
    write,
)


def texts(number: int = 12, seed: int = 0) -> list[torch.Tensor]:
    """Token sequences of 1 to 6 tokens."""
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 7, (number,), generator=draw).tolist()
    return [torch.randint(V, (length,), generator=draw) for length in lengths]


def collapsed():
    """A model that says the same of every text, and does not look at z."""
    model = make()
    with torch.no_grad():
        for part in (model.to_posterior, model.to_embedding, model.to_memory):
            part.weight.zero_()
            part.bias.zero_()
    return model


def test_posteriors_come_in_the_order_of_the_texts():
    model, some = make(), texts()
    means, log_variances = posteriors(model, some)
    for row in (0, 5, 11):
        alone = posteriors(model, [some[row]])
        assert_close(means[row], alone[0][0], rtol=1e-5, atol=1e-5)
        assert_close(log_variances[row], alone[1][0], rtol=1e-5, atol=1e-5)


def test_units_are_active_whose_mean_moves():
    means = torch.tensor([[0.0, 1.0, 5.0], [0.15, -1.0, 5.0]])  # variances 0.0056, 1 and 0
    assert active_units(means) == 1
    assert active_units(means * 2) == 2


def test_the_elbo_lies_below_the_bound_and_the_bound_below_the_likelihood():
    model, some = make(), texts(6)
    elbo, bound = elbo_and_bound(model, some, 32)
    assert (elbo <= bound + 1e-4).all(), "of the same draws, by Jensen's inequality"
    assert (bound - elbo).max() > 0.1
    one = elbo_and_bound(model, some, 1)
    assert_close(one[0], one[1], rtol=1e-4, atol=1e-4)
    # Of other draws, the two are in order within the error of both.
    other = torch.stack([elbo_and_bound(model, some, 8, seed)[0] for seed in range(1, 9)])
    assert (other.mean(dim=0) < bound + 4 * other.std(dim=0) / 8**0.5).all()


@torch.no_grad()
def test_the_elbo_is_the_likelihood_less_the_kl_within_error():
    model, some = make(), texts(3)
    batch = pair_batch(some, some, V)
    weights = model.log_weights(batch, 200, torch.Generator().manual_seed(0))
    mean, log_variance = model.posterior(*batch[:2])
    generator = torch.Generator().manual_seed(0)
    draws = [reparameterise(mean, log_variance, generator) for _ in range(200)]
    likelihood = torch.stack([model.log_likelihood(*batch[2:], z) for z in draws])
    error = (weights - likelihood).std(dim=0) / 200**0.5
    by_formula = likelihood.mean(dim=0) - gaussian_kl(mean, log_variance).sum(dim=1)
    assert ((weights.mean(dim=0) - by_formula).abs() < 4 * error).all()


def test_a_decoder_that_does_not_read_z_gains_nothing_from_its_own():
    model, some = collapsed(), texts()
    found = diagnose(model, some, num_samples=4)
    assert found["gap"] == pytest.approx(0, abs=1e-5)
    assert found["kl"] == found["active_units"] == 0
    assert found["mutual_information"] == pytest.approx(0, abs=1e-5)
    assert found["nll_bound"] == pytest.approx(-found["elbo"], abs=1e-4), "no z, no gap between the bounds"
    assert (found["n"], found["latent_size"]) == (12, Z)


def test_every_text_gets_the_z_of_another():
    model, some = make(), texts()
    means = torch.arange(12.0)[:, None].expand(12, Z).contiguous()
    seen = []
    model.log_likelihood = lambda inputs, targets, z: seen.append(z[:, 0]) or torch.zeros(len(z))
    nll_of_own_and_permuted(model, some, means, torch.full((12, Z), -60.0))
    order = sorted(range(12), key=lambda row: len(some[row]))
    assert_close(seen[0], torch.tensor(order).float())
    assert sorted(seen[1].round().tolist()) == list(range(12))
    assert not (seen[0].round() == seen[1].round()).any()
    with pytest.raises(ValueError, match="among 2 texts or more, got 1"):
        nll_of_own_and_permuted(model, some[:1], means[:1], means[:1])


def test_mutual_information_is_the_kl_where_the_mixture_is_the_prior():
    generator = torch.Generator().manual_seed(0)
    variance = torch.tensor(0.5)
    means = torch.randn(2000, 2, generator=generator) * (1 - variance) ** 0.5  # then q(z) is N(0, I)
    found = mutual_information(means, variance.log().expand(2000, 2), seed=1)
    assert found == pytest.approx(2 * -math.log(0.5) / 2, abs=0.08)


def test_a_saturated_estimate_warns():
    with pytest.warns(UserWarning, match=r"near ln 10 = 2\.30.*a lower bound"):
        found = mutual_information(torch.arange(10.0)[:, None] * 100, torch.zeros(10, 1))
    assert found == pytest.approx(math.log(10), abs=1e-4)


def test_tokens_count_in_their_place_alone():
    truth = [torch.tensor([1, 2, 3, 4]), torch.tensor([5])]
    assert reconstruction_rates(truth, [[1, 2, 3, 4], [5]]) == (1, 1)
    assert reconstruction_rates(truth, [[1, 9, 3], [5, 6]]) == (3 / 5, 0)
    assert reconstruction_rates(truth, [[2, 3, 4], [5]]) == (1 / 5, 1 / 2)


def test_what_is_written_follows_the_likeliest_tokens_until_the_boundary():
    model, z = make(), torch.randn(3, Z, generator=torch.Generator().manual_seed(0))
    for row, tokens in enumerate(write(model, z)):
        inputs = torch.tensor([[V, *tokens]])
        with torch.no_grad():
            best = model(inputs, z[row : row + 1])[0].argmax(dim=-1).tolist()
        assert best[: len(tokens)] == tokens
        assert len(tokens) == model.config.context_length - 1 or best[-1] == V
    drawn = [write(model, z, Sampling(1.0), seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_diagnosing_leaves_a_model_in_training_in_training():
    model = make().train()
    before = diagnose(model, texts(), 2)
    assert model.training
    assert before == diagnose(model, texts(), 2), "no dropout, the same noise"
