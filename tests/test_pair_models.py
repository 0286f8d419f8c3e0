"""What holds for each model that reads one sentence and writes another, whatever it is made of."""

import pytest
import torch
from parity import TOLERANCE, randomise
from torch import Tensor, nn
from torch.testing import assert_close

from minigen.layers import BlockConfig, padding_mask
from minigen.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from minigen.models.gru_encoder_decoder import GRUEncoderDecoder, GRUEncoderDecoderConfig

B, S, T, V, D, CONTEXT = 3, 7, 5, 13, 16, 12
LENGTHS = torch.tensor([7, 4, 1])


@pytest.fixture(params=["rotary", "learned", "sinusoidal", "gru"])
def model(request) -> nn.Module:
    """A small model with weights that all matter: a Transformer with these positions, or a recurrent one."""
    if request.param == "gru":
        model = GRUEncoderDecoder(GRUEncoderDecoderConfig(V - 1, CONTEXT, 2, D))
    else:
        config = EncoderDecoderConfig(V - 1, CONTEXT, 2, 2, BlockConfig(D, 2, 24), positions=request.param)
        model = EncoderDecoder(config)
    randomise(model)
    return model.eval()


def example() -> tuple[Tensor, Tensor, Tensor]:
    """Random (source, source_mask, inputs)."""
    return torch.randint(V, (B, S)), padding_mask(LENGTHS, S), torch.randint(V, (B, T))


@torch.no_grad()
def test_padding_changes_nothing(model):
    source, mask, inputs = example()
    padded = model(source, mask, inputs)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = model(source[row : row + 1, :length], mask[row : row + 1, ..., :length], inputs[row : row + 1])
        assert_close(padded[row : row + 1], alone, **TOLERANCE)


@torch.no_grad()
def test_a_target_token_changes_nothing_before_it_and_a_source_token_changes_all(model):
    source, mask, inputs = example()
    mask = torch.ones_like(mask)
    before = model(source, mask, inputs)
    inputs = inputs.clone()
    inputs[:, 3] = (inputs[:, 3] + 1) % V
    after = model(source, mask, inputs)
    assert_close(before[:, :3], after[:, :3], rtol=0, atol=1e-6)
    assert (before[:, 3:] - after[:, 3:]).abs().amax(dim=(0, 2)).min() > 1e-4
    source = source.clone()
    source[:, -1] = (source[:, -1] + 1) % V
    assert (model(source, mask, inputs) - after).abs().amax(dim=2).min() > 1e-6


@torch.no_grad()
def test_token_by_token_it_says_what_the_whole_says(model):
    source, mask, inputs = example()
    whole, step = model(source, mask, inputs), model.next_token_function(source, mask)
    for t in range(T):
        assert_close(step(inputs[:, t], None), whole[:, t], **TOLERANCE)


@torch.no_grad()
def test_steps_follow_their_rows(model):
    source, mask, _ = example()
    step = model.next_token_function(source, mask)
    sentences, prefixes, rows = [0, 1, 2], [[], [], []], None
    # Beams of a sentence are made, trade places, lose a sentence, and change their number.
    for chosen in (None, [0, 0, 1, 1, 2, 2], [1, 0, 3, 3, 4, 5], [2, 3, 5, 4], [0, 3, 2]):
        if chosen is not None:
            sentences, prefixes = [sentences[r] for r in chosen], [list(prefixes[r]) for r in chosen]
            rows = torch.tensor(chosen)
        tokens = torch.randint(V, (len(sentences),))
        prefixes = [[*prefix, token] for prefix, token in zip(prefixes, tokens.tolist(), strict=True)]
        expected = model(source[sentences], mask[sentences], torch.tensor(prefixes))[:, -1]
        assert_close(step(tokens, rows), expected, **TOLERANCE)
