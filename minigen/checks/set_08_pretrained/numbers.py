"""Tasks 08.count_lora and 08.which_adaptation: a count, and a question to answer in words."""

from minigen.checks.task import Mistake, Task, Written

LAYERS, WIDTH, HIDDEN, RANK, CLASSES = 6, 384, 1536, 8, 2  # MiniLM, and a LoRA beside each matrix of a block
SIDES = [(WIDTH, 3 * WIDTH), (WIDTH, WIDTH), (WIDTH, HIDDEN), (HIDDEN, WIDTH)]  # (in, out)
HEAD = (WIDTH + 1) * CLASSES


def _count(numbers):
    return LAYERS * sum(numbers)


COUNT_LORA = Task(
    id="08.count_lora",
    title="How many numbers learn?",
    kind="value",
    difficulty=1,
    minutes=5,
    points=1,
    reference=_count(RANK * (inside + out) for inside, out in SIDES) + HEAD,
    mistakes=[
        Mistake("no-head", "The head is missing.", _count(RANK * (inside + out) for inside, out in SIDES)),
        Mistake(
            "no-head-bias",
            "The head has a bias, too: one number for each class.",
            _count(RANK * (inside + out) for inside, out in SIDES) + WIDTH * CLASSES,
        ),
        Mistake("one-layer", "This is one layer. There are six.", sum(RANK * (a + b) for a, b in SIDES) + HEAD),
        Mistake(
            "full-matrices",
            "This counts the matrices themselves, in times out. They do not learn; A and B beside them do.",
            _count(inside * out for inside, out in SIDES) + HEAD,
        ),
        Mistake(
            "one-factor",
            "This counts A alone, r times in. B has r times out.",
            _count(RANK * inside for inside, _ in SIDES) + HEAD,
        ),
        Mistake(
            "separate-qkv",
            "You count three pairs for queries, keys and values. Here they are one matrix, 384 -> 1152, with one A for "
            "all three.",
            _count(RANK * (a + b) for a, b in [*SIDES[1:], *3 * [(WIDTH, WIDTH)]]) + HEAD,
        ),
    ],
    hints=(
        "Of which shapes are A and B beside a matrix that makes 1536 numbers of 384?",
        "A is (r, in) and B is (out, r): together r (in + out). Add that up for the four matrices of a layer.",
        "8 times (in + out) for each of the four matrices, added up\ntimes 6 layers\nplus the head: 384 times 2, and 2",
    ),
)

WHICH_ADAPTATION = Written(
    id="08.which_adaptation",
    title="Frozen, LoRA, or all of it?",
    difficulty=2,
    minutes=10,
    points=3,
    hints=(
        "What has to be stored for each customer, and what for all together?",
        "For each way: the numbers that learn, whether the vectors of the texts can be computed once and kept, and "
        "what may be learned at all.",
        "way -> what is kept per customer -> time of training -> what it cannot learn -> for which customer",
    ),
)
