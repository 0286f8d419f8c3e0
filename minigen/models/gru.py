"""A recurrent language model: predicts the next token as a GPT does, and keeps the text in one vector a layer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from minigen.layers import Dropout, GRUStack
from minigen.models.gpt import GPT, GPTConfig, cap, initialise, next_token_loss

NUM_LAYERS = 2
Config = TypeVar("Config")


@dataclass(frozen=True)
class GRUConfig:
    """The shape of a recurrent language model.

    context_length: tokens of the windows that it is trained on; what it writes may be longer.
    logit_cap: as in `GPTConfig`.
    """

    vocab_size: int
    context_length: int
    num_layers: int
    width: int
    dropout: float = 0.0
    logit_cap: float | None = None


class GRULanguageModel(nn.Module):
    """logits = head(GRUs(embedding(tokens))).

    Source: Mikolov et al. 2010, with gated units (Cho et al. 2014). It has the methods of `GPT` that training and
    writing need. Axes: B batch, T tokens, D width, L layers, V vocabulary.
    """

    def __init__(self, config: GRUConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.dropout = Dropout(config.dropout)
        self.stack = GRUStack(config.width, config.num_layers, config.dropout)
        self.head = nn.Linear(config.width, config.vocab_size, bias=False)
        self.apply(initialise)
        # As in `GPT`: tokens that differ from the start, and a head that finds all equally likely.
        nn.init.normal_(self.embedding.weight, std=1.0)
        nn.init.zeros_(self.head.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, V) of the token after each of tokens (B, T)."""
        return self.logits(self.hidden(tokens)[0])

    def hidden(self, tokens: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What is known at each position, (B, T) -> (B, T, D), and the state (L, B, D) that goes on from there.

        state: what an earlier call returned, if tokens go on from its tokens; None at the beginning of a text.
        """
        hidden, state = self.stack(self.dropout(self.embedding(tokens)), state)
        return self.dropout(hidden), state

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V)"""
        return cap(self.head(hidden), self.config.logit_cap)

    def loss(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """(sum of -log p(target) in nats, number of targets) for inputs and targets, (B, T) each."""
        inputs, targets = batch
        return next_token_loss(self(inputs), targets)

    def next_token_function(self) -> Callable[[Tensor], Tensor]:
        """A function that takes the newest tokens (B, T) and returns the logits (B, V) of what follows them.

        It remembers what it was given, however long, in a state of L x D numbers a row: a token always costs the same.
        """
        state: Tensor | None = None

        @torch.no_grad()  # or each token would lengthen the graph
        def step(new: Tensor) -> Tensor:
            nonlocal state
            hidden, state = self.hidden(new, state)
            return self.logits(hidden[:, -1])

        return step


def gru_like(config: GPTConfig, num_layers: int = NUM_LAYERS) -> GRUConfig:
    """The widest recurrent model that has no more parameters than this GPT, for the same vocabulary and windows."""

    def wide(width: int) -> GRUConfig:
        dropout, logit_cap = config.block.dropout, config.logit_cap
        return GRUConfig(config.vocab_size, config.context_length, num_layers, width, dropout, logit_cap)

    return widest(wide, GRULanguageModel, GPT, config)


def widest(
    wide: Callable[[int], Config], build: Callable[[Config], nn.Module], peer: Callable, peer_config: object
) -> Config:
    """wide(width) for the largest multiple of 4 for which build(it) has no more parameters than peer(peer_config)."""
    with torch.device("meta"):  # shapes alone; nothing is filled in
        most, width = num_parameters(peer(peer_config)), 4
        while num_parameters(build(wide(width + 4))) <= most:
            width += 4
    return wide(width)


def num_parameters(model: nn.Module) -> int:
    """How many numbers a model learns; tied ones count once."""
    return sum(parameter.numel() for parameter in model.parameters())
