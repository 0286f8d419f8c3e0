"""Gettext catalogues: the messages of a program and their translations, out of .po and .mo files.

A .po file is parsed here, because Babel's parser refuses a part of the catalogues that we read (a date in the
header that is none), drops plural forms that a header does not announce, and prints what it thinks of them.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from zipfile import ZipFile

# The folders that hold a language's catalogues. Regional and informal variants of a language are left out.
FOLDERS = {"fr": ("fr", "fr_FR"), "de": ("de", "de_DE"), "es": ("es", "es_ES"), "zh": ("zh_CN", "zh_Hans")}

# A program's examples of how to translate are left out: "Overwritten string" is no translation.
_PATH = re.compile(r"(?!.*example)(?:.*/)?(\w+)/LC_MESSAGES/[^/]+\.(po|mo)")
_TEXT = re.compile(r'(?:(msgctxt|msgid|msgid_plural|msgstr(?:\[\d+\])?)\s+)?"(.*)"')
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass
class Message:
    """One entry of a catalogue. Plural forms: `english` is (singular, plural), `translations` has one or more."""

    english: tuple[str, ...]
    translations: tuple[str, ...]
    fuzzy: bool = False  # a guess that no translator has confirmed
    default: str = ""  # the English, where `english` is only a key such as label_title


def read_messages(wheel: ZipFile, language: str) -> Iterator[Message]:
    """The messages of all catalogues of one language in a wheel, from .mo only where there is no .po beside it."""
    names = set(wheel.namelist())
    for name in sorted(names):
        match = _PATH.fullmatch(name)
        if not match or match[1] not in FOLDERS[language]:
            continue
        if match[2] == "po":
            yield from parse_po(wheel.read(name).decode("utf-8"))
        elif f"{name.removesuffix('.mo')}.po" not in names:
            yield from parse_mo(wheel.read(name))


def parse_mo(data: bytes) -> Iterator[Message]:
    """The messages of a compiled catalogue, which holds neither fuzzy entries nor comments."""
    from babel.messages.mofile import read_mo

    for message in read_mo(io.BytesIO(data)):
        if message.id:
            yield Message(_as_tuple(message.id), _as_tuple(message.string))


def _as_tuple(texts: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)


@dataclass
class _Draft:
    """The lines of an entry that have been read so far."""

    comments: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)  # keyword -> text, in the order of the file

    def message(self) -> Message:
        translations = tuple(text for keyword, text in self.texts.items() if keyword.startswith("msgstr"))
        english = tuple(self.texts[keyword] for keyword in ("msgid", "msgid_plural") if keyword in self.texts)
        fuzzy = any(line.startswith("#,") and "fuzzy" in line for line in self.comments)
        defaults = [match[1] for line in self.comments if (match := re.fullmatch(r'#\. Default: "(.*)"', line))]
        return Message(english, translations, fuzzy, _unescape("".join(defaults)))


def parse_po(text: str) -> Iterator[Message]:
    """The messages of a catalogue's source, without its header and without obsolete entries (#~)."""
    draft, keyword = _Draft(), ""
    for line in [*map(str.strip, text.split("\n")), 'msgid ""']:  # a last one, so that the one before it ends
        match = _TEXT.fullmatch(line)
        starts = line.startswith("#") or (match and match[1] in ("msgctxt", "msgid"))
        if starts and any(name.startswith("msgstr") for name in draft.texts):
            if draft.texts.get("msgid"):
                yield draft.message()
            draft = _Draft()
        if line.startswith("#~"):
            draft = _Draft()  # the comments above were those of the obsolete entry
        elif line.startswith("#"):
            draft.comments.append(line)
        elif match:
            keyword = match[1] or keyword
            draft.texts[keyword] = draft.texts.get(keyword, "") + _unescape(match[2])


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), text)
