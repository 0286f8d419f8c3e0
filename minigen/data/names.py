"""Names that end in a pair of languages, as in software:en-de, hub:owner/name:en-de or ./my-folder:de-en.

This is the one place that takes such names apart. A language is its ISO 639 code: two small letters, or three.
"""

import re

Pair = tuple[str, str]  # the language of the source, the language of the target

_WITH_PAIR = re.compile(r"(.+):([a-z]{2,3})-([a-z]{2,3})", re.DOTALL)


def split_pair(name: str) -> tuple[str, Pair | None]:
    """The name without its pair, and the pair, or None where the name ends in none.

    >>> split_pair("software:en-de"), split_pair("shakespeare")
    (('software', ('en', 'de')), ('shakespeare', None))
    """
    match = _WITH_PAIR.fullmatch(name)
    return (match[1], (match[2], match[3])) if match else (name, None)
