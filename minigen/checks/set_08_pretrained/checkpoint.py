"""Task 08.load_gpt2: the same numbers under other names, and some of them on their side."""

import re

from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task

TOP = {
    "wte.weight": "embedding.weight",
    "wpe.weight": "positions.table",
    "ln_f.weight": "decoder.final_norm.weight",
    "ln_f.bias": "decoder.final_norm.bias",
}
PARTS = {
    "ln_1": "attention_norm",
    "attn.c_attn": "attention.to_qkv",
    "attn.c_proj": "attention.to_out",
    "ln_2": "feed_forward_norm",
    "mlp.c_fc": "feed_forward.up",
    "mlp.c_proj": "feed_forward.down",
}
MASKS = ("attn.bias", "attn.masked_bias")  # tables of the old code, not weights


def checkpoint_cases(draw: Draw) -> list[Case]:
    """Parts of a checkpoint, as it is written: matrices (in, out), masks, a prefix or none, blocks above 9."""
    width = 4

    def block(number: int, prefix: str) -> dict[str, Tensor]:
        sizes = {"ln_1": (), "attn.c_attn": (3 * width,), "attn.c_proj": (width,), "ln_2": ()}
        sizes |= {"mlp.c_fc": (5,), "mlp.c_proj": (width,)}
        found = {}
        for part, out in sizes.items():
            inside = 5 if part == "mlp.c_proj" else width
            found[f"{prefix}h.{number}.{part}.weight"] = draw.normal(inside, *out)
            found[f"{prefix}h.{number}.{part}.bias"] = draw.normal(*(out or (width,)))
        return found

    def masks(number: int, prefix: str) -> dict[str, Tensor]:
        name = f"{prefix}h.{number}.attn."
        return {name + "bias": draw.uniform(1, 1, 3, 3), name + "masked_bias": draw.uniform(1)}

    def top(prefix: str) -> dict[str, Tensor]:
        norm = {f"{prefix}ln_f.{kind}": draw.normal(width) for kind in ("weight", "bias")}
        return {f"{prefix}wte.weight": draw.normal(7, width), f"{prefix}wpe.weight": draw.normal(3, width)} | norm

    matrix = {"h.0.attn.c_attn.weight": draw.normal(2, 3), "h.0.attn.c_attn.bias": draw.normal(3)}
    return [
        Case("a matrix and its bias", matrix),
        Case("what stands outside of the blocks", top("")),
        Case("two blocks", top("") | block(0, "") | block(1, "")),
        Case("the masks of old checkpoints", top("") | block(0, "") | masks(0, "")),
        Case("with the prefix of a model with a head", top("transformer.") | block(0, "transformer.")),
        Case("block 11, with everything", top("transformer.") | block(11, "transformer.") | masks(11, "transformer.")),
    ]


def load_gpt2(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The reference: our names, matrices of the blocks as (out, in), no masks."""
    return _load(theirs)


def _load(theirs, turn=lambda part: part.mT, everywhere=False, is_mask=lambda rest: rest in MASKS):
    ours = {}
    for name, tensor in theirs.items():
        name = name.removeprefix("transformer.")
        in_block = re.fullmatch(r"h\.(\d+)\.(.+)", name)
        if in_block is None:
            ours[TOP[name]] = turn(tensor) if everywhere and tensor.ndim == 2 else tensor
        elif not is_mask(in_block[2]):
            part, _, kind = in_block[2].rpartition(".")
            place = f"decoder.blocks.{in_block[1]}.{PARTS.get(part, part)}.{kind}"
            ours[place] = turn(tensor) if tensor.ndim == 2 else tensor
    return ours


def _one_digit(theirs):
    return {re.sub(r"blocks\.(\d)\d", r"blocks.\1", name): tensor for name, tensor in _load(theirs).items()}


def _by_replacing(theirs):
    ours = {}
    for name, tensor in theirs.items():
        short = name.replace("transformer.", "", 1)
        words = short.split(".")
        if words[0] != "h":
            ours[TOP[short]] = tensor
        elif len(words) == 5 or words[2].startswith("ln"):
            new = PARTS[".".join(words[2:-1])]
            ours[f"decoder.blocks.{words[1]}.{new}.{words[-1]}"] = tensor.T if tensor.dim() > 1 else tensor
    return ours


def _numbers_are_kept(f, theirs) -> bool:
    kept = [tensor for name, tensor in theirs.items() if not name.endswith((".attn.bias", ".attn.masked_bias"))]
    return sorted(t.numel() for t in f(theirs).values()) == sorted(t.numel() for t in kept)


LOAD_GPT2 = Task(
    id="08.load_gpt2",
    title="Their tensors, our names",
    difficulty=2,
    minutes=20,
    points=3,
    importance="useful",
    reference=load_gpt2,
    cases=checkpoint_cases,
    mistakes=[
        Mistake(
            "not-transposed",
            "The names are right, but the matrices of the blocks are (in, out) in these files; nn.Linear keeps "
            "(out, in). A square one would load without complaint, and compute something else.",
            lambda theirs: _load(theirs, turn=lambda part: part),
        ),
        Mistake(
            "reshaped",
            "The matrices of the blocks have the right shape, and the wrong numbers: reshape cuts the row of numbers "
            "anew. Rows become columns by a transposition.",
            lambda theirs: _load(theirs, turn=lambda part: part.reshape(part.shape[::-1])),
        ),
        Mistake(
            "embeddings-transposed",
            "The embeddings are turned on their side as well. They are tables, one row a token, in both models; only "
            "the matrices inside of the blocks are the other way round.",
            lambda theirs: _load(theirs, everywhere=True),
        ),
        Mistake(
            "bias-lost",
            'The bias of c_attn is gone: its name, too, ends with "attn.bias", if the dot before that '
            "is not asked for. Compare whole names.",
            lambda theirs: _load(theirs, is_mask=lambda rest: rest in MASKS or rest.endswith("attn.bias")),
        ),
        Mistake(
            "masks-kept",
            "attn.bias and attn.masked_bias are tables of the old code, which say what may be seen. Our model makes "
            "its own: leave them out.",
            lambda theirs: _load(theirs, is_mask=lambda rest: False),
        ),
        Mistake(
            "one-digit",
            "Block 11 has become block 1: you take one character for its number. Names are cut at the dots.",
            _one_digit,
        ),
    ],
    properties=[
        Property("numbers-lost", "Each tensor, but for the masks, should be there again, whole.", _numbers_are_kept)
    ],
    variants=[_by_replacing],
    hints=(
        'Cut "transformer.h.11.attn.c_attn.bias" at its dots. Which of the words do you need, and what tells this name '
        "from that of a mask?",
        'name.removeprefix("transformer."), then name.split("."): if the first word is "h", the second is the block, '
        'the last is weight or bias, and what lies between is a key of PARTS (or "attn": a mask).',
        "for each name and tensor, the prefix taken off:\n    in TOP: the new name from there, the tensor as it is\n"
        "    otherwise h.NUMBER.PART.KIND; skip it if PART is attn alone\n"
        "        new name: decoder.blocks.NUMBER. + PARTS[PART] + .KIND\n        transposed, if it is a matrix",
    ),
)
