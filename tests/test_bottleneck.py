"""The information bottleneck: its loss by hand, its control without noise, and what it starts from."""

import pytest
import torch
import torch.nn.functional as F
from parity import TOLERANCE, randomise
from torch.testing import assert_close

from minigen.data.labels import pad_texts
from minigen.layers import BlockConfig
from minigen.models.bottleneck import BottleneckClassifier, BottleneckConfig, start_from
from minigen.models.classifier import Classifier, ClassifierConfig
from minigen.models.gpt import GPT, GPTConfig
from minigen.models.latent import BetaSchedule, gaussian_kl
from minigen.models.text_vae import TextVAE, TextVAEConfig

V, C, D, Z = 13, 3, 16, 4
BLOCK = BlockConfig(D, 2, 24)
TEXTS = [torch.tensor([1, 2, 3, 4, 5, 6]), torch.tensor([7, 8]), torch.tensor([], dtype=torch.long)]


def make(peak: float = 0.5, stochastic: bool = True, **changes) -> BottleneckClassifier:
    """A small model with weights that all matter."""
    shape = ClassifierConfig(V, 12, C, 2, BLOCK, **changes)
    model = BottleneckClassifier(BottleneckConfig(shape, Z, BetaSchedule("constant", peak=peak), stochastic))
    randomise(model)
    return model.eval()


def batch(weights: tuple[float, ...] = (1.0, 1.0, 1.0)) -> tuple[torch.Tensor, ...]:
    """TEXTS with the labels 0, 2, 1."""
    return *pad_texts(TEXTS, V), torch.tensor([0, 2, 1]), torch.tensor(weights)


@torch.no_grad()
def test_padding_changes_nothing():
    model = make()
    together = model(*pad_texts(TEXTS, V))
    for row, text in enumerate(TEXTS):
        assert_close(together[row], model(*pad_texts([text], V))[0], **TOLERANCE)


@torch.no_grad()
def test_measured_is_the_loss_of_the_mean():
    model, data = make(), batch()
    mean, log_variance = model.latent(*data[:2])
    assert mean.shape == log_variance.shape == (3, Z)
    expected = F.cross_entropy(model.classifier.head(mean), data[2], reduction="sum")
    total, count = model.loss(data)
    assert_close(total, expected, **TOLERANCE)
    assert count == 3


@torch.no_grad()
def test_in_training_a_nat_of_z_costs_beta_times_the_weight_of_its_text():
    model, data = make().train(), batch((1.0, 0.5, 2.0))
    losses = {}
    for beta in (0.0, 0.5):
        model.beta.fill_(beta)
        torch.manual_seed(0)
        losses[beta] = model.loss(data)[0]
    kl = gaussian_kl(*model.latent(*data[:2])).sum(dim=1)
    assert_close(losses[0.5] - losses[0.0], 0.5 * (data[3] * kl).sum(), rtol=1e-4, atol=1e-4)
    rising = BottleneckClassifier(BottleneckConfig(model.config.classifier, Z, BetaSchedule(peak=0.2)))
    rising.set_progress(0.4)
    assert rising.beta == pytest.approx(0.1)


def test_the_control_has_the_same_layer_without_noise_and_without_a_price():
    control, data = make(stochastic=False).train(), batch()
    z, log_variance = control.latent(*data[:2])
    assert z.shape == (3, Z)
    assert log_variance is None
    assert torch.equal(control.loss(data)[0], control.loss(data)[0])
    assert_close(control.loss(data)[0], control.eval().loss(data)[0], **TOLERANCE)
    noisy = make().train()
    assert not torch.equal(noisy.loss(data)[0], noisy.loss(data)[0])


@pytest.mark.parametrize("stochastic", [True, False])
def test_every_parameter_learns_and_at_first_all_classes_are_equally_likely(stochastic):
    shape = BottleneckConfig(ClassifierConfig(V, 12, C, 2, BLOCK, pooling="attention"), Z, stochastic=stochastic)
    total, count = BottleneckClassifier(shape).eval().loss(batch())
    assert_close((total / count).detach(), torch.tensor(float(C)).log(), **TOLERANCE)
    model = make(stochastic=stochastic, pooling="attention").train()
    model.loss(batch())[0].backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@torch.no_grad()
def test_it_starts_from_what_another_model_has_read():
    classifier = Classifier(ClassifierConfig(V, 12, C, 2, BLOCK))
    vae = TextVAE(TextVAEConfig(V, 12, 2, 1, BLOCK, latent_size=Z))
    gpt = GPT(GPTConfig(V + 1, 12, 2, BLOCK))
    for pretrained, body in ((vae, vae.encoder), (gpt, gpt.decoder)):
        randomise(pretrained)
        start_from(classifier, pretrained)
        assert torch.equal(classifier.embedding.weight, pretrained.embedding.weight)
        x = torch.randn(2, 5, D)
        assert_close(classifier.encoder.blocks[1].feed_forward(x), body.blocks[1].feed_forward(x))


def test_a_model_of_another_shape_is_refused():
    classifier = Classifier(ClassifierConfig(V, 12, C, 2, BLOCK))
    for other in (GPT(GPTConfig(V, 12, 2, BLOCK)), GPT(GPTConfig(V + 1, 12, 1, BLOCK))):
        with pytest.raises(ValueError, match=r"the pretrained model does not fit: .* is .* here and .* there"):
            start_from(classifier, other)
    with pytest.raises(ValueError, match="latent_size must be at least 1, got 0"):
        BottleneckClassifier(BottleneckConfig(classifier.config, latent_size=0))
