"""Shapes and recipes with a name: how large a model, trained how, for which machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from minigen.layers import BlockConfig
from minigen.models.classifier import ClassifierConfig
from minigen.models.encoder_decoder import EncoderDecoderConfig
from minigen.models.gpt import GPTConfig
from minigen.training import TrainConfig

BUDGETS = {"steps", "epochs", "minutes"}


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
        block = modern_block(self.width, self.num_heads, self.dropout)
        return GPTConfig(vocab_size, self.context_length, self.num_layers, block, logit_cap=15.0)

    def training(self, **changes: object) -> TrainConfig:
        """The recipe of this preset. changes: fields of TrainConfig; those that are None keep the preset's value."""
        return recipe(self, {"betas": (0.8, 0.95), "warmup": 0.005}, changes)


@dataclass(frozen=True)
class TranslationPreset:
    """The shape of an encoder-decoder and how to train it. tokens_per_batch: of both sides, padding included.

    accumulate: batches in a step. A batch holds sentences of one length, which are of one kind; a step that mixes a
    few of them learns much faster (docs/decisions.md). context_length: the most tokens on either side. Blocks are
    those of `Preset`.
    """

    num_encoder_layers: int
    num_decoder_layers: int
    width: int
    num_heads: int
    context_length: int
    tokens_per_batch: int
    minutes: float
    accumulate: int = 1
    dropout: float = 0.1
    label_smoothing: float = 0.1
    learning_rate: float = 0.012
    adamw_learning_rate: float = 0.04
    evaluations: int = 10
    compile: bool = False

    def model(self, vocab_size: int) -> EncoderDecoderConfig:
        """The encoder-decoder of this preset for a vocabulary that both languages share."""
        return EncoderDecoderConfig(
            vocab_size,
            self.context_length,
            self.num_encoder_layers,
            self.num_decoder_layers,
            modern_block(self.width, self.num_heads, self.dropout),
            label_smoothing=self.label_smoothing,
        )

    def training(self, **changes: object) -> TrainConfig:
        """The recipe of this preset; changes as for `Preset.training`."""
        own = {"betas": (0.8, 0.95), "warmup": 0.02, "accumulate": self.accumulate, "workers": self.accumulate}
        return recipe(self, own, changes)


@dataclass(frozen=True)
class ClassificationPreset:
    """The shape of a classifier and how to train it. tokens_per_batch: padding included.

    context_length: the most tokens of a text that are read. Blocks are those of `Preset`. epochs, minutes: the budget
    if the user gives none, whichever ends first, since few texts are learned by heart long before time is up. For the
    same reason it is small, and much is hidden from it (both dropouts). fixed_vectors: tokens get vectors by
    `minigen.word_vectors`, from texts whose labels it need not know, and keep them: then little can be learned by
    heart, and little has to be hidden.
    """

    num_layers: int
    width: int
    num_heads: int
    context_length: int
    tokens_per_batch: int
    epochs: float
    minutes: float
    pooling: str = "attention"
    dropout: float = 0.5
    word_dropout: float = 0.3
    label_smoothing: float = 0.1
    learning_rate: float = 0.0005
    adamw_learning_rate: float = 0.002
    weight_decay: float = 1.0
    evaluations: int = 10
    compile: bool = False
    fixed_vectors: bool = False

    def model(self, vocab_size: int, num_classes: int) -> ClassifierConfig:
        """The classifier of this preset for a vocabulary and so many classes."""
        return ClassifierConfig(
            vocab_size,
            self.context_length,
            num_classes,
            self.num_layers,
            modern_block(self.width, self.num_heads, self.dropout),
            pooling=self.pooling,
            label_smoothing=self.label_smoothing,
            word_dropout=self.word_dropout,
            fixed_vectors=self.fixed_vectors,
        )

    def training(self, **changes: object) -> TrainConfig:
        """The recipe of this preset; changes as for `Preset.training`."""
        own: dict = {"betas": (0.9, 0.95), "warmup": 0.05, "decay": 0.9, "weight_decay": self.weight_decay}
        if all(changes.get(budget) is None for budget in BUDGETS):
            own["epochs"] = self.epochs
        return recipe(self, own, changes)


