"""What happened in a run, one row at a time."""

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class History:
    """rows: dicts with step, seconds (of steps alone), learning_rate, train_loss and, where measured, val_loss.

    Losses are in nats per target. stopped: "budget", "patience" or "interrupted".
    """

    rows: list[dict] = field(default_factory=list)
    best_val_loss: float = float("inf")
    best_step: int = 0
    tokens: int = 0
    stopped: str = "budget"

    @property
    def seconds(self) -> float:
        """Seconds of training steps, evaluations and saves left out."""
        return self.rows[-1]["seconds"] if self.rows else 0.0

    @property
    def steps(self) -> int:
        """Optimiser steps done."""
        return self.rows[-1]["step"] if self.rows else 0

    @property
    def measured(self) -> bool:
        """Whether the held-out split was measured after training began."""
        return any("val_loss" in row and row["step"] > 0 for row in self.rows)

    @property
    def tokens_per_second(self) -> float:
        """Training targets a second."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def column(self, name: str) -> tuple[list[int], list[float]]:
        """(steps, values) of the rows that have `name`; for plots."""
        rows = [row for row in self.rows if name in row]
        return [row["step"] for row in rows], [row[name] for row in rows]

    def seconds_to(self, val_loss: float) -> float | None:
        """Seconds of training until the held-out loss was first at or below val_loss; None if it never was."""
        for row in self.rows:
            if row.get("val_loss", float("inf")) <= val_loss:
                return row["seconds"]
        return None

    def to_jsonl(self) -> str:
        """One JSON object a line."""
        return "".join(json.dumps(row) + "\n" for row in self.rows)

    @classmethod
    def read(cls, path: Path) -> "History":
        """The rows of a history.jsonl, with the best held-out loss found among them."""
        history = cls([json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()])
        measured = [row for row in history.rows if "val_loss" in row]
        if measured:
            best = min(measured, key=lambda row: row["val_loss"])
            history.best_val_loss, history.best_step = best["val_loss"], best["step"]
        return history
