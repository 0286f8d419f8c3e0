"""Batches: a function of seed and step, each window once an epoch, each held-out token once."""

import os
import subprocess
import sys

import pytest
import torch

from minigen.data.batches import WindowBatches, held_out_windows

TOKENS = torch.arange(103)  # each token is its own position


def starts(batches: WindowBatches, epoch: int) -> list[int]:
    """Where the windows of an epoch begin, in the order in which they are read."""
    steps = range(epoch * len(batches), (epoch + 1) * len(batches))
    return [int(row[0]) for step in steps for row in batches[step][0]]


def test_targets_are_the_inputs_moved_on_by_one():
    inputs, targets = WindowBatches(TOKENS, 10, 4)[0]
    assert inputs.shape == targets.shape == (4, 10)
    assert torch.equal(targets, inputs + 1)
    assert torch.equal(inputs, inputs[:, :1] + torch.arange(10))


def test_an_epoch_reads_each_window_once():
    batches = WindowBatches(TOKENS, 10, 3)
    assert batches.num_windows == 9
    assert len(batches) == 3
    for epoch in range(5):
        ordered = sorted(starts(batches, epoch))
        assert [start - ordered[0] for start in ordered] == list(range(0, 90, 10))


def test_epochs_differ_in_order_and_offset():
    batches = WindowBatches(TOKENS, 10, 3)
    epochs = [starts(batches, epoch) for epoch in range(30)]
    assert len({tuple(epoch) for epoch in epochs}) == 30
    assert {min(epoch) for epoch in epochs} == set(range(11))  # offsets 0..10; a window may use the last token too
    orders = [[start - min(epoch) for start in epoch] for epoch in epochs]
    assert orders[0] != orders[1]


def test_the_seed_decides_all():
    assert starts(WindowBatches(TOKENS, 10, 3, seed=1), 0) == starts(WindowBatches(TOKENS, 10, 3, seed=1), 0)
    seeds = [tuple(starts(WindowBatches(TOKENS, 10, 3, seed=seed), 0)) for seed in (-2, -1, 0, 1, 2)]
    assert len(set(seeds)) == 5
    next_epoch = starts(WindowBatches(TOKENS, 10, 3, seed=0), 1)
    assert next_epoch != list(seeds[3]), "a seed is no shift of the epochs of another"


def test_random_access_equals_sequential():
    one, other = WindowBatches(TOKENS, 10, 2), WindowBatches(TOKENS, 10, 2)
    in_order = [one[step] for step in range(12)]
    for step in (11, 0, 5, 4, 9, 3):
        assert torch.equal(other[step][0], in_order[step][0])


def test_batches_use_no_global_randomness():
    state = torch.get_rng_state()
    WindowBatches(TOKENS, 10, 2)[7]
    assert torch.equal(torch.get_rng_state(), state)


def test_another_process_sees_the_same_batches():
    code = "import torch\nfrom minigen.data.batches import WindowBatches as W\n"
    code += "print(W(torch.arange(103), 10, 3, 5)[7][0].tolist())"
    results = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert results == {str(WindowBatches(TOKENS, 10, 3, 5)[7][0].tolist())}


def test_a_loop_over_batches_is_one_epoch():
    batches = WindowBatches(TOKENS, 10, 3)
    read = [int(row[0]) for inputs, _ in batches for row in inputs]
    assert read == starts(batches, 0)


def test_a_negative_step_is_refused():
    with pytest.raises(IndexError, match="-1"):
        WindowBatches(TOKENS, 10, 3)[-1]


def test_a_text_shorter_than_the_context_is_refused():
    with pytest.raises(ValueError, match=r"10 tokens.*context of 10 needs at least 11"):
        WindowBatches(TOKENS[:10], 10, 3)
    inputs, targets = WindowBatches(TOKENS[:11], 10, 3)[0]
    assert inputs.tolist() == [list(range(10))]
    assert targets.tolist() == [list(range(1, 11))]


@pytest.mark.parametrize("context_length, batch_size", [(0, 3), (10, 0)])
def test_sizes_below_one_are_refused(context_length, batch_size):
    with pytest.raises(ValueError, match=rf"{context_length} and batch_size {batch_size}"):
        WindowBatches(TOKENS, context_length, batch_size)


def test_a_batch_larger_than_the_data_takes_all_of_it():
    batches = WindowBatches(TOKENS, 10, 1000)
    assert len(batches) == 1
    assert batches[0][0].shape == (9, 10)


@pytest.mark.parametrize("length", [11, 12, 20, 21, 22, 30, 31, 32])
def test_no_offset_runs_over_the_end_of_the_text(length):
    batches = WindowBatches(torch.arange(length), 10, 1)
    read = [batches[step] for step in range(150)]
    assert min(int(inputs.min()) for inputs, _ in read) == 0
    assert max(int(targets.max()) for _, targets in read) == min(length - 1, 10 * batches.num_windows + 10)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_small_integer_types_give_the_same_batches(dtype):
    inputs, targets = WindowBatches(TOKENS.to(dtype), 10, 3)[4]
    expected = WindowBatches(TOKENS, 10, 3)[4]
    assert inputs.dtype == targets.dtype == torch.int64
    assert torch.equal(inputs, expected[0])
    assert held_out_windows(TOKENS.to(dtype), 10, 3)[-1][1].min() == -100


@pytest.mark.parametrize("length", [2, 10, 11, 12, 103])
def test_each_held_out_token_but_the_first_is_a_target_once(length):
    windows = held_out_windows(TOKENS[:length], 10, 3)
    inputs = torch.cat([batch[0] for batch in windows]).flatten()
    targets = torch.cat([batch[1] for batch in windows]).flatten()
    counted = targets != -100
    assert targets[counted].tolist() == list(range(1, length))
    assert inputs[counted].tolist() == list(range(length - 1))
    assert all(len(batch[0]) <= 3 for batch in windows)


def test_a_held_out_text_of_one_token_is_refused():
    with pytest.raises(ValueError, match="at least 2 tokens, got 1"):
        held_out_windows(TOKENS[:1], 10, 3)
