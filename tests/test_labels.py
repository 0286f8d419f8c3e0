"""Batches of texts with labels: whole, within their budget, reproducible."""

import pytest
import torch

from minigen.data.labels import LabelBatches, pad_texts

END = 99


def texts(number: int = 200) -> list[torch.Tensor]:
    """Texts of 0 to 19 tokens, each the number of the text."""
    lengths = torch.randint(20, (number,), generator=torch.Generator().manual_seed(0)).tolist()
    return [torch.full((n,), row) for row, n in enumerate(lengths)]


def make(tokens_per_batch: int = 120, seed: int = 0) -> LabelBatches:
    """Labels and weights that tell which text they are of."""
    rows = torch.arange(200)
    return LabelBatches(texts(), rows, END, tokens_per_batch, rows / 10, seed)


def test_a_text_begins_with_the_boundary_and_ends_with_hidden_padding():
    tokens, mask = pad_texts([torch.tensor([1, 2]), torch.tensor([], dtype=torch.long)], END)
    assert tokens.tolist() == [[END, 1, 2], [END, END, END]]
    assert mask.tolist() == [[[[True, True, True]]], [[[True, False, False]]]]


def test_each_epoch_holds_each_text_once_in_another_order_with_its_own_label_and_weight():
    batches = make()
    epochs = [[batches[epoch * len(batches) + i] for i in range(len(batches))] for epoch in range(2)]
    orders = [torch.cat([labels for _, _, labels, _ in epoch]).tolist() for epoch in epochs]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(200))
    assert orders[0] != orders[1]
    for tokens, mask, labels, weights in epochs[1]:
        assert torch.equal(weights, labels / 10)
        for row, label in enumerate(labels.tolist()):
            assert tokens[row, mask[row, 0, 0]].tolist() == [END, *texts()[label].tolist()]


def test_no_batch_exceeds_its_tokens_and_little_is_padding():
    batches = list(make(400))
    assert max(tokens.numel() for tokens, *_ in batches) <= 400
    real = sum(int(mask.sum()) for _, mask, *_ in batches)
    assert real / sum(tokens.numel() for tokens, *_ in batches) > 0.85


def test_batches_are_a_function_of_seed_and_step():
    one, same, other = make(seed=1), make(seed=1), make(seed=2)
    for step in (0, 57, 3):
        assert all(torch.equal(a, b) for a, b in zip(one[step], same[step], strict=True))
    assert not torch.equal(one[0][2], other[0][2])


def test_without_weights_each_text_counts_one():
    _, _, labels, weights = LabelBatches(texts(), torch.zeros(200, dtype=torch.long), END, 120)[0]
    assert torch.equal(weights, torch.ones(len(labels)))


def test_what_cannot_be_a_batch_is_refused():
    with pytest.raises(ValueError, match="no texts"):
        LabelBatches([], torch.tensor([]), END, 100)
    with pytest.raises(ValueError, match="a text of 4 tokens does not fit into batches of 3"):
        LabelBatches([torch.ones(3)], torch.tensor([0]), END, 3)
    with pytest.raises(IndexError, match="from 0"):
        make()[-1]
