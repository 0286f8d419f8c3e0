"""Beam search against brute force, and that it always ends."""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from minigen.beam_search import BeamConfig, beam_search

V, END = 4, 3


def language(seed: int, sharpness: float = 2.0) -> Callable[[tuple[int, ...]], Tensor]:
    """A made-up model: logits (V,) that depend on the whole sentence so far, reproducibly."""

    def logits(prefix: tuple[int, ...]) -> Tensor:
        generator = torch.Generator().manual_seed(hash((seed, *prefix)) % 2**63)
        return sharpness * torch.randn(V, generator=generator)

    return logits


def stepper(languages: list) -> Callable[[Tensor, Tensor | None], Tensor]:
    """The step function of one language for each sentence; it follows the rows as a cache has to."""
    prefixes: list[tuple[int, tuple[int, ...]]] = [(sentence, ()) for sentence in range(len(languages))]

    def step(tokens: Tensor, rows: Tensor | None = None) -> Tensor:
        nonlocal prefixes
        if rows is None:
            assert (tokens == END).all(), "the boundary opens each sentence"
        else:
            prefixes = [
                (prefixes[row][0], (*prefixes[row][1], token))
                for row, token in zip(rows.tolist(), tokens.tolist(), strict=True)
            ]
        return torch.stack([languages[sentence](prefix) for sentence, prefix in prefixes])

    return step


def brute_force(logits: Callable, max_length: int, length_penalty: float) -> list[tuple[float, list[int]]]:
    """All sentences of up to max_length tokens, the end included, by score."""
    found = []
    for length in range(1, max_length + 1):
        for tokens in itertools.product(range(V - 1), repeat=length - 1):
            sentence = (*tokens, END)
            log_p = sum(logits(sentence[:i]).log_softmax(0)[sentence[i]].item() for i in range(length))
            found.append((log_p / length**length_penalty, list(tokens)))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0])
def test_a_beam_as_wide_as_the_language_finds_what_brute_force_finds(length_penalty):
    languages, max_lengths = [language(seed) for seed in range(6)], [1, 2, 3, 4, 5, 5]
    config = BeamConfig(beam_size=200, length_penalty=length_penalty, num_best=5)
    found = beam_search(stepper(languages), torch.tensor(max_lengths), END, config)
    for hypotheses, logits, max_length in zip(found, languages, max_lengths, strict=True):
        expected = brute_force(logits, max_length, length_penalty)[:5]
        assert [h.tokens for h in hypotheses] == [tokens for _, tokens in expected]
        assert [h.score for h in hypotheses] == pytest.approx([score for score, _ in expected], abs=1e-5)


def test_a_beam_of_one_is_greedy():
    for seed in range(20):
        logits, expected = language(seed), []
        while len(expected) < 6 and (token := logits(tuple(expected)).argmax().item()) != END:
            expected.append(token)
        if len(expected) == 6:
            expected.pop()  # the seventh place is not there: at the sixth only the end may stand
        ((hypothesis,),) = beam_search(stepper([logits]), torch.tensor([6]), END, BeamConfig(beam_size=1))
        assert hypothesis.tokens == expected


def test_wider_beams_find_better_sentences_and_never_worse_ones():
    languages, max_lengths = [language(seed, 1.0) for seed in range(30)], torch.full((30,), 7)
    totals = []
    for beam_size in (1, 2, 4, 64):
        config = BeamConfig(beam_size, length_penalty=0.0)
        totals.append(sum(found[0].score for found in beam_search(stepper(languages), max_lengths, END, config)))
    assert totals == sorted(totals)
    assert totals[-1] > totals[0] + 1


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0])
def test_unlikely_sentences_that_end_early_do_not_stop_the_search_before_a_sure_one_is_written(length_penalty):
    sure = (0, 1, 2, 0, 1, 2, END)

    def logits(prefix: tuple[int, ...]) -> Tensor:
        follows = sure[len(prefix)] if prefix == sure[: len(prefix)] else END
        return 10.0 * torch.nn.functional.one_hot(torch.tensor(follows), V)

    ((found,),) = beam_search(stepper([logits]), torch.tensor([10]), END, BeamConfig(3, length_penalty))
    assert found.tokens == list(sure[:-1])


def test_a_batch_gives_what_each_sentence_gives_alone():
    languages, max_lengths = [language(seed) for seed in range(8)], torch.tensor([3, 9, 1, 7, 5, 2, 8, 4])
    config = BeamConfig(beam_size=3, num_best=3)
    together = beam_search(stepper(languages), max_lengths, END, config)
    for sentence, logits in enumerate(languages):
        (alone,) = beam_search(stepper([logits]), max_lengths[sentence : sentence + 1], END, config)
        assert [h.tokens for h in together[sentence]] == [h.tokens for h in alone]


def test_a_model_that_never_wants_to_end_is_ended():
    def endless(tokens: Tensor, rows: Tensor | None = None) -> Tensor:
        return torch.tensor([0.0, 1.0, 0.5, -1e9]).expand(len(tokens), V)

    found = beam_search(endless, torch.tensor([5, 12]), END, BeamConfig(beam_size=2))
    assert [len(hypotheses[0].tokens) for hypotheses in found] == [4, 11]


def test_no_sentences_give_no_hypotheses():
    assert beam_search(stepper([]), torch.tensor([], dtype=torch.long), END) == []


@pytest.mark.parametrize(
    "values, message",
    [
        ({"beam_size": 0}, "beam_size must be at least 1"),
        ({"beam_size": 2, "num_best": 3}, "num_best must lie in 1..beam_size"),
        ({"length_penalty": -0.1}, "length_penalty must be 0 or above"),
    ],
)
def test_wrong_numbers_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        BeamConfig(**values)
