"""Training tokens a second against torch.nn.Transformer; beam search against transformers' MarianMT; same shapes.

Training is measured three times: on one batch again and again, on batches of real pairs, which are of all lengths, and
on these in steps of several, as both would be trained: torch's by the usual loop, ours as `minigen.training` does it.
Translations end when the benchmark says, at lengths that differ as those of real sentences do, the same for both.
"""

import logging

import torch
import torch.nn.functional as F
from common import arguments, machine, ratio_in_turns, seconds_in_turns, table
from torch import Tensor, nn

from minigen.beam_search import BeamConfig, beam_search
from minigen.data import load
from minigen.data.pairs import IGNORED, PairBatch, PairBatches, pair_batch
from minigen.device import pick_precision
from minigen.models.encoder_decoder import EncoderDecoder
from minigen.presets import TRANSLATION_PRESETS, TranslationPreset
from minigen.tokenizers import train_tokenizer
from minigen.training.gradients import Gradients

VOCAB_SIZE = 4000
SHORTEST, LONGEST = (
    8,
    24,
)  # tokens of a translation, the end mark included, whatever a model with random weights would say
SENTENCES = 32
REAL_BATCHES = 200
REPEATS = 6


class TorchTransformer(nn.Module):
    """torch.nn.Transformer with embeddings, learned positions and a head."""

    def __init__(self, shape: TranslationPreset):
        super().__init__()
        layers = {"num_encoder_layers": shape.num_encoder_layers, "num_decoder_layers": shape.num_decoder_layers}
        rest = {"dropout": shape.dropout, "activation": "relu", "batch_first": True, "norm_first": True}
        self.body = nn.Transformer(shape.width, shape.num_heads, dim_feedforward=4 * shape.width, **layers, **rest)
        self.embedding = nn.Embedding(VOCAB_SIZE + 1, shape.width)
        self.positions = nn.Embedding(shape.context_length, shape.width)
        self.head = nn.Linear(shape.width, VOCAB_SIZE + 1, bias=False)

    def forward(self, batch: tuple[Tensor, ...]) -> Tensor:
        """The mean loss."""
        source, source_mask, inputs, targets = batch
        hidden_source = ~source_mask[:, 0, 0]
        x, y = (self.embedding(t) + self.positions.weight[: t.shape[1]] for t in (source, inputs))
        later = nn.Transformer.generate_square_subsequent_mask(inputs.shape[1], dtype=torch.bool)
        masks = {"src_key_padding_mask": hidden_source, "memory_key_padding_mask": hidden_source}
        hidden = self.body(x, y, tgt_mask=later, tgt_is_causal=True, **masks)
        return F.cross_entropy(self.head(hidden).flatten(0, 1).float(), targets.flatten(), label_smoothing=0.1)


def alike(shape: TranslationPreset) -> list[PairBatch]:
    """One batch of sentences of 12 to 14 tokens."""
    length = 14
    number = shape.tokens_per_batch // (2 * (length + 1))
    sentences = [torch.randint(VOCAB_SIZE, (length - i % 3,)) for i in range(2 * number)]
    return [pair_batch(sentences[:number], sentences[number:], VOCAB_SIZE)]


def real(shape: TranslationPreset, number: int) -> list[PairBatch]:
    """The first batches of an epoch of what programs say, English to French, up to 10 words."""
    pairs = load("software:en-fr")["train"].filter(lambda row: len(row["source"].split()) <= 10)
    sides = [list(pairs[side]) for side in ("source", "target")]
    tokenizer = train_tokenizer("bpe", [*sides[0], *sides[1]], VOCAB_SIZE)
    tokens = [[torch.from_numpy(tokenizer.encode_array(text)) for text in side] for side in sides]
    batches = PairBatches(*tokens, VOCAB_SIZE, shape.tokens_per_batch)
    return [batches[step] for step in range(number)]


def training(shape: TranslationPreset, device: torch.device, rounds: int) -> None:
    """Forward, backward and AdamW's step, in turns."""
    rows, batches = [], real(shape, REAL_BATCHES)
    for what, data, per_step, times in (
        ("one batch", alike(shape), 1, rounds),
        (f"{REAL_BATCHES} real batches", batches, 1, 1),
        (f"the same, {shape.accumulate} in a step", batches, shape.accumulate, 1),
    ):
        data = [tuple(part.to(device) for part in batch) for batch in data]
        workers = shape.training().workers if per_step > 1 else 1
        ours, theirs = EncoderDecoder(shape.model(VOCAB_SIZE)).to(device), TorchTransformer(shape).to(device)
        actions = {
            "minigen": _steps(ours, ours.loss, data, per_step, workers),
            "torch.nn.Transformer": _steps(theirs, lambda batch, model=theirs: (model(batch), 1), data, per_step, 1),
        }
        seconds, ratio, error = ratio_in_turns(actions, device, times, REPEATS)
        tokens = sum(int(mask.sum() + (targets != IGNORED).sum()) for _, mask, _, targets in data)
        rows.append([what, *(tokens / t for t in seconds), ratio, error])
    table(["training, tokens a second, both sides", *actions, "ratio (goal: 1.2)", "standard error"], rows)


