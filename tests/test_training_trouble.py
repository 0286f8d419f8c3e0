"""Divergence, a full disk, Ctrl-C: a run ends cleanly, and what it had learned is not lost."""

import errno
import math
import re
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from training_tools import (
    CONTEXT,
    TINY,
    StopAfter,
    assert_same_weights,
    batches,
    ctrl_c,
    held_out,
    interrupted,
    run,
    tiny_gpt,
    untimed,
    weights,
)

from minigen.training import TrainingDiverged, make_optimizers, store, train
from minigen.training.checkpoints import load_checkpoint, load_model


@pytest.mark.parametrize("step", [3, 9, 17])
def test_a_loss_that_is_no_number_ends_the_run_and_spares_the_checkpoint(tmp_path, step):
    model, reference = tiny_gpt(), tiny_gpt()
    loss, factor = model.loss, [1.0]
    model.loss = lambda batch: (loss(batch)[0] * (factor[0] if model.training else 1.0), loss(batch)[1])
    data = StopAfter(batches(), step, lambda: factor.__setitem__(0, math.nan))
    saved = step >= 8
    with pytest.raises(TrainingDiverged, match=r"loss is nan at step \d+.*learning rate of 0\.0067") as caught:
        train(model, data, held_out(), TINY, tmp_path, progress=False)
    assert ("last good checkpoint" in str(caught.value)) == saved
    assert all(weight.isfinite().all() for weight in weights(model).values()), "the best weights are given back"
    if saved:
        expected = run(tiny_gpt(), tmp_path / "whole")
        assert untimed(run(reference, tmp_path, resume=True)) == untimed(expected)


def test_a_gradient_that_is_no_number_is_noticed_though_the_loss_is_finite(tmp_path):
    model, factor = tiny_gpt(), [1.0]
    model.head.weight.register_hook(lambda gradient: gradient * factor[0])
    data = StopAfter(batches(), TINY.steps - 1, lambda: factor.__setitem__(0, math.inf))  # no loss after it tells
    with pytest.raises(TrainingDiverged, match="at step 24"):
        train(model, data, None, TINY, tmp_path, progress=False)
    assert not (tmp_path / "last.safetensors").exists()


@pytest.mark.parametrize("measured", [True, False])
def test_a_learning_rate_far_too_high_ends_the_run(measured):
    config = replace(TINY, steps=400, optimizer="adamw", learning_rate=1000.0, clip=1e9)
    with pytest.raises(TrainingDiverged, match=r"Try a learning rate of 0\.002 or .*Nothing was saved yet"):
        train(tiny_gpt(), batches(), held_out() if measured else None, config, progress=False)


@pytest.fixture
def full_disk(monkeypatch):
    """A disk that is full while `full[0]` is True, except for temporary folders of rescue."""
    full, write = [True], store.write_atomically

    def write_unless_full(path, data):
        if full[0] and "rescue" not in str(path) and Path(path).name != ".writable":
            raise OSError(errno.ENOSPC, "the disk is full")
        write(path, data)

    for name in ("minigen.training.store", "minigen.training.checkpoints"):
        monkeypatch.setattr(f"{name}.write_atomically", write_unless_full)
    return full


def test_a_full_disk_stops_nothing_and_the_weights_are_rescued(tmp_path, full_disk, monkeypatch):
    monkeypatch.setattr(store.tempfile, "tempdir", str(tmp_path))
    model, expected = tiny_gpt(), tiny_gpt()
    run(expected)
    with (
        pytest.warns(UserWarning, match="the disk is full; training goes on"),
        pytest.raises(OSError, match="the trained weights are safe in") as caught,
    ):
        run(model, tmp_path / "out")
    assert_same_weights(model, expected)
    rescue = Path(re.search(r"safe in (\S+)", str(caught.value))[1])
    load_model(rescued := tiny_gpt(seed=5), rescue / "model.safetensors")
    assert_same_weights(rescued, expected)
    assert not list((tmp_path / "out").iterdir())


