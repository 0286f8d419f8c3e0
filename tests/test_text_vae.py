"""The text VAE: nothing passes but z, padding changes nothing, and its bounds are in order."""

import pytest
import torch
from parity import TOLERANCE
from torch.testing import assert_close
from vae_tools import CONTEXT, D, V, Z, make

from minigen.data.pairs import pad_sources, pair_batch
from minigen.layers import BlockConfig
from minigen.models.gpt import IGNORED
from minigen.models.latent import BetaSchedule, gaussian_kl
from minigen.models.text_vae import LATENT_INPUTS, TextVAE, TextVAEConfig

TEXTS = [torch.tensor([1, 2, 3, 4, 5, 6]), torch.tensor([7]), torch.tensor([2, 2, 9])]

each_input = pytest.mark.parametrize("latent_input", LATENT_INPUTS)


def batch(texts: list = TEXTS) -> tuple:
    """Texts that are to be written again."""
    return pair_batch(texts, texts, V)


def draws(n: int = 3) -> torch.Tensor:
    """Points of the latent space."""
    return torch.randn(n, Z, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("positions", ["rotary", "learned", "sinusoidal"])
@torch.no_grad()
def test_padding_does_not_change_the_posterior(positions):
    model = make(positions=positions)
    together = model.posterior(*pad_sources(TEXTS, V))
    for row, text in enumerate(TEXTS):
        for of_all, alone in zip(together, model.posterior(*pad_sources([text], V)), strict=True):
            assert_close(of_all[row], alone[0], **TOLERANCE)
    source, mask = pad_sources(TEXTS, V)
    other = source.masked_fill(~mask[:, 0, 0], 3)
    assert not torch.equal(source, other)
    assert_close(model.posterior(other, mask), together, **TOLERANCE)


@each_input
@torch.no_grad()
def test_a_token_changes_no_logit_before_it_while_z_is_fixed(latent_input):
    model, z = make(latent_input), draws(1)
    inputs = torch.tensor([[V, 1, 2, 3, 4, 5]])
    before = model(inputs, z)
    for t in range(1, 6):
        changed = inputs.clone()
        changed[0, t] = 9
        after = model(changed, z)
        assert torch.equal(after[:, :t], before[:, :t])
        assert not torch.allclose(after[:, t:], before[:, t:])


@each_input
@torch.no_grad()
def test_of_the_source_nothing_reaches_the_decoder_but_z(latent_input):
    model = make(latent_input)
    # One z for all texts: with a posterior that cannot tell them apart, what is written is the same for all.
    model.to_posterior.weight.zero_()
    _, _, inputs, targets = batch(TEXTS[:1])
    likelihood = model.log_weights((*pad_sources(TEXTS[:1], V), inputs, targets), 4, torch.Generator().manual_seed(0))
    other = model.log_weights((*pad_sources(TEXTS[1:2], V), inputs, targets), 4, torch.Generator().manual_seed(0))
    assert torch.equal(likelihood, other)


@each_input
@torch.no_grad()
def test_z_reaches_every_position(latent_input):
    model, (_, _, inputs, _) = make(latent_input), batch()
    one, other = model(inputs, draws()), model(inputs, draws() + 1)
    assert (one - other).abs().amax(dim=-1).min() > 1e-3


@each_input
@torch.no_grad()
def test_with_the_cache_it_says_what_it_says_without(latent_input):
    model, z, inputs = make(latent_input), draws(2), torch.tensor([[V, 1, 2, 3, 4], [V, 5, 4, 3, 2]])
    step = model.next_token_function(z)
    whole = model(inputs, z)
    assert_close(step(inputs[:, :2]), whole[:, 1], **TOLERANCE)
    for t in range(2, 5):
        assert_close(step(inputs[:, t : t + 1]), whole[:, t], **TOLERANCE)


@torch.no_grad()
def test_the_measured_loss_is_minus_the_elbo_and_the_same_each_time():
    model, data = make(), batch()
    total, count = model.loss(data)
    assert count == sum(len(text) + 1 for text in TEXTS)
    mean, log_variance = model.posterior(*data[:2])
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
    likelihood = model.log_likelihood(*data[2:], mean + (log_variance / 2).exp() * noise)
    assert_close(total, gaussian_kl(mean, log_variance).sum() - likelihood.sum(), **TOLERANCE)
    before = torch.get_rng_state()
    assert torch.equal(model.loss(data)[0], total)
    assert torch.equal(torch.get_rng_state(), before), "a measurement draws nothing that the run would have drawn"
    half = make(beta=BetaSchedule(peak=0.5))
    half.load_state_dict(model.state_dict())
    assert_close(half.loss(data)[0], 0.5 * gaussian_kl(mean, log_variance).sum() - likelihood.sum(), **TOLERANCE)


@torch.no_grad()
def test_the_likelihood_is_the_sum_over_the_tokens_of_a_text():
    model, (_, _, inputs, targets), z = make(), batch(), draws()
    found, log_p = model.log_likelihood(inputs, targets, z), model(inputs, z).log_softmax(dim=-1)
    for row in range(3):
        by_hand = sum(log_p[row, t, token] for t, token in enumerate(targets[row].tolist()) if token != IGNORED)
        assert_close(found[row], by_hand, **TOLERANCE)


def test_in_training_words_are_hidden_bits_are_free_and_beta_follows_the_run():
    model, data = make(word_dropout=0.0, free_bits=100.0, beta=BetaSchedule(peak=2.0)).train(), batch()
    losses = {}
    for progress in (0.0, 0.4, 1.0):
        model.set_progress(progress)
        torch.manual_seed(0)
        losses[progress] = model.loss(data)[0].item()
    assert losses[0.4] - losses[0.0] == pytest.approx(1.0 * 3 * 100 * Z, rel=1e-4)
    assert losses[1.0] - losses[0.0] == pytest.approx(2.0 * 3 * 100 * Z, rel=1e-4)
    hiding = make(word_dropout=0.5).train()
    hidden = hiding._drop_words(torch.ones(200, 9, dtype=torch.long))
    assert (hidden[:, 0] == 1).all(), "the first token, where there is nothing to guess from, is never hidden"
    assert 0.4 < (hidden[:, 1:] == V).float().mean() < 0.6


def test_dropout_is_off_while_measuring():
    model, data = make(block=BlockConfig(D, 2, 24, dropout=0.5), word_dropout=0.9), batch()
    assert torch.equal(model.loss(data)[0], model.loss(data)[0])
    model.train()
    assert not torch.equal(model.loss(data)[0], model.loss(data)[0])


@each_input
def test_every_parameter_learns_and_at_first_all_tokens_are_equally_likely(latent_input):
    fresh = make(latent_input, weights=False)
    likelihood = fresh.log_likelihood(*batch()[2:], draws()).sum()
    assert_close(likelihood.detach(), -13 * torch.tensor(V + 1.0).log(), **TOLERANCE)
    model = make(latent_input, free_bits=0.0).train()
    model.loss(batch())[0].backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # One memory slot leaves attention nothing to choose: what it asks and how it compares change nothing.
    assert silent == []
    assert make(latent_input).loss(batch())[0] > 0


def test_what_no_text_vae_can_be_is_refused():
    with pytest.raises(ValueError, match="unknown latent_input 'none': choose one of embedding, memory, both"):
        make("none")
    with pytest.raises(ValueError, match="latent_size must be at least 1, got 0"):
        TextVAE(TextVAEConfig(V, CONTEXT, 1, 1, latent_size=0))
    for wrong in (torch.zeros(1, Z + 1), torch.zeros(2, Z), torch.zeros(Z)):
        with pytest.raises(ValueError, match=r"z must be of shape \(1, 5\) for this model"):
            make()(torch.tensor([[V, 1]]), wrong)
    with pytest.raises(ValueError, match="context is 12 tokens"):
        make().posterior(*pad_sources([torch.zeros(CONTEXT, dtype=torch.long)], V))
