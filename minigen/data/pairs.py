"""Batches of sentence pairs: alike in length, so little is padding; alike in tokens, so steps cost the same."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from minigen.data.by_length import RowsByLength

PairBatch = tuple[Tensor, Tensor, Tensor, Tensor]
IGNORED = -100  # a target that counts for nothing


def pair_batch(sources: Sequence[Tensor], targets: Sequence[Tensor], boundary: int) -> PairBatch:
    """(source (B, S), source_mask (B, 1, 1, S), inputs (B, T), targets (B, T)) of B pairs of token sequences.

    The source ends with `boundary`; the decoder's inputs begin with it and its targets end with it. Padding is hidden
    by source_mask on the one side, and is IGNORED as a target on the other.
    """
    source, source_mask = pad_sources(sources, boundary)
    mark = torch.tensor([boundary])
    inputs = pad_sequence([torch.cat((mark, t)) for t in targets], batch_first=True, padding_value=boundary)
    outputs = pad_sequence([torch.cat((t, mark)) for t in targets], batch_first=True, padding_value=IGNORED)
    return source, source_mask, inputs, outputs


def pad_sources(sources: Sequence[Tensor], boundary: int) -> tuple[Tensor, Tensor]:
    """(source (B, S), source_mask (B, 1, 1, S)): each sequence, then `boundary`, then padding that the mask hides."""
    mark = torch.tensor([boundary])
    source = pad_sequence([torch.cat((s, mark)) for s in sources], batch_first=True, padding_value=boundary)
    lengths = torch.tensor([len(s) + 1 for s in sources])
    return source, (torch.arange(source.shape[1]) < lengths[:, None])[:, None, None]


class PairBatches:
    """Batches of up to tokens_per_batch tokens of both sides, padding included; batches[step] for any step >= 0.

    sources, targets: token sequences (integers, 1-D tensors). Pairs are sorted by the length of the target, then of
    the source, and shuffled as `RowsByLength` says: a pure function of seed and step, as `WindowBatches`.

    Raises:
        ValueError: if there are no pairs, or one pair alone has more than tokens_per_batch tokens.
    """

    def __init__(
        self, sources: Sequence[Tensor], targets: Sequence[Tensor], boundary: int, tokens_per_batch: int, seed: int = 0
    ):
        self.sources, self.targets, self.boundary = sources, targets, boundary
        lengths = torch.tensor([[len(t) + 1, len(s) + 1] for s, t in zip(sources, targets, strict=True)])
        self.rows = RowsByLength(lengths, tokens_per_batch, seed, "pair")

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[PairBatch]:
        """The batches of the first epoch."""
        return (self[step] for step in range(len(self)))

    def __getitem__(self, step: int) -> PairBatch:
        rows = self.rows[step]
        return pair_batch([self.sources[r] for r in rows], [self.targets[r] for r in rows], self.boundary)


def held_out_pairs(
    sources: Sequence[Tensor], targets: Sequence[Tensor], boundary: int, tokens_per_batch: int
) -> list[PairBatch]:
    """All pairs, each once, in batches of similar lengths."""
    return list(PairBatches(sources, targets, boundary, tokens_per_batch))
