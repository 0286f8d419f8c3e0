"""Tasks 01.bigram, 01.bits_per_byte and 01.why_bytes: the smallest language model, and the unit of its loss."""

import math

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task, Written
from minigen.metrics import bits_per_byte


def bigram_cases(draw: Draw) -> list[Case]:
    """Pairs that repeat, a last token that nothing follows, tokens that never occur."""
    return [
        Case("a b a b a c", torch.tensor([0, 1, 0, 1, 0, 2]), 3, 1.0),
        Case("one token again and again", torch.tensor([1, 1, 1, 1]), 2, 0.5),
        Case("a token that does not occur", torch.tensor([0, 2, 0]), 4, 0.1),
        Case("two tokens", torch.tensor([2, 0]), 3, 2.0),
        Case("a longer text", draw.integers(0, 4, 60), 5, 0.3),
        Case("another", draw.integers(0, 6, 200), 7, 1.0),
    ]


def bigram_reference(ids: Tensor, vocab_size: int, alpha: float) -> Tensor:
    """(c(i, j) + alpha) / (c(i) + alpha V), where c(i) counts the pairs that begin with i."""
    return _bigram(ids, vocab_size, alpha)


def _count(ids: Tensor, vocab_size: int) -> Tensor:
    return torch.bincount(ids[:-1] * vocab_size + ids[1:], minlength=vocab_size**2).view(vocab_size, vocab_size).float()


def _bigram(ids: Tensor, vocab_size: int, alpha: float, total: Tensor | None = None) -> Tensor:
    counts = _count(ids, vocab_size)
    total = counts.sum(1, keepdim=True) if total is None else total
    return (counts + alpha) / (total + alpha * vocab_size)


def _lost_repeats(ids, vocab_size, alpha):
    counts = _count(ids, vocab_size).clamp(max=1)
    return (counts + alpha) / (counts + alpha).sum(1, keepdim=True)


def _bigram_by_loop(ids, vocab_size, alpha):
    rows = [[alpha] * vocab_size for _ in range(vocab_size)]
    for i in range(len(ids) - 1):
        rows[ids[i]][ids[i + 1]] += 1
    return torch.tensor([[value / sum(row) for value in row] for row in rows])


def _bigram_by_one_hot(ids, vocab_size, alpha):
    one_hot = torch.eye(vocab_size)[ids]
    counts = one_hot[:-1].mT @ one_hot[1:] + alpha
    return counts / counts.sum(1, keepdim=True)


def _rows_sum_to_one(f, ids, vocab_size, alpha) -> bool:
    return torch.allclose(f(ids, vocab_size, alpha).sum(1), torch.ones(vocab_size), atol=1e-5)


BIGRAM = Task(
    id="01.bigram",
    title="The smallest language model",
    difficulty=2,
    minutes=15,
    points=3,
    reference=bigram_reference,
    cases=bigram_cases,
    mistakes=[
        Mistake(
            "lost-repeats",
            "A pair that occurs three times is counted once: counts[ids[:-1], ids[1:]] += 1 reads, adds and writes, "
            "and equal places overwrite each other. A loop, bincount, or index_put_ with accumulate=True adds all.",
            _lost_repeats,
        ),
        Mistake(
            "transposed",
            "Rows and columns have changed places: row i should hold what comes *after* token i.",
            lambda ids, v, alpha: _bigram(ids.flip(0), v, alpha),
        ),
        Mistake(
            "alpha-once",
            "alpha is added to each of the V counts of a row, so it is V times alpha that the sum grows by.",
            lambda ids, v, alpha: (_count(ids, v) + alpha) / (_count(ids, v).sum(1, keepdim=True) + alpha),
        ),
        Mistake(
            "last-token",
            "You divide by how often a token occurs. The last token of the text has no successor, so it begins one "
            "pair fewer, and its row does not sum to 1.",
            lambda ids, v, alpha: _bigram(ids, v, alpha, torch.bincount(ids, minlength=v)[:, None]),
        ),
        Mistake(
            "wrong-axis",
            "The columns sum to 1. It is the row of the token that came before that is a distribution.",
            lambda ids, v, alpha: _bigram(ids, v, alpha, _count(ids, v).sum(0)),
        ),
        Mistake(
            "joint",
            "The whole table sums to 1: that is P(i and then j). Wanted is P(j, given i).",
            lambda ids, v, alpha: (_count(ids, v) + alpha) / (_count(ids, v) + alpha).sum(),
        ),
    ],
    properties=[
        Property("sums-to-one", "Each row is a distribution: it should sum to 1.", _rows_sum_to_one),
        Property("above-zero", "With alpha above 0 nothing is impossible.", lambda f, *a: bool((f(*a) > 0).all())),
    ],
    variants=[_bigram_by_loop, _bigram_by_one_hot],
    hints=(
        "Write the table of a b a b a c by hand, before smoothing. How many pairs does the text have, and how many "
        "begin with c?",
        "ids[:-1] are the tokens before, ids[1:] those after. The number i V + j stands for the pair (i, j), and "
        "torch.bincount counts numbers.",
        "counts = (V, V) of alpha\nfor each two neighbours i, j: counts[i, j] += 1\n"
        "return counts divided by the sum of each row",
    ),
)


