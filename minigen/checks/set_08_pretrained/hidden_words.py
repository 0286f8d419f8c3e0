"""Task 08.masked_words: what BERT sees in training, and what it is asked."""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task

MASK = 103  # [MASK] in BERT's vocabulary
UNASKED = -100  # a target that the loss leaves out


def text_cases(draw: Draw) -> list[Case]:
    """tokens, special, chance, kind, random_tokens (B, T) each; some numbers lie on the borders."""

    def case(note: str, batch: int, length: int, high: float = 1.0) -> Case:
        tokens = draw.integers(1000, 1999, batch, length)
        special = torch.zeros(batch, length, dtype=torch.bool)
        special[:, 0] = special[:, -1] = True
        chance, kind = draw.uniform(batch, length, high=high), draw.uniform(batch, length)
        # each kind occurs for a token that is asked for, and a special token would be chosen
        chance[0, :5], kind[0, :5] = 0.01, torch.tensor([0.1, 0.5, 0.85, 0.95, 0.2])
        return Case(note, tokens, special, chance, kind, draw.integers(2000, 2999, batch, length))

    borders = Case(
        "numbers on the borders",
        torch.arange(1000, 1005)[None],
        torch.zeros(1, 5, dtype=torch.bool),
        torch.tensor([[0.15, 0.0, 0.0, 0.1499, 0.0]]),
        torch.tensor([[0.0, 0.8, 0.9, 0.7999, 0.8999]]),
        torch.arange(2000, 2005)[None],
    )
    nothing = case("nothing is chosen", 2, 7)
    nothing.args[2].fill_(0.5)
    every = case("every token is chosen", 1, 8, high=0.1)
    return [case("one text", 1, 7), case("a batch", 4, 12, high=0.4), borders, nothing, every]


def masked_words(
    tokens: Tensor, special: Tensor, chance: Tensor, kind: Tensor, random_tokens: Tensor
) -> tuple[Tensor, Tensor]:
    """The reference: (inputs, targets), as Devlin et al. 2019, section 3.1."""
    return _corrupt(tokens, special, chance, kind, random_tokens)


def _corrupt(tokens, special, chance, kind, random_tokens, below=0.9, mask_below=0.8):
    chosen = (chance < 0.15) & ~special
    inputs = tokens.where(~(chosen & (kind < below)), random_tokens)
    inputs = inputs.masked_fill(chosen & (kind < mask_below), MASK)
    return inputs, tokens.masked_fill(~chosen, UNASKED)


def _by_loop(tokens, special, chance, kind, random_tokens):
    inputs, targets = tokens.clone(), torch.full_like(tokens, UNASKED)
    for b, t in (~special & (chance < 0.15)).nonzero().tolist():
        targets[b, t] = tokens[b, t]
        if kind[b, t] < 0.8:
            inputs[b, t] = MASK
        elif kind[b, t] < 0.9:
            inputs[b, t] = random_tokens[b, t]
    return inputs, targets


def _by_where(tokens, special, chance, kind, random_tokens):
    chosen = torch.logical_and(chance < 0.15, special.logical_not())
    changed = torch.where(kind < 0.8, MASK, torch.where(kind < 0.9, random_tokens, tokens))
    return torch.where(chosen, changed, tokens), torch.where(chosen, tokens, UNASKED)


def _only_changed_are_asked(tokens, *rest):
    inputs, _ = _corrupt(tokens, *rest)
    return inputs, tokens.where(inputs != tokens, UNASKED)


def _asks_for_the_noise(tokens, *rest):
    inputs, targets = _corrupt(tokens, *rest)
    return inputs, inputs.where(targets != UNASKED, UNASKED)


def _unasked_stay(f, tokens, *rest) -> bool:
    inputs, targets = f(tokens, *rest)
    return bool((inputs == tokens)[targets == UNASKED].all())


def _asked_is_the_truth(f, tokens, *rest) -> bool:
    targets = f(tokens, *rest)[1]
    return bool(((targets == tokens) | (targets == UNASKED)).all())


MASKED_WORDS = Task(
    id="08.masked_words",
    title="Words to guess",
    difficulty=2,
    minutes=15,
    points=3,
    reference=masked_words,
    cases=text_cases,
    mistakes=[
        Mistake(
            "all-masked",
            "Every chosen token becomes [MASK]. A user's text has none: some chosen tokens are replaced by a random "
            "one, and some stay, so that the model must expect anything at any place.",
            lambda *args: _corrupt(*args, mask_below=1.0),
        ),
        Mistake(
            "none-stays",
            "The chosen tokens that are not masked all become random. Half of them, those with kind of 0.9 and more, "
            "stay as they are.",
            lambda *args: _corrupt(*args, below=1.0),
        ),
        Mistake(
            "special-chosen",
            "[CLS], [SEP] and padding are chosen, too. There is nothing to learn from guessing them.",
            lambda tokens, special, *rest: _corrupt(tokens, torch.zeros_like(special), *rest),
        ),
        Mistake(
            "asks-for-all",
            "The targets are all tokens. Then the loss is mostly about words that are plainly there. Where nothing was "
            "chosen the target is -100.",
            lambda tokens, *rest: (_corrupt(tokens, *rest)[0], tokens),
        ),
        Mistake(
            "asks-for-changed",
            "Only tokens that were changed have a target. Those that were chosen and stay are asked for, too; or the "
            "model learns that a word that is there is always right, and need not be looked at.",
            _only_changed_are_asked,
        ),
        Mistake(
            "asks-for-noise",
            "The targets are taken from the corrupted text. The answer is what stood there before.",
            _asks_for_the_noise,
        ),
        Mistake(
            "inverted",
            "You choose 85 % of the tokens, those with a chance of 0.15 and more.",
            lambda tokens, special, chance, *rest: _corrupt(tokens, special, 0.15 - chance, *rest),
        ),
    ],
    properties=[
        Property("unasked-changed", "A token without a target should stay as it is.", _unasked_stay),
        Property("not-the-truth", "A target is the token that stood there, or -100.", _asked_is_the_truth),
    ],
    variants=[_by_loop, _by_where],
    hints=(
        "Two decisions are made for each token, by two random numbers. Which comes first, and which depends on it?",
        "chosen = (chance < 0.15) & ~special. Of these, kind < 0.8 becomes MASK, 0.8 <= kind < 0.9 a random token. "
        "torch.where(condition, this, that) builds a new tensor.",
        "chosen  = chance below 0.15, and not special\ninputs  = random token where chosen and kind < 0.9, else token\n"
        "inputs  = MASK where chosen and kind < 0.8\ntargets = token where chosen, else -100",
    ),
)
