"""From sentences to sentences: tokens out of text, hypotheses out of a model, text out of hypotheses."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor
from tqdm.auto import tqdm

from minigen.beam_search import BeamConfig, beam_search
from minigen.data.pairs import pad_sources
from minigen.models.encoder_decoder import EncoderDecoder
from minigen.models.gru_encoder_decoder import GRUEncoderDecoder
from minigen.tokenizers import Tokenizer

SOURCE_TOKENS = 2000  # in a batch, padding included; each has beam_size rows
Candidates = list[tuple[str, float]]  # (translation, log p / length^a), best first


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Tensor]:
    """(tokens,) int64 of each text, white space at its ends left out; unknown characters are replaced."""
    return [torch.from_numpy(tokenizer.encode_array(text.strip(), unknown="replace")) for text in texts]


def warn_unknown(tokenizer: Tokenizer, texts: Sequence[str], stacklevel: int = 3) -> None:
    """Counts the texts that are mostly of characters, or words, which training never saw: all such look alike."""
    lost = 0
    for text in map(str.strip, texts):
        units = len(text.split()) if tokenizer.name == "word" else len(text)
        lost += units > 0 and 2 * tokenizer.count_unknown(text) >= units
    if lost:
        warnings.warn(
            f"{lost:,} of {len(texts):,} texts are mostly of characters or words that the training never saw, so "
            "nothing can be told of them; the tokenizers byte and bpe know every character",
            stacklevel=stacklevel,
        )


def translate(
    model: EncoderDecoder | GRUEncoderDecoder,
    tokenizer: Tokenizer,
    sources: Sequence[str],
    config: BeamConfig,
    progress: bool = False,
) -> list[Candidates]:
    """The config.num_best best translations of each source; of a source without text "".

    A source longer than the model's context is read up to there; how many were is said in a warning. A translation
    is at most twice as long as its source and ten tokens more, so that it ends whatever the model thinks.
    """
    context = model.config.context_length
    tokens = encode(tokenizer, sources)
    warn_unknown(tokenizer, sources, stacklevel=4)
    if long := sum(len(source) >= context for source in tokens):
        warnings.warn(
            f"{long:,} of {len(sources):,} sentences are longer than the {context - 1} tokens that this model reads at "
            "once; only their beginning is translated. Split them, or train with a longer context",
            stacklevel=3,
        )
    tokens = [source[: context - 1] for source in tokens]
    found: list[Candidates] = [[("", 0.0)]] * len(sources)
    device, was_training = next(model.parameters()).device, model.training
    model.eval()
    try:
        with tqdm(total=len(sources), unit="sentence", disable=not progress) as bar:
            for rows in _batches([len(source) for source in tokens]):
                source, mask = (part.to(device) for part in pad_sources([tokens[r] for r in rows], model.boundary))
                longest = torch.tensor([min(context, 2 * len(tokens[r]) + 10) for r in rows], device=device)
                step = model.next_token_function(source, mask, int(longest.max()))
                for row, hypotheses in zip(rows, beam_search(step, longest, model.boundary, config), strict=True):
                    found[row] = [(_text(tokenizer, h.tokens), h.score) for h in hypotheses]
                bar.update(len(rows))
            bar.update(bar.total - bar.n)
    finally:
        model.train(was_training)
    return found


def _batches(lengths: list[int]) -> list[list[int]]:
    """Rows that are not empty, those of similar lengths together."""
    batches: list[list[int]] = [[]]
    for row in sorted((row for row, length in enumerate(lengths) if length), key=lambda row: lengths[row]):
        if (len(batches[-1]) + 1) * (lengths[row] + 1) > SOURCE_TOKENS and batches[-1]:
            batches.append([])
        batches[-1].append(row)
    return [batch for batch in batches if batch]


def _text(tokenizer: Tokenizer, tokens: list[int]) -> str:
    """One line: a translation of a line is a line."""
    return " ".join(tokenizer.decode(tokens).split())
