"""The folder of a trained model: config.json says what it is and how it is shaped."""

import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator

from minigen import __version__
from minigen.files import read_text, write_atomically


def write_config(folder: Path, estimator: BaseEstimator, model_config: Any) -> None:
    """config.json: the estimator's class and parameters, and the model's config (a dataclass)."""
    folder.mkdir(parents=True, exist_ok=True)
    parameters = {n: asdict(v) if is_dataclass(v) else v for n, v in estimator.get_params().items()}
    content = {
        "minigen": __version__,
        "estimator": type(estimator).__name__,
        "parameters": parameters,
        "model": asdict(model_config),
    }
    write_atomically(folder / "config.json", json.dumps(content, indent=2) + "\n")


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
    if found != estimator or not isinstance(content.get("model"), dict):
        kind = f"a {found}" if found else "a model of another program"
        raise ValueError(f"{path} describes {kind}, and a {estimator} was wanted")
    return content


def write_summary(folder: Path, summary: dict) -> None:
    """summary.json: what the training reached and cost."""
    write_atomically(folder / "summary.json", json.dumps(summary, indent=2) + "\n")
