"""Batches of pairs: whole, within their budget, reproducible, with little padding."""

import pytest
import torch

from minigen.data.pairs import IGNORED, PairBatches, held_out_pairs, pad_sources, pair_batch

END = 99


def sequences(number: int = 200, seed: int = 0) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Sources and targets of many lengths; the first token of both is the number of the pair."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 20, (number, 2), generator=generator).tolist()
    sides = zip(*([torch.full((n,), pair) for n in both] for pair, both in enumerate(lengths)), strict=True)
    sources, targets = map(list, sides)
    return sources, targets


def pairs_of(batches: list) -> list[tuple[int, int]]:
    """(source's number, target's number) of each row."""
    return [
        (int(row[0]), int(out[0]))
        for source, _, _, outputs in batches
        for row, out in zip(source, outputs, strict=True)
    ]


def test_a_batch_is_laid_out_as_the_model_reads_it():
    source, mask, inputs, targets = pair_batch(
        [torch.tensor([1, 2]), torch.tensor([3])], [torch.tensor([4]), torch.tensor([5, 6, 7])], END
    )
    assert source.tolist() == [[1, 2, END], [3, END, END]]
    assert mask.tolist() == [[[[True, True, True]]], [[[True, True, False]]]]
    assert inputs.tolist() == [[END, 4, END, END], [END, 5, 6, 7]]
    assert targets.tolist() == [[4, END, IGNORED, IGNORED], [5, 6, 7, END]]
    alone, alone_mask = pad_sources([torch.tensor([3])], END)
    assert alone.tolist() == [[3, END]]
    assert alone_mask.all()


def test_each_epoch_holds_each_pair_once_and_in_another_order():
    batches = PairBatches(*sequences(), END, tokens_per_batch=120)
    first, second = (pairs_of([batches[epoch * len(batches) + i] for i in range(len(batches))]) for epoch in range(2))
    assert sorted(first) == sorted(second) == [(n, n) for n in range(200)]
    assert first != second


def test_no_batch_exceeds_its_tokens_and_little_is_padding():
    sources, targets = sequences(2000)
    batches = list(PairBatches(sources, targets, END, tokens_per_batch=400))
    sizes = [source.numel() + inputs.numel() for source, _, inputs, _ in batches]
    assert max(sizes) <= 400
    real = sum(len(s) + len(t) + 2 for s, t in zip(sources, targets, strict=True))
    assert real / sum(sizes) > 0.85
    assert real / (400 * len(batches)) > 0.75


def test_batches_are_a_function_of_seed_and_step():
    one, same, other = (PairBatches(*sequences(), END, 120, seed) for seed in (1, 1, 2))
    for step in (0, 57, 3):
        assert all(torch.equal(a, b) for a, b in zip(one[step], same[step], strict=True))
    assert pairs_of([one[0]]) != pairs_of([other[0]])


def test_held_out_batches_hold_each_pair_once():
    assert sorted(pairs_of(held_out_pairs(*sequences(), END, 120))) == [(n, n) for n in range(200)]


def test_what_cannot_be_a_batch_is_refused():
    with pytest.raises(ValueError, match="no pairs"):
        PairBatches([], [], END, 100)
    with pytest.raises(ValueError, match="a pair of 9 tokens does not fit into batches of 8"):
        PairBatches([torch.ones(3)], [torch.ones(4)], END, 8)
    with pytest.raises(IndexError, match="from 0"):
        PairBatches(*sequences(), END, 120)[-1]
