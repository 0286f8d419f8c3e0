"""Shapes and recipes of text VAEs with a name, as `minigen.presets` has them for the other models."""

from dataclasses import dataclass

from minigen.models.latent import BetaSchedule
from minigen.models.text_vae import TextVAEConfig
from minigen.presets import modern_block, recipe
from minigen.training import TrainConfig


@dataclass(frozen=True)
class AutoencoderPreset:
    """The shape of a text VAE and how to train it. tokens_per_batch: of both sides, padding included.

    context_length: the most tokens of a text; longer ones are not learned. accumulate: batches in a step. free_bits
    and word_dropout, as the schedule of beta, keep z from being ignored. Blocks are those of `Preset`.
    """

    num_encoder_layers: int
    num_decoder_layers: int
    width: int
    num_heads: int
    latent_size: int
    context_length: int
    tokens_per_batch: int
    minutes: float
    accumulate: int = 2
    dropout: float = 0.0
    word_dropout: float = 0.2
    free_bits: float = 0.25
    schedule: str = "linear"
    learning_rate: float = 0.012
    adamw_learning_rate: float = 0.03
    evaluations: int = 10
    compile: bool = False

    def model(self, vocab_size: int, beta: float = 1.0) -> TextVAEConfig:
        """The text VAE of this preset for a vocabulary. beta: the weight of the KL at the end of the schedule."""
        return TextVAEConfig(
            vocab_size,
            self.context_length,
            self.num_encoder_layers,
            self.num_decoder_layers,
            modern_block(self.width, self.num_heads, self.dropout),
            latent_size=self.latent_size,
            word_dropout=self.word_dropout,
            free_bits=self.free_bits,
            beta=BetaSchedule(self.schedule, peak=beta),
        )

    def training(self, **changes: object) -> TrainConfig:
        """The recipe of this preset; changes as for `Preset.training`."""
        own = {"betas": (0.8, 0.95), "warmup": 0.02, "accumulate": self.accumulate}
        return recipe(self, own, changes)


VAE_PRESETS = {
    # 0.03 M parameters and the embeddings: for tests, and to see that all works
    "tiny": AutoencoderPreset(1, 1, 32, 2, latent_size=8, context_length=24, tokens_per_batch=500, minutes=0.1),
    # 0.5 M parameters and the embeddings: for tens of thousands of short sentences on a laptop
    "laptop": AutoencoderPreset(1, 1, 128, 2, latent_size=32, context_length=32, tokens_per_batch=500, minutes=4),
    # 16.6 M parameters and the embeddings
    "gpu": AutoencoderPreset(
        4, 4, 384, 6, latent_size=64, context_length=64, tokens_per_batch=16_000, minutes=20, accumulate=1, dropout=0.1
    ),
}
