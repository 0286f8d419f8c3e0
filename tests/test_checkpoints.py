"""Checkpoints on disk: whole or refused, whatever happens to the process that writes them."""

import os
import pickle
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from training_tools import TINY, assert_same_weights, interrupted, run, start_python, tiny_gpt

from minigen.training import make_optimizers
from minigen.training.checkpoints import (
    load_best,
    load_checkpoint,
    load_model,
    read_state,
    save_checkpoint,
    save_model,
)


@pytest.fixture
def saved(tmp_path):
    """The file of a tiny model."""
    path = tmp_path / "model.safetensors"
    save_model(tiny_gpt(), path)
    return path


@pytest.mark.parametrize("changes", [{}, {"positions": "learned", "tie_embeddings": True}, {"positions": "sinusoidal"}])
def test_a_saved_model_loads_to_the_last_bit(tmp_path, changes):
    model, other = tiny_gpt(**changes), tiny_gpt(seed=5, **changes)
    save_model(model, tmp_path / "model.safetensors")
    load_model(other, tmp_path / "model.safetensors")
    assert_same_weights(model, other)
    assert (other.head.weight is other.embedding.weight) == bool(changes.get("tie_embeddings"))


def test_a_checkpoint_brings_back_model_optimisers_and_random_state(tmp_path):
    model, path = tiny_gpt(), tmp_path / "last.safetensors"
    optimizers = make_optimizers(model, TINY)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    for optimizer in optimizers:
        optimizer.step()
    best = {name: torch.rand_like(parameter) for name, parameter in model.named_parameters()}
    state = {"step": 3, "loss": 0.1 + 0.2, "worst": float("inf")}
    save_checkpoint(path, model, optimizers, state, best)
    drawn = torch.rand(3)
    other = tiny_gpt(seed=5)
    others = make_optimizers(other, TINY)
    assert load_checkpoint(path, other, others) == read_state(path) == state
    assert torch.equal(torch.rand(3), drawn)
    assert_same_weights(model, other)
    for one, two in zip(optimizers, others, strict=True):
        ours, theirs = one.state_dict()["state"], two.state_dict()["state"]
        assert ours.keys() == theirs.keys() != set()
        for index, values in ours.items():
            assert all(torch.equal(torch.as_tensor(v), theirs[index][key]) for key, v in values.items())
    load_best(path, other)
    assert all(torch.equal(parameter, best[name]) for name, parameter in other.named_parameters())


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint .*nothing\.safetensors"):
        load_model(tiny_gpt(), tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_a_file_cut_short_is_refused(saved, share):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * share)])
    model, before = tiny_gpt(seed=5), tiny_gpt(seed=5)
    with pytest.raises(ValueError, match="not a readable safetensors file"):
        load_model(model, saved)
    assert_same_weights(model, before)


@pytest.mark.parametrize("content", [b"GGUF" + bytes(100), b"\x89PNG\r\n" + bytes(50), b'{"a": 1}', b"\xff" * 64])
def test_a_file_of_another_program_is_refused(saved, content):
    saved.write_bytes(content)
    with pytest.raises(ValueError, match="not a readable safetensors file"):
        load_model(tiny_gpt(), saved)


class Bomb:
    """Does something when it is unpickled."""

    def __reduce__(self):
        return (os.mkdir, ("exploded",))


def test_a_pickled_file_is_refused_and_not_run(saved, monkeypatch):
    monkeypatch.chdir(saved.parent)
    for write in (lambda: saved.write_bytes(pickle.dumps(Bomb())), lambda: torch.save(Bomb(), saved)):
        write()
        with pytest.raises(ValueError, match="not a readable safetensors file"):
            load_model(tiny_gpt(), saved)
    assert not Path("exploded").exists()


def test_weights_of_another_shape_are_refused(saved, tmp_path):
    with pytest.raises(ValueError, match=r"config: 1 parameter is missing \(positions\.table\)$"):
        load_model(tiny_gpt(positions="learned"), saved)
    with pytest.raises(ValueError, match=r"config: 12 parameters are unknown \(decoder\.blocks\.1.*, \.\.\.\)$"):
        load_model(tiny_gpt(num_layers=1), saved)
    tensors = {name: p.detach().clone() for name, p in tiny_gpt().named_parameters()}
    save_file(tensors | {"embedding.weight": torch.zeros(12, 16)}, tmp_path / "other.safetensors")
    model, before = tiny_gpt(seed=5), tiny_gpt(seed=5)
    with pytest.raises(ValueError, match=r"embedding\.weight is \(12, 16\) in the file and \(11, 16\) by the config"):
        load_model(model, tmp_path / "other.safetensors")
    assert_same_weights(model, before)


def test_weights_alone_cannot_be_resumed_from(saved):
    (saved.parent / "last.safetensors").write_bytes(saved.read_bytes())
    with pytest.raises(ValueError, match="weights but no state of a training run"):
        run(tiny_gpt(), saved.parent, resume=True)


def test_a_corrupt_checkpoint_cannot_be_resumed_from(tmp_path):
    interrupted(tmp_path, 5)
    last = tmp_path / "last.safetensors"
    last.write_bytes(last.read_bytes()[:-100])
    with pytest.raises(ValueError, match="not a readable safetensors file"):
        run(tiny_gpt(dropout=0.1), tmp_path, resume=True)


WRITER = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from training_tools import TINY, tiny_gpt
from minigen.training import make_optimizers
from minigen.training.checkpoints import save_checkpoint
model = tiny_gpt()
optimizers = make_optimizers(model, TINY)
for step in range(10**9):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(step)
    save_checkpoint(Path(sys.argv[1]), model, optimizers, {"step": step})
    print(step, flush=True)
"""


@pytest.mark.parametrize("wait", [0.0, 0.013, 0.037])
def test_a_process_killed_while_it_saves_leaves_a_whole_checkpoint(tmp_path, wait):
    path = tmp_path / "last.safetensors"
    process = start_python(WRITER, str(path))
    try:
        assert process.stdout.readline() == "0\n", process.stderr.read()
        time.sleep(wait)
    finally:
        process.kill()
        printed = [0, *map(int, process.communicate()[0].split())]
    model = tiny_gpt(seed=5)
    step = load_checkpoint(path, model, make_optimizers(model, TINY))["step"]
    assert step in (printed[-1], printed[-1] + 1)
    assert all((parameter == step).all() for parameter in model.parameters())