def test_weights_that_find_no_room_anywhere_are_not_said_to_be_safe(tmp_path, monkeypatch):
    monkeypatch.setattr(store.tempfile, "tempdir", str(tmp_path))
    full, write = [False], store.write_atomically

    def write_unless_full(path, data):
        if full[0]:
            raise OSError(errno.ENOSPC, "the disk is full")
        write(path, data)

    for name in ("minigen.training.store", "minigen.training.checkpoints"):
        monkeypatch.setattr(f"{name}.write_atomically", write_unless_full)

    def fill(row):
        full[0] = row["step"] >= 20

    with (
        pytest.warns(UserWarning, match="the disk is full; training goes on"),
        pytest.raises(OSError, match=r"nor could the newest weights be saved .* The last good checkpoint is in .*out"),
    ):
        train(tiny_gpt(), batches(), held_out(), TINY, tmp_path / "out", observers=[fill], progress=False)
    assert not list(tmp_path.glob("minigen-rescue-*"))
    load_model(tiny_gpt(), tmp_path / "out" / "model.safetensors")


def test_a_disk_that_is_full_for_a_while_is_tried_again(tmp_path, full_disk):
    expected = tiny_gpt()
    run(expected)

    def free(row):
        full_disk[0] = row["step"] < 20

    with pytest.warns(UserWarning, match="tries again"):
        train(tiny_gpt(), batches(), held_out(), TINY, tmp_path, observers=[free], progress=False)
    load_model(saved := tiny_gpt(seed=5), tmp_path / "model.safetensors")
    assert_same_weights(saved, expected)


def test_a_folder_that_cannot_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    model = tiny_gpt()
    model.loss = None  # nothing gets as far as this
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match=re.escape(f"cannot make the folder {out}")):
            run(model, out)


@pytest.mark.parametrize("step", [0, 4, 6])
def test_a_run_stopped_before_its_first_measurement_leaves_what_it_has_trained(tmp_path, step):
    model, data = tiny_gpt(), StopAfter(batches(), step, ctrl_c)
    history = train(model, data, held_out(), TINY, tmp_path, progress=False)  # measured at steps 0, 8, 16, 24
    assert history.stopped == "interrupted"
    assert not history.measured
    last = tiny_gpt(seed=5)
    load_checkpoint(tmp_path / "last.safetensors", last, make_optimizers(last, TINY))
    load_model(saved := tiny_gpt(seed=6), tmp_path / "model.safetensors")
    assert saved.head.weight.any(), "the untrained output matrix is all zeros"
    assert_same_weights(saved, last)
    assert_same_weights(model, last)


def test_a_run_stopped_later_leaves_the_best_weights(tmp_path):
    expected, model = tiny_gpt(), tiny_gpt()
    history = train(
        expected, StopAfter(batches(), 7, ctrl_c), held_out(), replace(TINY, evaluations=24), progress=False
    )
    assert history.best_step == 8
    train(model, StopAfter(batches(), 12, ctrl_c), held_out(), TINY, tmp_path, progress=False)
    load_model(saved := tiny_gpt(seed=6), tmp_path / "model.safetensors")
    assert_same_weights(saved, expected)
    assert_same_weights(model, expected)


def test_training_works_outside_the_main_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(run(tiny_gpt(), steps=3)))
    thread.start()
    thread.join()
    assert results[0].steps == 3


def test_a_second_ctrl_c_stops_at_once():
    def twice():
        ctrl_c()
        ctrl_c()

    # A shell lets what it starts in the background ignore SIGINT; here it is to be heeded wherever the test runs.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(tiny_gpt(), StopAfter(batches(), 2, twice), held_out(), TINY, progress=False)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_sigterm_is_heeded_too(tmp_path, capsys):
    history = interrupted(tmp_path, 4, lambda: signal.raise_signal(signal.SIGTERM))
    assert history.stopped == "interrupted"
    assert "stopping after this step" in capsys.readouterr().err
    assert run(tiny_gpt(dropout=0.1), tmp_path, resume=True).tokens == CONTEXT * 4 * 24
