"""The text GAN: an oracle whose truth is known, gradients through drawn tokens, and honest measures of the result."""

import itertools
import math

import pytest
import torch
from torch.testing import assert_close

from minigen.data.batches import RowBatches
from minigen.data.oracle import MarkovOracle
from minigen.metrics import bigram_divergence, ngram_nats, uniqueness
from minigen.models.text_gan import Critic, StringWriter, TextGANConfig, relativistic_losses
from minigen.training import TrainConfig, TrainingDiverged, train
from minigen.training.adversarial import AdversarialConfig, train_adversarially

CONFIG = TextGANConfig(vocab_size=5, length=4, width=8, critic_width=8)


@pytest.fixture
def oracle() -> MarkovOracle:
    """One small enough to list all its strings."""
    return MarkovOracle(vocab_size=3, length=4, seed=1)


def all_strings(vocab_size: int, length: int) -> torch.Tensor:
    """(V^T, T)"""
    return torch.tensor(list(itertools.product(range(vocab_size), repeat=length)))


# The oracle.


def test_the_probabilities_of_all_strings_sum_to_one(oracle):
    assert float((-oracle.nats(all_strings(3, 4))).exp().sum()) == pytest.approx(1.0, abs=1e-12)


def test_the_entropy_is_the_mean_over_all_strings(oracle):
    nats = oracle.nats(all_strings(3, 4))
    assert oracle.entropy() == pytest.approx(float(((-nats).exp() * nats).sum()), abs=1e-12)
    assert MarkovOracle(6, 5, sharpness=0.0).entropy() == pytest.approx(5 * math.log(6))


def test_strings_come_as_often_as_the_oracle_says_and_the_same_for_the_same_seed(oracle):
    strings = oracle.sample(4000, seed=3)
    assert torch.equal(strings, oracle.sample(4000, seed=3))
    assert not torch.equal(strings, oracle.sample(4000, seed=4))
    assert float(oracle.nats(strings).mean()) == pytest.approx(oracle.entropy(), abs=0.1)
    powers = 3 ** torch.arange(3, -1, -1)
    shares = torch.bincount((strings * powers).sum(dim=1), minlength=81) / 4000
    assert_close(shares, (-oracle.nats(all_strings(3, 4))).exp().float(), rtol=0, atol=0.03)


def test_an_oracle_without_choice_and_strings_of_another_length_are_refused(oracle):
    for size in ({"vocab_size": 1}, {"length": 2}):
        with pytest.raises(ValueError, match="at least 2 and length at least 3"):
            MarkovOracle(**size)
    with pytest.raises(ValueError, match="have 4 tokens, not 3"):
        oracle.nats(all_strings(3, 3))


# Measures.


def test_bigram_divergence_is_nothing_among_equals_and_ln_2_among_strangers():
    ones, zeros = torch.ones(5, 3, dtype=torch.long), torch.zeros(2, 4, dtype=torch.long)
    assert bigram_divergence(ones, ones[:1], 2) == 0.0
    assert bigram_divergence(ones, zeros, 2) == pytest.approx(math.log(2))
    # (0, 1) and (1, 0) in equal shares against (0, 1) alone: p = (1/2, 1/2), q = (1, 0), m = (3/4, 1/4)
    by_hand = 0.5 * (0.5 * math.log(2 / 3) + 0.5 * math.log(2)) + 0.5 * math.log(4 / 3)
    assert bigram_divergence([[0, 1, 0]], [[0, 1]], 2) == pytest.approx(by_hand)
    with pytest.raises(ValueError, match="no pairs of neighbours"):
        bigram_divergence([[0], [1]], [[0, 1]], 2)


def test_uniqueness_is_the_share_of_different_strings():
    assert uniqueness(torch.tensor([[0, 1], [0, 1], [1, 0], [1, 1]])) == 0.75
    with pytest.raises(ValueError, match="no strings"):
        uniqueness([])


def test_strings_that_are_all_alike_predict_what_is_real_badly(oracle):
    real, more = oracle.sample(1000, seed=0), oracle.sample(1000, seed=1)
    alike = real[:1].expand(1000, -1)
    honest = ngram_nats(more, real, 3)
    assert honest == pytest.approx(oracle.entropy() / 4, abs=0.05)
    assert ngram_nats(alike, real, 3) > 2 * honest


def test_rows_come_once_in_each_epoch_and_the_same_for_the_same_step():
    batches = RowBatches(torch.arange(10)[:, None], batch_size=5, seed=2)
    assert sorted(torch.cat([batches[0][0], batches[1][0]])[:, 0].tolist()) == list(range(10))
    assert torch.equal(batches[7][0], RowBatches(torch.arange(10)[:, None], 5, 2)[7][0])
    assert not torch.equal(batches[0][0], batches[2][0])
    for rows, size in ((torch.zeros(0, 2), 4), (torch.zeros(3, 2), 0)):
        with pytest.raises(ValueError, match="must be at least 1"):
            RowBatches(rows, size)


# The writer.


def test_what_is_written_is_one_token_a_place_and_takes_gradients():
    writer = StringWriter(CONFIG)
    written = writer.write(6)
    assert written.shape == (6, 4, 5)
    assert_close(written.sum(dim=-1), torch.ones(6, 4))
    assert ((written - written.round()).abs() < 1e-6).all()
    (written * torch.randn(6, 4, 5)).sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in writer.parameters())


