"""Batches of texts with labels: alike in length, so little is padding; alike in tokens, so steps cost the same."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from minigen.data.by_length import RowsByLength

LabelBatch = tuple[Tensor, Tensor, Tensor, Tensor]


def pad_texts(texts: Sequence[Tensor], boundary: int) -> tuple[Tensor, Tensor]:
    """(tokens (B, T), mask (B, 1, 1, T)): `boundary`, each text, then padding that the mask hides.

    A text of no tokens is the boundary alone, so that there is something to look at.
    """
    mark = torch.tensor([boundary])
    tokens = pad_sequence([torch.cat((mark, text)) for text in texts], batch_first=True, padding_value=boundary)
    lengths = torch.tensor([len(text) + 1 for text in texts])
    return tokens, (torch.arange(tokens.shape[1]) < lengths[:, None])[:, None, None]


class LabelBatches:
    """Batches of up to tokens_per_batch tokens, padding included; batches[step] for any step >= 0.

    texts: token sequences (integers, 1-D tensors). labels: (N,) integers, the number of the class of each text.
    weights: (N,) floats, how much each text counts; 1 if None. A batch is (tokens (B, T), mask (B, 1, 1, T),
    labels (B,), weights (B,)), see `pad_texts`. Shuffled as `RowsByLength` says.

    Raises:
        ValueError: if there are no texts, or one text alone has more than tokens_per_batch tokens.
    """

    def __init__(
        self,
        texts: Sequence[Tensor],
        labels: Tensor,
        boundary: int,
        tokens_per_batch: int,
        weights: Tensor | None = None,
        seed: int = 0,
    ):
        self.texts, self.labels, self.boundary = texts, labels, boundary
        self.weights = torch.ones(len(labels)) if weights is None else weights
        lengths = torch.tensor([[len(text) + 1] for text in texts])
        self.rows = RowsByLength(lengths, tokens_per_batch, seed, "text")

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[LabelBatch]:
        """The batches of the first epoch."""
        return (self[step] for step in range(len(self)))

    def __getitem__(self, step: int) -> LabelBatch:
        rows = self.rows[step]
        tokens, mask = pad_texts([self.texts[row] for row in rows], self.boundary)
        return tokens, mask, self.labels[rows], self.weights[rows]
