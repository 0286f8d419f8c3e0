"""Writing with a next-token function: pick a token, append it, ask again."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How the next token is picked from the logits.

    temperature: logits are divided by it; 0 always takes the likeliest token ("greedy").
    top_k: only the k likeliest tokens (Fan et al. 2018, section 5.4).
    top_p: only the fewest tokens that together have at least this probability (Holtzman et al. 2020, section 3.1).
    repetition_penalty: above 1, tokens already in the text become less likely (Keskar et al. 2019, section 4.1).

    Raises:
        ValueError: if temperature is below 0 or infinite, top_k below 1, top_p not above 0 and at most 1, or
            repetition_penalty not above 0 or infinite.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature must be 0 (greedy) or above, got {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k must be at least 1, got {self.top_k}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, got {self.top_p}")
        if not 0 < self.repetition_penalty < math.inf:
            raise ValueError(f"repetition_penalty must be above 0, got {self.repetition_penalty}")


GREEDY = Sampling(temperature=0.0)


def probabilities(logits: Tensor, sampling: Sampling) -> Tensor:
    """The distribution (B, V) that is drawn from, after temperature, top-k and top-p, in this order. Not for greedy."""
    logits = logits.float()
    # The largest logit becomes 0, or a temperature near 0 would turn it into infinity, or into 0 / 0.
    logits = (logits - logits.amax(dim=-1, keepdim=True)) / max(sampling.temperature, 1e-37)
    if sampling.top_k is not None and sampling.top_k < logits.shape[-1]:
        smallest = logits.topk(sampling.top_k).values[..., -1:]
        logits = logits.masked_fill(logits < smallest, float("-inf"))
    shares = logits.softmax(dim=-1)
    if sampling.top_p is not None and sampling.top_p < 1:
        ordered, order = shares.sort(dim=-1, descending=True, stable=True)
        # A token stays if those before it do not reach top_p yet, so the likeliest always stays.
        ordered = ordered.masked_fill(ordered.cumsum(dim=-1) - ordered >= sampling.top_p, 0.0)
        shares = torch.zeros_like(shares).scatter(-1, order, ordered)
        shares = shares / shares.sum(dim=-1, keepdim=True)
    return shares


def pick(logits: Tensor, sampling: Sampling, generator: torch.Generator | None = None) -> Tensor:
    """One token for each row: (B, V) logits -> (B,)."""
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    return probabilities(logits, sampling).multinomial(1, generator=generator)[:, 0]


@torch.inference_mode()
def generate(
    next_logits: Callable[[Tensor], Tensor],
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    sampling: Sampling = Sampling(),
    *,
    stop_tokens: Sequence[int] = (),
    forbidden: Sequence[int] = (),
    seed: int | None = None,
    device: torch.device | None = None,
) -> Iterator[list[int | None]]:
    """Yields, step by step, the new token of each prompt; None for a row that is not writing (yet, or any more).

    next_logits takes the newest tokens (B, T) and returns logits (B, V), and remembers what it was given.
    Prompts of different lengths need no padding: all rows advance together, and where a row's prompt has not
    ended, its own next token is taken in place of a new one. A row ends at max_new_tokens or after one of stop_tokens,
    which is yielded too. forbidden: tokens that are never picked. seed: the same one draws the same tokens; None draws
    by torch's own random numbers. device: where next_logits wants its tokens; None for torch's default.

    Raises, at the first step:
        ValueError: if there is no prompt or an empty one, or max_new_tokens is negative.
    """
    if not prompts or not all(len(prompt) for prompt in prompts):
        raise ValueError("there must be a prompt, and each prompt needs at least one token to begin with")
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens must be 0 or above, got {max_new_tokens}")
    generator = None if seed is None else torch.Generator(device or "cpu").manual_seed(seed)
    lengths = [len(prompt) for prompt in prompts]
    position = min(lengths)
    new = torch.tensor([list(prompt[:position]) for prompt in prompts], device=device)  # (B, T)
    penalise = _penalty(sampling.repetition_penalty)
    never = torch.tensor(list(forbidden), dtype=torch.long, device=device)
    writing = [max_new_tokens > 0] * len(prompts)
    while any(writing):
        logits = penalise(next_logits(new), new)  # (B, V)
        if len(never):
            logits = logits.index_fill(-1, never, float("-inf"))
        new = pick(logits, sampling, generator)[:, None]  # (B, 1)
        yielded: list[int | None] = new[:, 0].tolist()
        for row, length in enumerate(lengths):
            if position < length:
                new[row, 0], yielded[row] = prompts[row][position], None
            elif not writing[row]:
                yielded[row] = None
            else:
                writing[row] = yielded[row] not in stop_tokens and position + 1 < length + max_new_tokens
        position += 1
        yield yielded


def _penalty(strength: float) -> Callable[[Tensor, Tensor], Tensor]:
    """A function of the logits (B, V) and the newest tokens (B, T) that makes all tokens so far less likely."""
    seen: Tensor | None = None  # (B, V)

    def penalise(logits: Tensor, new: Tensor) -> Tensor:
        nonlocal seen
        if strength == 1:
            return logits
        seen = torch.zeros_like(logits, dtype=torch.bool) if seen is None else seen
        seen.scatter_(1, new, True)
        return logits.where(~seen, torch.where(logits > 0, logits / strength, logits * strength))

    return penalise
