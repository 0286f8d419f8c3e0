"""A language whose truth is known: strings drawn from a Markov chain, and the exact probability of any string."""

import torch
from torch import Tensor


class MarkovOracle:
    """Strings of `length` tokens out of vocab_size, each drawn from the two before it (one, or none, at the start).

    P(token | the two before) = softmax(sharpness * N(0, 1)), drawn once from the seed. At 0 all strings are equally
    likely; the sharper, the fewer are likely at all. Yu et al. 2017 (SeqGAN), section 5.1, use an LSTM in this place.

    Raises:
        ValueError: if there is no choice of tokens, or a string is shorter than three.
    """

    def __init__(self, vocab_size: int = 12, length: int = 12, sharpness: float = 2.0, seed: int = 0):
        if vocab_size < 2 or length < 3:
            raise ValueError(f"vocab_size must be at least 2 and length at least 3, got {vocab_size} and {length}")
        self.vocab_size, self.length = vocab_size, length
        generator = torch.Generator().manual_seed(seed)
        shapes = [(vocab_size,) * n for n in (1, 2, 3)]
        scores = [sharpness * torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
        self.first, self.second, self.third = (score.softmax(dim=-1) for score in scores)  # (V), (V, V), (V, V, V)

    def sample(self, number: int, seed: int) -> Tensor:
        """(number, length) tokens; the same seed gives the same strings."""
        generator = torch.Generator().manual_seed(seed)
        strings = torch.empty(number, self.length, dtype=torch.long)
        for t in range(self.length):
            shares = self._next(strings[:, :t])
            strings[:, t] = shares.multinomial(1, generator=generator)[:, 0]
        return strings

    def nats(self, strings: Tensor) -> Tensor:
        """-ln P of each string exactly: (N, length) -> (N,), in nats a string.

        Raises:
            ValueError: if the strings are not as long as those of the oracle.
        """
        if strings.shape[1] != self.length:
            raise ValueError(f"this oracle's strings have {self.length} tokens, not {strings.shape[1]}")
        shares = [self._next(strings[:, :t]).gather(1, strings[:, t : t + 1]) for t in range(self.length)]
        return -torch.cat(shares, dim=1).log().sum(dim=1)

    def entropy(self) -> float:
        """The mean of `nats` over all strings, exactly: no model's mean can be lower on them."""
        pair = self.first[:, None] * self.second  # (V, V) P(two tokens in a row)
        nats = _entropy(self.first) + float((self.first * _entropies(self.second)).sum())
        for _ in range(self.length - 2):
            nats += float((pair * _entropies(self.third)).sum())
            pair = torch.einsum("ab,abc->bc", pair, self.third)
        return nats

    def _next(self, before: Tensor) -> Tensor:
        """The distribution (N, V) of the token after `before` (N, t)."""
        if before.shape[1] == 0:
            return self.first.expand(len(before), -1)
        if before.shape[1] == 1:
            return self.second[before[:, 0]]
        return self.third[before[:, -2], before[:, -1]]


def _entropies(shares: Tensor) -> Tensor:
    return torch.special.entr(shares).sum(dim=-1)


def _entropy(shares: Tensor) -> float:
    return float(_entropies(shares))
