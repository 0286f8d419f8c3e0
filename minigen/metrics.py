"""Numbers about text: how well a model predicts it, and how repetitive what it wrote is."""

import math
from collections import Counter
from collections.abc import Sequence


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


def _plain(tokens: Sequence) -> list:
    """As a list of things that can be compared and hashed; a tensor's elements cannot."""
    return tokens.tolist() if hasattr(tokens, "tolist") else list(tokens)
