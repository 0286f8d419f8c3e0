"""The end of set 06: what a learner wrote works inside a small translator, which learns ten lines of songs by heart."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from minigen.data.pairs import pad_sources
from minigen.layers import BlockConfig
from minigen.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from minigen.tokenizers import CharTokenizer

LINES = {  # traditional
    "Brother John": "Frère Jacques",
    "are you sleeping": "dormez-vous",
    "morning bells are ringing": "sonnez les matines",
    "by the light of the moon": "au clair de la lune",
    "my friend Pierrot": "mon ami Pierrot",
    "lend me your pen": "prête-moi ta plume",
    "to write a word": "pour écrire un mot",
    "skylark, nice skylark": "alouette, gentille alouette",
    "skylark, I shall pluck you": "alouette, je te plumerai",
    "on the bridge of Avignon": "sur le pont d'Avignon",
}


class SmallTranslator:
    """An encoder and a decoder of one block each, on letters; the parts of the decoder's block can be replaced.

    replace: takes the decoder's block and puts what the learner wrote in place of one of its parts.
    sources, targets: the lines' tokens. boundary: the token that begins and ends a target.
    """

    def __init__(self, replace: Callable[[nn.Module], None] | None = None, seed: int = 0):
        torch.manual_seed(seed)
        self.tokenizer = CharTokenizer.train("".join([*LINES, *LINES.values()]))
        self.sources, self.targets = (
            [torch.tensor(self.tokenizer.encode(line)) for line in side] for side in (LINES, LINES.values())
        )
        block = BlockConfig(width=48, num_heads=1, bias=False)
        config = EncoderDecoderConfig(self.tokenizer.vocab_size, 32, 1, 1, block)
        self.model = EncoderDecoder(config)
        self.boundary = self.model.boundary
        if replace is not None:
            replace(self.model.decoder.blocks[0])

    def learn(self, batches: list[list[int]], decoder_batch: Callable, loss: Callable, epochs: int = 100) -> float:
        """Trains on the batches of line numbers, in turn; the mean loss of the last epoch, in nats a letter.

        decoder_batch(targets, boundary) -> (inputs, targets); loss(logits, targets) -> a number.
        """
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-2, weight_decay=0.0)
        losses: list[float] = []
        for epoch in range(epochs):
            optimizer.param_groups[0]["lr"] = 1e-2 * (1 - epoch / epochs)
            losses = []
            for rows in batches:
                source, mask = pad_sources([self.sources[row] for row in rows], self.boundary)
                inputs, targets = decoder_batch([self.targets[row] for row in rows], self.boundary)
                found = loss(self.model(source, mask, inputs), targets)
                optimizer.zero_grad()
                found.backward()
                optimizer.step()
                losses.append(found.item())
        return sum(losses) / len(losses)

    def next_log_p(self, line: str) -> Callable[[Tensor, Tensor | None], Tensor]:
        """step(tokens (N,), parents (N,) or None) -> log-probabilities (N, V) of the next letters of a translation."""
        source, mask = pad_sources([torch.tensor(self.tokenizer.encode(line))], self.boundary)
        step = self.model.next_token_function(source, mask)
        return lambda tokens, parents: step(tokens, parents).log_softmax(dim=-1)
