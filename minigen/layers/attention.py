"""Attention: each token asks a question of all the others and takes home a weighted mean of their answers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minigen.layers.cache import LayerCache
from minigen.layers.dropout import Dropout
from minigen.layers.masks import causal_mask
from minigen.layers.norm import LayerNorm
from minigen.layers.positions import rotate

MOST_WEIGHTS = 2**23  # numbers in a matrix of weights that a CPU may keep for the way back, 16 MB a layer in bfloat16
SHORT = 32 * 32  # queries times keys up to which a product in float32 takes a CPU no longer than one in bfloat16


def attention_weights(q: Tensor, k: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(Q K^T / sqrt(Dh)), the share of each key in each query's answer.

    q: (..., T, Dh), k: (..., S, Dh) -> (..., T, S); each row is >= 0 and sums to 1.
    mask: bool, broadcasts to (..., T, S); True = may attend; each query needs one True.
    A row without any True gives NaN here, and zeros in the fused kernel.
    Source: Vaswani et al. 2017, section 3.2.1.
    """
    scores = (q / q.shape[-1] ** 0.5) @ k.mT  # (..., T, S)
    if mask is not None:
        # In place, and of the mask's own size, which is often small: scores are the largest thing there is.
        scores += torch.zeros(mask.shape, dtype=scores.dtype, device=mask.device).masked_fill_(~mask, float("-inf"))
    return scores.softmax(dim=-1)


