"""Precision, compilation, GPU; settings that make no sense are refused."""

import math
import shutil

import pytest
from training_tools import VOCABULARY, run, tiny_gpt

from minigen.training import TrainConfig


def test_bf16_stays_near_fp32():
    losses = [run(tiny_gpt(), precision=precision).best_val_loss for precision in ("fp32", "bf16")]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler on the CPU")
def test_compiled_training_equals_plain_training():
    plain, compiled = tiny_gpt(num_layers=1), tiny_gpt(num_layers=1)
    losses = [run(plain, steps=10).best_val_loss, run(compiled, steps=10, compile=True).best_val_loss]
    assert losses[0] < math.log(VOCABULARY) - 0.05
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_works_on_a_gpu(precision, tmp_path):
    whole = run(tiny_gpt().cuda(), tmp_path, precision=precision)
    assert whole.best_val_loss < math.log(VOCABULARY) - 0.1
    assert run(tiny_gpt(), precision="fp32").best_val_loss == pytest.approx(whole.best_val_loss, rel=0.05)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({}, "needs a budget"),
        ({"steps": 0}, "steps must be above 0, got 0"),
        ({"steps": 5, "learning_rate": float("nan")}, "learning_rate must be above 0, got nan"),
        ({"steps": 5, "accumulate": 0}, "accumulate must be above 0"),
        ({"steps": 5, "optimizer": "sgd"}, "unknown optimizer 'sgd': choose 'muon' or 'adamw'"),
        ({"steps": 5, "schedule": "flat"}, "unknown schedule 'flat': choose one of trapezoid, cosine"),
        ({"steps": 5, "warmup": 0.6, "decay": 0.6}, r"add up to at most 1"),
        ({"steps": 5, "decay": float("nan")}, r"add up to at most 1"),
        ({"steps": 5, "schedule": "cosine", "warmup": 1.0}, r"warmup must be a share of the run.* got 1\.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**settings)


def test_a_cosine_has_no_use_for_decay_and_does_not_mind_it():
    config = TrainConfig(steps=5, schedule="cosine", warmup=0.6, decay=0.6)
    assert (config.warmup, config.decay) == (0.6, 0.6)


def test_an_unknown_precision_is_refused_before_training():
    with pytest.raises(ValueError, match="unknown precision 'fp8'"):
        run(tiny_gpt(), precision="fp8")
