"""The small models at the end of a set."""

import pytest
import torch.nn.functional as F

from minigen.checks.stage import SmallModel
from minigen.checks.stage_pairs import LINES, SmallTranslator
from minigen.data.pairs import pair_batch


@pytest.mark.slow
def test_the_small_model_learns_its_rhyme_by_heart():
    for seed in range(3):
        model = SmallModel(seed=seed)
        loss = model.learn()
        told = model.write("This is the ", 60)
        assert loss < 0.2
        assert model.text.startswith(told)


@pytest.mark.slow
def test_the_small_translator_learns_its_lines_by_heart():
    def decoder_batch(targets, boundary):
        return pair_batch(targets, targets, boundary)[2:]

    def loss(logits, targets):
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    small = SmallTranslator()
    small.learn([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]], decoder_batch, loss)
    for line, target in zip(LINES, small.targets, strict=True):
        step, tokens, said = small.next_log_p(line), target.new_tensor([small.boundary]), []
        for _ in range(len(target) + 1):
            tokens = step(tokens, None).argmax(dim=-1)
            said.append(tokens.item())
        assert said == [*target.tolist(), small.boundary]
