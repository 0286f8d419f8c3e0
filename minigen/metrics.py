"""Numbers about text: how well a model predicts it, and how repetitive what it wrote is."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from minigen.models.ngram import NGram


def bits_per_byte(nats: float, num_bytes: int) -> float:
    """nats / (ln 2 * num_bytes): the total loss of a text, in bits, per byte of its UTF-8 form.

    nats: the *sum* of -ln p over all tokens of the text. num_bytes: len(text.encode()). ValueError for 0.
    Loss per token depends on how long the tokens are; this does not, so it compares models of any tokenizers.
    """
    if num_bytes <= 0:
        raise ValueError(f"num_bytes {num_bytes} is not positive: there is no text to measure")
    return nats / (math.log(2) * num_bytes)


def perplexity(nats_per_token: float) -> float:
    """exp(nats_per_token): a model as unsure as a fair die with that many sides. Infinite beyond float64.

    Source: Jelinek et al. 1977.
    """
    try:
        return math.exp(nats_per_token)
    except OverflowError:
        return math.inf


def unigram_entropy(tokens: Sequence) -> float:
    """H = -sum_w p(w) ln p(w) in nats per token, p(w) the share of w in tokens (str, list, array or tensor).

    What a model can reach that knows how frequent each token is, and no context. ValueError for no tokens.
    """
    counts = Counter(_plain(tokens))
    total = counts.total()
    if total == 0:
        raise ValueError("no tokens to measure")
    return math.fsum(-count / total * math.log(count / total) for count in counts.values())


def distinct_n(tokens: Sequence, n: int) -> float:
    """Different n-grams / all n-grams of one generated text: 1 if nothing recurs, near 0 for a loop.

    tokens: str (its characters), list, array or tensor (tokens,). It falls with the length of the text.
    ValueError for n < 1 or fewer than n tokens. Source: Li et al. 2016 ("distinct-1" and "distinct-2").
    """
    tokens = _plain(tokens)
    if n < 1:
        raise ValueError(f"n {n} is not positive")
    if len(tokens) < n:
        raise ValueError(f"{len(tokens)} tokens are too few for n-grams of {n}")
    ngrams = list(zip(*(tokens[i:] for i in range(n)), strict=False))
    return len(set(ngrams)) / len(ngrams)


def repetition_n(tokens: Sequence, n: int) -> float:
    """1 - distinct_n: the share of n-grams that had already been written. Errors as distinct_n.

    Source: Welleck et al. 2020 ("seq-rep-n", there with n = 4).
    """
    return 1.0 - distinct_n(tokens, n)


def repeated_fraction(tokens: Sequence, window: int) -> float:
    """The share of tokens that also occur among the window tokens before them: sees a short loop at once.

    The first token counts as new. ValueError for window < 1 or no tokens. Source: Welleck et al. 2020
    ("rep/l", there of the predicted tokens, here of the text itself).
    """
    tokens = _plain(tokens)
    if window < 1:
        raise ValueError(f"window {window} is not positive")
    if not tokens:
        raise ValueError("no tokens to measure")
    repeated = sum(token in tokens[max(0, i - window) : i] for i, token in enumerate(tokens))
    return repeated / len(tokens)


def uniqueness(strings: Sequence) -> float:
    """The share of different strings among strings (N, T): 1 if none came twice. ValueError for none."""
    if not len(strings):
        raise ValueError("no strings to measure")
    return len({tuple(string) for string in _plain(strings)}) / len(strings)


def bigram_divergence(strings: Sequence, others: Sequence, vocab_size: int) -> float:
    """Jensen-Shannon divergence between the pairs of neighbours of strings (N, T) and of others (M, S), in nats.

    0 if all pairs are equally frequent in both, ln 2 if no pair occurs in both. Source: Lin 1991.
    ValueError where there is no pair.
    """
    one, other = (_bigram_shares(np.asarray(part), vocab_size) for part in (strings, others))
    middle = (one + other) / 2
    return float(_kl(one, middle) + _kl(other, middle)) / 2


def _bigram_shares(strings: np.ndarray, vocab_size: int) -> np.ndarray:
    if strings.ndim != 2 or strings.shape[0] == 0 or strings.shape[1] < 2:
        raise ValueError(f"there are no pairs of neighbours in strings of shape {strings.shape}")
    pairs = strings[:, :-1] * vocab_size + strings[:, 1:]
    return np.bincount(pairs.ravel(), minlength=vocab_size**2) / pairs.size


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    seen = p > 0
    return float((p[seen] * np.log(p[seen] / q[seen])).sum())


def ngram_nats(known: Sequence, judged: Sequence, vocab_size: int, order: int = 3) -> float:
    """Mean -ln P of the judged strings (N, T) under an n-gram model of the known ones (M, S), in nats a token.

    How good is what was written: known = real strings, judged = written ones. How much of what is real can be written
    at all ("reverse"): known = written, judged = real; strings that are all alike, however good, fare badly.
    Source of the second: Zhao et al. 2018 ("reverse perplexity").
    """
    model, edge = NGram(order, vocab_size + 1), vocab_size
    model.fit(_with_edges(known, edge, order).ravel())
    windows = np.lib.stride_tricks.sliding_window_view(_with_edges(judged, edge, order), order, axis=1)
    windows = windows.reshape(-1, order).copy()  # (N T, order): each token behind those that it is judged by
    nats = model.token_nats(windows.ravel()).reshape(windows.shape)[:, -1]
    windows[:, -1] = edge
    ends = model.token_nats(windows.ravel()).reshape(windows.shape)[:, -1]
    # All strings are of one length, so that an edge is never a choice: what the model gave it, it gives to the others.
    return float((nats + np.log1p(-np.exp(-ends))).mean())


def _with_edges(strings: Sequence, edge: int, order: int) -> np.ndarray:
    strings = np.asarray(_plain(strings))
    return np.pad(strings, ((0, 0), (order - 1, 0)), constant_values=edge)


def _plain(tokens: Sequence) -> list:
    """As a list of things that can be compared and hashed; a tensor's elements cannot."""
    return tokens.tolist() if hasattr(tokens, "tolist") else list(tokens)