def modern_block(width: int, num_heads: int, dropout: float) -> BlockConfig:
    """The block that all presets share, see `Preset`."""
    return BlockConfig(
        width=width,
        num_heads=num_heads,
        dropout=dropout,
        activation="relu_squared",
        bias=False,
        qk_norm=True,
        norm_weight=False,
    )


def recipe(preset: "AnyPreset", own: dict, changes: dict) -> TrainConfig:
    """What all presets set, then what those of this kind do, then the changes that are not None."""
    changes = {name: value for name, value in changes.items() if value is not None}
    if not changes.keys() & BUDGETS:
        changes["minutes"] = preset.minutes
    names = ("learning_rate", "adamw_learning_rate", "evaluations", "compile")
    recipe = {name: getattr(preset, name) for name in names} | own
    if changes.get("optimizer") == "adamw":
        recipe["learning_rate"] = 0.002
    return TrainConfig(**(recipe | changes))


PRESETS = {
    # 0.03 M parameters: for tests, and to see that all works
    "tiny": Preset(2, 32, 2, context_length=32, batch_size=16, minutes=0.1),
    # 0.8 M parameters: the fastest way to a decent character model on a CPU
    "speedrun": Preset(4, 128, 2, context_length=64, batch_size=16, minutes=1.5),
    # 2.7 M parameters: the best text that a laptop learns in a few minutes
    "laptop": Preset(6, 192, 3, context_length=128, batch_size=16, minutes=4),
    # 10.7 M parameters, a coffee break on a GPU of any age
    "gpu": Preset(6, 384, 6, context_length=256, batch_size=64, minutes=4, dropout=0.1),
    # 85 M parameters and the embeddings: GPT-2 small's shape
    "gpt2": Preset(12, 768, 12, context_length=1024, batch_size=16, minutes=60, compile=True),
}


TRANSLATION_PRESETS = {
    # 0.06 M parameters and the embeddings: for tests, and to see that all works
    "tiny": TranslationPreset(1, 1, 48, 2, context_length=64, tokens_per_batch=1000, minutes=0.2),
    # 0.9 M parameters and the embeddings: for tens of thousands of sentences on a laptop
    "laptop": TranslationPreset(2, 2, 128, 2, context_length=128, tokens_per_batch=500, minutes=10, accumulate=4),
    # 44 M parameters and the embeddings: the base model of Vaswani et al. 2017
    "gpu": TranslationPreset(
        6, 6, 512, 8, context_length=256, tokens_per_batch=8000, minutes=20, accumulate=2, dropout=0.2, compile=True
    ),
}

CLASSIFICATION_PRESETS = {
    # 0.01 M parameters and the embeddings: for tests, and to see that all works
    "tiny": ClassificationPreset(1, 32, 2, context_length=64, tokens_per_batch=1000, epochs=10, minutes=0.2),
    # 0.05 M parameters and the embeddings: for thousands of texts on a laptop
    "laptop": ClassificationPreset(1, 64, 2, context_length=256, tokens_per_batch=2000, epochs=4, minutes=4),
    # 0.2 M parameters and the vectors, which are not trained: for few labels, and more texts without
    "vectors": ClassificationPreset(
        1,
        128,
        2,
        context_length=256,
        tokens_per_batch=2000,
        epochs=4,
        minutes=4,
        dropout=0.1,
        word_dropout=0.1,
        label_smoothing=0.0,
        learning_rate=0.005,
        adamw_learning_rate=0.01,
        fixed_vectors=True,
    ),
    # 3.1 M parameters and the embeddings: for hundreds of thousands of texts, and longer ones
    "gpu": ClassificationPreset(4, 256, 4, context_length=512, tokens_per_batch=16_000, epochs=4, minutes=10),
}

AnyPreset = TypeVar("AnyPreset", Preset, TranslationPreset, ClassificationPreset)


def find_preset(name: str | AnyPreset, presets: Mapping[str, AnyPreset] = PRESETS) -> AnyPreset:
    """The preset of that name, or the one that was handed in itself.

    Raises:
        ValueError: if there is none of that name.
    """
    if not isinstance(name, str):
        return name
    if name not in presets:
        raise ValueError(f"unknown preset {name!r}: choose one of {', '.join(presets)}")
    return presets[name]
