"""A resumed run is one that never stopped."""

import signal
import sys
import warnings
from dataclasses import replace

import pytest
import torch
from training_tools import (
    TINY,
    Cycle,
    StopAfter,
    assert_same_weights,
    batches,
    ctrl_c,
    held_out,
    interrupted,
    run,
    start_python,
    text,
    tiny_gpt,
    untimed,
    weights,
)

from minigen.training import History, evaluate, store, train
from minigen.training.checkpoints import load_model, read_state


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize("step", [0, 4, 9, 15, 22])
def test_a_resumed_run_equals_one_that_never_stopped(tmp_path, optimizer, step):
    changes = {"optimizer": optimizer, "accumulate": 2, "weight_decay": 0.1}
    whole, resumed = tiny_gpt(dropout=0.1), tiny_gpt(seed=9, dropout=0.1)
    expected = run(whole, tmp_path / "whole", **changes)
    first = interrupted(tmp_path / "part", step, **changes)
    assert first.stopped == "interrupted"
    history = run(resumed, tmp_path / "part", resume=True, **changes)
    assert untimed(history) == untimed(expected)
    assert (history.stopped, history.tokens) == ("budget", expected.tokens)
    assert (history.best_val_loss, history.best_step) == (expected.best_val_loss, expected.best_step)
    assert_same_weights(resumed, whole)
    ours, theirs = History.read(tmp_path / "part/history.jsonl"), History.read(tmp_path / "whole/history.jsonl")
    assert untimed(ours) == untimed(theirs)


def test_a_run_may_be_stopped_many_times(tmp_path):
    whole = tiny_gpt(dropout=0.1)
    expected = run(whole, steps=14)
    interrupted(tmp_path, 2, steps=14)
    for step in (5, 6, 11):
        model = tiny_gpt(seed=step, dropout=0.1)
        data = StopAfter(batches(), step, ctrl_c)
        train(model, data, held_out(), replace(TINY, steps=14), tmp_path, resume=True, progress=False)
    model = tiny_gpt(seed=8, dropout=0.1)
    assert untimed(run(model, tmp_path, steps=14, resume=True)) == untimed(expected)
    assert_same_weights(model, whole)


