"""What a learner has done so far: a small JSON file in `runs/`, beside the folder of the exercises."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from minigen.checks.launch import Result
from minigen.files import make_folder, write_atomically


def progress_file(folder: Path) -> Path:
    """Where the progress in a folder of exercises is kept; the name of the folder is in the name of the file."""
    folder = folder.resolve()
    return folder.parent / "runs" / f"progress_{folder.name}.json"


def read_progress(path: Path) -> dict[str, dict]:
    """{"02.softmax": {"status": "done", "tries": 3, "done_on": "2026-01-31"}}; empty if there is no such file yet.

    A file that cannot be read is empty too: progress is no reason to stop a learner.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: entry for name, entry in entries.items() if isinstance(entry, dict)} if entries else {}


def remember(path: Path, results: Sequence[Result]) -> list[str]:
    """Adds the results to the file; the tasks that are done for the first time. An OSError is not raised."""
    progress, new = read_progress(path), []
    for result in results:
        entry = progress.setdefault(result.id, {"tries": 0})
        if result.status == "wrong" or (result.status == "done" and entry.get("status") != "done"):
            entry["tries"] += 1
        if result.status == "done" and "done_on" not in entry:
            entry["done_on"] = date.today().isoformat()
            new.append(result.id)
        entry |= {"status": result.status, "key": result.key, "points": result.points}
    try:
        make_folder(path.parent)
        write_atomically(path, json.dumps(progress, indent=1, ensure_ascii=False))
    except OSError:
        pass  # a folder that is read alone
    return new
