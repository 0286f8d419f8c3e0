"""Several batches at once give the gradients that one after another gives, whoever is ready first."""

import threading
import time

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from training_tools import TINY, assert_same_weights, batches, interrupted, run, tiny_gpt, untimed, weights

from minigen.layers import Dropout
from minigen.layers.dropout import drawing_from
from minigen.training.gradients import Gradients

SIDE_BY_SIDE = {"accumulate": 4, "workers": 4}


@pytest.fixture(autouse=True)
def several_threads():
    """As on a machine of four cores, whatever this one has."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def gradients(model: nn.Module, workers: int, count: int = 4) -> tuple[list[torch.Tensor], float, int]:
    """Of the first batches of the tiny text, added up; the loss and the number of targets."""
    data = batches()
    total, targets = Gradients(model, model.loss, torch.float32, workers).add(data[step] for step in range(count))
    return [parameter.grad for parameter in model.parameters()], float(total), int(targets)


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_workers_change_nothing_but_the_order_of_work(workers):
    expected, total, count = gradients(tiny_gpt(), 1)
    found, found_total, found_count = gradients(tiny_gpt(), workers)
    assert (found_total, found_count) == (pytest.approx(total, rel=1e-6), count)
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_second_step_adds_to_nothing_that_the_first_gave():
    model = tiny_gpt()
    first = gradients(model, 2)[0]
    kept = [gradient.clone() for gradient in first]
    gradients(model, 2)
    for gradient, before in zip(first, kept, strict=True):
        assert_close(gradient, 2 * before)


@pytest.mark.parametrize("late", range(4))
def test_who_is_late_changes_no_bit(late):
    """One of the batches takes longer than all others; sums are made in the order of the batches all the same."""
    model, data = tiny_gpt(dropout=0.2).train(), batches()

    def grads(late: int | None) -> list[torch.Tensor]:
        def loss(batch):
            if late is not None and torch.equal(batch[0], data[late][0]):
                time.sleep(0.05)
            return model.loss(batch)

        torch.manual_seed(5)
        model.zero_grad()
        Gradients(model, loss, torch.float32, 4).add(data[step] for step in range(4))
        return [parameter.grad.clone() for parameter in model.parameters()]

    for one, other in zip(grads(late), grads(None), strict=True):
        assert torch.equal(one, other)


def test_each_batch_has_masks_of_its_own():
    dropout, drawn = Dropout(0.5), []
    weight = nn.Linear(1, 1)

    def loss(batch):
        drawn.append(dropout(torch.ones(256)))
        return weight(torch.ones(1)).sum(), torch.tensor(1)

    Gradients(weight, loss, torch.float32, 2).add(range(6))
    assert len({tuple(mask.tolist()) for mask in drawn}) == 6


def test_threads_share_the_cores_and_leave_the_others_alone():
    seen, weight = [], nn.Linear(1, 1)

    def loss(batch):
        seen.append((threading.current_thread().name, torch.get_num_threads()))
        return weight(torch.ones(1)).sum(), torch.tensor(1)

    Gradients(weight, loss, torch.float32, 2).add(range(2))
    assert {number for _, number in seen} == {2}
    assert threading.current_thread().name not in {name for name, _ in seen}
    assert torch.get_num_threads() == 4
    later = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [4]


def test_what_has_no_gradient_still_has_none():
    model = tiny_gpt()
    model.unused = nn.Linear(2, 2)
    model.embedding.weight.requires_grad_(False)
    gradients(model, 2)
    assert model.embedding.weight.grad is None
    assert model.unused.weight.grad is None
    assert model.head.weight.grad is not None


def test_two_parameters_with_one_gradient_do_not_share_it():
    model = nn.Module()
    model.a, model.b = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(3))
    Gradients(model, lambda batch: ((model.a + model.b).sum(), torch.tensor(1)), torch.float32, 2).add(range(3))
    assert_close(model.a.grad, torch.full((3,), 3.0))
    assert_close(model.b.grad, torch.full((3,), 3.0))


def test_an_error_in_a_thread_is_the_callers():
    def loss(batch):
        raise ValueError("no such batch")

    model = tiny_gpt()
    with pytest.raises(ValueError, match="no such batch"):
        Gradients(model, loss, torch.float32, 2).add(range(4))


def test_a_model_that_draws_torchs_own_random_numbers_is_refused():
    """Which batch gets which of them would depend on the clock."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))

    def loss(batch):
        return model(torch.ones(4)).sum(), torch.tensor(1)

    with pytest.raises(ValueError, match=r"train it with workers=1"):
        Gradients(model, loss, torch.float32, 2).add(range(4))
    model.eval()  # draws nothing
    Gradients(model, loss, torch.float32, 2).add(range(4))


def test_a_generator_of_ones_own_is_for_this_thread_and_this_block():
    dropout, x = Dropout(0.5), torch.ones(64)
    torch.manual_seed(0)
    expected = dropout(x)
    torch.manual_seed(0)
    with drawing_from(torch.Generator().manual_seed(1)):
        first = dropout(x)
    with drawing_from(torch.Generator().manual_seed(1)):
        assert torch.equal(dropout(x), first)
    assert torch.equal(dropout(x), expected)  # torch's own was left alone
    assert not torch.equal(first, expected)


def test_a_run_with_workers_is_reproducible_and_learns_the_same():
    one, other, alone = tiny_gpt(dropout=0.1), tiny_gpt(dropout=0.1), tiny_gpt(dropout=0.1)
    first, second = (untimed(run(model, **SIDE_BY_SIDE)) for model in (one, other))
    assert first == second
    assert_same_weights(one, other)
    by_itself = untimed(run(alone, accumulate=4))
    assert first != by_itself  # other masks
    assert first[-1]["val_loss"] == pytest.approx(by_itself[-1]["val_loss"], rel=0.1)


@pytest.mark.parametrize("step", [3, 15])
def test_a_resumed_run_with_workers_equals_one_that_never_stopped(tmp_path, step):
    whole, resumed = tiny_gpt(dropout=0.1), tiny_gpt(seed=9, dropout=0.1)
    expected = run(whole, **SIDE_BY_SIDE)
    assert interrupted(tmp_path, step, **SIDE_BY_SIDE).stopped == "interrupted"
    assert untimed(run(resumed, tmp_path, resume=True, **SIDE_BY_SIDE)) == untimed(expected)
    assert_same_weights(resumed, whole)


def test_without_dropout_workers_leave_the_weights_as_they_are():
    one, other = tiny_gpt(), tiny_gpt()
    run(one, accumulate=2, workers=2, steps=5, optimizer="adamw")
    run(other, accumulate=2, steps=5, optimizer="adamw")
    for name, value in weights(one).items():
        assert_close(value, weights(other)[name], rtol=1e-3, atol=1e-4)
    assert TINY.workers == 1
