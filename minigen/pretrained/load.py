"""`load_pretrained`: the model and the tokenizer of a checkpoint, with each tensor accounted for."""

import re
import warnings
from importlib.resources.abc import Traversable
from pathlib import Path

import torch
from torch import Tensor, nn

from minigen.models.bert import Bert
from minigen.models.gpt import GPT
from minigen.pretrained.architectures import ARCHITECTURES, Architecture
from minigen.pretrained.checkpoints import find_checkpoint, read_config, read_pooling, read_tensors
from minigen.tokenizers.pretrained import PretrainedTokenizer

SHOWN = 3  # names in an error
OLD_NAMES = {"gamma": "weight", "beta": "bias"}  # of norms, in the first published checkpoints


def load_pretrained(name: str | Path) -> tuple[Bert | GPT, PretrainedTokenizer]:
    """The model, in evaluation mode on the CPU in float32, and its tokenizer.

    name: "minilm" (fetched first if it is not there yet), the folder of a checkpoint, or hub:owner/name. A checkpoint
    has config.json (model_type bert or gpt2), model.safetensors, whole or in shards, and a tokenizer.

    Raises:
        FileNotFoundError: if a file is missing, or the weights are there as a pickle alone.
        ValueError: if it is of another architecture, damaged, or its tensors do not fit its config; they are named.
    """
    folder = find_checkpoint(name)
    config = read_config(folder)
    architecture = _architecture(folder, config)
    tensors = _usual_names(read_tensors(folder), architecture.prefix)
    word_head = "cls.predictions.transform.dense.weight" in tensors
    try:
        model = architecture.build(architecture.shape(config, read_pooling(folder), word_head))
    except KeyError as error:
        raise ValueError(f"{folder / 'config.json'} is damaged: it has no {error}") from None
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{folder / 'config.json'} cannot be read here: {error}") from error
    _copy(model, tensors, architecture, folder)
    tokenizer = PretrainedTokenizer.read(folder)
    if tokenizer.vocab_size > model.config.vocab_size:
        raise ValueError(
            f"{folder} does not fit together: its tokenizer has {tokenizer.vocab_size} tokens, its model "
            f"{model.config.vocab_size}"
        )
    return model.eval(), tokenizer


def _architecture(folder: Traversable, config: dict) -> Architecture:
    if "estimator" in config:
        raise ValueError(f"{folder} is a {config['estimator']} of minigen, and no pretrained BERT or GPT-2")
    found = config.get("model_type")
    if found not in ARCHITECTURES:
        classes = ", ".join(map(str, config.get("architectures") or []))
        told = f"{found!r}" + (f" ({classes})" if classes else "")
        raise ValueError(f"{folder} is of the architecture {told}; only {' and '.join(ARCHITECTURES)} are read")
    return ARCHITECTURES[found]


def _usual_names(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Without the prefix that a model with a head puts before its body, and in today's names."""
    found = {}
    for name, tensor in tensors.items():
        stem, dot, kind = name.removeprefix(prefix).rpartition(".")
        found[stem + dot + OLD_NAMES.get(kind, kind)] = tensor
    if "cls.predictions.decoder.bias" in found:  # one tensor under two names, of which either may be written
        found.setdefault("cls.predictions.bias", found["cls.predictions.decoder.bias"])
    return found


@torch.no_grad()
def _copy(model: nn.Module, tensors: dict[str, Tensor], architecture: Architecture, folder: Traversable) -> None:
    sources = {name: architecture.theirs(name) for name, _ in model.named_parameters()}
    used = {name for names in sources.values() for name in names}
    if missing := sorted(used - tensors.keys()):
        raise ValueError(f"{folder} does not fit its config.json: {_some(missing)} are missing from its weights")
    _refuse_unknown(sorted(tensors.keys() - used), architecture, folder)
    for name, parameter in model.named_parameters():
        parts = [tensors[part] for part in sources[name]]
        if architecture.transposed and ".blocks." in name:
            parts = [part.mT if part.ndim == 2 else part for part in parts]
        wanted = (parameter.shape[0] // len(parts), *parameter.shape[1:])
        for part, theirs in zip(parts, sources[name], strict=True):
            if part.shape != wanted:
                raise ValueError(
                    f"{folder} does not fit its config.json: {theirs} is {tuple(part.shape)} in the weights and "
                    f"{tuple(wanted)} by the config"
                )
        parameter.copy_(torch.cat(parts) if len(parts) > 1 else parts[0])


def _refuse_unknown(names: list[str], architecture: Architecture, folder: Traversable) -> None:
    """ValueError for tensors of the body that have no place; a warning for heads of other tasks."""
    names = [name for name in names if not re.fullmatch(architecture.unused, name)]
    if body := [name for name in names if name.startswith(architecture.body)]:
        raise ValueError(f"{folder} does not fit its config.json: nothing is known of its tensors {_some(body)}")
    if names:
        warnings.warn(f"left out of {folder}, since they are a head for another task: {_some(names)}", stacklevel=4)


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
