"""Rows of similar lengths together, so that little of a batch is padding; alike in tokens, so steps cost the same."""

import torch
from torch import Tensor


class RowsByLength:
    """Which rows are in each batch of up to tokens_per_batch tokens, padding included; rows[step] for any step >= 0.

    lengths: (N, C) integers, the tokens of row n in each of its C sequences, of which the first sorts first. Rows of
    equal lengths are in a new random order in each epoch; they are cut into batches, and the batches are shuffled.
    A pure function of seed and step. what: the name of a row, for errors.

    Raises:
        ValueError: if there are no rows, or one row alone has more than tokens_per_batch tokens.
    """

    def __init__(self, lengths: Tensor, tokens_per_batch: int, seed: int = 0, what: str = "row"):
        if not len(lengths):
            raise ValueError(f"there are no {what}s to make batches of")
        self.lengths, self.seed = lengths, seed
        self.cuts = _cuts(lengths[self._sort(torch.arange(len(lengths)))].tolist(), tokens_per_batch, what)
        self._epoch, self._batches = -1, list[Tensor]()

    def __len__(self) -> int:
        return len(self.cuts)

    def __getitem__(self, step: int) -> list[int]:
        if step < 0:
            raise IndexError(f"steps count from 0, got {step}")
        epoch, position = divmod(step, len(self))
        if epoch != self._epoch:
            self._batches, self._epoch = self._shuffle(epoch), epoch
        return self._batches[position].tolist()

    def _shuffle(self, epoch: int) -> list[Tensor]:
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        order = self._sort(torch.randperm(len(self.lengths), generator=generator))
        # Sorted lengths are the same in each epoch, whoever has them: so are the cuts, and the number of batches.
        batches = order.tensor_split(self.cuts[1:])
        return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]

    def _sort(self, rows: Tensor) -> Tensor:
        """By the first length, then by the next; rows of equal lengths stay in the order given."""
        for column in reversed(range(self.lengths.shape[1])):
            rows = rows[self.lengths[rows, column].argsort(stable=True)]
        return rows


def _cuts(lengths: list[list[int]], tokens_per_batch: int, what: str) -> list[int]:
    """Where batches begin: as many rows in each as fit when all are padded to the longest of each sequence."""
    cuts, longest = [0], [0] * len(lengths[0])
    for row, of_row in enumerate(lengths):
        if sum(of_row) > tokens_per_batch:
            raise ValueError(f"a {what} of {sum(of_row)} tokens does not fit into batches of {tokens_per_batch}")
        longest = [max(now, new) for now, new in zip(longest, of_row, strict=True)]
        if (row - cuts[-1] + 1) * sum(longest) > tokens_per_batch:
            cuts.append(row)
            longest = of_row
    return cuts
