"""Device, precision and seed."""

import os
import random
from types import SimpleNamespace

import pytest
import torch

from minigen import device as device_module
from minigen.device import bf16_speedup, pick_device, pick_precision, prepare_cpu, seed_everything

CPU = torch.device("cpu")


def pretend(monkeypatch, *, cuda: int, mps: bool) -> None:
    """As if this machine had so many NVIDIA GPUs, and Apple's or not."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cuda))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: int(cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize("cuda, mps, best", [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
@pytest.mark.parametrize("name", [None, "auto"])
def test_the_fastest_device_there_is_gets_picked(monkeypatch, cuda, mps, best, name):
    pretend(monkeypatch, cuda=cuda, mps=mps)
    assert pick_device(name) == torch.device(best)


def test_a_named_device_is_taken(monkeypatch):
    pretend(monkeypatch, cuda=2, mps=False)
    assert pick_device("cpu") == CPU
    assert pick_device("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize("name", ["cuda", "mps", "tpu"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(monkeypatch, name):
    pretend(monkeypatch, cuda=False, mps=False)
    with pytest.raises(ValueError, match=rf"no device '{name}' on this machine; found: cpu"):
        pick_device(name)


@pytest.mark.parametrize("name", ["cuda:2", "cuda:99", "cpu:1", "cuda:-1"])
def test_a_number_that_no_device_has_is_refused(monkeypatch, name):
    pretend(monkeypatch, cuda=2, mps=False)
    with pytest.raises(ValueError, match=rf"no device '{name}' on this machine; found: cuda, cpu"):
        pick_device(name)
    with pytest.raises(ValueError, match=r"\(cuda:0 to cuda:1\)"):
        pick_device("cuda:2")


@pytest.mark.parametrize("speedup, expected", [(2.5, torch.bfloat16), (0.7, torch.float32)])
def test_auto_precision_is_the_one_that_the_cpu_does_faster(monkeypatch, speedup, expected):
    monkeypatch.setattr(device_module, "bf16_speedup", lambda: speedup)
    assert pick_precision(CPU) == expected
    assert pick_precision(CPU, "fp32") == torch.float32
    assert pick_precision(CPU, "bf16") == torch.bfloat16


@pytest.mark.parametrize("capability, expected", [((7, 5), torch.float32), ((8, 0), torch.bfloat16)])
def test_auto_precision_on_a_gpu_asks_the_gpu(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert pick_precision(torch.device("cuda")) == expected


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match=r"'fp16': choose 'auto', 'fp32' or 'bf16'"):
        pick_precision(CPU, "fp16")


def test_the_ratio_is_that_of_the_best_times(monkeypatch):
    times = {torch.float32: iter([9.0, 3.0, 7.0] * 9), torch.bfloat16: iter([8.0, 2.0, 1.5] * 9)}
    monkeypatch.setattr(device_module, "_matmul_seconds", lambda dtype, size: next(times[dtype]))
    assert bf16_speedup.__wrapped__() == 2.0


def test_the_speed_is_measured_once():
    assert bf16_speedup() == bf16_speedup() > 0


@pytest.mark.parametrize(
    "system, asked", [("linux", [(-3, 32 * 2**20), (-1, 2**31 - 1)]), ("darwin", []), ("win32", [])]
)
def test_glibc_alone_is_asked_to_keep_freed_memory(monkeypatch, system, asked):
    calls = []
    library = SimpleNamespace(mallopt=lambda *setting: calls.append(setting) or 1)
    monkeypatch.setattr(device_module.ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(device_module.sys, "platform", system)
    prepare_cpu.__wrapped__()
    assert calls == asked
    del library.mallopt  # as in musl
    prepare_cpu.__wrapped__()
    assert calls == asked


def test_onednn_keeps_a_program_for_each_of_many_shapes_unless_told_otherwise(monkeypatch):
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    monkeypatch.delenv(name, raising=False)
    prepare_cpu.__wrapped__()
    assert int(os.environ[name]) == device_module.PROGRAMS_KEPT
    monkeypatch.setenv(name, "7")
    prepare_cpu.__wrapped__()
    assert os.environ[name] == "7"


def test_one_seed_gives_one_sequence():
    draws = []
    for _ in range(2):
        seed_everything(7)
        draws.append((random.random(), torch.rand(3).tolist()))
    assert draws[0] == draws[1]
    seed_everything(8)
    assert draws[0] != (random.random(), torch.rand(3).tolist())
