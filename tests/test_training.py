"""The training loop: budgets, accumulation, clipping, evaluation, history."""

import math
import re
import time
import warnings
from dataclasses import replace

import pytest
import torch
from torch import nn
from training_tools import (
    CONTEXT,
    TINY,
    VOCABULARY,
    Cycle,
    assert_same_weights,
    batches,
    held_out,
    run,
    text,
    tiny_gpt,
    untimed,
    weights,
)

from minigen.training import History, TensorBoard, TrainConfig, TrainingDiverged, evaluate, train
from minigen.training import bar as bar_module
from minigen.training.bar import Bar


def go(model, data=None, measured="default", **changes):
    """`train` with other data than `run` uses."""
    measured = held_out() if measured == "default" else measured
    return train(model, batches() if data is None else data, measured, replace(TINY, **changes), progress=False)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_training_learns_the_rule_of_the_text(optimizer):
    model = tiny_gpt()
    history = run(model, optimizer=optimizer, steps=60)
    assert history.rows[0]["val_loss"] == pytest.approx(math.log(VOCABULARY), abs=1e-5)
    assert history.best_val_loss < 1.2
    assert evaluate(model, held_out()) == pytest.approx(history.best_val_loss, abs=1e-6)


def test_one_seed_is_one_run_and_another_is_another():
    histories = [run(tiny_gpt(dropout=0.1), seed=seed) for seed in (1, 1, 2)]
    assert untimed(histories[0]) == untimed(histories[1])
    assert untimed(histories[0]) != untimed(histories[2])


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_accumulated_batches_equal_one_large_batch(optimizer):
    large = batches(batch_size=8)
    parts = [part for step in range(6) for part in zip(large[step][0].split(2), large[step][1].split(2), strict=True)]
    one, other = tiny_gpt(), tiny_gpt()
    go(one, [large[step] for step in range(6)], steps=6, optimizer=optimizer)
    go(other, parts, steps=6, accumulate=4, optimizer=optimizer)
    for name, weight in weights(one).items():
        torch.testing.assert_close(weights(other)[name], weight, rtol=1e-4, atol=1e-4)


def test_each_target_weighs_the_same_in_ragged_batches():
    inputs, targets = batches(batch_size=4)[0]
    ragged = targets.clone()
    ragged[:3, 1:] = -100  # 3 rows of one target, one row of eight
    one, other = tiny_gpt(), tiny_gpt()
    together = go(one, [(inputs, ragged)], steps=1)
    split = [(inputs[:3], ragged[:3]), (inputs[3:], ragged[3:])]
    apart = go(other, split, steps=1, accumulate=2)
    assert together.tokens == apart.tokens == 3 + CONTEXT
    for name, weight in weights(one).items():
        torch.testing.assert_close(weights(other)[name], weight, rtol=1e-4, atol=1e-5)


