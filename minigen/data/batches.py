"""Batches as a pure function of seed and step, so a resumed run sees exactly what it would have seen."""

from collections.abc import Iterator

import torch
from torch import Tensor


class WindowBatches:
    """Windows of a long text, in a new random order and at new offsets in each epoch.

    tokens: (N,) integers. batches[step] gives inputs (B, T) and targets (B, T), the inputs moved on by one.
    len(batches) is the number of steps in an epoch; step may go on beyond it, into later epochs.

    Raises:
        ValueError: if the text is shorter than one window and its target, or a size is below 1.
    """

    def __init__(self, tokens: Tensor, context_length: int, batch_size: int, seed: int = 0):
        if context_length < 1 or batch_size < 1:
            raise ValueError(f"context_length {context_length} and batch_size {batch_size} must be at least 1")
        if len(tokens) <= context_length:
            raise ValueError(
                f"the text has {len(tokens)} tokens, but a context of {context_length} needs at least "
                f"{context_length + 1}: give more text or a shorter context"
            )
        self.tokens, self.context_length, self.seed = tokens, context_length, seed
        # One window fewer than fit, where possible, leaves room to shift all of them by a random offset.
        self.num_windows = max(1, (len(tokens) - 1) // context_length - 1)
        self.batch_size = min(batch_size, self.num_windows)
        self._epoch, self._starts = -1, torch.empty(0)

    def __len__(self) -> int:
        return self.num_windows // self.batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of the first epoch."""
        return (self[step] for step in range(len(self)))

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        if step < 0:
            raise IndexError(f"steps count from 0, got {step}")
        epoch, position = divmod(step, len(self))
        if epoch != self._epoch:
            self._starts, self._epoch = self._shuffle(epoch), epoch
        starts = self._starts[position * self.batch_size : (position + 1) * self.batch_size]
        windows = self.tokens[starts[:, None] + torch.arange(self.context_length + 1)].long()  # (B, T + 1)
        return windows[:, :-1], windows[:, 1:]

    def _shuffle(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        room = len(self.tokens) - 1 - self.num_windows * self.context_length
        offset = torch.randint(min(room, self.context_length) + 1, (1,), generator=generator)
        return offset + self.context_length * torch.randperm(self.num_windows, generator=generator)


class RowBatches:
    """Rows of a table, in a new random order in each epoch; batches[step] is (rows,), a pure function of it.

    rows: (N, ...), such as strings of one length. ValueError if there are none, or batch_size is below 1.
    """

    def __init__(self, rows: Tensor, batch_size: int, seed: int = 0):
        if not len(rows) or batch_size < 1:
            raise ValueError(f"there are {len(rows)} rows for batches of {batch_size}; both must be at least 1")
        self.rows, self.batch_size, self.seed = rows, min(batch_size, len(rows)), seed

    def __len__(self) -> int:
        return len(self.rows) // self.batch_size

    def __getitem__(self, step: int) -> tuple[Tensor]:
        epoch, position = divmod(step, len(self))
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        order = torch.randperm(len(self.rows), generator=generator)
        return (self.rows[order[position * self.batch_size : (position + 1) * self.batch_size]],)


def held_out_windows(
    tokens: Tensor, context_length: int, batch_size: int, ignored: int = -100
) -> list[tuple[Tensor, Tensor]]:
    """The whole of tokens (N,) in order, each token but the first exactly once a target.

    The last window is filled up with targets `ignored`, which count for nothing.
    """
    if len(tokens) < 2:
        raise ValueError(f"a held-out text needs at least 2 tokens, got {len(tokens)}")
    num_windows = -(-(len(tokens) - 1) // context_length)
    padding = num_windows * context_length + 1 - len(tokens)
    tokens = tokens.long()
    inputs = torch.cat((tokens[:-1], tokens.new_zeros(padding))).view(num_windows, context_length)
    targets = torch.cat((tokens[1:], tokens.new_full((padding,), ignored))).view(num_windows, context_length)
    return list(zip(inputs.split(batch_size), targets.split(batch_size), strict=True))
