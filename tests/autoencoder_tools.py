"""Sentences of a tiny language and quick runs that the tests of the text autoencoder share."""

import random

from minigen.estimators import TextAutoencoder
from minigen.vae_presets import AutoencoderPreset

TINY = AutoencoderPreset(1, 1, 16, 2, latent_size=4, context_length=16, tokens_per_batch=400, minutes=1, evaluations=2)


def sentences(number: int = 200, seed: int = 0) -> list[str]:
    """Short sentences of a few words."""
    draw = random.Random(seed)
    who, does, what = ["a cat", "an owl", "Zoë"], ["sees", "eats"], ["a pen", "an axe", "the saw", "nothing"]
    return [f"{draw.choice(who)} {draw.choice(does)} {draw.choice(what)} {draw.randint(0, 99)}" for _ in range(number)]


def make(preset: str | AutoencoderPreset = TINY, **parameters) -> TextAutoencoder:
    """A small autoencoder on the CPU."""
    return TextAutoencoder(preset, **({"vocab_size": 290, "device": "cpu"} | parameters))