class Linear(torch.nn.Module):
    """loss = w * batch: its gradient is the batch."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))

    def loss(self, batch):
        return (self.weight * batch).sum(), torch.tensor(1)


def test_gradients_are_clipped_to_the_norm(monkeypatch):
    norms = []
    step = torch.optim.AdamW.step
    monkeypatch.setattr(
        torch.optim.AdamW,
        "step",
        lambda self, *a: (norms.append(float(self.param_groups[0]["params"][0].grad.norm())), step(self, *a))[1],
    )
    data = [torch.tensor([30.0, 40.0]), torch.tensor([0.03, 0.04])]
    go(Linear(), data, None, steps=2, clip=0.5, optimizer="adamw", schedule="cosine")
    assert norms == pytest.approx([0.5, 0.05], rel=1e-4)


def test_steps_are_counted_and_batches_taken_in_order():
    data = Cycle(batches())
    history = go(tiny_gpt(), data, steps=13, accumulate=2)
    assert data.asked == [0, *range(26)]  # the first is looked at for its fingerprint
    assert (history.steps, history.stopped, history.tokens) == (13, "budget", 26 * 4 * CONTEXT)


@pytest.mark.parametrize("epochs, accumulate, steps", [(1, 1, 20), (2, 1, 40), (0.5, 2, 5), (0.01, 1, 1)])
def test_epochs_are_a_budget(epochs, accumulate, steps, capsys):
    data = Cycle(list(batches())[:20])
    history = train(tiny_gpt(), data, None, TrainConfig(epochs=epochs, accumulate=accumulate))
    assert history.steps == steps
    assert f"{steps}/{steps}" in capsys.readouterr().err


def test_the_first_budget_used_up_ends_the_run():
    assert run(tiny_gpt(), steps=7, epochs=100).steps == 7
    assert run(tiny_gpt(), steps=1000, epochs=0.5).steps == 11


def test_minutes_are_kept_and_the_rate_has_fallen_by_then():
    start = time.perf_counter()
    history = run(tiny_gpt(), steps=None, minutes=1.5 / 60, evaluations=4)
    seconds = time.perf_counter() - start
    rates = history.column("learning_rate")[1]
    assert 1.2 < seconds < 2.5
    assert history.steps > 10
    assert max(rates) == pytest.approx(0.02)
    assert rates[-1] < 0.2 * max(rates)
    assert "val_loss" in history.rows[-1]


def test_the_rate_follows_the_schedule():
    history = run(tiny_gpt(), steps=50, schedule="cosine", warmup=0.0, evaluations=50)
    steps, rates = history.column("learning_rate")
    assert steps == list(range(51))
    for step, rate in zip(steps[1:], rates[1:], strict=True):
        turned = (step - 1) / 50
        assert rate == pytest.approx(0.02 * (0.1 + 0.9 * (1 + math.cos(math.pi * turned)) / 2), rel=1e-6)


def test_a_run_without_improvement_ends_by_patience():
    history = run(tiny_gpt(), steps=200, evaluations=20, patience=2, optimizer="adamw", learning_rate=1e-12)
    measured = history.column("val_loss")[0]
    assert history.stopped == "patience"
    assert history.steps < 200
    assert measured[-1] == history.steps
    assert len(measured) - 1 == measured.index(history.best_step) + 2


def test_the_best_weights_are_given_back():
    model, kept = tiny_gpt(), []
    measured = held_out()

    def observe(row):
        if "val_loss" in row:
            kept.append((row["val_loss"], row["step"], weights(model)))

    config = replace(TINY, steps=200, evaluations=20, optimizer="adamw", learning_rate=0.03, schedule="cosine")
    history = train(model, Cycle([batches()[0]]), measured, config, observers=[observe], progress=False)
    best = min(kept, key=lambda item: item[0])
    assert best[:2] == (history.best_val_loss, history.best_step)
    assert history.best_step < history.steps, "overfitting one batch should have hurt"
    for name, weight in weights(model).items():
        assert torch.equal(weight, best[2][name])


def test_without_a_held_out_split_the_last_weights_stay():
    history = go(tiny_gpt(), measured=None)
    assert all("val_loss" not in row for row in history.rows)
    assert math.isinf(history.best_val_loss)
    one, other = tiny_gpt(), tiny_gpt()
    go(one, measured=None, steps=30)
    go(other, measured=None, steps=30)
    assert_same_weights(one, other)
    assert not torch.equal(one.head.weight, torch.zeros_like(one.head.weight))


def test_evaluation_is_the_mean_over_all_targets():
    model, tokens = tiny_gpt(dropout=0.5), text(150, seed=4)
    run(model)
    model.train()
    measured = evaluate(model, held_out())
    assert model.training, "evaluation leaves the model as it was"
    model.eval()
    nats = 0.0
    for start in range(0, len(tokens) - 1, CONTEXT):
        window = tokens[start : start + CONTEXT + 1]
        nats += float(model.loss((window[None, :-1], window[None, 1:]))[0].detach())
    assert measured == pytest.approx(nats / (len(tokens) - 1), rel=1e-5)
    evaluate(model, held_out())
    assert not model.training


def test_evaluating_nothing_is_refused():
    with pytest.raises(ValueError, match="nothing to evaluate"):
        evaluate(tiny_gpt(), [])


def test_observers_get_each_row_and_progress_off_is_silent(capfd):
    rows = []
    history = train(tiny_gpt(), batches(), held_out(), TINY, observers=[rows.append], progress=False)
    assert rows == history.rows
    assert [row["step"] for row in rows] == [0, 8, 10, 16, 20, 24]
    assert [row["step"] for row in rows if "val_loss" in row] == [0, 8, 16, 24]
    assert capfd.readouterr() == ("", "")


def test_a_progress_bar_shows_the_loss(capfd):
    train(tiny_gpt(), batches(), held_out(), TINY)
    shown = capfd.readouterr().err
    assert "24/24" in shown
    assert "best held out" in shown


def test_a_progress_bar_of_minutes_shows_the_time_there_is(capfd):
    train(tiny_gpt(), batches(), held_out(), replace(TINY, steps=None, minutes=0.5 / 60))
    with Bar(None, 1.5, 0, visible=True) as bar:
        bar.show(1312, 27, 1.8721, math.inf)
        bar.shown = -math.inf
        bar.show(1400, 100, 1.8721, 1.9)
    shown = capfd.readouterr().err
    assert re.search(r"100%\|.*\| 0:0[01] of 0:00, [\d,]+ steps, loss \d", shown)
    assert " 30%" in shown
    assert "| 0:27 of 1:30, 1,312 steps, loss 1.872\r" in shown
    assert "100%" in shown
    assert "| 1:40 of 1:30, 1,400 steps, loss 1.872, best held out 1.900" in shown
    assert "s/s" not in shown


def test_a_progress_bar_moves_with_each_slow_step(capfd, monkeypatch):
    monkeypatch.setattr(bar_module, "SLOWEST", 0)
    monkeypatch.setattr(bar_module, "QUICKEST", 0)
    train(tiny_gpt(), batches(), None, replace(TINY, steps=7))
    shown = capfd.readouterr().err
    assert all(f"{step}/7" in shown for step in range(8))
    assert "nan" not in shown


def test_a_curve_for_tensorboard_has_the_time_of_the_day(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tensorboard's own
        observer = TensorBoard(tmp_path)
    events = []
    monkeypatch.setattr(observer.writer.file_writer.event_writer, "add_event", events.append)
    observer({"step": 10, "seconds": 1.5, "train_loss": 3.0})
    assert [(event.step, event.summary.value[0].tag) for event in events] == [(10, "train_loss")]
    assert events[0].wall_time > 1e9


def test_a_history_survives_the_round_trip(tmp_path):
    history = run(tiny_gpt(), tmp_path)
    read = History.read(tmp_path / "history.jsonl")
    assert read.rows == history.rows
    assert (read.best_val_loss, read.best_step) == (history.best_val_loss, history.best_step)
    assert read.seconds_to(10.0) == 0
    assert read.seconds_to(read.best_val_loss) == read.rows[-1]["seconds"] > 0
    assert read.seconds_to(0.0) is None
    assert history.tokens_per_second == pytest.approx(24 * 4 * CONTEXT / history.seconds)


class Watched(nn.Module):
    """A model that notes how far the run is each time that it is told."""

    def __init__(self):
        super().__init__()
        self.weight, self.told = nn.Parameter(torch.ones(1)), []

    def set_progress(self, progress: float) -> None:
        self.told.append(progress)

    def loss(self, batch: tuple) -> tuple:
        return self.weight.square().sum(), torch.tensor(1)


def test_the_held_out_loss_of_such_a_model_may_rise_on_the_way_but_not_end():
    model = Watched()
    rising, config = iter([1.0, 50.0, 0.5, math.nan]), replace(TINY, steps=2, evaluations=2)
    model.loss = lambda batch: (model.weight.sum() * 0 + (1 if model.training else next(rising)), torch.tensor(1))
    history = train(model, batches(), [torch.zeros(1)], config, progress=False)
    assert history.best_val_loss == 0.5
    with pytest.raises(TrainingDiverged, match="the loss is nan"):
        train(model, batches(), [torch.zeros(1)], config, progress=False)


def test_a_model_whose_loss_changes_is_told_before_each_step_how_far_the_run_is():
    model = Watched()
    run(model, steps=4, evaluations=1)
    assert model.told == [0, 0.25, 0.5, 0.75]
