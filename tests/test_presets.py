"""Presets: each can be built and trained, and has the size that it claims."""

import re
from pathlib import Path

import pytest
import torch

from minigen import presets, vae_presets
from minigen.models.classifier import Classifier
from minigen.models.encoder_decoder import EncoderDecoder
from minigen.models.gpt import GPT
from minigen.models.text_vae import TextVAE
from minigen.presets import PRESETS, Preset, find_preset

each_preset = pytest.mark.parametrize("name", PRESETS)
# Each table of presets: the file that holds it, and how a model of one is built, for 65 tokens and two classes.
TABLES = {
    "PRESETS": (presets, lambda preset: GPT(preset.model(65))),
    "TRANSLATION_PRESETS": (presets, lambda preset: EncoderDecoder(preset.model(65))),
    "CLASSIFICATION_PRESETS": (presets, lambda preset: Classifier(preset.model(65, 2))),
    "VAE_PRESETS": (vae_presets, lambda preset: TextVAE(preset.model(65))),
}


def presets_of(table: str) -> dict:
    """The presets of a table, by name."""
    return getattr(TABLES[table][0], table)


def parameters(name: str, vocab_size: int) -> int:
    """How many parameters a preset has, counted without memory for them."""
    with torch.device("meta"):
        return sum(p.numel() for p in GPT(PRESETS[name].model(vocab_size)).parameters())


@each_preset
def test_a_preset_is_the_gpt_that_it_describes(name):
    preset, config = PRESETS[name], PRESETS[name].model(65)
    assert (config.vocab_size, config.context_length, config.num_layers) == (
        65,
        preset.context_length,
        preset.num_layers,
    )
    assert (config.block.width, config.block.num_heads) == (preset.width, preset.num_heads)
    assert config.block.dropout == preset.dropout
    embeddings = 2 * 65 * preset.width
    # Without biases, norm weights and learned positions only the embeddings and 12 squares a layer are left.
    assert parameters(name, 65) == embeddings + 12 * preset.num_layers * preset.width**2


@pytest.mark.parametrize("table, name", [(table, name) for table in TABLES for name in presets_of(table)])
def test_the_comment_beside_a_preset_tells_its_size(table, name):
    """Of all parameters, or, where it says so, of those beside the embeddings and the head."""
    module, build = TABLES[table]
    source = Path(module.__file__).read_text(encoding="utf-8").split(f"\n{table} = {{")[1].split("\n}")[0]
    comment = re.search(rf'# ([\d.]+) M parameters(.*)\n    "{name}"', source)
    assert comment, f"the comment above {name} begins with its size"
    beside = ("embedding.", "head.") if comment[2].startswith(" and the ") else ()
    with torch.device("meta"):
        model = build(presets_of(table)[name])
    count = sum(p.numel() for key, p in model.named_parameters() if not key.startswith(beside))
    decimals = len(comment[1].partition(".")[2])
    assert comment[1] == f"{count / 1e6:.{decimals}f}"


@each_preset
def test_without_a_budget_a_preset_brings_its_minutes(name):
    config = PRESETS[name].training()
    assert (config.minutes, config.steps, config.epochs) == (PRESETS[name].minutes, None, None)
    assert config.learning_rate == PRESETS[name].learning_rate
    assert config.adamw_learning_rate == PRESETS[name].adamw_learning_rate


@pytest.mark.parametrize("budget", [{"steps": 7}, {"epochs": 0.5}, {"minutes": 9.0}])
def test_a_given_budget_takes_the_place_of_the_minutes(budget):
    config = PRESETS["tiny"].training(**({"steps": None, "epochs": None, "minutes": None} | budget))
    assert {"steps": config.steps, "epochs": config.epochs, "minutes": config.minutes} == (
        {"steps": None, "epochs": None, "minutes": None} | budget
    )


def test_other_changes_take_the_place_of_what_the_preset_says():
    config = PRESETS["tiny"].training(learning_rate=0.5, clip=2.0, seed=9, evaluations=None)
    assert (config.learning_rate, config.clip, config.seed) == (0.5, 2.0, 9)
    assert config.evaluations == PRESETS["tiny"].evaluations


def test_adamw_alone_gets_a_rate_that_is_small_enough_for_it():
    assert PRESETS["speedrun"].training(optimizer="adamw").learning_rate < 0.01 < PRESETS["speedrun"].learning_rate
    assert PRESETS["speedrun"].training(optimizer="adamw", learning_rate=0.5).learning_rate == 0.5


def test_a_preset_is_found_by_name_or_is_itself():
    own = Preset(1, 8, 2, context_length=4, batch_size=2, minutes=1)
    assert find_preset("tiny") is PRESETS["tiny"]
    assert find_preset(own) is own


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=f"unknown preset 'medium': choose one of {', '.join(PRESETS)}"):
        find_preset("medium")


def test_a_field_that_no_run_has_is_refused():
    with pytest.raises(TypeError, match="momentum"):
        PRESETS["tiny"].training(momentum=0.9)


@each_preset
def test_a_preset_of_one_layer_takes_a_step(name):
    """The shapes fit: heads divide the width into even parts, as rotary positions need."""
    preset = PRESETS[name]
    assert preset.width % preset.num_heads == 0
    assert preset.width // preset.num_heads % 2 == 0
    assert preset.batch_size >= 1
    assert preset.minutes > 0
