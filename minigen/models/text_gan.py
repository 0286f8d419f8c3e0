"""A generative adversarial network for short strings: one network writes, another tells written from real."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from minigen.layers import GRU
from minigen.models.gpt import initialise, next_token_loss


@dataclass(frozen=True)
class TextGANConfig:
    """Strings of exactly `length` tokens; shorter ones are filled up by a token of their own, such as a blank.

    width: of the writer's state; critic_width: channels of the critic's convolutions.
    """

    vocab_size: int
    length: int
    width: int = 64
    critic_width: int = 64


class StringWriter(nn.Module):
    """The generator: a GRU that writes strings token by token, and can be told by gradients how to write otherwise.

    A drawn token is no differentiable function of its probabilities. The Gumbel-softmax draws it as
    argmax(logits + g), g ~ Gumbel(0, 1), and lets the gradient pass through softmax((logits + g) / softness) in its
    place ("straight through"). Source: Jang, Gu and Poole 2017, section 2.2.
    Axes: N strings, T tokens, D width, V vocabulary. What is written depends on torch's random generator.
    """

    def __init__(self, config: TextGANConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size + 1, config.width)  # the last token opens a string
        self.gru = GRU(config.width, config.width)
        self.head = nn.Linear(config.width, config.vocab_size)
        self.apply(initialise)
        nn.init.normal_(self.embedding.weight, std=1.0)

    def forward(self, strings: Tensor) -> Tensor:
        """Logits (N, T, V) of each token of strings (N, T), given those before it."""
        opening = strings.new_full((len(strings), 1), self.config.vocab_size)
        return self.head(self.gru(self.embedding(torch.cat((opening, strings[:, :-1]), dim=1))))

    def loss(self, batch: tuple[Tensor]) -> tuple[Tensor, Tensor]:
        """(sum of -log p in nats, number of tokens) of a batch of one part, strings (N, T): maximum likelihood."""
        (strings,) = batch
        return next_token_loss(self(strings), strings)

    def write(self, number: int, temperature: float = 1.0, softness: float = 1.0) -> Tensor:
        """(N, T, V) of zeros and ones, through which gradients pass.

        temperature: logits are divided by it, as in `minigen.generate.Sampling`, but above 0. softness: of what the
        gradient passes through; less is truer to what was drawn, and noisier.

        Raises:
            ValueError: if one of the two is not above 0.
        """
        if not (temperature > 0 and softness > 0):
            raise ValueError(f"temperature and softness must be above 0, got {temperature} and {softness}")
        weight = self.embedding.weight
        x, state = weight[-1].expand(number, -1), weight.new_zeros(number, self.config.width)
        tokens = []
        for _ in range(self.config.length):
            state = self.gru.step(x, state)
            token = F.gumbel_softmax(self.head(state) / temperature, softness, hard=True)  # (N, V)
            tokens.append(token)
            x = token @ weight[:-1]
        return torch.stack(tokens, dim=1)

    @torch.no_grad()
    def sample(self, number: int, temperature: float = 1.0) -> Tensor:
        """(N, T) tokens."""
        return self.write(number, temperature).argmax(dim=-1)


class Critic(nn.Module):
    """How real does it look? Convolutions over three tokens each, the sum over all places, one number.

    Each layer is divided by its largest singular value, so that the score cannot change faster than its input, and
    the writer always has a slope to climb. Source: Miyato et al. 2018 (spectral normalisation); convolutions as
    critics of text: Zhang et al. 2017.
    """

    def __init__(self, config: TextGANConfig):
        super().__init__()
        width = config.critic_width
        self.layers = nn.Sequential(
            spectral_norm(nn.Conv1d(config.vocab_size, width, 3, padding=1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv1d(width, width, 3, padding=1)),
            nn.LeakyReLU(0.2),
        )
        self.to_score = spectral_norm(nn.Linear(width, 1))

    def forward(self, strings: Tensor) -> Tensor:
        """(N, T, V) of zeros and ones -> (N,); higher is more real."""
        return self.to_score(self.layers(strings.mT).sum(dim=-1))[:, 0]


def relativistic_losses(real: Tensor, written: Tensor) -> tuple[Tensor, Tensor]:
    """(the critic's loss, the writer's) from scores (N,) of real and written strings, in nats.

    The critic judges pairs: -log sigmoid(real - written). The writer wants the opposite. At a tie both are ln 2.
    Source: Jolicoeur-Martineau 2019, section 4.1; for text: Nie et al. 2019 (RelGAN).
    """
    return F.softplus(written - real).mean(), F.softplus(real - written).mean()
