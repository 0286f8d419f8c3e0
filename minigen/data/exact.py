"""The exact task: dates, numbers, amounts of money, percentages and times of day, written in two languages.

There is no end of it, and each source has exactly one right target, so that the share of exact matches is a fair
score. Babel writes all but the numbers in words, which are num2words'.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from random import Random
from typing import Any

from minigen.data.names import Pair

SIZES = {"train": 20_000, "validation": 1_000, "test": 1_000}


@dataclass(frozen=True)
class Kind:
    """One kind of value, the styles that it is written in, and its share of the pairs."""

    draw: Callable[[Random], Any]
    styles: tuple[str, ...]
    write: Callable[[Any, str, str], str]  # (value, style, language) -> text
    share: int


def _write_date(day: date, style: str, language: str) -> str:
    from babel.dates import format_date

    return format_date(day, style, locale=language)


def _draw_number(random: Random) -> int:
    """Up to 999,999, and as many of up to two digits as of up to six: all lengths occur."""
    return random.randint(1, 10 ** random.randint(2, 6) - 1)


def _write_number(number: int, style: str, language: str) -> str:
    """In words where num2words knows the language. Chinese it does not: there, words are digits too."""
    from babel.numbers import format_decimal
    from num2words import CONVERTER_CLASSES, num2words

    if style == "words" and language in CONVERTER_CLASSES:
        return num2words(number, lang=language)
    return format_decimal(number, locale=language)


def _draw_money(random: Random) -> Decimal:
    return Decimal(random.randint(1, 10 ** random.randint(3, 7) - 1)) / 100


def _write_money(amount: Decimal, style: str, language: str) -> str:
    from babel.numbers import format_currency

    currency, form = style.split()
    return format_currency(amount, currency, locale=language, format_type=form)


def _write_percentage(share: Decimal, style: str, language: str) -> str:
    from babel.numbers import format_percent

    return format_percent(share, locale=language, decimal_quantization=False)


def _write_time(moment: time, style: str, language: str) -> str:
    from babel.dates import format_time

    return format_time(moment, style, locale=language)


# Left out is what would be no function: dates of digits alone (is 01/02 in January?), and years of two digits.
KINDS = {
    "date": Kind(
        lambda random: date.fromordinal(random.randint(date(1900, 1, 1).toordinal(), date(2099, 12, 31).toordinal())),
        styles=("full", "long", "medium"),
        write=_write_date,
        share=8,
    ),
    "number": Kind(_draw_number, ("words", "digits"), _write_number, share=6),
    "money": Kind(
        _draw_money,
        tuple(f"{currency} {form}" for currency in ("EUR", "USD", "GBP") for form in ("standard", "name")),
        _write_money,
        share=3,
    ),
    "percentage": Kind(
        lambda random: Decimal(random.randint(1, 1000)) / 1000, ("decimal",), _write_percentage, share=1
    ),
    "time": Kind(lambda random: time(random.randrange(24), random.randrange(60)), ("short",), _write_time, share=2),
}


def generate_pairs(
    source: str = "en", target: str = "fr", split: str = "train", seed: int = 0
) -> Iterator[tuple[str, str]]:
    """Endlessly yields pairs (source text, target text), the same ones for the same seed.

    A value (a date, a number, ...) belongs to one split for good, by a hash of it: whatever the seed, the style
    or the languages, "validation" and "test" yield values only that "train" never does.
    Raises ValueError for a language or a split that there is not.
    """
    check_languages(source, target)
    if split not in SIZES:
        raise ValueError(f"there is no split {split!r}; there are {', '.join(SIZES)}")
    return _generate(source, target, split, Random(seed))


def _generate(source: str, target: str, split: str, random: Random) -> Iterator[tuple[str, str]]:
    names, shares = list(KINDS), [kind.share for kind in KINDS.values()]
    while True:
        (name,) = random.choices(names, shares)
        kind = KINDS[name]
        value, style = kind.draw(random), random.choice(kind.styles)
        if split_of(name, value) == split:
            yield _write_pair(kind, value, style, source, target)


def split_of(kind: str, value: Any) -> str:
    """The split of a value: a tenth of all values each for validation and test."""
    digit = hashlib.sha256(f"{kind} {value}".encode()).digest()[0] % 10
    return {0: "validation", 1: "test"}.get(digit, "train")


def _write_pair(kind: Kind, value: Any, style: str, source: str, target: str) -> tuple[str, str]:
    """The value in both languages, in the same style.

    Two styles may look the same in one language and not in the other: May 1, 2027 is long and medium at once. The
    first style that gives the source then gives the target too, so that the target is a function of the source.
    """
    text = kind.write(value, style, source)
    first = next(other for other in kind.styles if other == style or kind.write(value, other, source) == text)
    return _plain(text), _plain(kind.write(value, first, target))


def _plain(text: str) -> str:
    """With plain spaces: those that do not break look the same, and would be symbols more for a model to learn."""
    return re.sub(r"\s", " ", text)


def read_splits(languages: Pair) -> dict[str, dict[str, list[str]]]:
    """The fixed splits of the task, with columns source and target: SIZES rows of different sources."""
    splits = {}
    for split, size in SIZES.items():
        found: dict[str, str] = {}
        for source, target in generate_pairs(*languages, split=split):
            found.setdefault(source, target)
            if len(found) == size:
                break
        splits[split] = {"source": list(found), "target": list(found.values())}
    return splits


def known_languages() -> list[str]:
    """The codes of the languages that num2words and Babel both know, and zh, whose numbers stay digits."""
    from babel import localedata
    from num2words import CONVERTER_CLASSES

    known = {code for code in CONVERTER_CLASSES if re.fullmatch("[a-z]{2,3}", code) and localedata.exists(code)}
    return sorted(known - {"am"} | {"zh"})  # Amharic numbers raise an error


def check_languages(source: str, target: str) -> None:
    """Raises ValueError, which names those that there are, unless both are known and they differ."""
    known = known_languages()
    for language in (source, target):
        if language not in known:
            raise ValueError(f"dates in {language!r} are not known here; the languages are {', '.join(known)}")
    if source == target:
        raise ValueError(f"dates:{source}-{target} has one language twice; two different ones make a pair")
