"""The first difference between what was expected and what came, in words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

SHOWN = 12  # numbers of a tensor that are shown
TEXT = 240  # letters of anything else that are shown


@dataclass(frozen=True)
class Difference:
    """key: wrong-type, wrong-shape, wrong-dtype or wrong-value. text: a sentence or two."""

    key: str
    text: str


@dataclass(frozen=True)
class Tolerance:
    """Numbers are equal if |got - expected| <= atol + rtol |expected|; NaN equals NaN."""

    rtol: float = 0.0
    atol: float = 0.0


def difference(got: Any, expected: Any, tolerance: Tolerance, place: str = "the answer") -> Difference | None:
    """None if equal. Types, then shapes, then dtypes, then values; inside of lists, tuples and dictionaries too."""
    if isinstance(expected, Tensor):
        return _tensors(got, expected, tolerance, place)
    if isinstance(expected, np.ndarray):
        if not isinstance(got, np.ndarray):
            return _types(got, expected, place)
        return _tensors(torch.from_numpy(got), torch.from_numpy(expected), tolerance, place)
    if isinstance(expected, bool) or not isinstance(expected, int | float):
        return _others(got, expected, tolerance, place)
    allowed = (int, float, np.floating) if isinstance(expected, float) else (int, np.integer)
    if isinstance(got, bool) or not isinstance(got, allowed):
        return _types(got, expected, place)
    if isinstance(expected, int):
        same = got == expected
    else:
        same = got == expected or (math.isnan(got) and math.isnan(expected))
        same = same or abs(got - expected) <= tolerance.atol + tolerance.rtol * abs(expected)
    return None if same else Difference("wrong-value", f"{place}: expected {expected!r}, got {got!r}")


def structure(got: Any, expected: Any) -> Difference | None:
    """The difference in type, shape or dtype, if there is one: the values are not looked at."""
    found = difference(got, expected, Tolerance(math.inf, math.inf))
    return found if found and found.key != "wrong-value" else None


def show(value: Any) -> str:
    """A value in a line or a few: small tensors whole, large ones by shape and their first numbers."""
    if not isinstance(value, Tensor):
        text = repr(value)
        return text if len(text) <= TEXT else f"{text[:TEXT]} ... ({len(text)} letters in all)"
    head = f"tensor {tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    numbers = value.detach().cpu()
    if numbers.numel() <= 2 * SHOWN:
        return f"{head} {_round(numbers.tolist())}"
    return f"{head} {_round(numbers.flatten()[:SHOWN].tolist())[:-1]}, ...]"


def _round(numbers: Any) -> str:
    if isinstance(numbers, list):
        return "[" + ", ".join(_round(number) for number in numbers) + "]"
    return f"{numbers:.4g}" if isinstance(numbers, float) else str(numbers)


def _name(value: Any) -> str:
    name = "torch.Tensor" if isinstance(value, Tensor) else type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _types(got: Any, expected: Any, place: str) -> Difference:
    advice = ""
    if isinstance(got, Tensor) and got.ndim == 0 and isinstance(expected, int | float):
        advice = ": .item() makes a number of a tensor with one element"
    return Difference("wrong-type", f"{place} should be {_name(expected)}, not {_name(got)}{advice}")


def _tensors(got: Any, expected: Tensor, tolerance: Tolerance, place: str) -> Difference | None:
    if not isinstance(got, Tensor):
        return _types(got, expected, place)
    if got.shape != expected.shape:
        shapes = f"{tuple(expected.shape)}, not {tuple(got.shape)}"
        return Difference("wrong-shape", f"{place} should have the shape {shapes}")
    if got.dtype != expected.dtype:
        return Difference("wrong-dtype", f"{place} should be of {expected.dtype}, not {got.dtype}")
    got, expected = got.detach().cpu(), expected.detach().cpu()
    close = torch.isclose(got, expected, rtol=tolerance.rtol, atol=tolerance.atol, equal_nan=True)
    if close.all():
        return None
    index = tuple((~close).nonzero()[0].tolist())
    pair = f"expected {_round(expected[index].item())}, got {_round(got[index].item())}"
    where = f" at {list(index)}" if index else ""
    return Difference("wrong-value", f"{place}{where}: {pair}")


def _others(got: Any, expected: Any, tolerance: Tolerance, place: str) -> Difference | None:
    if type(got) is not type(expected) and not (isinstance(got, Mapping) and isinstance(expected, Mapping)):
        return _types(got, expected, place)
    if isinstance(expected, Mapping):
        if set(got) != set(expected):
            keys = f"the keys {show(sorted(expected, key=repr))}, not {show(sorted(got, key=repr))}"
            return Difference("wrong-value", f"{place} should have {keys}")
        pairs = [(got[key], expected[key], f"{place}[{key!r}]") for key in expected]
    elif isinstance(expected, Sequence) and not isinstance(expected, str | bytes):
        if len(got) != len(expected):
            return Difference("wrong-shape", f"{place} should have {len(expected)} elements, not {len(got)}")
        pairs = [(one, two, f"{place}[{n}]") for n, (one, two) in enumerate(zip(got, expected, strict=True))]
    else:
        same = got == expected
        return None if same else Difference("wrong-value", f"{place}: expected {show(expected)}, got {show(got)}")
    found = (difference(one, two, tolerance, where) for one, two, where in pairs)
    return next((one for one in found if one), None)


def assert_close(got: Any, expected: Any, *, rtol: float = 1.3e-6, atol: float = 1e-5) -> None:
    """AssertionError if two tensors, numbers or tuples of them differ, or are NaN: for properties.

    As torch.testing.assert_close, which imports half a second of torch.distributed on its first call.
    """
    if isinstance(expected, tuple):
        for one, two in zip(got, expected, strict=True):
            assert_close(one, two, rtol=rtol, atol=atol)
        return
    found = difference(got, expected, Tolerance(rtol, atol))
    if found:
        raise AssertionError(found.text)
    if torch.as_tensor(got).isnan().any():
        raise AssertionError("NaN equals nothing")