def test_samples_follow_the_probabilities_that_maximum_likelihood_sees():
    writer = StringWriter(TextGANConfig(vocab_size=2, length=3, width=8))
    strings = all_strings(2, 3)
    for temperature in (1.0, 0.5):
        logits = writer(strings) / temperature
        expected = logits.log_softmax(dim=-1).gather(2, strings[:, :, None])[..., 0].sum(dim=1).exp()
        if temperature == 1.0:
            assert float(expected.sum().detach()) == pytest.approx(1.0, abs=1e-5)
        found = torch.bincount((writer.sample(4000, temperature) * torch.tensor([4, 2, 1])).sum(dim=1), minlength=8)
        assert_close(found / 4000, expected.detach(), rtol=0, atol=0.04)


def test_the_same_seed_writes_the_same():
    writer, found = StringWriter(CONFIG), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(writer.sample(50))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"softness": -1.0}])
def test_a_temperature_of_zero_has_no_gradient_and_is_refused(wrong):
    with pytest.raises(ValueError, match="must be above 0"):
        StringWriter(CONFIG).write(2, **wrong)


def test_at_a_tie_both_lose_ln_2_and_the_one_wins_what_the_other_loses():
    tie = relativistic_losses(torch.zeros(3), torch.zeros(3))
    assert [float(loss) for loss in tie] == pytest.approx([math.log(2)] * 2)
    critic, writer = relativistic_losses(torch.tensor([3.0]), torch.tensor([-2.0]))
    assert float(critic) == pytest.approx(-math.log(1 / (1 + math.exp(-5))))
    assert float(writer) == pytest.approx(5 + float(critic))


def test_no_layer_of_the_critic_stretches_its_input():
    critic = Critic(CONFIG)
    for parameter in critic.parameters():
        torch.nn.init.normal_(parameter, std=3.0)
    for _ in range(200):
        critic(torch.randn(2, 4, 5))  # each call takes the estimate of the largest singular value a step on
    for layer in (critic.layers[0], critic.layers[2], critic.to_score):
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
        assert float(largest.detach()) == pytest.approx(1.0, abs=0.02)


# Training.


def divergences(seed: int, steps: int) -> tuple[float, float, float]:
    """(before, after, uniqueness after) of a GAN alone on a sharp oracle."""
    oracle = MarkovOracle(10, 8, sharpness=2.5)
    torch.manual_seed(seed)
    config = TextGANConfig(10, 8)
    writer, real = StringWriter(config), oracle.sample(2000, seed=1)
    before = bigram_divergence(writer.sample(1000), real, 10)
    train_adversarially(writer, Critic(config), real, AdversarialConfig(steps, seed=seed), progress=False)
    strings = writer.sample(1000)
    return before, bigram_divergence(strings, real, 10), uniqueness(strings)


def test_after_a_few_steps_it_writes_more_like_the_real():
    before, after, _ = divergences(seed=0, steps=150)
    assert after < 0.8 * before


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_alone_it_halves_the_divergence_and_does_not_repeat_itself(seed):
    before, after, different = divergences(seed, steps=600)
    assert after < 0.5 * before
    assert different > 0.3


def test_maximum_likelihood_goes_by_the_common_loop():
    oracle, config = MarkovOracle(5, 4), TrainConfig(steps=150, optimizer="adamw", learning_rate=0.01, precision="fp32")
    writer, real = StringWriter(CONFIG), oracle.sample(500, seed=1)
    history = train(writer, RowBatches(real, 50), [(oracle.sample(500, seed=2),)], config, progress=False)
    assert oracle.entropy() / 4 - 0.05 < history.best_val_loss < 0.9 * history.rows[0]["val_loss"]


def test_the_same_seed_trains_the_same():
    real, found = MarkovOracle(5, 4).sample(100, seed=1), []
    for _ in range(2):
        torch.manual_seed(0)
        writer, critic = StringWriter(CONFIG), Critic(CONFIG)
        rows = train_adversarially(writer, critic, real, AdversarialConfig(3), progress=False)
        found.append((rows, writer.head.weight))
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])


def test_what_is_not_a_number_in_the_critic_stops_with_a_message():
    critic = Critic(CONFIG)
    torch.nn.init.constant_(critic.to_score.bias, math.nan)
    real = MarkovOracle(5, 4).sample(100, seed=1)
    with pytest.raises(TrainingDiverged, match=r"critic's or the writer's loss is nan at step 50.*smaller learning"):
        train_adversarially(StringWriter(CONFIG), critic, real, AdversarialConfig(60), progress=False)


@pytest.mark.parametrize(
    "strings, message",
    [
        (torch.zeros(3, 5, dtype=torch.long), r"must be \(N, 4\) tokens, got \(3, 5\)"),
        (torch.zeros(0, 4, dtype=torch.long), r"must be \(N, 4\) tokens"),
        (torch.full((3, 4), 5), r"lie in 0..4, got 5..5"),
        (torch.full((3, 4), -1), r"lie in 0..4"),
    ],
)
def test_strings_of_another_kind_are_refused(strings, message):
    with pytest.raises(ValueError, match=message):
        train_adversarially(StringWriter(CONFIG), Critic(CONFIG), strings, AdversarialConfig(1))


def test_a_recipe_that_makes_no_sense_is_refused():
    for name in ("steps", "batch_size", "learning_rate", "softness"):
        with pytest.raises(ValueError, match=f"{name} must be above 0"):
            AdversarialConfig(**{name: 0})