def test_patience_and_the_best_weights_survive_a_stop(tmp_path):
    config = replace(TINY, steps=200, evaluations=20, patience=3, optimizer="adamw", learning_rate=0.03)
    data = Cycle([batches()[0]])  # one batch, to overfit
    whole, resumed = tiny_gpt(), tiny_gpt(seed=5)
    expected = train(whole, data, held_out(), config, progress=False)
    assert expected.stopped == "patience"
    stop = StopAfter(data, expected.best_step + 15, ctrl_c)  # after the best, after one measurement without a new best
    train(tiny_gpt(), stop, held_out(), config, tmp_path, progress=False)
    history = train(resumed, data, held_out(), config, tmp_path, resume=True, progress=False)
    assert untimed(history) == untimed(expected)
    assert history.stopped == "patience"
    assert_same_weights(resumed, whole)
    with pytest.warns(UserWarning, match=r"finished: its patience of 3 evaluations was used up.*a larger one"):
        train(tiny_gpt(), data, held_out(), config, tmp_path, resume=True, progress=False)


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    whole, again = tiny_gpt(), tiny_gpt(seed=5)
    expected = run(whole, tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    with pytest.warns(UserWarning, match=r"finished: its budget of 24 steps was used up at step 24\..*a larger one"):
        assert untimed(run(again, tmp_path, resume=True)) == untimed(expected)
    assert_same_weights(again, whole)
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_a_finished_run_can_be_given_more_steps_and_is_still_measured(tmp_path):
    run(tiny_gpt(), tmp_path)
    history = run(tiny_gpt(), tmp_path, steps=48, evaluations=6, resume=True)
    assert history.steps == 48
    assert [step for step in history.column("val_loss")[0] if step > 24] == [32, 40, 48]


def test_without_a_held_out_split_a_resumed_run_keeps_its_last_weights(tmp_path):
    def go(model, out, data, resume=False):
        return train(model, data, None, TINY, out, resume=resume, progress=False)

    whole, resumed = tiny_gpt(), tiny_gpt(seed=9)
    go(whole, None, batches())
    go(tiny_gpt(), tmp_path, StopAfter(batches(), 13, ctrl_c))
    go(resumed, tmp_path, batches(), resume=True)
    assert_same_weights(resumed, whole)
    load_model(tiny := tiny_gpt(seed=3), tmp_path / "model.safetensors")
    assert_same_weights(tiny, whole)


class PowerCut(BaseException):
    """Ends a process as a cut of the power would: nothing that could be done after it is done."""


@pytest.fixture
def cut_power(monkeypatch):
    """cut_power(name, number) lets a run end while one of its files is written for that many times."""

    def cut(name: str, number: int) -> None:
        write, written = getattr(store, name), []

        def write_until_the_cut(*arguments):
            if arguments[-1] != b"":  # .writable is only tried
                written.append(name)
                if len(written) == number:
                    raise PowerCut
            write(*arguments)

        monkeypatch.setattr(store, name, write_until_the_cut)

    return cut


FILES = ["save_checkpoint", "save_model", "write_atomically"]  # of last, model, history


@pytest.mark.parametrize("name, number", [(name, number) for name in FILES for number in (1, 2, 3)][1:])
@pytest.mark.parametrize("recipe", [{}, {"optimizer": "adamw", "learning_rate": 0.03}], ids=["learns", "overfits"])
def test_a_power_cut_between_two_files_of_a_save_costs_nothing(tmp_path, cut_power, name, number, recipe):
    data, whole, cut, resumed = Cycle([batches()[0]]), tiny_gpt(), tiny_gpt(), tiny_gpt(seed=5)
    config = replace(TINY, **recipe)
    expected = train(whole, data, held_out(), config, progress=False)
    cut_power(name, number)
    with pytest.raises(PowerCut):
        train(cut, data, held_out(), config, tmp_path, progress=False)
    state = read_state(tmp_path / "last.safetensors")
    assert state["step"] in (8, 16, 24)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this budget is used up
        at_the_cut = replace(config, steps=state["step"])
        history = train(resumed, data, held_out(), at_the_cut, tmp_path, resume=True, progress=False)
    load_model(best := tiny_gpt(seed=6), tmp_path / "model.safetensors")
    assert evaluate(best, held_out()) == pytest.approx(history.best_val_loss, abs=1e-6)
    history = train(resumed, data, held_out(), config, tmp_path, resume=True, progress=False)
    assert untimed(history) == untimed(expected)
    assert_same_weights(resumed, whole)


def test_what_a_killed_session_had_half_written_is_removed(tmp_path):
    interrupted(tmp_path, 5)
    (tmp_path / ".last.safetensors.0a1b2c3d.tmp").write_bytes(b"half")
    (tmp_path / "mine.tmp").write_bytes(b"mine")
    run(tiny_gpt(dropout=0.1), tmp_path, resume=True)
    names = {"history.jsonl", "last.safetensors", "mine.tmp", "model.safetensors"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_the_measured_precision_of_the_first_session_holds(tmp_path, monkeypatch):
    from minigen import device

    whole, resumed = tiny_gpt(dropout=0.1), tiny_gpt(seed=9, dropout=0.1)
    monkeypatch.setattr(device, "bf16_speedup", lambda: 2.0)
    run(whole, tmp_path / "whole", precision="auto")
    interrupted(tmp_path / "part", 13, precision="auto")
    monkeypatch.setattr(device, "bf16_speedup", lambda: 0.5)
    run(resumed, tmp_path / "part", precision="auto", resume=True)
    assert_same_weights(resumed, whole)


@pytest.mark.parametrize(
    "changes, name",
    [
        ({"learning_rate": 0.01}, "learning_rate was 0.02 and is now 0.01"),
        ({"optimizer": "adamw"}, "optimizer"),
        ({"accumulate": 2}, "accumulate"),
        ({"seed": 1}, "seed"),
        ({"betas": (0.9, 0.99)}, "betas"),
        ({"precision": "bf16"}, "precision was float32 and is now bfloat16"),
    ],
)
def test_resuming_with_other_settings_is_refused(tmp_path, changes, name):
    interrupted(tmp_path, 5)
    model = tiny_gpt(seed=5, dropout=0.1)
    before = weights(model)
    with pytest.raises(ValueError, match=f"this is another run: {name}"):
        run(model, tmp_path, resume=True, **changes)
    assert all(torch.equal(weight, before[name]) for name, weight in weights(model).items())


@pytest.mark.parametrize(
    "other", [batches(seed=1), batches(batch_size=3), batches(data=text(seed=8)), batches(data=text(600))]
)
def test_resuming_with_other_data_is_refused(tmp_path, other):
    interrupted(tmp_path, 5)
    with pytest.raises(ValueError, match=r"this is another run: (steps per epoch|fingerprint)"):
        train(tiny_gpt(), other, held_out(), TINY, tmp_path, resume=True, progress=False)


def test_there_must_be_something_to_resume(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no run to resume"):
        run(tiny_gpt(), tmp_path, resume=True)
    with pytest.raises(ValueError, match="needs the folder"):
        run(tiny_gpt(), resume=True)


def test_another_model_is_refused(tmp_path):
    interrupted(tmp_path, 5)
    with pytest.raises(ValueError, match=r"does not fit the config: 12 parameters are unknown \(decoder\.blocks\.1"):
        run(tiny_gpt(num_layers=1), tmp_path, resume=True)


TRAINER = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
torch.set_num_threads(1)
from training_tools import TINY, batches, held_out, tiny_gpt
from minigen.training import train
def tell(row):
    print(row["step"], flush=True)
config = replace(TINY, steps=200)
train(tiny_gpt(dropout=0.1), batches(), held_out(), config, Path(sys.argv[1]), observers=[tell], progress=False)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no Ctrl-C to one process alone")
def test_ctrl_c_in_a_terminal_leaves_a_run_that_goes_on_as_if_never_stopped(tmp_path):
    process = start_python(TRAINER, str(tmp_path))
    try:
        while int(process.stdout.readline()) < 20:
            pass
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert "stopping after this step and saving" in errors
    assert 20 <= read_state(tmp_path / "last.safetensors")["step"] < 200
    whole, resumed = tiny_gpt(dropout=0.1), tiny_gpt(seed=5, dropout=0.1)
    expected = run(whole, steps=200)
    assert untimed(run(resumed, tmp_path, steps=200, resume=True)) == untimed(expected)
    assert_same_weights(resumed, whole)
