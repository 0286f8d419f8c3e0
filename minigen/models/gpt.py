"""GPT: a decoder that predicts the next token, and thereby writes."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minigen.layers import BlockConfig, Decoder, Dropout, KVCache, make_positions
from minigen.models.compiled import compiled_read

IGNORED = -100  # a target that counts for nothing: padding at the end of a held-out split


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a GPT; `block` holds what its blocks share.

    positions: "rotary", "learned" or "sinusoidal".
    tie_embeddings: the output matrix is the token embedding (Press and Wolf 2017).
    logit_cap: logits are bent softly into (-cap, cap), Gemma Team 2024, section 2; None leaves them.
    """

    vocab_size: int
    context_length: int
    num_layers: int
    block: BlockConfig = field(default_factory=lambda: BlockConfig(width=128, num_heads=4))
    positions: str = "rotary"
    tie_embeddings: bool = False
    logit_cap: float | None = None


class GPT(nn.Module):
    """logits = head(decoder(embedding(tokens) + positions)).

    Source: Radford et al. 2018 and 2019; rotary positions: Su et al. 2021.
    Axes: B batch, T tokens, D width, V vocabulary.
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        width, num_heads = config.block.width, config.block.num_heads
        self.embedding = nn.Embedding(config.vocab_size, width)
        kind, context_length = config.positions, config.context_length
        self.rotary, self.positions = make_positions(kind, context_length, width, width // num_heads)
        self.dropout = Dropout(config.block.dropout)
        self.decoder = Decoder(config.block, config.num_layers)
        self.head = nn.Linear(width, config.vocab_size, bias=False)
        self.apply(initialise)
        if config.tie_embeddings:
            self.head.weight = self.embedding.weight
        else:
            # Each token starts at length sqrt(D), so that the first blocks have something to tell apart, and the
            # head at zero, so that all tokens are equally likely: the loss of step 0 is exactly ln V.
            nn.init.normal_(self.embedding.weight, std=1.0)
            nn.init.zeros_(self.head.weight)
        for block in self.decoder.blocks:
            # Each block starts as the identity, so depth does not disturb the first steps (Zhang et al. 2019).
            nn.init.zeros_(block.attention.to_out.weight)
            nn.init.zeros_(block.feed_forward.down.weight)

    def forward(self, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        """Logits (B, T, V) of the token after each of tokens (B, T); with a cache, tokens are the newest ones."""
        return self.logits(self.hidden(tokens, cache))

    def hidden(self, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        """What the decoder knows at each position: (B, T) -> (B, T, D)."""
        start = cache.length if cache else 0
        x = self.embedding(tokens)  # (B, T, D)
        rotation = None
        if self.rotary is not None:
            rotation = self.rotary(tokens.shape[1], start)
        elif self.positions is not None:
            x = self.positions(x, start)
        return self.decoder(self.dropout(x), rotation=rotation, cache=cache)

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V)"""
        return cap(self.head(hidden), self.config.logit_cap)

    def loss(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """(sum of -log p(target) in nats, number of targets) for inputs and targets, (B, T) each."""
        inputs, targets = batch
        return next_token_loss(self(inputs), targets)

    def new_cache(self, batch_size: int) -> KVCache:
        """An empty cache for batch_size rows of up to context_length tokens."""
        c = self.config
        shape = (batch_size, c.block.num_heads, c.context_length, c.block.width // c.block.num_heads)
        weight = self.embedding.weight
        return KVCache(c.num_layers, shape, weight.device, weight.dtype)

    def next_token_function(self, use_cache: bool = True, compiled: bool = False) -> Callable[[Tensor], Tensor]:
        """A function that takes the newest tokens (B, T) and returns the logits (B, V) of what follows them.

        It remembers what it was given. Once the context is full it forgets the older half and reads the newer
        half again, so the cost of a token does not grow with the length of the text. compiled: by a program that torch
        makes for the weights as they are now (`minigen.models.compiled`), on a CPU several times as fast for whoever
        writes much with one model: it takes about a minute at the first token, and a C++ compiler on the machine. Large
        models wait for their weights to be read: `model.bfloat16()` first, where the machine multiplies in it, makes
        these half as large.
        """
        context, kept, length = self.config.context_length, [], 0
        read = compiled_read(self) if compiled else self._read
        cache: KVCache | None = None

        @torch.no_grad()  # or each token would lengthen the graph
        def step(new: Tensor) -> Tensor:
            nonlocal kept, length, cache
            cache = self.new_cache(new.shape[0]) if cache is None else cache
            kept, length = [*kept, new], length + new.shape[1]
            if length > context or not use_cache:
                new = torch.cat(kept, dim=1)
                if length > context:
                    new = new[:, -max(1, context // 2) :]
                    cache.clear()
                kept, length = [new], new.shape[1]
            return read(new, cache) if use_cache else read(new)

        return step

    def _read(self, new: Tensor, cache: KVCache | None = None) -> Tensor:
        return self.logits(self.hidden(new, cache)[:, -1])


def cap(logits: Tensor, limit: float | None) -> Tensor:
    """Logits bent softly into (-limit, limit); None leaves them."""
    return logits if limit is None else limit * torch.tanh(logits.float() / limit)


def next_token_loss(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """(sum of -log p(target) in nats, number of targets) for logits (B, T, V) and targets (B, T)."""
    flat = logits.flatten(0, 1).float()  # (B T, V)
    total = F.cross_entropy(flat, targets.flatten(), ignore_index=IGNORED, reduction="sum")
    return total, (targets != IGNORED).sum()


def initialise(module: nn.Module) -> None:
    """N(0, 0.02^2) for embeddings as in GPT-2, N(0, 1 / fan_in) for matrices, zero for biases."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=module.in_features**-0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
