"""BERT: an encoder that was trained to guess hidden words, and so has seen much before it meets your task."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from minigen.layers import BlockConfig, Dropout, Encoder, LearnedPositions, recorded_weights
from minigen.layers.feed_forward import ACTIVATIONS
from minigen.models.gpt import initialise


@dataclass(frozen=True)
class BertConfig:
    """The shape of a BERT; `block` holds what its blocks share.

    context_length: the most tokens of a text, [CLS] and [SEP] included. num_segments: kinds of tokens, for texts that
    come in pairs. pooling: how a text's vector is made of those of its tokens, "mean" or "first".
    word_head: whether it has a head that guesses hidden words.
    """

    vocab_size: int
    context_length: int
    num_layers: int
    block: BlockConfig = field(default_factory=lambda: BlockConfig(384, 12, norm_first=False, norm_eps=1e-12))
    num_segments: int = 2
    pooling: str = "mean"
    word_head: bool = False


class Bert(nn.Module):
    """hidden = encoder(norm(embedding(tokens) + positions + segments)), with the norm of each part behind it.

    Source: Devlin et al. 2019. Axes: B batch, T tokens, D width, H heads, L layers, V vocabulary.
    mask: bool, broadcasts to (B, H, T, T), False hides padding; None: there is none.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        block = config.block
        self.embedding = nn.Embedding(config.vocab_size, block.width)
        self.positions = LearnedPositions(config.context_length, block.width)
        self.segments = nn.Embedding(config.num_segments, block.width)
        self.embedding_norm = block.make_norm()
        self.dropout = Dropout(block.dropout)
        self.encoder = Encoder(block, config.num_layers)
        self.word_head = WordHead(block, self.embedding) if config.word_head else None
        self.apply(initialise)

    def forward(self, tokens: Tensor, mask: Tensor | None = None, segments: Tensor | None = None) -> Tensor:
        """What the encoder makes of each token: (B, T) -> (B, T, D). segments: (B, T) integers, all 0 if None."""
        if mask is not None and mask.device.type == "cpu" and mask.all():
            mask = None  # attention without a mask is faster; on other devices asking would wait for them
        return self.encoder(self.embed(tokens, segments), mask)

    def embed(self, tokens: Tensor, segments: Tensor | None = None) -> Tensor:
        """What goes into the first block: (B, T) -> (B, T, D)."""
        segment = self.segments.weight[0] if segments is None else self.segments(segments)
        return self.dropout(self.embedding_norm(self.positions(self.embedding(tokens) + segment)))

    def hidden_states(
        self, tokens: Tensor, mask: Tensor | None = None, segments: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """What goes into the first block and what comes out of each: L + 1 tensors (B, T, D)."""
        states = [self.embed(tokens, segments)]
        for block in self.encoder.blocks:
            states.append(block(states[-1], mask=mask))
        return tuple(states)

    def word_logits(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V): which word stood here, where the text has [MASK].

        Raises:
            ValueError: if these weights have no such head, as those that were trained on for another purpose.
        """
        if self.word_head is None:
            raise ValueError("these weights have no head that guesses hidden words (a masked-language-model head)")
        return self.word_head(hidden)

    @torch.no_grad()
    def attention_weights(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Where each token looks, in each layer and head: (L, B, H, T, T); for plots."""
        with recorded_weights(block.attention for block in self.encoder.blocks) as weights:
            self(tokens, mask)
        return torch.stack(weights)

    def pool(self, hidden: Tensor, mask: Tensor | None = None) -> Tensor:
        """A vector of each text, as config.pooling says: (B, T, D) -> (B, D). mask: (B, 1, 1, T)."""
        if self.config.pooling == "first":
            return hidden[:, 0]
        if mask is None:
            return hidden.mean(dim=1)
        seen = mask[:, 0, 0, :, None].to(hidden.dtype)  # (B, T, 1)
        return (hidden * seen).sum(dim=1) / seen.sum(dim=1)


class WordHead(nn.Module):
    """logits = norm(activation(h W + b)) E^T + c, where E is the table of the token embeddings.

    Source: Devlin et al. 2019, section 3.1; the layer before E as in their published code.
    """

    def __init__(self, block: BlockConfig, embedding: nn.Embedding):
        super().__init__()
        self.dense = nn.Linear(block.width, block.width)
        self.activation = ACTIVATIONS[block.activation]
        self.norm = block.make_norm()
        self.out = nn.Linear(block.width, embedding.num_embeddings)
        self.out.weight = embedding.weight

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V)"""
        return self.out(self.norm(self.activation(self.dense(hidden))))
