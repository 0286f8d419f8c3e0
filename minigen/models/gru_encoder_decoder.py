"""A recurrent encoder-decoder with attention: how sentences were translated in the years before the Transformer."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from minigen.layers import Dropout, GRUDecoder, GRUEncoder
from minigen.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig, translation_loss
from minigen.models.gpt import initialise
from minigen.models.gru import widest


@dataclass(frozen=True)
class GRUEncoderDecoderConfig:
    """The shape of a recurrent encoder-decoder. vocab_size: of both sides; there is one token more, the boundary.

    context_length, label_smoothing: as in `EncoderDecoderConfig`.
    """

    vocab_size: int
    context_length: int
    num_encoder_layers: int
    width: int
    dropout: float = 0.0
    label_smoothing: float = 0.0


class GRUEncoderDecoder(nn.Module):
    """logits = head(decoder(target embeddings, memory));  memory = encoder(source embeddings).

    Source: Bahdanau et al. 2015, with the decoder of `GRUDecoder`. It has the methods of `EncoderDecoder` that
    training, beam search and plots need. Axes: B batch, S source tokens, T target tokens, D width, V vocabulary + 1.
    """

    def __init__(self, config: GRUEncoderDecoderConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size + 1, config.width)
        self.encoder = GRUEncoder(config.width, config.num_encoder_layers, config.dropout)
        self.decoder = GRUDecoder(config.width, config.dropout)
        self.head = nn.Linear(config.width, config.vocab_size + 1, bias=False)
        self.dropout = Dropout(config.dropout)
        self.apply(initialise)
        # As in `EncoderDecoder`: tokens that differ from the start, and a head that finds all equally likely.
        nn.init.normal_(self.embedding.weight, std=1.0)
        nn.init.zeros_(self.head.weight)

    @property
    def boundary(self) -> int:
        """The token that ends a source, and begins and ends a target."""
        return self.config.vocab_size

    def forward(self, source: Tensor, source_mask: Tensor, inputs: Tensor) -> Tensor:
        """Logits (B, T, V) of the token after each of inputs (B, T), given source (B, S).

        source_mask: bool (B, 1, 1, S); False hides padding, which stands at the end.
        """
        return self.head(self.decode(inputs, self.encode(source, source_mask), source_mask))

    def encode(self, source: Tensor, source_mask: Tensor) -> Tensor:
        """What the encoder makes of each source token: (B, S) -> (B, S, D)."""
        return self.encoder(self.dropout(self.embedding(source)), source_mask[:, 0, 0].sum(dim=-1))

    def decode(self, inputs: Tensor, memory: Tensor, source_mask: Tensor) -> Tensor:
        """(B, T) and memory (B, S, D) -> (B, T, D), before the head."""
        keys = self.decoder.keys(memory)
        return self.decoder(self.dropout(self.embedding(inputs)), memory, keys, source_mask[:, 0])[0]

    def loss(self, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """(sum of -log p(target) in nats, number of targets) for (source, source_mask, inputs, targets)."""
        source, source_mask, inputs, targets = batch
        hidden = self.decode(inputs, self.encode(source, source_mask), source_mask)
        smoothing = self.config.label_smoothing if self.training else 0.0
        return translation_loss(self.head, hidden, targets, smoothing)

    @torch.no_grad()
    def next_token_function(
        self, source: Tensor, source_mask: Tensor, max_length: int | None = None
    ) -> Callable[[Tensor, Tensor | None], Tensor]:
        """step(tokens (N,), rows) -> logits (N, V), as `EncoderDecoder.next_token_function`; it remembers a state.

        max_length is not needed here: the state does not grow.
        """
        memory, mask = self.encode(source, source_mask), source_mask[:, 0]
        keys = self.decoder.keys(memory)
        sentences = torch.arange(len(source), device=memory.device)
        state: Tensor | None = None

        @torch.no_grad()
        def step(tokens: Tensor, rows: Tensor | None = None) -> Tensor:
            nonlocal memory, mask, keys, sentences, state
            if rows is not None:
                state = state.index_select(1, rows)
                # Beams of one sentence look at the same source: often nothing has to be moved for it.
                if len(rows) != len(sentences) or not torch.equal(sentences[rows], sentences):
                    memory, mask, keys, sentences = (x.index_select(0, rows) for x in (memory, mask, keys, sentences))
            hidden, state = self.decoder(self.embedding(tokens[:, None]), memory, keys, mask, state)
            return self.head(hidden)[:, 0]

        return step

    @torch.no_grad()
    def cross_attention_weights(self, source: Tensor, source_mask: Tensor, inputs: Tensor) -> Tensor:
        """Where each target token looks in the source: (1, B, 1, T, S), for there is one layer and one head."""
        keys = self.decoder.keys(self.encode(source, source_mask))
        queries, _ = self.decoder.ask(self.dropout(self.embedding(inputs)))
        return self.decoder.attention.weights(queries, keys, source_mask[:, 0])[None, :, None]


def gru_encoder_decoder_like(config: EncoderDecoderConfig) -> GRUEncoderDecoderConfig:
    """The widest recurrent encoder-decoder with no more parameters than this Transformer, and as deep an encoder."""

    def wide(width: int) -> GRUEncoderDecoderConfig:
        depth, dropout, smoothing = config.num_encoder_layers, config.block.dropout, config.label_smoothing
        return GRUEncoderDecoderConfig(config.vocab_size, config.context_length, depth, width, dropout, smoothing)

    return widest(wide, GRUEncoderDecoder, EncoderDecoder, config)
