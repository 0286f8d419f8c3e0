"""Pairs of translations from the gettext catalogues of programs, cleaned, and split without near copies.

It is the work of translators, a message at a time. Some had help of machines: the header of one catalogue names
LibreTranslate. A guess that no translator has confirmed is marked fuzzy, and left out here.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from zipfile import ZipFile

from minigen.data.gettext_files import Message, read_messages
from minigen.data.names import Pair
from minigen.data.splits import group_rows, hold_out

# Two in a hundred pairs are longer, paragraphs of several sentences. They would set the width of the batches
# that they are in, and the context length of every model.
LONGEST = 200  # characters, of either side
HELD_OUT = 1000  # pairs in validation and test each: more would cost training, and steady a score but little

_PLACEHOLDER = re.compile(
    r"""%\([^()\s]+\)[-#0+]*\d*(?:\.\d+)?[a-zA-Z]               # %(name)s
    | %(?:\d+\$)?[-#0+]*\d*(?:\.\d+)?[a-zA-Z](?![a-zA-Z])       # %s, %.2f, %1$s
    | %\d+ | %%                                                 # %1, as Qt and Jupyter write it
    | \{\{[^{}]*\}\} | \$?\{[^{}]*\}                            # {{ name }}, {name}, {0}, ${name}
    | \$[a-zA-Z_]\w*                                            # $name""",
    re.VERBOSE,
)
_MARKUP = re.compile(r"<[^<>]*>|&#?\w+;|`|\*\*|\]\(|\{%|://|\n")  # HTML, RST, Markdown, templates, addresses, lines

Entry = tuple[str, str, str]  # the English, its translation, and the English singular of the message they are from
Places = dict[tuple[str, str], list[tuple[int, str]]]  # pair -> where it was found: number of the wheel, singular


def read_splits(languages: Pair, *wheels: ZipFile) -> dict[str, dict[str, list[str]]]:
    """The splits train, validation and test with columns source and target, from the catalogues in `wheels`.

    Both directions of a pair of languages have the same pairs in the same split, so that a model for one may
    make data for the other. Rows come in a random order that depends on nothing but their texts.
    """
    return _read(languages, wheels)[0]


def read_strings(*wheels: ZipFile) -> dict[str, dict[str, list[str]]]:
    """The splits train, validation and test with a column text: short English strings of `read_splits`, each once.

    Short is two to ten words. What has a placeholder is left out, since it is no sentence yet. Near copies lie in one
    split, as those of the pairs do.
    """
    splits = _read(("en", "fr"), wheels)[0]
    distinct = {name: dict.fromkeys(columns["source"]) for name, columns in splits.items()}
    return {name: {"text": [string for string in strings if _is_short(string)]} for name, strings in distinct.items()}


def _is_short(string: str) -> bool:
    return 2 <= len(string.split()) <= 10 and not _PLACEHOLDER.search(string)


def report(languages: Pair, *wheels: ZipFile) -> dict[str, int | dict[str, int]]:
    """What became of all that the catalogues hold: "read" pairs, "removed" pairs by reason, "splits" by name.

    read = sum of removed + sum of splits. "near_copies" counts the pairs that differ from another one in case,
    digits, placeholders, punctuation or number only, on either side; only those held out had to go.
    """
    return _read(languages, wheels)[1]


def _read(languages: Pair, wheels: Sequence[ZipFile]) -> tuple[dict, dict]:
    """The splits and the report on them."""
    other = languages[languages[0] == "en"]
    removed: Counter[str] = Counter()
    entries = []
    for number, wheel in enumerate(wheels):
        for message in read_messages(wheel, other):
            found = [(number, *entry) for entry in _entries(message)]
            if message.fuzzy:
                removed["fuzzy"] += len(found)
            else:
                entries += found
    read = removed["fuzzy"] + len(entries)
    places = _clean(entries, removed)
    groups = _group(places)
    # Each group counts as one, since only one pair of it can be held out; the groups come in a random order.
    parts = hold_out([[number] for number in range(len(groups))], ("validation", "test"), most=HELD_OUT)
    source, target = (0, 1) if languages[0] == "en" else (1, 0)
    splits: dict[str, dict[str, list[str]]] = {}
    for name, numbers in parts.items():
        kept = [_most_usual(groups[number], source) if name == "train" else groups[number][:1] for number in numbers]
        reason = "a more usual translation" if name == "train" else "near copy of a held-out pair"
        removed[reason] += sum(len(groups[number]) for number in numbers) - sum(map(len, kept))
        rows = [pair for group in kept for pair in group]
        splits[name] = {"source": [pair[source] for pair in rows], "target": [pair[target] for pair in rows]}
    counts = {name: len(columns["source"]) for name, columns in splits.items()}
    near_copies = sum(len(group) for group in groups if len(group) > 1)
    return splits, {"read": read, "removed": dict(removed), "near_copies": near_copies, "splits": counts}


def _entries(message: Message) -> Iterator[Entry]:
    """One entry of a catalogue as one pair, or as two if it has plural forms.

    The last form is the one for many things, in all the languages here: French and Spanish have one for
    millions before it, Chinese has one form in all.
    """
    english = (message.default,) if message.default else message.english
    for text, translation in zip(english, (message.translations[0], message.translations[-1]), strict=False):
        yield text, translation, english[0]


def _clean(entries: Sequence[tuple[int, str, str, str]], removed: Counter[str]) -> Places:
    """The distinct pairs, tidied, without those that have a fault; `removed` counts what went, by reason."""
    places: Places = defaultdict(list)
    for number, english, other, singular in entries:
        fault = _fault(english, other)
        if fault:
            removed[fault] += 1
        else:
            places[tidy(english), tidy(other)].append((number, tidy(singular)))
    removed["repeated"] = sum(len(found) - 1 for found in places.values())
    # A text that is the same in both languages is most often one that nobody translated. Where two programs agree
    # that it stays (PDF, Version, Menu), it is a translation, and one that a model has to learn.
    for pair in [pair for pair in places if pair[0] == pair[1]]:
        if len({number for number, _ in places[pair]}) < 2:
            removed["same text on both sides"] += 1
            del places[pair]
    return places


def _fault(english: str, other: str) -> str | None:
    """Why a pair is no use, or None."""
    if not english.strip() or not other.strip():
        return "untranslated"
    if _MARKUP.search(english.strip()) or _MARKUP.search(other.strip()):
        return "markup or several lines"
    english, other = tidy(english), tidy(other)
    if re.fullmatch(r"\w+_\w+", english):
        return "a key instead of English"
    if not letters(english, "") or not letters(other, ""):
        return "no words"
    if max(len(english), len(other)) > LONGEST:
        return f"over {LONGEST} characters"
    if sorted(_PLACEHOLDER.findall(english)) != sorted(_PLACEHOLDER.findall(other)):
        return "other placeholders"
    return None


def tidy(text: str) -> str:
    """The text as it is read: single spaces (also for those that do not break), without the marks of keyboard
    accelerators ("&File", "文件(&F)"), and with one kind of apostrophe, since which one is no matter of language.
    """
    text = re.sub(r"\s*\(&\w\)", "", text)
    if text.count("&") == 1:  # several of them are variables of another kind
        text = re.sub(r"(?<![A-Z])&(?=[^\W\d_])|&(?=[a-z])", "", text)
    text = re.sub(r"(?<=\w)’(?=\w)", "'", text)
    return " ".join(re.sub(r"[\u00ad\u200b]", "", text).split())


def letters(text: str, default: str | None = None) -> str:
    """The letters of a text alone, in small: the same for all near copies of it.

    A text without letters gives `default`, or else itself.
    """
    found = re.sub(r"[\W\d_]+", "", _PLACEHOLDER.sub("", text).casefold())
    return found or (text if default is None else default)


def _group(places: Places) -> list[list[tuple[str, str]]]:
    """Pairs in groups of near copies: on the English side, on the other, or as plural and singular of one message.

    Groups come in a random order. In a group, the pair that was found most often comes first.
    """
    rows = list(places)
    singulars = [min(singular for _, singular in places[pair]) for pair in rows]
    groups = group_rows([pair[0] for pair in rows], [pair[1] for pair in rows], singulars, key=letters)
    return [sorted((rows[row] for row in group), key=lambda pair: (-len(places[pair]), pair)) for group in groups]


def _most_usual(group: list[tuple[str, str]], source: int) -> list[tuple[str, str]]:
    """One pair for each text on the side `source`: the first of them."""
    first: dict[str, tuple[str, str]] = {}
    for pair in group:
        first.setdefault(pair[source], pair)
    return list(first.values())
