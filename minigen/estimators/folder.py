"""The folder of a trained model: config.json says what it is and how it is shaped.

An estimator that is kept in such a folder has, once it is fitted, model_ (whose `config` is a dataclass),
tokenizer_, and texts_: fingerprints of what it learned from, by what they are of. It may have facts_: what else of it
has to be kept, as JSON values by their names, such as what its classes are called.
"""

import hashlib
import json
import logging
import secrets
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from sklearn.base import BaseEstimator
from torch import nn

from minigen import __version__
from minigen.device import pick_device
from minigen.files import make_folder, read_text, write_atomically
from minigen.tokenizers import Tokenizer, load_tokenizer
from minigen.training.checkpoints import load_model, save_model
from minigen.training.settings import refuse_another_run

log = logging.getLogger(__name__)

Estimator = TypeVar("Estimator", bound=BaseEstimator)
WEIGHTS = ("model.safetensors", "last.safetensors")
OF_A_RUN = (*WEIGHTS, "history.jsonl", "summary.json")
HALF = ".half-saved-"
COMMANDS = {
    "TextGenerator": "minigen generate",
    "Translator": "minigen translate",
    "TextClassifier": "minigen classify",
    "TextAutoencoder": "minigen reconstruct, sample and interpolate",
}


def describe(estimator: BaseEstimator) -> dict:
    """The content of config.json: class and parameters of the estimator, the model's config.

    The fingerprints tell that a tokenizer is that of the model, and the texts of a resumed run those it began with.
    """
    parameters = {n: asdict(v) if is_dataclass(v) else v for n, v in estimator.get_params().items()}
    return {
        "minigen": __version__,
        "estimator": type(estimator).__name__,
        "parameters": parameters,
        "model": asdict(estimator.model_.config),
        "tokenizer": tokenizer_fingerprint(estimator.tokenizer_),
        "texts": estimator.texts_,
        "facts": getattr(estimator, "facts_", {}),
    }


