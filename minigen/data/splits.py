"""Holding data out: always the same way for the same data, and never the same text on both sides."""

import hashlib
import re
from collections.abc import Callable, Sequence

HELD_OUT_SHARE = 0.1  # of the data, for each held-out split


def split_by_position(text: str) -> tuple[str, str]:
    """The text cut in two, for training and for validation: the last 10 % of its characters are held out.

    The cut falls after the nearest line break, unless that is further than half of the held-out share away
    (a text of a few long lines): then at the character itself. Nothing is lost or changed: the two joined are
    the text. Raises ValueError for a text of fewer than two characters.
    """
    if len(text) < 2:
        raise ValueError(f"a text of {len(text)} characters cannot be split; at least 2 are needed")
    cut = min(max(round(len(text) * (1 - HELD_OUT_SHARE)), 1), len(text) - 1)
    breaks = [text.rfind("\n", 0, cut) + 1, text.find("\n", cut) + 1]  # 0 where there is none
    near = [place for place in breaks if abs(place - cut) <= len(text) * HELD_OUT_SHARE / 2]
    near = [place for place in near if 0 < place < len(text)]
    if near:
        cut = min(near, key=lambda place: abs(place - cut))
    return text[:cut], text[cut:]


def normalise(text: str) -> str:
    """The text without case, punctuation and spacing: texts that differ in nothing else count as the same."""
    return re.sub(r"[\W_]+", " ", text.casefold()).strip() or text


def group_rows(*columns: Sequence[str], key: Callable[[str], str] = normalise) -> list[list[int]]:
    """The rows of a table in groups that must stay together: rows that share a text in any of the columns do.

    For pairs this means that neither a source nor a target of one group occurs in another. Two texts are the
    same if `key` gives the same for both. Rows are joined by union-find; the groups come in the order of a hash
    of their texts, which no order of the rows changes.
    """
    parents = list(range(len(columns[0])))

    def root(row: int) -> int:
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    hashes = [[hashlib.sha256(key(text).encode()).digest() for text in column] for column in columns]
    for column in hashes:
        first: dict[bytes, int] = {}
        for row, value in enumerate(column):
            parents[root(row)] = root(first.setdefault(value, row))
    groups: dict[int, list[int]] = {}
    for row in range(len(parents)):
        groups.setdefault(root(row), []).append(row)
    # The least hash stands for its group. Hashed again, or large groups, whose least is smaller, would come first.
    return sorted(groups.values(), key=lambda rows: hashlib.sha256(min(hashes[0][row] for row in rows)).digest())


def hold_out(groups: list[list[int]], names: Sequence[str], most: int | None = None) -> dict[str, list[int]]:
    """Rows for each held-out split in `names`, and the rest for "train": whole groups, in their given order.

    A held-out split takes groups until it holds 10 % of all rows (at least one), or `most` rows if that is
    fewer; a group too large for the room that is left goes on to the next split, or to train. Rows come in
    ascending order.
    Raises ValueError where there are too few groups for no split to be empty.
    """
    total = sum(len(group) for group in groups)
    size = max(1, min(round(total * HELD_OUT_SHARE), most or total))
    splits: dict[str, list[int]] = {"train": [], **{name: [] for name in names}}
    for group in groups:
        room = (name for name in names if len(splits[name]) + len(group) <= size)
        splits[next(room, "train")] += group
    if not all(splits.values()):
        raise ValueError(
            f"the table has {total} rows, but too few different texts ({len(groups)}) for the splits "
            f"{', '.join(splits)}; give more, or give the splits yourself as files in one folder"
        )
    return {name: sorted(rows) for name, rows in splits.items()}
