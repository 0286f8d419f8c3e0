"""Starts the process that checks a notebook, and reads its verdicts, whatever becomes of it. Does not import torch."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

MINUTES_FOR_ALL = 5.0


@dataclass(frozen=True)
class Result:
    """What became of a task. status: done, todo or wrong. key, message: what is wrong."""

    id: str
    title: str
    kind: str
    difficulty: int
    importance: str
    minutes: int
    points: int
    status: str
    key: str
    message: str


def check_notebook(
    path: Path,
    task: str | None = None,
    *,
    seed: int | None = None,
    seconds: float = 20.0,
    minutes: float = MINUTES_FOR_ALL,
) -> list[Result]:
    """Runs setup, solution and grade cells of a notebook in a process of its own; the results in the set's order.

    task: only this one is judged, "02.softmax". seed: of the first round of inputs. seconds: for each cell.
    minutes: for all; what was not judged by then is wrong, with the key timeout.

    Raises:
        ValueError: if there is no such set or task, or the file is no notebook.
        RuntimeError: if the process could not even begin.
    """
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.jsonl"
        command = [sys.executable, "-m", "minigen.checks.runner", str(path.resolve()), str(results)]
        command += ["--seconds", str(seconds)]
        command += ["--task", task] if task else []
        command += ["--seed", str(seed)] if seed is not None else []
        # No site of the learner's changes what python -m finds: the package that runs is the one that checks.
        package = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": paths}
        end, said = _wait(command, environment, path.parent, 60 * minutes)
        lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    return _read(lines, end, said)


def _wait(command: list[str], environment: dict, folder: Path, seconds: float) -> tuple[str, str]:
    """How the process ended ("" for well), and the last that it said on stderr."""
    options = {"env": environment, "cwd": folder, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    try:
        answer = subprocess.run(
            command, **options, stderr=subprocess.PIPE, timeout=seconds, check=False, text=True, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return "timeout", f"not judged: the notebook did not end within {seconds / 60:g} minutes"
    if answer.returncode in (0, 2):
        return "", answer.stderr[-1000:]
    return "crashed", f"not judged: the process ended with status {answer.returncode}. {answer.stderr[-300:].strip()}"


def _read(lines: list[str], end: str, said: str) -> list[Result]:
    entries = [json.loads(line) for line in lines]
    problem = next((entry["problem"] for entry in entries if "problem" in entry), None)
    if problem:
        raise ValueError(problem)
    if not entries:
        raise RuntimeError(f"the check could not begin: {said or end}")
    verdicts = {entry["id"]: entry for entry in entries[1:]}
    lost = {"status": "wrong", "key": end or "crashed", "message": said}
    return [Result(**task, **_verdict(verdicts.get(task["id"], lost))) for task in entries[0]["tasks"]]


def _verdict(entry: dict) -> dict:
    return {name: entry[name] for name in ("status", "key", "message")}
