"""One column of a table: texts that are not empty, or labels that name classes."""

import math
import re
from pathlib import Path

MISSING = ("nan", "na", "n/a", "null", "none", "")


def check_column(values: list, column: str, path: Path) -> list:
    """The values of a column: labels all whole numbers or all text, other columns text that is not empty."""
    if column == "label":
        if all(isinstance(value, int) or re.fullmatch(r"-?\d+", str(value).strip()) for value in values):
            return [int(value) for value in values]
        _refuse_fractions(values, path)
        wanted = "a whole number or a text, of one kind throughout"
    else:
        wanted = "a text that is not empty"
    for row, value in enumerate(values, start=1):
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{path}: row {row} has the {column} {value!r}; wanted is {wanted}")
    return values


def _refuse_fractions(labels: list, path: Path) -> None:
    """ValueError for labels that are numbers with fractions, or numbers of which some are missing."""
    written = [label.strip() if isinstance(label, str) else label for label in labels]
    missing = [row for row, label in enumerate(written, start=1) if isinstance(label, str) and label.lower() in MISSING]
    numbers = [label for label in written if isinstance(label, str) and _is_number(label)]
    if not numbers or len(numbers) + len(missing) < len(labels):
        return  # at least one is a word, which `none` may be as well
    if missing:
        raise ValueError(f"{path}: row {missing[0]} has the label {labels[missing[0] - 1]!r} among numbers: fill it in")
    example = next(number for number in numbers if not re.fullmatch(r"-?\d+", number))
    raise ValueError(
        f"{path}: the labels are numbers with fractions, such as {example}; a class "
        "is a whole number (write 0 for 0.0) or a text"
    )


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
