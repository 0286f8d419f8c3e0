"""Task 08.layer_rates: what lies lower learns slower."""

import re
from itertools import pairwise

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task

BELOW = ("embedding.weight", "positions.table", "segments.weight", "embedding_norm.bias")
PARTS = ("attention.to_qkv.weight", "attention_norm.bias", "feed_forward.up.weight")


def name_cases(draw: Draw) -> list[Case]:
    """Names of parameters, number of blocks, rate, decay, the head's rate."""

    def names(*blocks: int) -> list[str]:
        inside = [f"encoder.blocks.{block}.{draw.choice(PARTS)}" for block in blocks]
        return [draw.choice(BELOW), *inside, "head.weight", "head.bias"]

    return [
        Case("two blocks", names(0, 1), 2, 1e-4, 0.5, 1e-3),
        Case("six blocks", names(*range(6)), 6, draw.integer(1, 9) * 1e-5, 0.85, 1e-3),
        Case("twelve blocks: numbers of two digits", names(0, 1, 2, 9, 10, 11), 12, 1e-4, 0.9, 5e-4),
        Case("no decay", names(0, 3), 4, 1e-4, 1.0, 1e-4),
        Case("all that lies below", list(BELOW), 3, 2e-4, 0.8, 1e-3),
        Case("no parameters", [], 2, 1e-4, 0.9, 1e-3),
    ]


def layer_rates(names: list[str], num_layers: int, rate: float, decay: float, head_rate: float) -> dict[str, float]:
    """The reference: rate decay^(L - 1 - l) in block l, rate decay^L below, head_rate in the head."""
    return _rates(names, num_layers, rate, decay, head_rate)


def _rates(names, num_layers, rate, decay, head_rate, **changes):
    depth = changes.get("depth", lambda block: num_layers - 1 - block)
    below, pattern = changes.get("below", num_layers), changes.get("pattern", r"blocks\.(\d+)\.")
    formula = changes.get("formula", lambda power: rate * decay**power)
    rates = {}
    for name in names:
        found = re.search(pattern, name)
        if name.startswith("head."):
            rates[name] = changes.get("head", head_rate)
        else:
            rates[name] = formula(depth(int(found[1])) if found else below)
    return rates


def _by_words(names, num_layers, rate, decay, head_rate):
    def rate_of(name: str) -> float:
        words = name.split(".")
        if words[0] == "head":
            return head_rate
        lower = num_layers - 1 - int(words[words.index("blocks") + 1]) if "blocks" in words else num_layers
        for _ in range(lower):
            rate_here[0] *= decay
        return rate_here[0]

    rates = {}
    for name in names:
        rate_here = [rate]
        rates[name] = rate_of(name)
    return rates


def _never_faster_below(f, names, num_layers, rate, decay, head_rate) -> bool:
    rates = f(names, num_layers, rate, decay, head_rate)
    order = sorted(
        (name for name in names if "head" not in name),
        key=lambda name: int(re.search(r"blocks\.(\d+)", name)[1]) if "blocks" in name else -1,
    )
    return all(rates[low] <= rates[high] * (1 + 1e-9) for low, high in pairwise(order))


LAYER_RATES = Task(
    id="08.layer_rates",
    title="What lies lower learns slower",
    difficulty=2,
    minutes=15,
    points=2,
    importance="useful",
    reference=layer_rates,
    cases=name_cases,
    atol=1e-12,
    mistakes=[
        Mistake(
            "upside-down",
            "The top block learns slowest. It is the lower ones, which know about language in general, that should "
            "stay nearly as they are.",
            lambda *args: _rates(*args, depth=lambda block: block),
        ),
        Mistake(
            "off-by-one",
            "Each block learns slower by one power too much. The top one, l = L - 1, has the full rate.",
            lambda *args: _rates(*args, depth=lambda block: args[1] - block),
        ),
        Mistake(
            "linear",
            "You multiply by the decay times the depth. It is a power: each block has `decay` times the rate of the "
            "one above it.",
            lambda *args: _rates(*args, formula=lambda power: args[2] * args[3] * power),
        ),
        Mistake(
            "one-digit",
            "Block 10 is taken for block 1: you read one character. Numbers have as many digits as they need.",
            lambda *args: _rates(*args, pattern=r"blocks\.(\d)"),
        ),
        Mistake(
            "below-at-full-rate",
            "What lies below the blocks (embeddings, positions, their norm) has the full rate. It is the lowest of "
            "all.",
            lambda *args: _rates(*args, below=0),
        ),
        Mistake(
            "below-as-first-block",
            "Embeddings learn as fast as block 0. They lie below it, so by one power slower.",
            lambda *args: _rates(*args, below=args[1] - 1),
        ),
        Mistake(
            "head-slow",
            "The head has the rate of the top block. It begins at nothing and has a rate of its own.",
            lambda *args: _rates(*args, head=args[2]),
        ),
    ],
    properties=[Property("faster-below", "No block should learn faster than the one above it.", _never_faster_below)],
    variants=[_by_words],
    hints=(
        "With L = 6 and a decay of 0.5, which rates do blocks 5, 4 and 0 have, as fractions of the full one?",
        'words = name.split("."): the number of the block is the word after "blocks". The power is L - 1 - l.',
        "for each name:\n    begins with head. : head_rate\n    in block l        : rate times decay to the L - 1 - l\n"
        "    anything else     : rate times decay to the L",
    ),
)
