"""Classifier: reads a text both ways, sums up what it made of all tokens in one vector, and names a class."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minigen.layers import BlockConfig, Encoder, make_positions
from minigen.models.gpt import initialise

POOLINGS = ("mean", "first", "attention")


@dataclass(frozen=True)
class ClassifierConfig:
    """The shape of a classifier; `block` holds what its blocks share.

    vocab_size: tokens of the texts. There is one token more, the boundary, which opens each text.
    context_length: the most tokens of a text, the boundary included. num_classes: 2 for yes or no.
    positions: "rotary", "learned" or "sinusoidal".
    pooling: "mean" of all tokens, the "first" (the boundary, as in BERT), or "attention" of a learned query.
    label_smoothing: share of the probability that training spreads over all classes (Szegedy et al. 2016).
    word_dropout: share of tokens that training replaces by the boundary (Iyyer et al. 2015, section 3.1, drops them).
    fixed_vectors: whether the embedding is given, by `set_vectors`, and not trained. Then there is no norm around the
        blocks either: how long a given vector is says something.
    """

    vocab_size: int
    context_length: int
    num_classes: int
    num_layers: int
    block: BlockConfig = field(default_factory=lambda: BlockConfig(width=128, num_heads=4))
    positions: str = "rotary"
    pooling: str = "mean"
    label_smoothing: float = 0.0
    word_dropout: float = 0.0
    fixed_vectors: bool = False


class Classifier(nn.Module):
    """logits = head(sum_t w_t h_t);  h = encoder(norm(embedding(tokens)) + positions).

    The weights w of the tokens sum to 1: all equal, or 1 for the first alone (Devlin et al. 2019), or
    w = softmax(h q / sqrt(D)) of a learned query q (Yang et al. 2016, section 2.2, without its hidden layer).
    Axes: B batch, T tokens, D width, C classes. mask: bool (B, 1, 1, T), False hides padding.

    Raises:
        ValueError: if there is no such pooling, or fewer than two classes.
    """

    def __init__(self, config: ClassifierConfig):
        super().__init__()
        if config.pooling not in POOLINGS:
            raise ValueError(f"unknown pooling {config.pooling!r}: choose one of {', '.join(POOLINGS)}")
        if config.num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, got {config.num_classes}")
        self.config = config
        c, block = config, config.block
        self.embedding = nn.Embedding(c.vocab_size + 1, block.width)
        self.embedding_norm = nn.Identity() if c.fixed_vectors else block.make_norm()
        head_width = block.width // block.num_heads
        self.rotary, self.positions = make_positions(c.positions, c.context_length, block.width, head_width)
        self.encoder = Encoder(block, c.num_layers)
        if c.fixed_vectors:
            self.encoder.final_norm = nn.Identity()
        self.query = nn.Parameter(torch.zeros(block.width)) if c.pooling == "attention" else None
        self.head = nn.Linear(block.width, c.num_classes)
        self.dropout = nn.Dropout(block.dropout)
        self.apply(initialise)
        # Blocks begin as the identity and the head finds all classes equally likely, as in `GPT`: the loss of step 0 is
        # exactly ln C. But embeddings begin small, as `initialise` makes them, behind a norm: soon they are what was
        # learned of a word, not what was drawn, by which each could be told apart and its texts learned by heart.
        nn.init.zeros_(self.head.weight)
        for part in self.encoder.blocks:
            nn.init.zeros_(part.attention.to_out.weight)
            nn.init.zeros_(part.feed_forward.down.weight)
        if c.fixed_vectors:
            self.embedding.weight.requires_grad_(False)

    @property
    def boundary(self) -> int:
        """The token that opens each text."""
        return self.config.vocab_size

    @property
    def ending(self) -> tuple[int, ...]:
        """The tokens that end each text: none."""
        return ()

    @torch.no_grad()
    def set_vectors(self, vectors: Tensor) -> None:
        """Gives each token of the vocabulary its vector: (V, D). The boundary, which also hides words, gets 0."""
        self.embedding.weight[:-1] = vectors
        self.embedding.weight[-1] = 0

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Logits (B, C) of texts (B, T)."""
        hidden = self.encode(tokens, mask)
        pooled = (self.pool(hidden, mask)[:, None] @ hidden)[:, 0]  # (B, 1, T) @ (B, T, D) -> (B, D)
        return self.head(self.dropout(pooled))

    def encode(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """What the encoder makes of each token: (B, T) -> (B, T, D)."""
        x = self.embedding_norm(self.embedding(self._hide_words(tokens)))
        if self.positions is not None:
            x = self.positions(x)
        rotation = self.rotary(tokens.shape[1]) if self.rotary is not None else None
        return self.encoder(self.dropout(x), mask, rotation)

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """How much each token counts: (B, T), zero for padding; rows sum to 1."""
        seen = mask[:, 0, 0]  # (B, T)
        if self.config.pooling == "first":
            scores = torch.zeros_like(hidden[..., 0])
            seen = seen & (torch.arange(seen.shape[1], device=seen.device) == 0)
        elif self.query is None:
            scores = torch.zeros_like(hidden[..., 0])
        else:
            scores = hidden @ self.query / len(self.query) ** 0.5
        return scores.masked_fill(~seen, float("-inf")).softmax(dim=-1)

    def loss(self, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """(sum of w -log p(label) in nats, sum of w) for (tokens, mask, labels (B,), weights w (B,)).

        So the mean over many batches is that of the weighted texts, and with weights of 1 the plain mean. While
        training, the loss is that of smoothed labels; measured is what the labels are.
        """
        tokens, mask, labels, weights = batch
        smoothing = self.config.label_smoothing if self.training else 0.0
        return weighted_loss(self(tokens, mask), labels, weights, smoothing)

    def _hide_words(self, tokens: Tensor) -> Tensor:
        share = self.config.word_dropout if self.training else 0.0
        if not share:
            return tokens
        return tokens.masked_fill(torch.rand(tokens.shape, device=tokens.device) < share, self.boundary)


def weighted_loss(logits: Tensor, labels: Tensor, weights: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """(sum of w -log p(label) in nats, sum of w) for logits (B, C), labels (B,) and weights w (B,)."""
    each = F.cross_entropy(logits.float(), labels, reduction="none", label_smoothing=smoothing)
    return (weights * each).sum(), weights.sum()