def scaled_dot_product_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(Q K^T / sqrt(Dh)) V, spelt out; torch's fused kernel of the same name never stores the weights.

    q: (..., T, Dh), k: (..., S, Dh), v: (..., S, Dv) -> (..., T, Dv). mask as in `attention_weights`.
    """
    return attention_weights(q, k, mask) @ v


class MultiHeadAttention(nn.Module):
    """head_i = softmax(Q_i K_i^T / sqrt(Dh)) V_i;  output = concat(head_1..head_H) W_O.

    Source: Vaswani et al. 2017, section 3.2.2. qk_norm: LayerNorm of each head's queries and keys,
    Dehghani et al. 2023 (ViT-22B), section 2.
    Axes: B batch, T queries, S keys, D width, H heads, Dh = D / H.
    The three projections are one matrix, W_Q over W_K over W_V: one product of a small model is faster than three.

    Raises:
        ValueError: if width is not divisible by num_heads.
    """

    def __init__(self, width: int, num_heads: int, bias: bool = True, dropout: float = 0.0, qk_norm: bool = False):
        super().__init__()
        if width % num_heads:
            raise ValueError(f"width {width} is not divisible by num_heads {num_heads}")
        self.width, self.num_heads = width, num_heads
        self.to_qkv = nn.Linear(width, 3 * width, bias=bias)
        self.to_out = nn.Linear(width, width, bias=bias)
        self.qk_norm = LayerNorm(width // num_heads, weight=False) if qk_norm else nn.Identity()
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        causal: bool = False,
        rotation: Tensor | None = None,
        cache: LayerCache | None = None,
    ) -> Tensor:
        """(B, T, D) -> (B, T, D).

        context: (B, S, D) to attend to; x itself if None (self-attention).
        mask: bool, broadcasts to (B, H, T, S); True = may attend, and each query needs one True. causal: a query sees
        no later key.
        rotation: angles from `Rotary`, self-attention only. cache: earlier keys and values, which are added to.
        """
        q, k, v = self.project(x, context, rotation, cache)  # (B, H, T, Dh), then (B, H, S, Dh) twice
        # A single query of a cached decoder is the newest token: there is nothing later to hide from it.
        causal = causal and q.shape[2] > 1
        if causal and (mask is not None or k.shape[2] != q.shape[2]):
            mask, causal = _combine(mask, causal_mask(q.shape[2], k.shape[2], x.device)), False
        y = self._attend(q, k, v, mask, causal)
        return self.to_out(y.transpose(1, 2).flatten(2))  # (B, T, H, Dh) -> (B, T, D)

    def weights(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        causal: bool = False,
        rotation: Tensor | None = None,
    ) -> Tensor:
        """The (B, H, T, S) matrix that the fused kernel hides; for lessons and plots."""
        q, k, _ = self.project(x, context, rotation)
        if causal:
            mask = _combine(mask, causal_mask(q.shape[2], k.shape[2], x.device))
        return attention_weights(q, k, mask)

    def project(
        self,
        x: Tensor,
        context: Tensor | None = None,
        rotation: Tensor | None = None,
        cache: LayerCache | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, H, T, Dh) of x; keys and values (B, H, S, Dh) of the context and of what the cache holds."""
        if context is not None:
            q = self._split(self._linear(x, 0, 1)).squeeze(0)
            k, v = cache.remember(self._keys_values, context) if cache else self._keys_values(context)
            return self.qk_norm(q), k, v
        qk, v = self._split(self.to_qkv(x)).split((2, 1))  # (2, B, H, T, Dh), (1, B, H, T, Dh)
        qk = self.qk_norm(qk)  # queries and keys are treated alike, so both at once
        q, k = qk if rotation is None else rotate(qk, rotation)
        v = v.squeeze(0)  # its way back is a view; that of v[0] would copy
        return (q, *cache.append(k, v)) if cache else (q, k, v)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        """(B, H, T, Dh): spelt out where that is faster, which the fused kernel is everywhere else.

        Measured on CPUs while training: with dropout the kernel spells it out too, and draws more slowly; and in
        bfloat16 its way back takes up to five times as long. Short texts stay in float32, since a product in bfloat16
        needs a program of its own for each pair of lengths (docs/decisions.md).
        """
        dropout = self.dropout.p if self.training else 0.0
        on_cpu = v.device.type == "cpu"
        newest = mask is None and q.shape[2] == 1 and not dropout and not v.requires_grad
        if on_cpu and newest and _slow_for_one_query(v):
            # The newest token of a cached decoder, by sums: the kernel is made for many queries.
            weights = (q / q.shape[-1] ** 0.5 * k).sum(dim=-1).softmax(dim=-1)  # (B, H, S)
            return (weights.unsqueeze(-1) * v).sum(dim=-2, keepdim=True)
        low = on_cpu and v.dtype == torch.bfloat16 and v.requires_grad
        if low and q.shape[2] * k.shape[2] <= SHORT:
            with torch.autocast("cpu", enabled=False):
                return self._attend(q.float(), k.float(), v.float(), mask, causal)
        if (on_cpu and dropout) or (low and q.shape[:-1].numel() * k.shape[2] <= MOST_WEIGHTS):
            if causal:
                mask = causal_mask(q.shape[2], k.shape[2], q.device)
            return self.dropout(attention_weights(q, k, mask)) @ v
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout, is_causal=causal)

    def _keys_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        k, v = self._split(self._linear(context, 1, 3))
        return self.qk_norm(k), v

    def _linear(self, x: Tensor, first: int, last: int) -> Tensor:
        """The projections first..last-1 of queries, keys and values alone: (B, T, (last - first) D)."""
        rows = slice(first * self.width, last * self.width)
        bias = None if self.to_qkv.bias is None else self.to_qkv.bias[rows]
        return F.linear(x, self.to_qkv.weight[rows], bias)

    def _split(self, y: Tensor) -> Tensor:
        """(B, T, N H Dh) -> (N, B, H, T, Dh), for N projections side by side.

        Torch's own words, not einops: this runs once a layer and token, and parsing a pattern takes longer than
        the reshape (docs/decisions.md).
        """
        return y.view(*y.shape[:2], -1, self.num_heads, self.width // self.num_heads).permute(2, 0, 3, 1, 4)


@contextmanager
def recorded_weights(parts: Iterable[MultiHeadAttention]) -> Iterator[list[Tensor]]:
    """While it is open, each part that runs adds its (B, H, T, S) weights to the list; for lessons and plots.

    >>> with recorded_weights(block.attention for block in encoder.blocks) as weights:
    ...     encoder(x)
    """
    weights: list[Tensor] = []

    def look(part: MultiHeadAttention, arguments: tuple, named: dict) -> None:
        shown = {name: named[name] for name in ("context", "mask", "causal", "rotation") if name in named}
        weights.append(part.weights(*arguments, **shown))

    hooks = [part.register_forward_pre_hook(look, with_kwargs=True) for part in parts]
    try:
        yield weights
    finally:
        for hook in hooks:
            hook.remove()


def _slow_for_one_query(v: Tensor) -> bool:
    """Whether a CPU's fused kernel is: in bfloat16, and beside what a compiler makes of sums."""
    return v.dtype == torch.bfloat16 or torch.compiler.is_compiling()


def _combine(mask: Tensor | None, other: Tensor) -> Tensor:
    return other if mask is None else mask & other
