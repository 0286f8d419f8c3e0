"""Batches of sentence pairs: alike in length, so little is padding; alike in tokens, so steps cost the same."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

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
    """Batches of up to tokens_per_batch tokens, padding included; batches[step] for any step >= 0.

    sources, targets: token sequences (integers, 1-D tensors). Pairs are sorted by their lengths, those of equal
    lengths in a new random order in each epoch, cut into batches, and the batches are shuffled. A pure function of
    seed and step, as `WindowBatches`.

    Raises:
        ValueError: if there are no pairs, or one pair alone has more than tokens_per_batch tokens.
    """

    def __init__(
        self, sources: Sequence[Tensor], targets: Sequence[Tensor], boundary: int, tokens_per_batch: int, seed: int = 0
    ):
        self.sources, self.targets, self.boundary, self.seed = sources, targets, boundary, seed
        self.lengths = torch.tensor([[len(t) + 1, len(s) + 1] for s, t in zip(sources, targets, strict=True)])
        if not len(self.lengths):
            raise ValueError("there are no pairs to make batches of")
        order = self._sort(torch.arange(len(self.lengths)))
        self.cuts = _cuts(self.lengths[order].tolist(), tokens_per_batch)
        self._epoch, self._batches = -1, list[Tensor]()

    def __len__(self) -> int:
        return len(self.cuts)

    def __iter__(self) -> Iterator[PairBatch]:
        """The batches of the first epoch."""
        return (self[step] for step in range(len(self)))

    def __getitem__(self, step: int) -> PairBatch:
        if step < 0:
            raise IndexError(f"steps count from 0, got {step}")
        epoch, position = divmod(step, len(self))
        if epoch != self._epoch:
            self._batches, self._epoch = self._shuffle(epoch), epoch
        rows = self._batches[position].tolist()
        return pair_batch([self.sources[r] for r in rows], [self.targets[r] for r in rows], self.boundary)

    def _shuffle(self, epoch: int) -> list[Tensor]:
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        order = self._sort(torch.randperm(len(self.lengths), generator=generator))
        # Sorted lengths are the same in each epoch, whoever has them: so are the cuts, and the number of batches.
        batches = order.tensor_split(self.cuts[1:])
        return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]

    def _sort(self, rows: Tensor) -> Tensor:
        """By length of target, then of source; rows of equal lengths stay in the order given."""
        for column in (1, 0):
            rows = rows[self.lengths[rows, column].argsort(stable=True)]
        return rows


def _cuts(lengths: list[list[int]], tokens_per_batch: int) -> list[int]:
    """Where batches begin: as many rows in each as fit when all are padded to the longest of either side."""
    cuts, longest = [0], [0, 0]
    for row, pair in enumerate(lengths):
        if sum(pair) > tokens_per_batch:
            raise ValueError(f"a pair of {sum(pair)} tokens does not fit into batches of {tokens_per_batch}")
        longest = [max(now, new) for now, new in zip(longest, pair, strict=True)]
        if (row - cuts[-1] + 1) * sum(longest) > tokens_per_batch:
            cuts.append(row)
            longest = pair
    return cuts


def held_out_pairs(
    sources: Sequence[Tensor], targets: Sequence[Tensor], boundary: int, tokens_per_batch: int
) -> list[PairBatch]:
    """All pairs, each once, in batches of similar lengths."""
    return list(PairBatches(sources, targets, boundary, tokens_per_batch))
