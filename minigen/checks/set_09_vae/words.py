"""Task 09.drop_words: a decoder that cannot rely on the words before has to ask z."""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def word_cases(draw: Draw) -> list[Case]:
    """Inputs that begin with the boundary 90, a share, one random number for each input, and the unknown token 91."""

    def case(note: str, batch: int, length: int, share: float) -> Case:
        inputs = draw.integers(1, 60, batch, length)
        inputs[:, 0] = 90
        return Case(note, inputs, share, draw.uniform(batch, length), 91)

    small = torch.tensor([[90, 5, 6, 7], [90, 8, 9, 4]])
    numbers = torch.tensor([[0.1, 0.2, 0.9, 0.4], [0.7, 0.6, 0.3, 0.95]])
    zeros = torch.zeros(2, 3)
    return [
        Case("two texts of four tokens", small, 0.5, numbers, 91),
        case("a batch", 3, 6, 0.3),
        case("most are dropped", 2, 5, 0.8),
        Case("a share of 0, and random numbers of exactly 0", torch.tensor([[90, 1, 2], [90, 3, 4]]), 0.0, zeros, 91),
        case("a share of 1", 2, 4, 1.0),
        case("the boundary alone", 3, 1, 0.9),
    ]


def drop_words(inputs: Tensor, share: float, random: Tensor, unknown: int) -> Tensor:
    """The reference."""
    hidden = random < share
    hidden[:, 0] = False
    return inputs.masked_fill(hidden, unknown)


def _dropped(inputs, hidden, unknown, keep=0):
    hidden = hidden.clone()
    if keep is not None:
        hidden[:, keep] = False
    return inputs.masked_fill(hidden, unknown)


def _first_stays(f, inputs, share, random, unknown) -> bool:
    return torch.equal(f(inputs, 1.0, random, unknown)[:, 0], inputs[:, 0])


def _others_stay(f, inputs, share, random, unknown) -> bool:
    found = f(inputs, share, random, unknown)
    return bool(((found == inputs) | (found == unknown)).all())


def _share_of_one(f, inputs, share, random, unknown) -> bool:
    return bool((f(inputs, 1.0, random, unknown)[:, 1:] == unknown).all())


def _share_of_zero(f, inputs, share, random, unknown) -> bool:
    return torch.equal(f(inputs, 0.0, random, unknown), inputs)


def _word_by_word(inputs, share, random, unknown):
    rows = []
    for tokens, numbers in zip(inputs.tolist(), random.tolist(), strict=True):
        pairs = list(zip(tokens, numbers, strict=True))
        rows.append(tokens[:1] + [unknown if number < share else token for token, number in pairs[1:]])
    return torch.tensor(rows)


def _word_by_cat(inputs, share, random, unknown):
    rest = torch.where(random[:, 1:] >= share, inputs[:, 1:], unknown)
    return torch.cat((inputs[:, :1], rest), dim=1)


DROP_WORDS = Task(
    id="09.drop_words",
    title="Word dropout",
    difficulty=1,
    minutes=10,
    points=2,
    reference=drop_words,
    cases=word_cases,
    mistakes=[
        Mistake(
            "inverted",
            "The words that should stay are dropped, and the others stay. `share` is the share of what is dropped.",
            lambda inputs, share, random, unknown: _dropped(inputs, random >= share, unknown),
        ),
        Mistake(
            "first-too",
            "The boundary at the beginning is dropped too. It is no word: it tells the decoder that a text begins.",
            lambda inputs, share, random, unknown: _dropped(inputs, random < share, unknown, keep=None),
        ),
        Mistake(
            "wrong-end",
            "The last token is spared. It is the first one that is always the boundary.",
            lambda inputs, share, random, unknown: _dropped(inputs, random < share, unknown, keep=-1),
        ),
        Mistake(
            "zero-for-unknown",
            "Dropped words become token 0. Dropout of numbers puts zeros; but token 0 is a word like any other, and "
            "the decoder would believe it.",
            lambda inputs, share, random, unknown: _dropped(inputs, random < share, 0),
        ),
        Mistake(
            "one-draw-for-all",
            "The random numbers of the first text are used for all: the same places are hidden everywhere. Each text "
            "has a row of its own.",
            lambda inputs, share, random, unknown: _dropped(inputs, (random[:1] < share).expand_as(inputs), unknown),
        ),
        Mistake(
            "off-by-one",
            "With a share of 0 a word is dropped where the random number is exactly 0. The numbers lie in 0 <= r < 1: "
            "which comparison never holds for share 0, and always for share 1?",
            lambda inputs, share, random, unknown: _dropped(inputs, random <= share, unknown),
        ),
    ],
    properties=[
        Property("first-changes", "The first token of each text should stay, whatever the share.", _first_stays),
        Property("other-token", "A token either stays or becomes `unknown`: nothing else.", _others_stay),
        Property("share-of-one", "With a share of 1 all but the first should become `unknown`.", _share_of_one),
        Property("share-of-zero", "With a share of 0 nothing should change.", _share_of_zero),
    ],
    variants=[_word_by_word, _word_by_cat],
    hints=(
        "For a random number r between 0 and 1, how often is r below 0.3?",
        "Make a bool tensor of what is hidden, take the first column out of it, and use masked_fill: it returns a new "
        "tensor.",
        "hidden = random below share         (B, T)\nhidden is False in the first column\n"
        "return inputs, but unknown where hidden",
    ),
)
