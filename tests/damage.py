"""All that can be wrong with the folder of a model, and what is said about it."""

import json

import torch
from estimator_tools import TEXT, fitted
from safetensors.torch import load_file, save_file


def set_field(*path: str, value: object):
    """Damage: one value of config.json is another."""

    def damage(folder) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        place = config
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")

    return damage


def remove_field(*path: str):
    """Damage: one value of config.json is gone."""

    def damage(folder) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        place = config
        for name in path[:-1]:
            place = place[name]
        del place[path[-1]]
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")

    return damage


def overwrite(name: str, content: bytes):
    """Damage: a file holds something else."""
    return lambda folder: (folder / name).write_bytes(content)


def cut(name: str, share: float):
    """Damage: only the beginning of a file is there."""

    def damage(folder) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(share * len(content))])

    return damage


def read_tensors(folder) -> dict[str, torch.Tensor]:
    """The weights, apart from their file, so that it can be written anew."""
    return {name: tensor.clone() for name, tensor in load_file(folder / "model.safetensors").items()}


def pickle_weights(folder) -> None:
    """Damage: the weights as torch would have saved them."""
    torch.save(read_tensors(folder), folder / "model.safetensors")


def rename_weight(folder) -> None:
    """Damage: weights of another program."""
    tensors = read_tensors(folder)
    tensors["transformer.wte.weight"] = tensors.pop("embedding.weight")
    save_file(tensors, folder / "model.safetensors")


def swap_tokenizer(**options):
    """Damage: the tokenizer of another model."""

    def damage(folder) -> None:
        fitted(steps=1, **options).tokenizer_.save(folder / "tokenizer.json")

    return damage


DAMAGE = {
    "config is gone": (lambda folder: (folder / "config.json").unlink(), "holds no trained model"),
    "tokenizer is gone": (lambda folder: (folder / "tokenizer.json").unlink(), r"no file .*tokenizer\.json"),
    "weights are gone": (
        lambda folder: (folder / "model.safetensors").unlink(),
        r"no checkpoint .*model\.safetensors.*; train first",
    ),
    "weights are gone, the run is there": (
        lambda folder: (folder / "model.safetensors").rename(folder / "last.safetensors"),
        r"no checkpoint .*; the run in .*last\.safetensors was stopped before: resume it",
    ),
    "config is empty": (overwrite("config.json", b""), r"config\.json is empty"),
    "config is cut": (cut("config.json", 0.5), "damaged: it is not valid JSON"),
    "config is a list": (overwrite("config.json", b"[1, 2]"), "a model of another program"),
    "config is a number": (overwrite("config.json", b"5"), "a model of another program"),
    "config is foreign": (overwrite("config.json", b'{"model_type": "gpt2"}'), "a 'gpt2' of another program"),
    "config is of nothing known": (overwrite("config.json", b"{}"), "a model of another program"),
    "config is of another task": (
        set_field("estimator", value="Translator"),
        r"a Translator \(for minigen translate, in Python Translator\.load\), and a TextGenerator was wanted",
    ),
    "no parameters": (remove_field("parameters"), "it has no parameters"),
    "parameters are a list": (set_field("parameters", value=[1]), "it has no parameters"),
    "no model": (remove_field("model"), "it has no model"),
    "no width": (remove_field("model", "block", "width"), "width"),
    "no vocabulary size": (remove_field("model", "vocab_size"), "vocab_size"),
    "an unknown field": (set_field("model", "colour", value=1), "GPTConfig has no field 'colour'; it was changed"),
    "an unknown parameter": (set_field("parameters", "colour", value=1), "colour"),
    "a word for a number": (set_field("model", "num_layers", value="two"), "num_layers is 'two'"),
    "a word for a number inside": (set_field("model", "block", "width", value="16"), "width is '16'"),
    "a word that is used late": (set_field("model", "logit_cap", value="15"), "logit_cap is '15'"),
    "a preset that is none": (set_field("parameters", "preset", "width", value=None), "width is None"),
    "a block that is none": (set_field("model", "block", value=[]), "BlockConfig must be an object"),
    "no heads": (set_field("model", "block", "num_heads", value=0), "does not fit"),
    "heads that do not fit": (set_field("model", "block", "num_heads", value=3), "does not fit"),
    "unknown positions": (set_field("model", "positions", value="alibi"), "unknown positions 'alibi'"),
    "other layers": (set_field("model", "num_layers", value=3), "does not fit the config: 4 parameters are missing"),
    "another width": (set_field("model", "block", "width", value=32), "does not fit the config: .* is .* in the file"),
    "other vocabulary size": (set_field("model", "vocab_size", value=9), "the tokenizer has .* tokens, the model"),
    "a vocabulary too large to build": (
        set_field("model", "vocab_size", value=10**13),
        "the tokenizer has .* tokens, the model",
    ),
    "weights are empty": (overwrite("model.safetensors", b""), "not a readable safetensors file"),
    "weights are cut": (cut("model.safetensors", 0.5), "not a readable safetensors file"),
    "weights are text": (overwrite("model.safetensors", b"hello, world. " * 50), "not a readable safetensors file"),
    "weights are a pickle": (pickle_weights, "not a readable safetensors file"),
    "weights are foreign": (rename_weight, "1 parameter is missing .* 1 parameter is unknown"),
    "tokenizer is cut": (cut("tokenizer.json", 0.5), "damaged or not a tokenizer"),
    "tokenizer is a list": (overwrite("tokenizer.json", b"[]"), "not a tokenizer"),
    "tokenizer of fewer characters": (swap_tokenizer(text="abc " * 200), "is that of another model"),
    "tokenizer of as many characters": (
        swap_tokenizer(text=TEXT.translate({ord("b"): "d"})),
        "is that of another model",
    ),
    "tokenizer of another kind": (swap_tokenizer(tokenizer="byte"), "is that of another model"),
}