def fingerprint(parts: Iterable[str | bytes]) -> str:
    """16 hex digits that depend on each part, and on where one ends and the next begins."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8) + data)
    return digest.hexdigest()[:16]


def tokenizer_fingerprint(tokenizer: Tokenizer) -> str:
    """16 hex digits that depend on each token and its number."""
    return fingerprint(tokenizer.token_bytes(token) for token in range(tokenizer.vocab_size))


def prepare(estimator: BaseEstimator, folder: Path, resume: bool) -> bool:
    """Lets the folder say what is trained before it is; one that is resumed has to say so already.

    Returns whether there is a checkpoint to go on from: a run that was ended before it saved any begins anew.

    Raises:
        ValueError: if another run is to be resumed. FileNotFoundError: if there is none. OSError: if the folder
            cannot be written.
    """
    description = describe(estimator)
    if resume:
        _refuse_another_model(folder, description)
        if (folder / "last.safetensors").is_file():
            return True
        log.info("%s holds no weights yet: the run begins at its first step", folder)
    _write_config(folder, description)
    # Or its weights would lie beside a config of another model.
    for name in OF_A_RUN:
        (folder / name).unlink(missing_ok=True)
    estimator.tokenizer_.save(folder / "tokenizer.json")
    return False


def save(estimator: BaseEstimator, folder: Path, summary: dict | None = None) -> None:
    """Writes config.json, tokenizer.json, model.safetensors and, if there is one, summary.json.

    All are written beside the earlier ones before the first of them is replaced: a process that is killed while it
    saves leaves the earlier model. OSError if the folder cannot be written.
    """
    make_folder(folder)
    for half in folder.glob(f"{HALF}*"):  # of a process that was killed while it saved
        shutil.rmtree(half, ignore_errors=True)
    beside = folder / f"{HALF}{secrets.token_hex(4)}"
    try:
        _write_config(beside, describe(estimator))
        estimator.tokenizer_.save(beside / "tokenizer.json")
        save_model(estimator.model_, beside / "model.safetensors")
        if summary is not None:
            write_summary(beside, summary)
        for path in sorted(beside.iterdir()):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def restore(
    kind: type[Estimator],
    folder: Path,
    device: str | None,
    *,
    preset: type,
    config: type,
    build: Callable[[Any], nn.Module],
    read_tokenizer: Callable[[Path], Tokenizer] = load_tokenizer,
) -> Estimator:
    """The estimator that `save`, or a run with this folder, wrote; its model is on the device, in evaluation mode.

    preset, config: the dataclasses of the parameter `preset` and of the model's config. build: config -> model.
    read_tokenizer: folder -> tokenizer.

    Raises:
        FileNotFoundError: if there is none. ValueError: if a file is damaged or the files do not fit.
    """
    found, description = pick_device(device), read_config(folder, kind.__name__)
    tokenizer = read_tokenizer(folder)
    try:
        own = kind(**(description["parameters"] | {"device": device}))
        own.preset = from_json(preset, own.preset) if isinstance(own.preset, dict) else own.preset
        shape = from_json(config, description["model"])
        if tokenizer_fingerprint(tokenizer) != description.get("tokenizer"):
            raise ValueError("tokenizer.json is that of another model")
        if tokenizer.vocab_size != shape.vocab_size:
            raise ValueError(f"the tokenizer has {tokenizer.vocab_size} tokens, the model {shape.vocab_size}")
        own.model_, own.tokenizer_, own.texts_ = build(shape), tokenizer, description.get("texts") or {}
        own.facts_ = description.get("facts") or {}
    except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        raise ValueError(f"{folder / 'config.json'} does not fit: {error}") from error
    load_model(own.model_, folder / "model.safetensors")
    own.model_.to(found).eval()
    return own


def read_config(folder: Path, estimator: str | None = None) -> dict:
    """What `prepare` or `save` wrote to config.json; estimator: the kind that is wanted, None for any.

    Raises:
        FileNotFoundError: if there is no such folder or config. ValueError: if it is damaged or of another kind.
    """
    if folder.is_file():
        raise ValueError(f"{folder} is a file; give the folder that it is in")
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no trained model: there is no {path.name} in it")
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is damaged: it is not valid JSON ({error})") from error
    found = content.get("estimator") if isinstance(content, dict) else None
    if not isinstance(found, str) or (estimator and found != estimator):
        wanted = f"a {estimator or 'model of minigen'} was wanted"
        raise ValueError(f"{path} describes {_kind(content, found)}, and {wanted}")
    for part in ("parameters", "model"):
        if not isinstance(content.get(part), dict):
            raise ValueError(f"{path} is damaged: it has no {part}, or they are not a JSON object")
    return content


def _kind(content: object, found: object) -> str:
    """What a config.json that is not the one that was wanted describes, and what it is good for."""
    if found in COMMANDS:
        return f"a {found} (for {COMMANDS[found]}, in Python {found}.load)"
    theirs = content.get("model_type") if isinstance(content, dict) else None
    if isinstance(theirs, str):
        return f"a {theirs!r} of another program (weights like those of BERT go to train classify --pretrained)"
    return "a model of another program"


def from_json(kind: type, values: object) -> Any:
    """A dataclass, and those in its fields, from what `asdict` and JSON made of it.

    Raises:
        ValueError: if a field is unknown or has another type. TypeError: if one is missing.
    """
    if not isinstance(values, dict):
        raise ValueError(f"{kind.__name__} must be an object, got {values!r}")
    hints, fields = get_type_hints(kind), dict(values)
    if unknown := sorted(fields.keys() - hints.keys()):
        raise ValueError(f"{kind.__name__} has no field {unknown[0]!r}; it was changed, or is that of another model")
    for name in fields.keys() & hints.keys():
        value, hint = fields[name], hints[name]
        if is_dataclass(hint):
            fields[name] = from_json(hint, value)
        elif not isinstance(value, hint) and not (isinstance(value, int) and isinstance(0.0, hint)):
            raise ValueError(f"{name} is {value!r}, which is no {getattr(hint, '__name__', hint)}")
    return kind(**fields)


def write_summary(folder: Path, summary: dict) -> None:
    """summary.json: what the training reached and cost."""
    write_atomically(folder / "summary.json", json.dumps(summary, indent=2) + "\n")


def _write_config(folder: Path, description: dict) -> None:
    make_folder(folder)
    write_atomically(folder / "config.json", json.dumps(description, indent=2) + "\n")


def _refuse_another_model(folder: Path, description: dict) -> None:
    """Compares the run in a folder with the one that is to go on there."""
    holds = [name for name in WEIGHTS if (folder / name).is_file()]
    if "last.safetensors" not in holds and (holds or not (folder / "config.json").is_file()):
        raise FileNotFoundError(f"{folder} holds no run to resume (no last.safetensors): start without resume")
    then, now = read_config(folder, description["estimator"]), json.loads(json.dumps(description))
    then["parameters"].setdefault("architecture", "transformer")  # a run from before there was a choice
    if then.get("texts") != now["texts"]:  # first, since the tokens and the model's size follow from them
        raise ValueError(
            f"this is another run: {folder} was trained on other texts; resume with the same data, or start anew in "
            "another folder"
        )
    for part in ("parameters", "model"):
        fixed = {name: value for name, value in now[part].items() if name != "device"}  # may be another one
        refuse_another_run(then[part], fixed)
