"""TextVAE: an encoder turns a text into a cloud of points z, a decoder writes the text again from one of them alone."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from minigen.layers import BlockConfig, Decoder, Dropout, Encoder, KVCache, make_positions
from minigen.models.gpt import IGNORED, initialise
from minigen.models.latent import BetaSchedule, gaussian_kl, log_normal, reparameterise, with_free_bits

LATENT_INPUTS = ("embedding", "memory", "both")
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class TextVAEConfig:
    """The shape of a text VAE and what keeps its z alive; `block` holds what the blocks of both stacks share.

    vocab_size: tokens of the texts. There is one token more, the boundary, which opens and ends each text.
    context_length: the most tokens of a text, the boundary included. latent_size: numbers in z.
    latent_input: how the decoder is told z: "embedding" adds it to each token's embedding, "memory" lets each layer
        look at one memory slot that is made of it (Li et al. 2020, section 3.2), "both" does both.
    positions: "rotary", "learned" or "sinusoidal".
    word_dropout: share of the decoder's input tokens that training hides (Bowman et al. 2016, section 3.1).
    free_bits: nats of each dimension that cost nothing, see `with_free_bits`. beta: the weight of the KL over a run.
    """

    vocab_size: int
    context_length: int
    num_encoder_layers: int
    num_decoder_layers: int
    block: BlockConfig = field(default_factory=lambda: BlockConfig(width=128, num_heads=4))
    latent_size: int = 32
    latent_input: str = "both"
    positions: str = "rotary"
    word_dropout: float = 0.3
    free_bits: float = 0.25
    beta: BetaSchedule = field(default_factory=BetaSchedule)


class TextVAE(nn.Module):
    """q(z | x) = N(mean(x), variance(x));  p(z) = N(0, I);  p(x | z) = prod_t p(x_t | x_<t, z).

    Trained on -ELBO = -E_q ln p(x | z) + beta * KL(q || p). Source: Kingma and Welling 2014; of texts, Bowman et
    al. 2016. The decoder never sees what the encoder made of single tokens: all it learns of x comes through z.
    Axes: B batch, S tokens that are read, T tokens that are written, D width, Z latent numbers, V vocabulary + 1.

    Raises:
        ValueError: if there is no such latent_input, or latent_size is below 1.
    """

    def __init__(self, config: TextVAEConfig):
        super().__init__()
        c, block = config, config.block
        if c.latent_input not in LATENT_INPUTS:
            raise ValueError(f"unknown latent_input {c.latent_input!r}: choose one of {', '.join(LATENT_INPUTS)}")
        if c.latent_size < 1:
            raise ValueError(f"latent_size must be at least 1, got {c.latent_size}")
        self.config = config
        head_width = block.width // block.num_heads
        self.rotary, self.positions = make_positions(c.positions, c.context_length, block.width, head_width)
        self.embedding = nn.Embedding(c.vocab_size + 1, block.width)
        self.encoder = Encoder(block, c.num_encoder_layers)
        self.to_posterior = nn.Linear(block.width, 2 * c.latent_size)
        self.to_embedding = nn.Linear(c.latent_size, block.width) if c.latent_input != "memory" else None
        self.to_memory = nn.Linear(c.latent_size, block.width) if c.latent_input != "embedding" else None
        self.decoder = Decoder(block, c.num_decoder_layers, cross_attention=self.to_memory is not None)
        self.head = nn.Linear(block.width, c.vocab_size + 1, bias=False)
        self.dropout = Dropout(block.dropout)
        self.register_buffer("beta", torch.tensor(float(c.beta.peak)), persistent=False)
        self.apply(initialise)
        # As in `GPT`: tokens that differ, blocks that are the identity, a head that finds all tokens equally likely.
        nn.init.normal_(self.embedding.weight, std=1.0)
        nn.init.zeros_(self.head.weight)
        for part in [*self.encoder.blocks, *self.decoder.blocks]:
            nn.init.zeros_(part.attention.to_out.weight)
            nn.init.zeros_(part.feed_forward.down.weight)

    @property
    def boundary(self) -> int:
        """The token that opens and ends each text."""
        return self.config.vocab_size

    def set_progress(self, progress: float) -> None:
        """Tells which share of the run is done, 0 to 1; the training loop does, and beta follows its schedule."""
        self.beta.fill_(self.config.beta(progress))

    def posterior(self, source: Tensor, source_mask: Tensor) -> tuple[Tensor, Tensor]:
        """(mean, log variance) of q(z | x), (B, Z) each: linear in the mean of what the encoder made of the tokens.

        source (B, S), source_mask (B, 1, 1, S): see `minigen.data.pairs.pad_sources`. Padding changes nothing.
        """
        x, rotation = self._place(self.embedding(source))
        hidden = self.encoder(self.dropout(x), source_mask, rotation)  # (B, S, D)
        seen = rearrange(source_mask, "b 1 1 s -> b s 1").to(hidden.dtype)
        pooled = (hidden * seen).sum(dim=1) / seen.sum(dim=1)  # (B, D)
        mean, log_variance = self.to_posterior(pooled).float().chunk(2, dim=-1)
        return mean, log_variance

    def decode(self, inputs: Tensor, z: Tensor, cache: KVCache | None = None) -> Tensor:
        """(B, T) and z (B, Z) -> (B, T, D), before the head; with a cache, inputs are the newest tokens.

        Raises:
            ValueError: if z is not (B, Z).
        """
        if z.shape != (len(inputs), self.config.latent_size):
            wanted = (len(inputs), self.config.latent_size)
            raise ValueError(f"z must be of shape {wanted} for this model, got {tuple(z.shape)}")
        x = self.embedding(inputs)
        if self.to_embedding is not None:
            x = x + self.to_embedding(z)[:, None]
        x, rotation = self._place(x, cache.length if cache else 0)
        # One slot: attention has nothing to choose, and each layer adds a linear map of its own of z.
        memory = self.to_memory(z)[:, None] if self.to_memory is not None else None  # (B, 1, D)
        return self.decoder(self.dropout(x), memory, rotation=rotation, cache=cache)

    def forward(self, inputs: Tensor, z: Tensor) -> Tensor:
        """Logits (B, T, V) of the token after each of inputs (B, T), given z (B, Z)."""
        return self.head(self.decode(inputs, z))

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(-ELBO in nats, summed over the texts; number of targets) for (source, source_mask, inputs, targets).

        The batch is `minigen.data.pairs.pair_batch` of texts with themselves. While training, words are dropped, bits
        are free and beta is that of its schedule; measured is -E_q ln p + peak * KL, with the same noise each time.
        """
        source, source_mask, inputs, targets = batch
        mean, log_variance = self.posterior(source, source_mask)
        kl = gaussian_kl(mean, log_variance)  # (B, Z)
        if self.training:
            z, inputs = reparameterise(mean, log_variance), self._drop_words(inputs)
            cost = self.beta * len(kl) * with_free_bits(kl, self.config.free_bits)
        else:
            # Noise of its own: a measurement that drew from the common one would change the run that it watches.
            z = reparameterise(mean, log_variance, torch.Generator(mean.device).manual_seed(0))
            cost = self.config.beta.peak * kl.sum()
        keep = targets != IGNORED
        logits = self.head(self.decode(inputs, z)[keep]).float()  # (N, V): no work for padding
        return F.cross_entropy(logits, targets[keep], reduction="sum") + cost, keep.sum()

    def log_likelihood(self, inputs: Tensor, targets: Tensor, z: Tensor) -> Tensor:
        """ln p(x | z) of each text in nats, (B,)."""
        logits = self(inputs, z).float().transpose(1, 2)  # (B, V, T), as cross_entropy wants it
        return -F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none").sum(dim=1)

    @torch.no_grad()
    def log_weights(self, batch: Batch, num_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """ln (p(x | z) p(z) / q(z | x)) of num_samples draws of z ~ q(z | x), in nats: (K, B).

        Their mean over K estimates the ELBO; the logarithm of their mean is the importance-weighted bound, between
        the ELBO and ln p(x), and the closer the larger K (Burda et al. 2016). `minigen.vae_metrics` has both.
        """
        source, source_mask, inputs, targets = batch
        mean, log_variance = self.posterior(source, source_mask)
        weights = []
        for _ in range(num_samples):
            z = reparameterise(mean, log_variance, generator)
            ratio = log_normal(z) - log_normal(z, mean, log_variance)
            weights.append(self.log_likelihood(inputs, targets, z) + ratio)
        return torch.stack(weights)

    def next_token_function(self, z: Tensor) -> Callable[[Tensor], Tensor]:
        """A function that takes the newest tokens (B, T) and returns the logits (B, V) of what follows them, given z.

        It remembers what it was given, in a cache, up to context_length tokens.
        """
        c = self.config
        shape = (len(z), c.block.num_heads, c.context_length, c.block.width // c.block.num_heads)
        cache = KVCache(c.num_decoder_layers, shape, z.device, self.embedding.weight.dtype)

        @torch.no_grad()
        def step(new: Tensor) -> Tensor:
            return self.head(self.decode(new, z, cache)[:, -1])

        return step

    def _place(self, x: Tensor, start: int = 0) -> tuple[Tensor, Tensor | None]:
        rotation = self.rotary(x.shape[1], start) if self.rotary is not None else None
        return (x if self.positions is None else self.positions(x, start)), rotation

    def _drop_words(self, inputs: Tensor) -> Tensor:
        """Some inputs become the boundary, but never the first, which is one."""
        hidden = torch.rand(inputs.shape, device=inputs.device) < self.config.word_dropout
        hidden[:, 0] = False
        return inputs.masked_fill(hidden, self.boundary)
