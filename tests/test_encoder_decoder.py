"""The encoder-decoder: equal to torch's Transformer; `test_pair_models.py` has what holds for each such model."""

import pytest
import torch
import torch.nn.functional as F
from parity import TOLERANCE, block_pairs, copy_pairs, linear_pairs, randomise
from torch import Tensor, nn
from torch.testing import assert_close

from minigen.data.pairs import pair_batch
from minigen.layers import BlockConfig, padding_mask, sinusoidal
from minigen.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig

B, S, T, V, D, H, HIDDEN, CONTEXT = 3, 7, 5, 13, 16, 2, 24, 12
LENGTHS = torch.tensor([7, 4, 1])


def make(**changes) -> EncoderDecoder:
    """A small model with weights that all matter; the seed is that of the test."""
    block = changes.pop("block", BlockConfig(D, H, HIDDEN))
    model = EncoderDecoder(EncoderDecoderConfig(V - 1, CONTEXT, 2, 2, block, **changes))
    randomise(model)
    return model.eval()


def example() -> tuple[Tensor, Tensor, Tensor]:
    """Random (source, source_mask, inputs)."""
    return torch.randint(V, (B, S)), padding_mask(LENGTHS, S), torch.randint(V, (B, T))


class Torch(nn.Module):
    """The same model out of torch's parts: sinusoidal positions, one embedding for both sides and the output."""

    def __init__(self, norm_first: bool):
        super().__init__()
        self.body = nn.Transformer(
            D, H, 2, 2, HIDDEN, dropout=0.0, activation="relu", batch_first=True, norm_first=norm_first
        )
        if not norm_first:  # the 2017 Transformer ends each block with a norm; torch adds one more
            self.body.encoder.norm = self.body.decoder.norm = None
        self.embedding = nn.Embedding(V, D)

    def forward(self, source: Tensor, source_mask: Tensor, inputs: Tensor) -> Tensor:
        """(B, T, V)"""
        hidden_source = ~source_mask[:, 0, 0]
        later = torch.ones(inputs.shape[1], inputs.shape[1], dtype=torch.bool).triu(1)
        x, y = (self.embedding(t) * D**0.5 + sinusoidal(t.shape[1], D) for t in (source, inputs))
        hidden = self.body(
            x, y, tgt_mask=later, src_key_padding_mask=hidden_source, memory_key_padding_mask=hidden_source
        )
        return hidden @ self.embedding.weight.T


def pairs_with_torch(ours: EncoderDecoder, theirs: Torch, norm_first: bool) -> list[tuple[Tensor, Tensor]]:
    """All parameters of both."""
    pairs = [(ours.embedding.weight, theirs.embedding.weight)]
    for mine, reference in ((ours.encoder, theirs.body.encoder), (ours.decoder, theirs.body.decoder)):
        for block, layer in zip(mine.blocks, reference.layers, strict=True):
            pairs += block_pairs(block, layer)
        if norm_first:
            pairs += linear_pairs(mine.final_norm, reference.norm)
    assert len(pairs) == len(list(ours.parameters()))
    return pairs


@pytest.mark.parametrize("norm_first", [True, False], ids=["norm first", "as in 2017"])
def test_equal_to_torchs_transformer_forward_and_gradients(norm_first):
    ours = make(
        block=BlockConfig(D, H, HIDDEN, activation="relu", norm_first=norm_first),
        positions="sinusoidal",
        tie_embeddings=True,
    )
    theirs = Torch(norm_first)
    for name, parameter in theirs.named_parameters():
        nn.init.normal_(parameter, mean=1.0 if "norm" in name and "weight" in name else 0.0, std=0.3)
    pairs = copy_pairs(pairs_with_torch(ours, theirs, norm_first))
    arguments, targets = example(), torch.randint(V, (B, T))
    results = [model(*arguments) for model in (ours, theirs)]
    assert_close(*results, **TOLERANCE)
    for logits in results:
        F.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
    for mine, reference in pairs:
        assert reference.grad is not None
        assert_close(mine.grad, reference.grad, **TOLERANCE)
    assert sum(reference.grad.abs().max() > 1e-3 for _, reference in pairs) > len(pairs) / 2


def test_one_vocabulary_shares_one_table_and_two_have_two():
    shared, separate = make(), make(source_vocab_size=8)
    assert shared.source_embedding is shared.embedding
    assert separate.source_embedding.weight.shape == (9, D)
    assert shared.head.weight is not shared.embedding.weight
    tied = make(tie_embeddings=True)
    assert tied.head.weight is tied.embedding.weight
    source, mask, inputs = example()
    assert separate(source % 9, mask, inputs).shape == (B, T, V)


def test_the_loss_counts_real_targets_alone_and_smooths_only_in_training():
    model = make(label_smoothing=0.1)
    batch = pair_batch([torch.tensor([1, 2]), torch.tensor([3])], [torch.tensor([4]), torch.tensor([5, 6, 7])], V - 1)
    total, count = model.loss(batch)
    log_p = model(*batch[:3]).log_softmax(dim=-1)
    expected = -sum(
        log_p[row, t, token] for row, tokens in enumerate([[4, 12], [5, 6, 7, 12]]) for t, token in enumerate(tokens)
    )
    assert count == 6
    assert_close(total, expected, **TOLERANCE)
    model.train()
    smoothed = 0.9 * total - 0.1 * sum(log_p[0, t].mean() for t in range(2)) - 0.1 * log_p[1].mean(dim=-1).sum()
    assert_close(model.loss(batch)[0], smoothed, **TOLERANCE)


def test_at_first_all_tokens_are_equally_likely():
    model = EncoderDecoder(EncoderDecoderConfig(999, CONTEXT, 2, 2, BlockConfig(64, 2)))
    total, count = model.loss(pair_batch([torch.arange(9)] * 8, [torch.randint(999, (9,)) for _ in range(8)], 999))
    assert_close((total / count).detach(), torch.tensor(1000.0).log(), **TOLERANCE)


@pytest.mark.parametrize("tie_embeddings", [True, False], ids=["tied", "untied"])
def test_embeddings_are_as_wide_as_positions_on_their_way_in(tie_embeddings):
    torch.manual_seed(0)
    block = BlockConfig(64, 2)
    model = EncoderDecoder(EncoderDecoderConfig(999, CONTEXT, 2, 2, block, tie_embeddings=tie_embeddings))
    seen = []
    model.encoder.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    model.encode(torch.randint(999, (8, CONTEXT)))
    assert 0.9 < seen[0].std() < 1.1


def test_a_longer_target_than_the_context_is_refused():
    source, mask, _ = example()
    with pytest.raises(ValueError, match="context is 12 tokens"):
        make()(source, mask, torch.zeros(B, CONTEXT + 1, dtype=torch.long))
