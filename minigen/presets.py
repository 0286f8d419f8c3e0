"""Shapes and recipes with a name: how large a model, trained how, for which machine."""

from dataclasses import dataclass

from minigen.layers import BlockConfig
from minigen.models.gpt import GPTConfig
from minigen.training import TrainConfig


@dataclass(frozen=True)
class Preset:
    """A GPT's shape and how to train it. minutes: the budget if the user gives none.

    All presets share the block: rotary positions, LayerNorm without weights, normalised queries and keys, squared
    ReLU, no biases, logits softly capped (docs/decisions.md says why, with the measurements).
    """

    num_layers: int
    width: int
    num_heads: int
    context_length: int
    batch_size: int
    minutes: float
    dropout: float = 0.0
    learning_rate: float = 0.02
    adamw_learning_rate: float = 0.02
    evaluations: int = 20
    compile: bool = False

    def model(self, vocab_size: int) -> GPTConfig:
        """The GPT of this preset for a vocabulary."""
        block = BlockConfig(
            width=self.width,
            num_heads=self.num_heads,
            dropout=self.dropout,
            activation="relu_squared",
            bias=False,
            qk_norm=True,
            norm_weight=False,
        )
        return GPTConfig(vocab_size, self.context_length, self.num_layers, block, logit_cap=15.0)

    def training(self, **changes: object) -> TrainConfig:
        """The recipe of this preset. changes: fields of TrainConfig; those that are None keep the preset's value."""
        changes = {name: value for name, value in changes.items() if value is not None}
        if not changes.keys() & {"steps", "epochs", "minutes"}:
            changes["minutes"] = self.minutes
        recipe = {
            "learning_rate": self.learning_rate,
            "adamw_learning_rate": self.adamw_learning_rate,
            "betas": (0.8, 0.95),  # few steps: a shorter memory follows the gradient sooner
            "warmup": 0.005,
            "evaluations": self.evaluations,
            "compile": self.compile,
        }
        if changes.get("optimizer") == "adamw":
            recipe["learning_rate"] = 0.002
        return TrainConfig(**(recipe | changes))


PRESETS = {
    # 0.04 M parameters: for tests, and to see that all works
    "tiny": Preset(2, 32, 2, context_length=32, batch_size=16, minutes=0.1),
    # 0.8 M parameters: the fastest way to a decent character model on a CPU
    "speedrun": Preset(4, 128, 2, context_length=64, batch_size=16, minutes=1.5),
    # 2.7 M parameters: the best text that a laptop learns in a few minutes
    "laptop": Preset(6, 192, 3, context_length=128, batch_size=16, minutes=4),
    # 10.6 M parameters, a coffee break on a GPU of any age
    "gpu": Preset(6, 384, 6, context_length=256, batch_size=64, minutes=4, dropout=0.1),
    # 85 M parameters and the embeddings: GPT-2 small's shape
    "gpt2": Preset(12, 768, 12, context_length=1024, batch_size=16, minutes=60, compile=True),
}


def find_preset(name: str | Preset) -> Preset:
    """The preset of that name, or the one that was handed in itself.

    Raises:
        ValueError: if there is none of that name.
    """
    if isinstance(name, Preset):
        return name
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}: choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
