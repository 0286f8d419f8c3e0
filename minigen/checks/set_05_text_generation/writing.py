"""Task 05.generate: the loop that writes a text."""

from collections.abc import Callable

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def counting_model(size: int) -> Tensor:
    """A table in which token i is followed by i + 1."""
    return 9.0 * torch.eye(size).roll(1, dims=1)


def generate_cases(draw: Draw) -> list[Case]:
    """The model's table, the prompt, the limit, the stop token, and which rank is picked: 0 is the likeliest."""
    return [
        Case("a model that counts: it should stop before 4", counting_model(6), [0], 10, 4, 0),
        Case("the limit comes first", counting_model(6), [1], 2, 5, 0),
        Case("the stop token comes at once", counting_model(5), [1, 2], 5, 3, 0),
        Case("a stop token in the prompt is only text", counting_model(6), [4, 0], 3, 4, 0),
        Case("no new tokens are wanted", counting_model(4), [0, 1], 0, 3, 0),
        Case("a model that looks at all tokens", draw.normal(9, 9), draw.integers(0, 8, 5).tolist(), 12, 9, 0),
        Case("always the second choice", draw.normal(9, 9), draw.integers(0, 8, 3).tolist(), 12, 9, 1),
        Case("second choices and a stop", draw.normal(5, 5), [0, 1], 30, 2, 1),
    ]


def model_of(table: Tensor) -> Callable[[list[int]], Tensor]:
    """next_logits: a model that looks at all tokens, at older ones less."""

    def next_logits(tokens: list[int]) -> Tensor:
        ages = torch.arange(len(tokens) - 1, -1, -1)
        return (0.6**ages) @ table[torch.tensor(tokens)]

    return next_logits


def call_generate(f: Callable, table: Tensor, prompt: list[int], limit: int, stop: int, rank: int) -> list[int]:
    """Calls what the learner wrote with a model and a way to pick."""

    def pick(logits: Tensor) -> int:
        return int(logits.argsort(descending=True)[rank])

    return f(model_of(table), pick, prompt, limit, stop)


def _write(next_logits, pick, prompt, limit, stop, grow=True, read=lambda tokens: tokens, known=(), whole=False):
    """The loop, with one thing changed: what the mistakes are made of."""
    tokens, new = list(prompt), []
    while len(new) < limit and stop not in known:
        token = pick(next_logits(read(tokens)))
        if token == stop:
            break
        new.append(token)
        tokens += [token] if grow else []
    return tokens if whole else new


def generate(next_logits: Callable, pick: Callable, prompt: list[int], limit: int, stop: int) -> list[int]:
    """The reference."""
    return _write(next_logits, pick, prompt, limit, stop)


def _keeps_stop(next_logits, pick, prompt, limit, stop):
    new = _write(next_logits, pick, prompt, limit, stop)
    return new + [stop] if len(new) < limit else new


def _recursive(next_logits, pick, prompt, limit, stop):
    token = pick(next_logits(list(prompt))) if limit else stop
    return [] if token == stop else [token, *_recursive(next_logits, pick, [*prompt, token], limit - 1, stop)]


def _shorter_is_the_beginning(f, table: Tensor, prompt: list[int], limit: int, stop: int, rank: int) -> bool:
    return f(table, prompt, limit // 2, stop, rank) == f(table, prompt, limit, stop, rank)[: limit // 2]


GENERATE = Task(
    id="05.generate",
    title="The loop that writes",
    difficulty=2,
    minutes=15,
    points=3,
    reference=generate,
    cases=generate_cases,
    call=call_generate,
    given=("next_logits", "pick"),
    mistakes=[
        Mistake(
            "keeps-stop",
            "The stop token is part of your answer. It says that the text is over; nobody wants to read it.",
            _keeps_stop,
        ),
        Mistake(
            "with-prompt",
            "You give back the prompt too. Only the new tokens are wanted.",
            lambda *args: _write(*args, whole=True),
        ),
        Mistake(
            "ignores-stop",
            "The loop goes on after the stop token, to the limit.",
            lambda next_logits, pick, prompt, limit, stop: _write(next_logits, pick, prompt, limit, None),
        ),
        Mistake(
            "stops-in-prompt",
            "A stop token in the prompt ends your loop before it begins. Only a *new* one counts.",
            lambda n, pick, prompt, limit, stop: _write(n, pick, prompt, limit, stop, known=prompt),
        ),
        Mistake(
            "last-token-only",
            "The model is shown the newest token alone. It remembers nothing: show it the whole text each time.",
            lambda *args: _write(*args, read=lambda tokens: tokens[-1:]),
        ),
        Mistake(
            "no-append",
            "The model is asked about the prompt again and again: the new token is not added to what it reads.",
            lambda *args: _write(*args, grow=False),
        ),
        Mistake(
            "no-pick",
            "You take the likeliest token yourself. How a token is chosen is up to `pick`.",
            lambda next_logits, pick, *rest: _write(next_logits, lambda logits: int(logits.argmax()), *rest),
        ),
    ],
    properties=[
        Property(
            "not-a-beginning",
            "With half the limit, the text should be the beginning of the longer one.",
            _shorter_is_the_beginning,
        )
    ],
    variants=[_recursive, lambda *args: _write(*args)],
    hints=(
        "What changes from one turn of the loop to the next? And which two things can end it?",
        "Begin with a *copy* of the prompt: list(prompt). Each turn: token = pick(next_logits(tokens)). Look at it "
        "before "
        "you append it.",
        "tokens = a copy of the prompt\nrepeat at most max_new_tokens times:\n    token = pick(next_logits(tokens))\n"
        "    if it is the stop token, end the loop\n    append it to tokens\nreturn what comes after the prompt",
    ),
)
