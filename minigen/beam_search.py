"""Beam search: keep the few best beginnings of each sentence, lengthen them all, keep the best again."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# (tokens (N,), rows (N,) or None) -> logits (N, V): see EncoderDecoder.next_token_function
Step = Callable[[Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class BeamConfig:
    """beam_size 1 is greedy. num_best: how many hypotheses of a sentence are given back, at most beam_size.

    length_penalty a: hypotheses compete by log p / length^a, or short ones would always win. 0 is plain log p.
    Source: Wu et al. 2016 (GNMT), section 7, in the simpler form of most later work.

    Raises:
        ValueError: if beam_size is below 1, num_best not in 1..beam_size, or length_penalty below 0.
    """

    beam_size: int = 4
    length_penalty: float = 1.0
    num_best: int = 1

    def __post_init__(self) -> None:
        if self.beam_size < 1:
            raise ValueError(f"beam_size must be at least 1, got {self.beam_size}")
        if not 1 <= self.num_best <= self.beam_size:
            raise ValueError(f"num_best must lie in 1..beam_size ({self.beam_size}), got {self.num_best}")
        if self.length_penalty < 0:
            raise ValueError(f"length_penalty must be 0 or above, got {self.length_penalty}")


@dataclass(frozen=True)
class Hypothesis:
    """A finished sentence: its tokens without the end mark, and log p / length^a, the end mark counted in both."""

    tokens: list[int]
    score: float


@torch.no_grad()
def beam_search(
    step: Step, max_lengths: Tensor, boundary: int, config: BeamConfig = BeamConfig()
) -> list[list[Hypothesis]]:
    """For each of B sentences its num_best best hypotheses, best first.

    boundary: the token that sentences begin after and end with. max_lengths: (B,) the most tokens of each, the end
    mark included; there only the end may follow, so that a search always ends and each score is that of a whole
    sentence. Fewer than num_best come back only where there are fewer sentences.
    """
    search = _Search(max_lengths, boundary, config)
    tokens, rows = torch.full_like(max_lengths, boundary), None
    while search.sentences:
        tokens, rows = search.advance(step(tokens, rows))
    return search.finished


class _Search:
    """The beams of the sentences that are still being written: A sentences, K beams each."""

    def __init__(self, max_lengths: Tensor, boundary: int, config: BeamConfig):
        self.config, self.boundary, self.max_lengths = config, boundary, max_lengths.tolist()
        self.finished: list[list[Hypothesis]] = [[] for _ in self.max_lengths]
        self.num_ended = [0] * len(self.max_lengths)
        self.sentences = list(range(len(self.max_lengths)))
        # At first there is one beam a sentence: K equal ones would stay equal.
        self.scores = torch.zeros(len(self.max_lengths), 1, device=max_lengths.device)  # (A, K) log p so far
        self.history = max_lengths.new_empty(len(self.max_lengths), 1, 0)  # (A, K, t)

    def advance(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Takes logits (A K, V) of the next token; returns the tokens (N,) to read next, and whose rows they follow."""
        num_sentences, beams = self.scores.shape
        length = self.history.shape[2] + 1
        log_p = logits.float().log_softmax(dim=-1).view(num_sentences, beams, -1)  # (A, K, V)
        self._allow_only_end(log_p, length)
        # Of any 2 K continuations of K beams at most K are ends, so K go on.
        wanted = min(2 * self.config.beam_size, beams * log_p.shape[2])
        scores, index = (self.scores[:, :, None] + log_p).flatten(1).topk(wanted)  # (A, 2K)
        beam, token = index // log_p.shape[2], index % log_p.shape[2]
        self._finish(scores.tolist(), beam.tolist(), token.tolist(), length)
        kept = scores.masked_fill(token == self.boundary, float("-inf")).topk(min(self.config.beam_size, wanted))
        beam, token = beam.gather(1, kept.indices), token.gather(1, kept.indices)
        best = kept.values[:, 0].tolist()
        going = [place for place in range(num_sentences) if self._goes_on(place, best[place], length)]
        self.sentences = [self.sentences[place] for place in going]
        places = torch.tensor(going, dtype=torch.long, device=logits.device)
        beam, token, self.scores = beam[places], token[places], kept.values[places]  # (A', K)
        rows = places[:, None] * beams + beam
        self.history = torch.cat((self.history.flatten(0, 1)[rows], token[:, :, None]), dim=2)  # (A', K, t + 1)
        return token.flatten(), rows.flatten()

    def _allow_only_end(self, log_p: Tensor, length: int) -> None:
        full = [place for place, sentence in enumerate(self.sentences) if length >= self.max_lengths[sentence]]
        if full:
            end = log_p[full, :, self.boundary].clone()
            log_p[full] = float("-inf")
            log_p[full, :, self.boundary] = end

    def _finish(self, scores: list, beams: list, tokens: list, length: int) -> None:
        """Notes the continuations that are an end among the K best: one further down is no candidate of this beam."""
        normaliser = length**self.config.length_penalty
        for place, sentence in enumerate(self.sentences):
            best = list(zip(scores[place], beams[place], tokens[place], strict=True))[: self.config.beam_size]
            for score, beam, token in best:
                if token == self.boundary and score > float("-inf"):
                    found = Hypothesis(self.history[place, beam].tolist(), score / normaliser)
                    self.finished[sentence].append(found)
                    self.num_ended[sentence] += 1
            self.finished[sentence].sort(key=lambda hypothesis: -hypothesis.score)
            del self.finished[sentence][self.config.num_best :]

    def _goes_on(self, place: int, best: float, length: int) -> bool:
        """Until no beam can come among the num_best; once as many ends were met as there are beams (greedy: one),
        until none would, ended as it is. Beams beside a sure one end anywhere: ends alone must not stop the search.
        """
        sentence = self.sentences[place]
        finished, longest = self.finished[sentence], self.max_lengths[sentence]
        if best == float("-inf"):
            return False
        if len(finished) < self.config.num_best:
            return True
        if self.num_ended[sentence] >= self.config.beam_size:
            longest = length
        # log p only falls from here, and will be divided by no more than this.
        return best / longest**self.config.length_penalty > finished[-1].score
