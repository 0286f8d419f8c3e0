"""What a model can be made of: a Transformer, or gated recurrent units."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from minigen.estimators.folder import read_config
from minigen.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from minigen.models.gpt import GPT, GPTConfig
from minigen.models.gru import GRUConfig, GRULanguageModel, gru_like
from minigen.models.gru_encoder_decoder import (
    GRUEncoderDecoder,
    GRUEncoderDecoderConfig,
    gru_encoder_decoder_like,
)
from minigen.presets import AnyPreset
from minigen.training import TrainConfig

DEFAULT = "transformer"


@dataclass(frozen=True)
class Architecture:
    """config: the dataclass of a model's shape; build: from that to the model.

    like: from the shape of a preset's Transformer to this one's. rate: the peak rate of Muon's matrices, relative to
    that of the preset. compile: False where torch.compile has nothing to gain.
    """

    config: type
    build: Callable[[Any], nn.Module]
    like: Callable[[Any], Any] = lambda config: config
    rate: float = 1.0
    compile: bool | None = None

    def training(self, preset: AnyPreset, **changes: object) -> TrainConfig:
        """The recipe of the preset for this kind of model; changes as for `Preset.training`."""
        own: dict[str, object] = {"compile": self.compile}
        if changes.get("optimizer", "muon") == "muon":
            own["learning_rate"] = self.rate * preset.learning_rate
        return preset.training(**(own | {name: value for name, value in changes.items() if value is not None}))


LANGUAGE_MODELS = {
    DEFAULT: Architecture(GPTConfig, GPT),
    "gru": Architecture(GRUConfig, GRULanguageModel, gru_like, rate=2.0, compile=False),
}
ENCODER_DECODERS = {
    DEFAULT: Architecture(EncoderDecoderConfig, EncoderDecoder),
    "gru": Architecture(GRUEncoderDecoderConfig, GRUEncoderDecoder, gru_encoder_decoder_like, compile=False),
}


def find_architecture(name: str, architectures: Mapping[str, Architecture]) -> Architecture:
    """The architecture of that name. ValueError, with those that exist, if there is none."""
    if not isinstance(name, str) or name not in architectures:
        raise ValueError(f"unknown architecture {name!r}: choose one of {', '.join(architectures)}")
    return architectures[name]


def saved_architecture(folder: Path, estimator: str, architectures: Mapping[str, Architecture]) -> Architecture:
    """That of a trained model; one saved before there was a choice is a Transformer.

    Raises:
        FileNotFoundError, ValueError: as `read_config`; ValueError for an architecture that is not known.
    """
    name = read_config(folder, estimator)["parameters"].get("architecture", DEFAULT)
    try:
        return find_architecture(name, architectures)
    except ValueError as error:
        raise ValueError(f"{folder / 'config.json'} does not fit: {error}") from error