def _steps(model, loss, batches, per_step, workers):
    device = next(model.parameters()).device
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=device.type != "mps")
    gradients = Gradients(model, loss, pick_precision(device), workers)

    def steps() -> None:
        for first in range(0, len(batches), per_step):
            _, count = gradients.add(batches[first : first + per_step])
            torch._foreach_div_([parameter.grad for parameter in model.parameters()], count)
            optimizer.step()
            optimizer.zero_grad()

    return steps


def searching(shape: TranslationPreset, device: torch.device, rounds: int) -> None:
    """Beam search of 4 beams, random weights, as many tokens for both."""
    logging.disable(logging.WARNING)
    from transformers import MarianConfig, MarianMTModel

    ours = EncoderDecoder(shape.model(VOCAB_SIZE)).to(device).eval()
    nn.init.normal_(ours.head.weight)  # it starts at zero, where all sentences are equally good
    config = MarianConfig(
        vocab_size=VOCAB_SIZE + 1,
        d_model=shape.width,
        encoder_layers=shape.num_encoder_layers,
        decoder_layers=shape.num_decoder_layers,
        encoder_attention_heads=shape.num_heads,
        decoder_attention_heads=shape.num_heads,
        encoder_ffn_dim=4 * shape.width,
        decoder_ffn_dim=4 * shape.width,
        max_position_embeddings=shape.context_length,
        pad_token_id=VOCAB_SIZE,
        eos_token_id=VOCAB_SIZE,
        decoder_start_token_id=VOCAB_SIZE,
        forced_eos_token_id=None,
    )
    theirs = MarianMTModel(config).to(device).eval()
    source = torch.randint(VOCAB_SIZE, (SENTENCES, 15), device=device)
    mask = torch.ones(SENTENCES, 1, 1, 15, dtype=torch.bool, device=device)
    lengths = torch.linspace(SHORTEST, LONGEST, SENTENCES, device=device).round().long()

    def marian() -> None:
        end = _EndAt(lengths.repeat_interleave(4))
        limits = {"max_new_tokens": LONGEST, "num_beams": 4, "do_sample": False, "logits_processor": [end]}
        theirs.generate(source, attention_mask=mask[:, 0, 0].long(), **limits)

    def minigen() -> None:
        step = ours.next_token_function(source, mask, LONGEST)
        beam_search(lambda *a: _never_ending(step(*a)), lengths, ours.boundary, BeamConfig(4))

    seconds = seconds_in_turns({"minigen": minigen, "transformers MarianMT": marian}, device, rounds)
    rows = [[name, SENTENCES / t, seconds["transformers MarianMT"] / t] for name, t in seconds.items()]
    what = f"beam of 4, {SENTENCES} sentences of {SHORTEST} to {LONGEST} tokens"
    table([what, "sentences a second", "ratio (goal: 1.5)"], rows)


class _EndAt:
    """A logits processor for transformers: row r may end at its length alone, and must end there."""

    def __init__(self, lengths: Tensor):
        self.lengths = lengths

    def __call__(self, tokens: Tensor, scores: Tensor) -> Tensor:
        ends = (tokens.shape[1] >= self.lengths)[:, None]  # the start token is among the tokens
        end = torch.zeros_like(scores, dtype=torch.bool).index_fill_(1, torch.tensor([VOCAB_SIZE]), True)
        return scores.masked_fill(end != ends, float("-inf"))


def _never_ending(logits: Tensor) -> Tensor:
    logits[:, VOCAB_SIZE] = -1e9  # beam_search itself ends each sentence at its length
    return logits


def main() -> None:
    """Both questions, at the shape of a preset."""
    parser = arguments(__doc__)
    parser.add_argument("--preset", default="laptop", choices=list(TRANSLATION_PRESETS))
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    device, shape = machine(options.device), TRANSLATION_PRESETS[options.preset]
    training(shape, device, options.rounds)
    searching(shape, device, options.rounds)


if __name__ == "__main__":
    main()
