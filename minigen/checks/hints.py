"""Hints before the answer: a question, then a pointer, then pseudocode."""

from collections import Counter

from minigen.checks.registry import find

STAGES = ("a question", "a pointer", "pseudocode")
_given: Counter = Counter()


def hint(task_id: str, stage: int | None = None) -> None:
    """Prints the next hint of a task, or that of stage 1, 2 or 3.

    Raises:
        ValueError: if there is no such task or stage.
    """
    hints = find(task_id).hints
    if stage is not None and stage not in (1, 2, 3):
        raise ValueError(f"stage is 1, 2 or 3, not {stage}")
    number = stage or min(_given[task_id] + 1, len(hints))
    _given[task_id] = number
    print(f"Hint {number} of {len(hints)} for {task_id}: {STAGES[number - 1]}\n")
    print("\n".join(f"  {line}" for line in hints[number - 1].strip().splitlines()))
    if number < len(hints):
        print(f'\nThe next one: hint("{task_id}") again.')
