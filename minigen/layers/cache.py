"""The key-value cache: a decoder that has read S tokens needs only their keys and values to read the next."""

from collections.abc import Callable

import torch
from torch import Tensor


class LayerCache:
    """Keys and values of one layer, in two buffers (B, H, capacity, Dh) that are filled from the left.

    Raises, by `append`:
        ValueError: if there would be more tokens than the capacity.
    """

    def __init__(self, shape: tuple[int, int, int, int], device: torch.device, dtype: torch.dtype):
        self.keys = torch.empty(shape, device=device, dtype=dtype)
        self.values = torch.empty(shape, device=device, dtype=dtype)
        self.length = 0
        self.memory: tuple[Tensor, Tensor] | None = None

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Adds (B, H, T, Dh) keys and values; returns all so far, (B, H, S, Dh) each, as views."""
        end = self.length + keys.shape[2]
        if end > self.keys.shape[2]:
            raise ValueError(f"the cache holds {self.keys.shape[2]} tokens and was asked to hold {end}")
        self.keys[:, :, self.length : end] = keys
        self.values[:, :, self.length : end] = values
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def select(self, rows: Tensor, memory_too: bool) -> None:
        """Row i becomes what row rows[i] was; rows may repeat or leave out some. rows: (N,) integers."""
        # Whole rows, also what is still empty of them: one long copy a row is faster than many short ones.
        self.keys, self.values = self.keys.index_select(0, rows), self.values.index_select(0, rows)
        if memory_too and self.memory is not None:
            keys, values = self.memory
            self.memory = keys.index_select(0, rows), values.index_select(0, rows)

    def remember(self, project: Callable[[Tensor], tuple[Tensor, Tensor]], context: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-attention: the encoder's keys and values never change, so they are projected once."""
        if self.memory is None:
            self.memory = project(context)
        return self.memory


class KVCache:
    """One `LayerCache` for each layer of a decoder.

    shape: (B, H, capacity, Dh), where capacity is the most tokens that it can hold.
    """

    def __init__(
        self,
        num_layers: int,
        shape: tuple[int, int, int, int],
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ):
        self.layers = [LayerCache(shape, device, dtype) for _ in range(num_layers)]

    @property
    def length(self) -> int:
        """How many tokens have been read."""
        return self.layers[0].length

    @property
    def capacity(self) -> int:
        """How many tokens fit."""
        return self.layers[0].keys.shape[2]

    def select(self, rows: Tensor, memory_too: bool = True) -> None:
        """Each row becomes what row rows[i] was: a beam search goes on from its best rows, copied or dropped.

        memory_too=False leaves what cross-attention remembers, where rows only trade places within a sentence.
        """
        for layer in self.layers:
            layer.select(rows, memory_too)

    def clear(self) -> None:
        """Forgets all tokens; the buffers are kept for the next ones."""
        for layer in self.layers:
            layer.length, layer.memory = 0, None
