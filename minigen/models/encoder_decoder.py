"""Encoder-decoder: reads a sentence both ways, then writes another one token by token, looking back at it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minigen.layers import BlockConfig, Decoder, Dropout, Encoder, KVCache, make_positions, recorded_weights
from minigen.models.gpt import IGNORED, initialise


@dataclass(frozen=True)
class EncoderDecoderConfig:
    """The shape of an encoder-decoder; `block` holds what the blocks of both stacks share.

    vocab_size: tokens of the target, and of the source too unless source_vocab_size is given; with one vocabulary
        both sides share one table of embeddings. Each has one token more, the boundary: its number is vocab_size.
    context_length: the most tokens on either side, the boundary included.
    positions: "rotary", "learned" or "sinusoidal". tie_embeddings: the output matrix is the target's embedding.
    label_smoothing: share of the target's probability that training spreads over all tokens (Szegedy et al. 2016).
    """

    vocab_size: int
    context_length: int
    num_encoder_layers: int
    num_decoder_layers: int
    block: BlockConfig = field(default_factory=lambda: BlockConfig(width=128, num_heads=4))
    source_vocab_size: int | None = None
    positions: str = "rotary"
    tie_embeddings: bool = False
    label_smoothing: float = 0.0


class EncoderDecoder(nn.Module):
    """logits = head(decoder(target embeddings, memory));  memory = encoder(source embeddings).

    The boundary ends the source, opens what is written and ends it: one token more than the vocabulary.
    Source: Vaswani et al. 2017. Axes: B batch, S source tokens, T target tokens, D width, V vocabulary + 1.
    """

    def __init__(self, config: EncoderDecoderConfig):
        super().__init__()
        self.config = config
        c, block = config, config.block
        head_width = block.width // block.num_heads
        self.rotary, self.positions = make_positions(c.positions, c.context_length, block.width, head_width)
        self.encoder = Encoder(block, c.num_encoder_layers)
        self.decoder = Decoder(block, c.num_decoder_layers, cross_attention=True)
        self.embedding = nn.Embedding(c.vocab_size + 1, block.width)
        self.source_embedding = self.embedding
        if c.source_vocab_size is not None:
            self.source_embedding = nn.Embedding(c.source_vocab_size + 1, block.width)
        self.head = nn.Linear(block.width, c.vocab_size + 1, bias=False)
        self.dropout = Dropout(block.dropout)
        self.apply(initialise)
        # As in `GPT`: tokens that differ from the start, and a head that finds all equally likely. A tied table serves
        # as both, 1 / sqrt(D) as large, and is multiplied by sqrt(D) on the way in (Vaswani et al. 2017, section 3.4).
        self.scale = block.width**0.5 if c.tie_embeddings else 1.0
        for table in {self.embedding, self.source_embedding}:
            nn.init.normal_(table.weight, std=1 / self.scale)
        nn.init.zeros_(self.head.weight)
        if c.tie_embeddings:
            self.head.weight = self.embedding.weight
        for part in [*self.encoder.blocks, *self.decoder.blocks]:
            # Each block starts as the identity, as in `GPT`.
            nn.init.zeros_(part.attention.to_out.weight)
            nn.init.zeros_(part.feed_forward.down.weight)

    @property
    def boundary(self) -> int:
        """The token that ends a source, and begins and ends a target."""
        return self.config.vocab_size

    def forward(self, source: Tensor, source_mask: Tensor, inputs: Tensor) -> Tensor:
        """Logits (B, T, V) of the token after each of inputs (B, T), given source (B, S).

        source_mask: bool, broadcasts to (B, H, T, S); False hides padding, see `minigen.layers.padding_mask`.
        """
        return self.head(self.decode(inputs, self.encode(source, source_mask), source_mask))

    def encode(self, source: Tensor, source_mask: Tensor | None = None) -> Tensor:
        """What the encoder makes of each source token: (B, S) -> (B, S, D)."""
        x, rotation = self._embed(self.source_embedding, source)
        return self.encoder(x, source_mask, rotation)

    def decode(
        self, inputs: Tensor, memory: Tensor, source_mask: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor:
        """(B, T) and memory (B, S, D) -> (B, T, D), before the head; with a cache, inputs are the newest tokens."""
        x, rotation = self._embed(self.embedding, inputs, cache.length if cache else 0)
        return self.decoder(x, memory, memory_mask=source_mask, rotation=rotation, cache=cache)

    def loss(self, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """(sum of -log p(target) in nats, number of targets) for (source, source_mask, inputs, targets).

        While training, the loss is that of smoothed labels; measured is what the labels are.
        """
        source, source_mask, inputs, targets = batch
        hidden = self.decode(inputs, self.encode(source, source_mask), source_mask)
        smoothing = self.config.label_smoothing if self.training else 0.0
        return translation_loss(self.head, hidden, targets, smoothing)

    @torch.no_grad()
    def next_token_function(
        self, source: Tensor, source_mask: Tensor, max_length: int | None = None
    ) -> Callable[[Tensor, Tensor | None], Tensor]:
        """step(tokens (N,), rows) -> logits (N, V) of what follows; it remembers what it was given, in a cache.

        The source (B, S) is encoded once. rows (N,) says which row of the step before each row goes on from (any
        subset, in any order, with copies); None: they stay. Before the first step the rows are those of the source.
        max_length: the most tokens that will be given, for a cache no larger than that.
        """
        c, memory, mask = self.config, self.encode(source, source_mask), source_mask
        capacity = min(c.context_length, max_length or c.context_length)
        shape = (len(source), c.block.num_heads, capacity, c.block.width // c.block.num_heads)
        cache = KVCache(c.num_decoder_layers, shape, memory.device, memory.dtype)
        sentences = torch.arange(len(source), device=memory.device)

        @torch.no_grad()
        def step(tokens: Tensor, rows: Tensor | None = None) -> Tensor:
            nonlocal mask, sentences
            if rows is not None:
                # Beams of one sentence look at the same source: often nothing has to be moved for it.
                moved = len(rows) != len(sentences) or not torch.equal(sentences[rows], sentences)
                cache.select(rows, memory_too=moved)
                if moved:
                    # The memory itself may stay: after the first step its keys and values are in the cache.
                    sentences, mask = sentences[rows], mask.index_select(0, rows)
            return self.head(self.decode(tokens[:, None], memory, mask, cache))[:, 0]

        return step

    @torch.no_grad()
    def cross_attention_weights(self, source: Tensor, source_mask: Tensor, inputs: Tensor) -> Tensor:
        """Where each target token looks in the source, in each layer and head: (L, B, H, T, S); for plots."""
        with recorded_weights(block.cross_attention for block in self.decoder.blocks) as weights:
            self(source, source_mask, inputs)
        return torch.stack(weights)

    def _embed(self, table: nn.Embedding, tokens: Tensor, start: int = 0) -> tuple[Tensor, Tensor | None]:
        x = table(tokens) * self.scale
        rotation = self.rotary(tokens.shape[1], start) if self.rotary is not None else None
        return self.dropout(x if self.positions is None else self.positions(x, start)), rotation


def translation_loss(head: nn.Module, hidden: Tensor, targets: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """(sum of -log p(target) in nats, number of targets); hidden (B, T, D), targets (B, T), head: (N, D) -> (N, V)."""
    keep = targets != IGNORED
    logits = head(hidden[keep]).float()  # (N, V): no work for padding
    return F.cross_entropy(logits, targets[keep], reduction="sum", label_smoothing=smoothing), keep.sum()
