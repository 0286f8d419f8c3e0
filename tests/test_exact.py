"""Dates, numbers, money and times: a function, endless, with unseen values held out."""

import itertools
import re

import pytest

from minigen.data import exact, info, load
from minigen.data.exact import KINDS, generate_pairs, known_languages, split_of

LANGUAGES = ("en", "fr", "de", "es", "zh")
PAIRS = list(itertools.permutations(LANGUAGES, 2))


def some(number: int, *languages: str, **options) -> list[tuple[str, str]]:
    """The first pairs of the endless stream."""
    return list(itertools.islice(generate_pairs(*languages, **options), number))


@pytest.mark.parametrize("languages", PAIRS, ids="-".join)
def test_each_source_has_exactly_one_target(languages):
    pairs = some(1500, *languages) + some(500, *languages, split="test")
    targets = {}
    for source, target in pairs:
        assert targets.setdefault(source, target) == target
        assert source.strip() == source
        assert target.strip() == target
        assert not set("\u00a0\u202f\n") & set(source + target)
    assert len(targets) > 1500


@pytest.mark.parametrize(
    "kind, value, style, texts",
    [
        ("date", "2027-02-01", "long", ("February 1, 2027", "1 février 2027", "1. Februar 2027", "2027年2月1日")),
        (
            "date",
            "2027-02-01",
            "full",
            ("Monday, February 1, 2027", "lundi 1 février 2027", "Montag, 1. Februar 2027", "2027年2月1日星期一"),
        ),
        ("number", 81, "words", ("eighty-one", "quatre-vingt-un", "einundachtzig", "81")),
        ("number", 2500, "digits", ("2,500", "2 500", "2.500", "2,500")),
        ("money", "3.5", "EUR standard", ("€3.50", "3,50 €", "3,50 €", "€3.50")),
        ("money", "3.5", "USD name", ("3.50 US dollars", "3,50 dollars des États-Unis", "3,50 US-Dollar", "3.50美元")),
        ("percentage", "0.125", "decimal", ("12.5%", "12,5 %", "12,5 %", "12.5%")),
        ("time", "21:05", "short", ("9:05 PM", "21:05", "21:05", "21:05")),
    ],
)
def test_values_are_written_as_each_language_does(kind, value, style, texts):
    from datetime import date, time
    from decimal import Decimal

    parse = {"date": date.fromisoformat, "time": time.fromisoformat, "number": int}.get(kind, Decimal)
    for language, text in zip(("en", "fr", "de", "zh"), texts, strict=True):
        assert exact._plain(KINDS[kind].write(parse(value), style, language)) == text


def test_a_date_that_two_styles_write_alike_has_the_target_of_the_first():
    from datetime import date

    may = date(2027, 5, 1)
    for style in ("long", "medium"):
        assert exact._write_pair(KINDS["date"], may, style, "en", "de") == ("May 1, 2027", "1. Mai 2027")
    april = date(2027, 4, 1)
    assert exact._write_pair(KINDS["date"], april, "medium", "en", "de") == ("Apr 1, 2027", "01.04.2027")


def test_the_stream_depends_on_its_seed_alone():
    assert some(50, "en", "de", seed=1) == some(50, "en", "de", seed=1) != some(50, "en", "de", seed=2)


def test_numbers_of_all_lengths_occur():
    in_words = [target for source, target in some(4000, "en", "zh") if re.fullmatch("[a-z, -]+", source)]
    digits = [len(text.replace(",", "")) for text in in_words]
    assert set(digits) == set(range(1, 7))
    assert all(digits.count(length) > 0.1 * len(digits) for length in range(2, 7))


@pytest.fixture(scope="module")
def splits():
    """The fixed splits, into Chinese, where values are in digits and can be read off."""
    return load("dates:en-zh")


def test_a_value_that_is_held_out_occurs_in_no_other_split(splits):
    dates = [{tuple(re.findall(r"\d+", text)) for text in table["target"] if "年" in text} for table in splits.values()]
    numbers = [{text for text in table["target"] if re.fullmatch(r"[\d,]+", text)} for table in splits.values()]
    times = [{text for text in table["target"] if re.fullmatch(r"\d\d:\d\d", text)} for table in splits.values()]
    money = [
        {re.sub(r"[^\d.]", "", text) for text in table["target"] if re.search("[$€£元镑]", text)}
        for table in splits.values()
    ]
    for values in (dates, numbers, times, money):
        train, validation, test = values
        assert min(map(len, values)) > 50
        assert not train & validation
        assert not train & test
        assert not validation & test


def test_the_fixed_splits_are_of_the_announced_sizes_and_without_copies(splits):
    assert {name: table.num_rows for name, table in splits.items()} == exact.SIZES
    assert splits["train"].column_names == ["source", "target"]
    for table in splits.values():
        assert len(set(table["source"])) == table.num_rows


def test_a_tenth_of_all_values_is_held_out_in_each_split():
    splits = [split_of("number", number) for number in range(10_000)]
    for name in ("validation", "test"):
        assert 0.09 < splits.count(name) / len(splits) < 0.12


def test_every_language_can_write_every_kind():
    assert set(LANGUAGES) < set(known_languages())
    for language in known_languages():
        other = "en" if language != "en" else "fr"
        assert all(source and target for source, target in some(40, language, other))


def test_a_language_that_is_not_known_is_answered_with_those_that_are():
    with pytest.raises(ValueError, match=r"'xx' are not known here; the languages are ar, .*, zh"):
        load("dates:en-xx")
    with pytest.raises(ValueError, match="one language twice"):
        info("dates:de-de")
    with pytest.raises(ValueError, match="no split 'dev'; there are train, validation, test"):
        generate_pairs("en", "fr", "dev")
