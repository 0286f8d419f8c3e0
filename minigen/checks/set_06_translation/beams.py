"""Tasks 06.beam_step, 06.repair_beam_search and 06.why_short: looking further than one token."""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task, Written

Step = tuple[Tensor, Tensor, Tensor]


def step_cases(draw: Draw) -> list[Case]:
    """The scores so far, the log-probabilities of the next tokens, and how many beams are wanted."""

    def case(note: str, sentences: int, beams: int, vocab: int, wanted: int) -> Case:
        scores = draw.normal(sentences, beams) - 3
        return Case(note, scores, draw.normal(sentences, beams, vocab, scale=2).log_softmax(-1), wanted)

    by_hand = torch.tensor([[[0.5, 0.4, 0.1], [0.9, 0.05, 0.05]]]).log()
    return [
        Case("two beams, three tokens", torch.tensor([[0.6, 0.4]]).log(), by_hand, 2),
        Case("the first step: one beam, nothing said", torch.zeros(1, 1), draw.normal(1, 1, 5).log_softmax(-1), 3),
        case("a batch", 3, 4, 6, 4),
        case("fewer beams are wanted", 2, 5, 4, 2),
        case("one beam: greedy", 3, 1, 7, 1),
        case("a large vocabulary", 2, 3, 50, 3),
    ]


def _step(scores, log_p, wanted, add=lambda s, p: s[:, :, None] + p, split=None, told=None):
    """A beam step with one thing changed: what the mistakes are made of."""
    best, index = add(scores, log_p).flatten(1).topk(wanted)
    vocab = log_p.shape[2]
    parents, tokens = split(index, log_p.shape) if split else (index // vocab, index % vocab)
    return (told(log_p, index, best) if told else best), parents, tokens


def beam_step(scores: Tensor, log_p: Tensor, beam_size: int) -> Step:
    """The reference."""
    return _step(scores, log_p, beam_size)


def _each_for_itself(scores, log_p, wanted):
    best, tokens = log_p.max(2)
    totals, parents = (scores + best).sort(dim=1, descending=True)
    return totals[:, :wanted], parents[:, :wanted], tokens.gather(1, parents)[:, :wanted]


def _step_by_sorting(scores, log_p, wanted):
    rows = []
    for so_far, next_log_p in zip(scores, log_p, strict=True):
        totals = (so_far[:, None] + next_log_p).tolist()
        found = [(total, beam, token) for beam, row in enumerate(totals) for token, total in enumerate(row)]
        rows.append(sorted(found, reverse=True)[:wanted])
    best, parents, tokens = (torch.tensor([[one[n] for one in row] for row in rows]) for n in range(3))
    return best, parents, tokens


def _step_in_two(scores, log_p, wanted):
    """First the best of each beam, then the best of those."""
    few = min(wanted, log_p.shape[2])
    best, tokens = log_p.topk(few, dim=2)
    totals, index = (best + scores.unsqueeze(2)).flatten(1).sort(dim=1, descending=True)
    index = index[:, :wanted]
    return totals[:, :wanted], torch.div(index, few, rounding_mode="floor"), tokens.flatten(1).gather(1, index)


def _adds_up(f, scores: Tensor, log_p: Tensor, beam_size: int) -> bool:
    best, parents, tokens = (part.long() if n else part for n, part in enumerate(f(scores, log_p, beam_size)))
    row = torch.arange(len(scores))[:, None]
    return torch.allclose(best, scores[row, parents] + log_p[row, parents, tokens], atol=1e-5)


def _best_first(f, scores: Tensor, log_p: Tensor, beam_size: int) -> bool:
    best = f(scores, log_p, beam_size)[0]
    return bool((best[:, :-1] >= best[:, 1:]).all())


BEAM_STEP = Task(
    id="06.beam_step",
    title="One step of a beam search",
    difficulty=3,
    minutes=25,
    points=5,
    reference=beam_step,
    cases=step_cases,
    mistakes=[
        Mistake(
            "forgets-past",
            "The next token is chosen well, but what came before does not count: each beam brings its score with it.",
            lambda scores, log_p, wanted: _step(scores, log_p, wanted, add=lambda s, p: p),
        ),
        Mistake(
            "scores-of-the-step",
            "The right beams are chosen, and their scores are those of the last token alone. The score of a beam is "
            "that of "
            "all its tokens.",
            lambda *args: _step(*args, told=lambda log_p, index, best: log_p.flatten(1).gather(1, index)),
        ),
        Mistake(
            "each-for-itself",
            "Each beam goes on by its own best token. Beams compete: a strong one may have two children among the "
            "best, "
            "and a weak one none.",
            _each_for_itself,
        ),
        Mistake(
            "flat-tokens",
            "The tokens are places in the flattened row of K times V. A token is what is left after the division by V.",
            lambda *args: _step(*args, split=lambda index, shape: (index // shape[2], index)),
        ),
        Mistake(
            "wrong-divisor",
            "You divide by the number of beams. In the flattened row each beam has V places, so beam k begins at k V.",
            lambda *args: _step(*args, split=lambda index, shape: (index // shape[1], index % shape[1])),
        ),
        Mistake(
            "not-logs",
            "You add a probability to a log-probability. Probabilities multiply, so their logarithms add up.",
            lambda *args: _step(*args, add=lambda s, p: s[:, :, None] + p.exp()),
        ),
        Mistake(
            "swapped",
            "The tokens stand in the place of the parents. The order is: scores, parents, tokens.",
            lambda *args: _step(*args, split=lambda index, shape: (index % shape[2], index // shape[2])),
        ),
    ],
    properties=[
        Property(
            "does-not-add-up",
            "A new score should be its parent's score plus the log-probability of its token.",
            _adds_up,
        ),
        Property("not-sorted", "The best beam comes first.", _best_first),
    ],
    variants=[_step_by_sorting, _step_in_two],
    hints=(
        "Two beams and three tokens: how many continuations compete? If they stand in one row, beam after beam, what "
        "are the "
        "numbers of those of the second beam?",
        "scores[:, :, None] + log_p is (B, K, V). .flatten(1) makes it (B, K V), and .topk(n) gives values and "
        "places. Place "
        "i belongs to beam i // V.",
        "totals = scores of the beams + log_p, for each continuation     (B, K, V)\n"
        "best, places = the largest of them, over all beams together      (B, beam_size)\n"
        "return best, places // V, places % V",
    ),
)

WHY_SHORT = Written(
    id="06.why_short",
    title="More search, worse translations",
    difficulty=2,
    minutes=5,
    points=2,
    hints=(
        "What happens to the score of a hypothesis with each token that is added? Can it ever rise?",
        "Compare the empty translation with a good one of twenty tokens, by log p. Who finds the empty one: a beam of "
        "4, "
        "or one of 200?",
        "log p falls with every token -> short ones win -> a narrow beam does not find them, a wide one does -> "
        "divide by "
        "the length",
    ),
)
