"""Checkpoints: tensors as safetensors, all else as JSON in the same file, replaced in one move."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from minigen.files import write_atomically


def save_model(model: nn.Module, path: Path, parameters: dict[str, Tensor] | None = None) -> None:
    """Writes the model's parameters, or the given ones in their place.

    What can be computed from the config (tables of positions) is left out.
    """
    write_atomically(path, save(_contiguous(parameters or dict(model.named_parameters()))))


def load_model(model: nn.Module, path: Path) -> None:
    """Reads parameters written by `save_model` into a model of the same shape.

    Raises:
        ValueError: if the file is no safetensors file, or holds other names or shapes than the model.
    """
    tensors, _ = _read(path)
    _copy_parameters(model, tensors, path)


def save_checkpoint(
    path: Path, model: nn.Module, optimizers: list[Optimizer], state: dict, best: dict[str, Tensor] | None = None
) -> None:
    """Writes all that `load_checkpoint` needs to go on as if nothing had happened.

    state: JSON values (step, seconds, ...). best: the best parameters so far, if they are others than the model's.
    The states of torch's random generators are added.
    """
    tensors = {f"model.{name}": parameter for name, parameter in model.named_parameters()}
    tensors |= {f"best.{name}": parameter for name, parameter in (best or {}).items()}
    for number, optimizer in enumerate(optimizers):
        for index, values in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{index}.{key}": torch.as_tensor(v) for key, v in values.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    device = next(model.parameters()).device
    if device.type != "cpu":
        tensors["random.device"] = torch.get_device_module(device).get_rng_state(device)
    write_atomically(path, save(_contiguous(tensors), {"state": json.dumps(state)}))


def load_checkpoint(path: Path, model: nn.Module, optimizers: list[Optimizer]) -> dict:
    """Restores model, optimisers and random generators; returns the state that was saved with them."""
    state = read_state(path)
    tensors, _ = _read(path)
    _copy_parameters(model, _below("model.", tensors), path)
    for number, optimizer in enumerate(optimizers):
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith(f"optimizer.{number}."):
                index, key = name.split(".")[2:]
                states.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict(optimizer.state_dict() | {"state": states})
    torch.set_rng_state(tensors["random.cpu"])
    device = next(model.parameters()).device
    if device.type != "cpu" and "random.device" in tensors:
        torch.get_device_module(device).set_rng_state(tensors["random.device"], device)
    return state


def load_best(path: Path, model: nn.Module) -> None:
    """Gives the model the best parameters that `save_checkpoint` was given; all else stays as it is."""
    _copy_parameters(model, _below("best.", _read(path)[0]), path)


def read_state(path: Path) -> dict:
    """The state that was given to `save_checkpoint`, alone.

    Raises:
        ValueError: if the file is no checkpoint of a training run.
    """
    _, metadata = _read(path, tensors=False)
    if "state" not in metadata:
        raise ValueError(f"{path} holds weights but no state of a training run: it cannot be resumed from")
    return json.loads(metadata["state"])


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _read(path: Path, tensors: bool = True) -> tuple[dict[str, Tensor], dict[str, str]]:
    if not Path(path).is_file():
        last = Path(path).with_name("last.safetensors")
        advice = f"the run in {last} was stopped before: resume it" if last.is_file() else "train first"
        raise FileNotFoundError(f"there is no checkpoint {path}: nothing was saved yet, or it was removed; {advice}")
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys()) if tensors else []
            # Copies: an optimiser that kept views of the file would keep Windows from replacing it.
            return {name: file.get_tensor(name).clone() for name in names}, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a readable safetensors file ({error}); it may be cut short or of another program: "
            "copy it again, or train anew"
        ) from error


@torch.no_grad()
def _copy_parameters(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    own = dict(model.named_parameters())
    wrong = {"missing": sorted(own.keys() - tensors.keys()), "unknown": sorted(tensors.keys() - own.keys())}
    if any(wrong.values()):
        told = (f"{_count(names)} {how} ({_some(names)})" for how, names in wrong.items() if names)
        raise ValueError(f"{path} does not fit the config: {', '.join(told)}")
    for name, parameter in own.items():
        if parameter.shape != tensors[name].shape:
            raise ValueError(
                f"{path} does not fit the config: {name} is {tuple(tensors[name].shape)} in the file and "
                f"{tuple(parameter.shape)} by the config"
            )
    for name, parameter in own.items():
        parameter.copy_(tensors[name])


def _count(names: list[str]) -> str:
    return "1 parameter is" if len(names) == 1 else f"{len(names)} parameters are"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
