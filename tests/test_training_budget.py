"""Budgets in minutes: measurements take a small part of them, whatever they cost; other budgets know no clock."""

from types import SimpleNamespace

import pytest
from training_tools import run, tiny_gpt

from minigen.training import TrainConfig
from minigen.training import run as run_module
from minigen.training.budget import Budget


class Clock:
    """Stands still, but for what the steps and the measurements of a run are said to take."""

    def __init__(self, monkeypatch, step: float, measurement: float):
        self.now, self.measuring = 0.0, []
        evaluate, train_step = run_module.evaluate, run_module.Run._train_step

        def measure(*arguments):
            self.now += measurement
            self.measuring.append(self.now)
            return evaluate(*arguments)

        def train(run, progress):
            self.now += step
            return train_step(run, progress)

        monkeypatch.setattr(run_module, "evaluate", measure)
        monkeypatch.setattr(run_module.Run, "_train_step", train)
        for name in ("run", "budget"):
            monkeypatch.setattr(f"minigen.training.{name}.time", SimpleNamespace(perf_counter=lambda: self.now))


@pytest.mark.parametrize("measurement, share", [(0.001, 0.01), (0.2, 0.1), (2.0, 0.18), (6.0, 0.21), (20.0, 0.7)])
def test_measurements_take_a_small_share_of_the_minutes(monkeypatch, measurement, share):
    clock = Clock(monkeypatch, step=0.25, measurement=measurement)
    history = run(tiny_gpt(), steps=None, minutes=1, evaluations=20)
    measured = history.column("val_loss")[0]
    assert len(measured) * measurement <= share * clock.now
    assert measured[0] == 0
    assert measured[-1] == history.steps, "the end is always measured"
    assert clock.now == pytest.approx(60, abs=3)
    # Cheap ones are all made, those that take the whole budget are the first and the last; what is left is spread.
    assert (len(measured) == 21) == (measurement < 1)
    assert (len(measured) == 2) == (measurement > 5)
    if 2 < len(measured) < 21:
        assert any(0.4 < step / history.steps < 0.6 for step in measured)


@pytest.mark.parametrize("budget", [{"steps": 40}, {"steps": None, "epochs": 40 / 21}, {"steps": 40, "minutes": 600}])
def test_where_steps_decide_all_measurements_are_made(monkeypatch, budget):
    Clock(monkeypatch, step=0.1, measurement=100.0)
    history = run(tiny_gpt(), evaluations=20, **budget)
    assert history.column("val_loss")[0] == list(range(0, 41, 2))


def test_the_clock_of_a_resumed_run_goes_on(monkeypatch, tmp_path):
    clock = Clock(monkeypatch, step=0.5, measurement=2.0)
    observed = run(tiny_gpt(), tmp_path, steps=None, minutes=0.5)
    assert observed.stopped == "budget"
    first = clock.now
    history = run(tiny_gpt(), tmp_path, steps=None, minutes=1, resume=True)
    assert history.steps > observed.steps
    assert clock.now == pytest.approx(60, abs=3)
    assert clock.now > first


def test_a_checkpoint_is_written_where_a_measurement_is_left_out(monkeypatch, tmp_path):
    Clock(monkeypatch, step=1.0, measurement=20.0)
    seen = []
    monkeypatch.setattr("minigen.training.store.save_checkpoint", lambda path, *arguments: seen.append(path))
    history = run(tiny_gpt(), tmp_path, steps=None, minutes=1, evaluations=5)
    assert len(history.column("val_loss")[0]) == 2
    assert len(seen) > 2


def test_the_budget_is_told_in_words():
    assert TrainConfig(steps=200).budget == "200 steps"
    assert TrainConfig(epochs=1, minutes=1.5).budget == "1 epoch or 1.5 minutes"


def test_steps_are_those_of_the_budget_that_ends_first():
    assert Budget(TrainConfig(steps=30, epochs=2), steps_per_epoch=20).steps == 30
    assert Budget(TrainConfig(epochs=2, accumulate=3), steps_per_epoch=20).steps == 14
    assert Budget(TrainConfig(minutes=1), steps_per_epoch=20).steps is None
