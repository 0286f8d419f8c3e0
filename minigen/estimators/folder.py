"""The folder of a trained model: config.json says what it is and how it is shaped."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from sklearn.base import BaseEstimator

from minigen import __version__
from minigen.files import make_folder, read_text, write_atomically
from minigen.tokenizers import Tokenizer
from minigen.training.settings import refuse_another_run

OF_A_RUN = ("model.safetensors", "last.safetensors", "history.jsonl", "summary.json")


def describe(estimator: BaseEstimator, model_config: Any, tokenizer: Tokenizer, texts: Sequence[str] = ()) -> dict:
    """The content of config.json: class and parameters of the estimator, the model's config (a dataclass).

    The fingerprints tell that a tokenizer is that of the model, and the texts of a resumed run those it began with.
    """
    parameters = {n: asdict(v) if is_dataclass(v) else v for n, v in estimator.get_params().items()}
    return {
        "minigen": __version__,
        "estimator": type(estimator).__name__,
        "parameters": parameters,
        "model": asdict(model_config),
        "tokenizer": tokenizer_fingerprint(tokenizer),
        "text": _fingerprint(text.encode("utf-8", "surrogatepass") for text in texts) if texts else None,
    }


def tokenizer_fingerprint(tokenizer: Tokenizer) -> str:
    """16 hex digits that depend on each token and its number."""
    return _fingerprint(tokenizer.token_bytes(token) for token in range(tokenizer.vocab_size))


def _fingerprint(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()[:16]


def write_config(folder: Path, description: dict) -> None:
    """Writes config.json, into a folder that is made if it is not there."""
    make_folder(folder)
    write_atomically(folder / "config.json", json.dumps(description, indent=2) + "\n")


def forget_earlier_run(folder: Path) -> None:
    """Removes what an earlier run left in the folder, or its weights would lie beside a config of another model."""
    for name in OF_A_RUN:
        (folder / name).unlink(missing_ok=True)


def refuse_another_model(folder: Path, description: dict) -> None:
    """Compares the run in a folder with the one that is to go on there.

    Raises:
        ValueError: if a parameter, the model or the text differs. FileNotFoundError: if there is no run.
    """
    if not (folder / "last.safetensors").is_file():
        raise FileNotFoundError(f"{folder} holds no run to resume (no last.safetensors): start without resume")
    then, now = read_config(folder, description["estimator"]), json.loads(json.dumps(description))
    for part in ("parameters", "model"):
        fixed = {name: value for name, value in now[part].items() if name != "device"}  # may be another one
        refuse_another_run(then[part], fixed)
    refuse_another_run(then, {"text": now["text"]})


def read_config(folder: Path, estimator: str) -> dict:
    """What `write_config` wrote.

    Raises:
        FileNotFoundError: if there is no such folder or config. ValueError: if it is damaged or of another kind.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no trained model: there is no {path.name} in it")
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is damaged: it is not valid JSON ({error})") from error
    found = content.get("estimator") if isinstance(content, dict) else None
    if found != estimator:
        kind = f"a {found}" if found else "a model of another program"
        raise ValueError(f"{path} describes {kind}, and a {estimator} was wanted")
    for part in ("parameters", "model"):
        if not isinstance(content.get(part), dict):
            raise ValueError(f"{path} is damaged: it has no {part}, or they are not a JSON object")
    return content


def from_json(kind: type, values: object) -> Any:
    """A dataclass, and those in its fields, from what `asdict` and JSON made of it.

    Raises:
        ValueError: if a field has another type. TypeError: if a field is missing or unknown.
    """
    if not isinstance(values, dict):
        raise ValueError(f"{kind.__name__} must be an object, got {values!r}")
    hints, fields = get_type_hints(kind), dict(values)
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
