"""A block: attention, where tokens exchange, then feed-forward, where each thinks; both added to what was there."""

from dataclasses import dataclass

from torch import Tensor, nn

from minigen.layers.attention import MultiHeadAttention
from minigen.layers.cache import LayerCache
from minigen.layers.dropout import Dropout
from minigen.layers.feed_forward import FeedForward
from minigen.layers.norm import LayerNorm, RMSNorm


@dataclass(frozen=True)
class BlockConfig:
    """What all blocks of a stack share.

    hidden_size: width of the feed-forward part, four times the width if None.
    norm: "layer", or "rms"; norm_weight: whether it learns a scale (and with `bias` a shift); norm_eps: what keeps it
        from dividing by zero.
    norm_first: True normalises what goes into each part (GPT-2 and later), False what comes out (2017, BERT).
    """

    width: int
    num_heads: int
    hidden_size: int | None = None
    dropout: float = 0.0
    activation: str = "gelu"
    bias: bool = True
    qk_norm: bool = False
    norm: str = "layer"
    norm_weight: bool = True
    norm_first: bool = True
    norm_eps: float = 1e-5

    def make_norm(self) -> nn.Module:
        """A norm over the width, of the kind that this config names.

        Raises:
            ValueError: if there is no such norm.
        """
        if self.norm == "layer":
            return LayerNorm(self.width, weight=self.norm_weight, bias=self.bias, eps=self.norm_eps)
        if self.norm == "rms":
            return RMSNorm(self.width, weight=self.norm_weight, eps=self.norm_eps)
        raise ValueError(f"unknown norm {self.norm!r}: choose 'layer' or 'rms'")


class Block(nn.Module):
    """x = x + attention(norm(x)); [x = x + cross_attention(norm(x), memory);] x = x + feed_forward(norm(x)).

    With norm_first=False the norm stands outside: x = norm(x + part(x)).
    Source: Vaswani et al. 2017, section 3.1; norm_first: Xiong et al. 2020, section 3.
    """

    def __init__(self, config: BlockConfig, cross_attention: bool = False):
        super().__init__()
        c = config
        self.norm_first = c.norm_first
        self.attention = MultiHeadAttention(c.width, c.num_heads, c.bias, c.dropout, c.qk_norm)
        self.attention_norm = c.make_norm()
        self.cross_attention = None
        if cross_attention:
            self.cross_attention = MultiHeadAttention(c.width, c.num_heads, c.bias, c.dropout, c.qk_norm)
            self.cross_norm = c.make_norm()
        self.feed_forward = FeedForward(c.width, c.hidden_size or 4 * c.width, c.activation, c.bias, c.dropout)
        self.feed_forward_norm = c.make_norm()
        self.dropout = Dropout(c.dropout)

    def forward(
        self,
        x: Tensor,
        *,
        mask: Tensor | None = None,
        causal: bool = False,
        rotation: Tensor | None = None,
        cache: LayerCache | None = None,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> Tensor:
        """(B, T, D) -> (B, T, D). memory: the encoder's output (B, S, D), for a block with cross-attention."""
        x = self._add(x, self.attention_norm, self.attention, mask=mask, causal=causal, rotation=rotation, cache=cache)
        if self.cross_attention is not None:
            x = self._add(x, self.cross_norm, self.cross_attention, context=memory, mask=memory_mask, cache=cache)
        return self._add(x, self.feed_forward_norm, self.feed_forward)

    def _add(self, x: Tensor, norm: nn.Module, part: nn.Module, **arguments) -> Tensor:
        if self.norm_first:
            return x + self.dropout(part(norm(x), **arguments))
        return norm(x + self.dropout(part(x, **arguments)))
