"""The end of a set: what a learner wrote works inside a small model, which learns a rhyme and says it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from minigen.layers import BlockConfig
from minigen.models.gpt import GPT, GPTConfig
from minigen.tokenizers import CharTokenizer

RHYME = """\
This is the dog that worried the cat
that killed the rat that ate the malt
that lay in the house that Jack built.
"""  # traditional


class SmallModel:
    """A GPT of two layers that learns one short text by heart in a few seconds; its parts can be replaced.

    replace: takes each block and puts what the learner wrote in place of one of its parts. context: how many characters
    it sees.
    """

    def __init__(
        self,
        text: str = RHYME,
        replace: Callable[[nn.Module], None] | None = None,
        seed: int = 0,
        context: int = 32,
    ):
        torch.manual_seed(seed)
        self.text, self.tokenizer, self.context = text, CharTokenizer.train(text), context
        block = BlockConfig(width=32, num_heads=4, bias=False)
        config = GPTConfig(self.tokenizer.vocab_size, self.context, 2, block, positions="learned")
        self.model = GPT(config)
        for one in self.model.decoder.blocks:
            if replace is not None:
                replace(one)

    def learn(self, steps: int = 300, learning_rate: float = 1e-2, batch_size: int = 16) -> float:
        """Trains on random windows of the text; the mean loss of the last ten steps, in nats a character."""
        tokens = torch.tensor(self.tokenizer.encode(self.text))
        windows = tokens.unfold(0, self.context + 1, 1)  # (N, T + 1)
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=learning_rate, weight_decay=0.0)
        losses = []
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = learning_rate * (1 - step / steps)
            batch = windows[torch.randint(len(windows), (batch_size,))]
            total, count = self.model.loss((batch[:, :-1], batch[:, 1:]))
            optimizer.zero_grad()
            (total / count).backward()
            optimizer.step()
            losses.append((total / count).item())
        return sum(losses[-10:]) / len(losses[-10:])

    @torch.no_grad()
    def write(self, prompt: str, length: int = 100) -> str:
        """The prompt and the likeliest `length` characters after it, one at a time."""
        tokens = self.tokenizer.encode(prompt)
        for _ in range(length):
            logits = self.model(torch.tensor([tokens[-self.context :]]))[0, -1]
            tokens.append(int(logits.argmax()))
        return self.tokenizer.decode(tokens)


def leaks(function: Callable[[Tensor], Tensor], x: Tensor) -> bool:
    """Whether an earlier output of function(x), (B, T, D), changes with the last token: a look into the future."""
    changed = x.clone()
    changed[:, -1] += 1
    return not torch.allclose(function(x)[:, :-1], function(changed)[:, :-1], atol=1e-5)
