"""Byte-pair encoding, written to be read. `bpe.py` gives the same tokens, from a library, many times faster.

Start with bytes. Find the pair of neighbouring tokens that is most frequent in the training text; make it a
new token; repeat. The list of merges, in order, is the whole tokenizer.

Source: Sennrich, Haddow and Birch 2016, section 3.2 and algorithm 1; bytes: Radford et al. 2019, section 2.2.

>>> merges = train_bpe("low low lower lowest", 3)
>>> merges
[(b'l', b'o'), (b'lo', b'w'), (b' ', b'low')]
>>> [vocabulary(merges)[i] for i in encode_bpe("low lows", merges)]
[b'low', b' low', b's']
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from minigen.tokenizers.base import as_ids, as_texts, to_utf8
from minigen.tokenizers.byte_level import FIRST_TOKENS, split

Pair = tuple[bytes, bytes]
Piece = tuple[bytes, ...]  # a piece of text, cut into tokens


def count_pieces(texts: str | Iterable[str]) -> dict[Piece, int]:
    """How often each piece of text occurs, cut into single bytes. Few pieces, many times each."""
    counts = Counter(piece for text in as_texts(texts) for piece in split(text))
    return {tuple(bytes([byte]) for byte in to_utf8(piece)): count for piece, count in counts.items()}


def count_pairs(pieces: dict[Piece, int]) -> Counter[Pair]:
    """How often each two tokens stand side by side."""
    pairs = Counter()
    for piece, count in pieces.items():
        for pair in pairwise(piece):
            pairs[pair] += count
    return pairs


def merge_pair(piece: Piece, pair: Pair) -> Piece:
    """The piece with each occurrence of the pair made one token, from left to right: a a a -> aa a."""
    merged, i = [], 0
    while i < len(piece):
        if piece[i : i + 2] == pair:
            merged.append(pair[0] + pair[1])
            i += 2
        else:
            merged.append(piece[i])
            i += 1
    return tuple(merged)


def train_bpe(texts: str | Iterable[str], num_merges: int) -> list[Pair]:
    """The first num_merges merges: count the pairs, merge the most frequent, repeat.

    Of equally frequent pairs the one with the smallest token ids goes first, as in the library. Fewer merges
    come back when every piece has become one token. ValueError for no text or a negative number.

    Recounting everything for each merge is slow and plainly right; train_bpe_fast gives the same, sooner.
    """
    _check_num_merges(num_merges)
    pieces = count_pieces(texts)
    ids = {token: i for i, token in enumerate(FIRST_TOKENS)}
    merges = []
    while len(merges) < num_merges:
        pairs = count_pairs(pieces)
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], ids[pair[0]], ids[pair[1]]))
        merges.append(best)
        ids.setdefault(best[0] + best[1], len(ids))  # two merges can spell the same token: it keeps its first id
        pieces = {merge_pair(piece, best): count for piece, count in pieces.items()}
    return merges


def train_bpe_fast(texts: str | Iterable[str], num_merges: int) -> list[Pair]:
    """The same merges as train_bpe, touching only the pieces that hold the merged pair.

    The counts are kept up to date in place of being made anew, an index says which pieces a pair occurs in,
    and a heap finds the most frequent pair. An entry whose count is out of date is skipped when it comes up.
    """
    _check_num_merges(num_merges)
    pieces, counts = map(list, zip(*count_pieces(texts).items(), strict=True))
    ids = {token: i for i, token in enumerate(FIRST_TOKENS)}
    pairs: Counter[Pair] = Counter()
    places: defaultdict[Pair, set[int]] = defaultdict(set)  # pair -> pieces it occurs in, or once did
    for place, (piece, count) in enumerate(zip(pieces, counts, strict=True)):
        for pair in pairwise(piece):
            pairs[pair] += count
            places[pair].add(place)

    def entry(pair: Pair) -> tuple[int, int, int, Pair]:
        return -pairs[pair], ids[pair[0]], ids[pair[1]], pair

    heap = [entry(pair) for pair in pairs]
    heapq.heapify(heap)
    merges = []
    while heap and len(merges) < num_merges:
        negative_count, *_, best = heapq.heappop(heap)
        if -negative_count != pairs[best] or not pairs[best]:
            continue
        merges.append(best)
        ids.setdefault(best[0] + best[1], len(ids))
        changed = set()
        for place in places.pop(best):
            old, new = pieces[place], merge_pair(pieces[place], best)
            for piece, sign in ((old, -1), (new, 1)):
                for pair in pairwise(piece):
                    pairs[pair] += sign * counts[place]
                    changed.add(pair)
            for pair in pairwise(new):
                places[pair].add(place)
            pieces[place] = new
        for pair in changed:
            heapq.heappush(heap, entry(pair))
    return merges


def vocabulary(merges: Sequence[Pair]) -> list[bytes]:
    """The bytes of each token: the 256 single bytes, then one token for each merge, in order."""
    return list(dict.fromkeys([*FIRST_TOKENS, *(left + right for left, right in merges)]))


def encode_piece(piece: Piece, ranks: dict[Pair, int]) -> Piece:
    """Applies the merges to one piece, always the one that was learnt first, until none is left to apply."""
    while known := [pair for pair in pairwise(piece) if pair in ranks]:
        piece = merge_pair(piece, min(known, key=ranks.__getitem__))
    return piece


def encode_bpe(text: str, merges: Sequence[Pair]) -> list[int]:
    """The token ids of text. ValueError for text that is not Unicode (lone surrogates)."""
    ids = {token: i for i, token in enumerate(vocabulary(merges))}
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    known: dict[str, list[int]] = {}  # the same word always gives the same tokens
    encoded = []
    for word in split(text):
        if word not in known:
            piece = encode_piece(tuple(bytes([byte]) for byte in to_utf8(word)), ranks)
            known[word] = [ids[token] for token in piece]
        encoded += known[word]
    return encoded


def decode_bpe(ids: Iterable[int], merges: Sequence[Pair]) -> str:
    """The text of ids: their bytes joined, then read as UTF-8 (half a character becomes U+FFFD)."""
    tokens = vocabulary(merges)
    return b"".join(tokens[i] for i in as_ids(ids, len(tokens))).decode("utf-8", "replace")


def _check_num_merges(num_merges: int) -> None:
    if num_merges < 0:
        raise ValueError(f"num_merges {num_merges} is negative")
