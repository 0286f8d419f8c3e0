"""Task 03.predict_size: a pencil before a stopwatch."""

from collections.abc import Callable

from minigen.checks.task import Mistake, Property, Task

VOCABULARY, CONTEXT, LAYERS, WIDTH = 1000, 64, 4, 128


def size(
    *, block: int = 12 * WIDTH**2 + 13 * WIDTH, extra: int = 0, passes: int = 6, attention: int = 12
) -> dict[str, int]:
    """The prediction; the arguments are what can be forgotten."""
    matrices = LAYERS * 12 * WIDTH**2 + VOCABULARY * WIDTH
    return {
        "block": block,
        "model": (VOCABULARY + CONTEXT) * WIDTH + LAYERS * block + 2 * WIDTH + extra,
        "flops": passes * matrices + attention * LAYERS * CONTEXT * WIDTH,
    }


RIGHT = size()


def _entry(name: str) -> tuple[Property, Property]:
    """Says of one entry whether it is too large or too small, without telling the number."""

    def bound(wanted: Callable[[int, int], bool]) -> Callable:
        return lambda f: wanted(f()[name], RIGHT[name])

    return (
        Property(
            f"{name}-too-large", f"{name!r} is too large: is something counted twice?", bound(lambda a, b: a <= b)
        ),
        Property(f"{name}-too-small", f"{name!r} is too small: what is missing?", bound(lambda a, b: a >= b)),
    )


PREDICT_SIZE = Task(
    id="03.predict_size",
    title="Parameters and FLOPs, with a pencil",
    kind="value",
    difficulty=2,
    minutes=15,
    points=3,
    reference=RIGHT,
    mistakes=[
        Mistake(
            "no-biases",
            "Your block has the matrices alone, 12 D². Each matrix has a bias as long as its output, and each of the "
            "two norms a scale and a shift.",
            size(block=12 * WIDTH**2),
        ),
        Mistake(
            "no-norms",
            "The norms of the blocks are missing: each has a scale and a shift, D numbers each.",
            size(block=12 * WIDTH**2 + 9 * WIDTH),
        ),
        Mistake(
            "no-final-norm",
            "Nearly: after the last block of a pre-norm model comes one more norm.",
            size(extra=-2 * WIDTH),
        ),
        Mistake(
            "no-positions",
            "The table of learned positions is missing: one vector for each place of the context.",
            size(extra=-CONTEXT * WIDTH),
        ),
        Mistake(
            "counted-twice",
            "The output matrix is the embedding, the very same numbers (tied): they count once.",
            size(extra=VOCABULARY * WIDTH),
        ),
        Mistake(
            "forward-only",
            "The FLOPs are those of the forward pass, 2 a weight. Training also goes backward, which costs twice that.",
            size(passes=2, attention=4),
        ),
        Mistake(
            "no-attention",
            "The FLOPs of the matrices are right. Attention itself has no weights, and still multiplies: 4 T D forward "
            "for each token and layer, three times that in training.",
            size(attention=0),
        ),
    ],
    properties=[
        Property(
            "entries",
            "The answer is a dictionary with the keys 'block', 'model' and 'flops', and whole numbers.",
            lambda f: set(f()) == set(RIGHT) and all(type(number) is int for number in f().values()),
        ),
        *(one for name in RIGHT for one in _entry(name)),
    ],
    hints=(
        "Which matrices are there in a block, and what are their shapes? Which vectors come with them?",
        "Attention: four matrices D x D with biases. Feed-forward: D x 4D and 4D x D with biases. Two norms of 2 D. "
        "FLOPs of training: 6 for each weight of a matrix that a token meets, the output matrix too, plus attention's "
        "12 T D a layer.",
        "block = (4 D² + 4 D) + (8 D² + 5 D) + 4 D\n"
        "model = V D + T D + L block + 2 D\n"
        "flops = 6 (12 L D² + V D) + 12 L T D",
    ),
)