def bits_cases(draw: Draw) -> list[Case]:
    """ASCII, where a character is a byte, then accents and emoji, then one byte a token."""
    return [
        Case("eleven letters in four tokens", 2.0, 4, "to be or no"),
        Case("accents have two bytes", 1.5, 5, "né à Orléans"),
        Case("an emoji has four", 3.0, 2, "ok 😀"),
        Case("a token a byte", math.log(2), 3, "abc"),
        Case("sure of everything", 0.0, 7, "nothing to say"),
        Case("a longer text", draw.random.uniform(0.5, 4.0), draw.integer(20, 40), draw.text(60, "abé€ ")),
    ]


def bits_reference(nats_per_token: float, num_tokens: int, text: str) -> float:
    """The mean loss of a text's tokens, in bits per byte of the text."""
    return bits_per_byte(nats_per_token * num_tokens, len(text.encode("utf-8")))


BITS_PER_BYTE = Task(
    id="01.bits_per_byte",
    title="One unit for all tokenizers",
    difficulty=1,
    minutes=5,
    points=2,
    reference=bits_reference,
    cases=bits_cases,
    mistakes=[
        Mistake(
            "per-character",
            "You divide by characters. An é is one character and two bytes.",
            lambda nats, tokens, text: nats * tokens / math.log(2) / len(text),
        ),
        Mistake(
            "still-nats",
            "These are nats per byte: the logarithm to base 2 is ln divided by ln 2.",
            lambda nats, tokens, text: nats * tokens / len(text.encode()),
        ),
        Mistake(
            "times-ln-2",
            "You multiply by ln 2. A bit is the smaller unit, so there are more of them: divide.",
            lambda nats, tokens, text: nats * tokens * math.log(2) / len(text.encode()),
        ),
        Mistake(
            "per-token",
            "These are bits per token. The text has num_tokens of them, and some number of bytes.",
            lambda nats, tokens, text: nats / math.log(2),
        ),
        Mistake(
            "mean-per-byte",
            "The loss of one token is shared out among the bytes of the whole text: the other tokens are forgotten.",
            lambda nats, tokens, text: nats / math.log(2) / len(text.encode()),
        ),
    ],
    properties=[
        Property(
            "proportional",
            "Twice the loss a token is twice the bits a byte.",
            lambda f, nats, tokens, text: math.isclose(f(2 * nats, tokens, text), 2 * f(nats, tokens, text)),
        )
    ],
    variants=[
        lambda nats, tokens, text: math.log2(math.exp(nats)) * tokens / len(bytes(text, "utf-8")),
    ],
    hints=(
        "How many nats does the whole text cost? How many bytes has it?",
        "nats_per_token * num_tokens is the whole cost. ln 2 nats are one bit. text.encode() gives the bytes.",
        "nats = loss of a token times tokens\nbits = nats / ln 2\nreturn bits / number of UTF-8 bytes",
    ),
)

WHY_BYTES = Written(
    id="01.why_bytes",
    title="Which model is better?",
    difficulty=2,
    minutes=5,
    points=2,
    hints=(
        "How many decisions does each of them make on the same page?",
        "Think of the extreme: one token for a whole page. What is its loss per token, and what does that say?",
        "loss per token x tokens per byte -> the same unit for both",
    ),
)
