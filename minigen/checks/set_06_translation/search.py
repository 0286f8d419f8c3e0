"""Task 06.repair_beam_search: a search that finds a good sentence and forgets it."""

import heapq
from itertools import pairwise

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task

Hypothesis = tuple[float, list[int]]


def long_way() -> Tensor:
    """A language with a short sentence, 1, and a better long one, 2 3 4 5 6, that a beam must not lose on the way."""
    shares = torch.full((7, 7), 0.01)
    shares[0, 1:3] = torch.tensor([0.5, 0.48])
    shares[0, 3:], shares[0, 0] = 0.004, 0.004
    shares[1] = 0.1 / 6
    shares[1, 0] = 0.9
    shares[2] = torch.tensor([0.1, 0.12, 0.12, 0.3, 0.12, 0.12, 0.12])
    for word in (3, 4, 5, 6):
        shares[word, (word + 1) % 7] = 0.94
    return shares.log()


def search_cases(draw: Draw) -> list[Case]:
    """A small language by hand, then languages by chance; greedy; a limit that cuts all sentences off."""

    def language(size: int, end: float = 0.0) -> Tensor:
        logits = draw.normal(size, size, scale=1.5)
        logits[:, 0] += end
        return logits.log_softmax(-1)

    cut_off = torch.tensor([[0.01, 0.59, 0.4], [0.01, 0.3, 0.69], [0.01, 0.54, 0.45]]).log()
    by_hand = torch.tensor([[0.01, 0.65, 0.34], [0.8, 0.1, 0.1], [0.3, 0.2, 0.5]]).log()
    early = torch.tensor([[0.1, 0.85, 0.05], [0.9, 0.04, 0.06], [0.3, 0.4, 0.3]]).log()
    return [
        Case("three words", by_hand, 0, 2, 5),
        Case("an early end that is not the best one", early, 0, 2, 5),
        Case("a long sentence is the best", long_way(), 0, 2, 8),
        Case("a long sentence is the best, wide beams", long_way(), 0, 7, 8),
        Case("one beam", language(4), 0, 1, 6),
        Case("the limit comes before any end", cut_off, 0, 2, 3),
        *(Case("five words, three beams", language(5, end), 0, 3, 7) for end in (0.5, 0.0, -0.5, -1.0, -1.5)),
        *(Case("six words, another boundary", language(6).roll(-1, 1).roll(-1, 0), 5, 4, 6) for _ in range(3)),
        Case("eight words, wide beams", language(8, -1), 0, 6, 8),
        Case("two beams, one token", language(5, 1), 0, 2, 1),
    ]


def _search(
    log_p, boundary, beam_size, max_length, keep=True, divide=len, rival=False, stop=False, drop=True, cut=True
):
    """A beam search with one thing changed: what the mistakes are made of."""
    table, beams, finished = log_p.tolist(), [(0.0, [])], []
    for _ in range(max_length):
        grown = [
            (score + more, [*tokens, token])
            for score, tokens in beams
            for token, more in enumerate(table[tokens[-1] if tokens else boundary])
        ]
        beams = heapq.nlargest(beam_size, grown)
        ended = [one for one in beams if one[1][-1] == boundary]
        finished = [*finished, *ended] if keep else ended
        beams = [one for one in beams if one[1][-1] != boundary] if drop else beams
        if not beams or (stop and finished):
            break
    candidates = [*finished, *beams] if rival else finished or beams
    best = max(candidates, key=lambda one: one[0] / divide(one[1]))[1]
    return [token for token in best if token != boundary] if cut else best


def beam_search(log_p: Tensor, boundary: int, beam_size: int, max_length: int) -> list[int]:
    """The reference: best finished hypothesis by log p / length, or the best beam where none has finished."""
    return _search(log_p, boundary, beam_size, max_length)


def _by_tensors(log_p, boundary, beam_size, max_length):
    scores, history, finished = torch.zeros(1, dtype=torch.float64), [[]], []
    for _ in range(max_length):
        rows = torch.stack([log_p[past[-1] if past else boundary] for past in history]).double()
        totals = (scores[:, None] + rows).flatten()
        scores, places = totals.topk(min(beam_size, len(totals)))
        history = [history[place // len(log_p)] + [place % len(log_p)] for place in places.tolist()]
        pairs = list(zip(scores.tolist(), history, strict=True))
        finished += [pair for pair in pairs if pair[1][-1] == boundary]
        going = [n for n, past in enumerate(history) if past[-1] != boundary]
        scores, history = scores[going], [history[n] for n in going]
        if not history:
            break
    candidates = finished or list(zip(scores.tolist(), history, strict=True))
    _, tokens = max((score / len(past), past) for score, past in candidates)
    return tokens[:-1] if tokens[-1] == boundary else tokens


def _changed(key: str, hint: str, **changes) -> Mistake:
    return Mistake(key, hint, lambda *args: _search(*args, **changes))


def _score(log_p: Tensor, tokens: list[int], boundary: int) -> float:
    whole = [boundary, *tokens, boundary]
    return sum(log_p[one, two].item() for one, two in pairwise(whole)) / (len(tokens) + 1)


def _not_worse_than_the_end(f, log_p: Tensor, boundary: int, beam_size: int, max_length: int) -> bool:
    """With beams for all words, ending at once is among the finished: what is chosen must not score below it."""
    found = f(log_p, boundary, len(log_p), max_length)
    ended = len(found) < max_length
    return not ended or _score(log_p, found, boundary) >= _score(log_p, [], boundary) - 1e-6


REPAIR_BEAM_SEARCH = Task(
    id="06.repair_beam_search",
    title="Find the bug: a search that forgets",
    kind="bug",
    difficulty=2,
    minutes=15,
    points=3,
    reference=beam_search,
    cases=search_cases,
    mistakes=[
        _changed(
            "as-found",
            "This gives what the faulty function gives. Print `finished` at the end of each turn: what becomes of a "
            "sentence "
            "that ended two turns ago?",
            keep=False,
        ),
        _changed(
            "short-wins",
            "The finished sentences now compete by log p alone, which favours short ones. Divide by the length, as "
            "before.",
            divide=lambda tokens: 1,
        ),
        _changed(
            "unfinished",
            "Beams that have not ended compete with sentences that have. They count only where nothing has ended.",
            rival=True,
        ),
        _changed(
            "first-end",
            "The search stops at the first sentence that ends. A better one may end later.",
            stop=True,
        ),
        _changed(
            "writes-on",
            "Sentences that have ended stay among the beams and are written on. They go to the finished ones, and "
            "leave.",
            drop=False,
        ),
        _changed("keeps-boundary", "The boundary belongs to the score, not to the answer.", cut=False),
    ],
    properties=[
        Property(
            "worse-than-nothing",
            "With as many beams as words, ending at once is among the finished sentences: the answer scores below it.",
            _not_worse_than_the_end,
        )
    ],
    variants=[_by_tensors, lambda *args: _search(*args)],
    hints=(
        "Three sentences may end in three different turns. Which of them are still known when the loop is over?",
        "Print the length of `finished` after each turn. A list that collects something should only ever grow.",
        "before the loop:  nothing has finished\nin each turn:     those that end now are *added* to the finished "
        "ones\n"
        "after the loop:   the best of all of them, by log p / length",
    ),
)
