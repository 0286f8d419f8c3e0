"""What was graded is written at once, a line each; a second run reads it and grades only what is new or has changed."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import minigen
from minigen.checks.notebooks import Cell
from minigen.files import make_folder
from minigen.grading.pool import Grade, Limits
from minigen.grading.submissions import Submission

CHECKS = Path(minigen.__file__).parent / "checks"


def version_of(release: Sequence[Cell], limits: Limits) -> str:
    """A name for how one grades: the release, the limits, the seed and the source of the checks."""
    digest = hashlib.sha256(json.dumps([asdict(cell) for cell in release]).encode())
    digest.update(json.dumps(asdict(limits)).encode())
    for path in sorted(CHECKS.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Store:
    """The file graded.jsonl in a folder. One that was cut off in the middle of a line is read up to there."""

    def __init__(self, folder: Path, version: str):
        make_folder(folder)
        self.path, self.version = folder / "graded.jsonl", version

    def name(self, submission: Submission) -> str:
        """A name for a submission and how it is graded: another one if a single letter of an answer differs."""
        parts = [self.version, submission.learner, str(submission.path), submission.answers, submission.notes]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]

    def read(self) -> dict[str, Grade]:
        """The grades that are there, by name."""
        found = {}
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines() if self.path.exists() else []
        for line in lines:
            name, _, entry = line.partition(" ")
            try:
                found[name] = Grade.from_json(entry)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # a line that a power cut left half-written
        return found

    def add(self, submission: Submission, grade: Grade) -> None:
        """Keeps a grade, on the disk before this returns. What could not be graded is tried again next time."""
        if not grade.results:
            return
        with open(self.path, "a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                torn = file.read(1) != b"\n"
                file.write(b"\n" if torn else b"")
            file.write(f"{self.name(submission)} {grade.to_json()}\n".encode())
            file.flush()
            os.fsync(file.fileno())
