"""Additive attention: a small network judges how well each key answers a query. Older than the dot product."""

import torch
from torch import Tensor, nn


class AdditiveAttention(nn.Module):
    """score_ts = v . tanh(W q_t + U k_s);  weights = softmax over s;  output_t = sum_s weights_ts k_s, with k = memory.

    Source: Bahdanau et al. 2015, section 3.1 and appendix A.1.2. Axes: B batch, T queries, S keys, D width.
    mask: bool, broadcasts to (B, T, S); True = may attend; each query needs one True.
    """

    def __init__(self, width: int):
        super().__init__()
        self.to_query = nn.Linear(width, width, bias=False)
        self.to_key = nn.Linear(width, width, bias=False)
        self.to_score = nn.Linear(width, 1, bias=False)

    def forward(self, queries: Tensor, memory: Tensor, keys: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, D), memory (B, S, D) and keys = to_key(memory) -> (B, T, D).

        Keys come projected, so that whoever writes token by token does that once.
        """
        return self.weights(queries, keys, mask) @ memory

    def weights(self, queries: Tensor, keys: Tensor, mask: Tensor | None = None) -> Tensor:
        """Where each query looks: (B, T, D) and keys (B, S, D) -> (B, T, S); each row sums to 1."""
        pairs = torch.tanh(self.to_query(queries)[:, :, None] + keys[:, None])  # (B, T, S, D)
        scores = self.to_score(pairs)[..., 0].float()
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return scores.softmax(dim=-1).to(queries.dtype)
