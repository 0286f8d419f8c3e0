"""Task 06.decoder_batch: sentences of different lengths side by side, for the decoder to read and to say."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.data.pairs import IGNORED, pair_batch


def batch_cases(draw: Draw) -> list[Case]:
    """Two lengths, one sentence, equal lengths, an empty sentence, many."""

    def sentences(*lengths: int) -> list[Tensor]:
        return [draw.integers(0, 8, length) for length in lengths]

    return [
        Case("two sentences", [torch.tensor([5, 6, 7]), torch.tensor([8])], 9),
        Case("one sentence", sentences(4), 9),
        Case("equal lengths", sentences(3, 3), 9),
        Case("an empty sentence among others", sentences(2, 0, 3), 9),
        Case("an empty sentence alone", sentences(0), 9),
        Case("the boundary is 0", [part + 1 for part in sentences(2, 5, 1)], 0),
        Case("a larger batch", sentences(*(draw.integer(1, 9) for _ in range(6))), 20),
    ]


def decoder_batch(targets: list[Tensor], boundary: int) -> tuple[Tensor, Tensor]:
    """The reference: the package's own, the target's half of it."""
    return pair_batch(targets, targets, boundary)[2:]


def _pad(rows, filler):
    return pad_sequence(rows, batch_first=True, padding_value=filler)


def _made(of_inputs, of_targets, fill_inputs=None, fill_targets=IGNORED):
    """A wrong decoder_batch: two functions of a target and the boundary, and what fills them up."""

    def _batch(targets, boundary):
        mark = torch.tensor([boundary])
        inputs = _pad([of_inputs(t, mark) for t in targets], boundary if fill_inputs is None else fill_inputs)
        filler = boundary if fill_targets is None else fill_targets
        return inputs, _pad([of_targets(t, mark) for t in targets], filler)

    return _batch


def _opened(t, mark):
    return torch.cat((mark, t))


def _closed(t, mark):
    return torch.cat((t, mark))


def _batch_by_loop(targets, boundary):
    shape = len(targets), max(map(len, targets)) + 1
    inputs, outputs = torch.full(shape, boundary), torch.full(shape, -100)
    for row, target in enumerate(targets):
        for place, token in enumerate(target.tolist()):
            inputs[row, place + 1] = outputs[row, place] = token
        outputs[row, len(target)] = boundary
    return inputs, outputs


def _each_input_is_the_target_before(f, targets: list[Tensor], boundary: int) -> bool:
    inputs, outputs = f(targets, boundary)
    real = outputs[:, :-1] != IGNORED
    later = real & (outputs[:, 1:] != IGNORED)
    return torch.equal(inputs[:, 1:][later], outputs[:, :-1][later])


def _one_more_than_tokens(f, targets: list[Tensor], boundary: int) -> bool:
    return (f(targets, boundary)[1] != IGNORED).sum(1).tolist() == [len(t) + 1 for t in targets]


DECODER_BATCH = Task(
    id="06.decoder_batch",
    title="What the decoder reads, and what it should say",
    difficulty=1,
    minutes=10,
    points=2,
    reference=decoder_batch,
    cases=batch_cases,
    mistakes=[
        Mistake(
            "not-shifted",
            "At each place the decoder reads the very token that it should say. It will learn to copy, and know "
            "nothing "
            "when there is nothing to copy. What it reads is one place behind.",
            _made(_opened, _opened),
        ),
        Mistake(
            "never-ends",
            "The targets do not end with the boundary, so the model never learns to stop.",
            _made(lambda t, mark: _opened(t, mark)[:-1], lambda t, mark: t),
        ),
        Mistake(
            "no-start",
            "The inputs do not begin with the boundary. When it writes, the decoder has nothing else to begin with.",
            _made(lambda t, mark: t, lambda t, mark: _closed(t, mark)[1:]),
        ),
        Mistake(
            "swapped",
            "The two are exchanged: the inputs begin with the boundary, the targets end with it.",
            _made(_closed, _opened),
        ),
        Mistake(
            "padding-counts",
            "The targets are filled up with the boundary. Then the model is paid for saying `end` again and again "
            "after "
            "the end. -100 is the target that no loss of torch counts.",
            _made(_opened, _closed, fill_targets=None),
        ),
        Mistake(
            "no-such-token",
            "The inputs are filled up with -100. There is no row -100 in a table of embeddings; any real token will "
            "do, "
            "and here it is the boundary.",
            _made(_opened, _closed, fill_inputs=IGNORED),
        ),
    ],
    properties=[
        Property(
            "wrong-count",
            "A sentence of n tokens has n + 1 targets that count: its tokens, and the end.",
            _one_more_than_tokens,
        ),
        Property(
            "not-behind",
            "What the decoder reads at a place should be what it had to say one place before.",
            _each_input_is_the_target_before,
        ),
    ],
    variants=[_batch_by_loop, _made(_opened, _closed)],
    hints=(
        "Write down inputs and targets of the sentence 5 6 7 with the boundary 9, one under the other. How long are "
        "they?",
        "torch.cat((mark, t)) and torch.cat((t, mark)), with mark = torch.tensor([boundary]). "
        "torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=...) puts rows side by side.",
        "inputs  = each sentence with the boundary before it, filled up with the boundary\n"
        "targets = each sentence with the boundary after it, filled up with -100",
    ),
)
