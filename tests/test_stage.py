"""The small model at the end of a set."""

import pytest

from minigen.checks.stage import SmallModel


@pytest.mark.slow
def test_the_small_model_learns_its_rhyme_by_heart():
    for seed in range(3):
        model = SmallModel(seed=seed)
        loss = model.learn()
        told = model.write("This is the ", 60)
        assert loss < 0.2
        assert model.text.startswith(told)
