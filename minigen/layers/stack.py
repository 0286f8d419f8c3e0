"""Blocks on top of each other: the encoder reads both ways, the decoder only backwards."""

from torch import Tensor, nn

from minigen.layers.block import Block, BlockConfig
from minigen.layers.cache import KVCache


class Encoder(nn.Module):
    """num_layers blocks of self-attention; with norm_first one more norm at the end.

    Source: Vaswani et al. 2017, section 3.1.
    """

    def __init__(self, config: BlockConfig, num_layers: int):
        super().__init__()
        self.blocks = nn.ModuleList(Block(config) for _ in range(num_layers))
        self.final_norm = config.make_norm() if config.norm_first else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor | None = None, rotation: Tensor | None = None) -> Tensor:
        """(B, T, D) -> (B, T, D). mask: bool, broadcasts to (B, H, T, T), True = may attend."""
        for block in self.blocks:
            x = block(x, mask=mask, rotation=rotation)
        return self.final_norm(x)


class Decoder(nn.Module):
    """num_layers causal blocks, with cross-attention to an encoder's output if asked for.

    Without cross-attention this is the body of a GPT (Radford et al. 2018).
    """

    def __init__(self, config: BlockConfig, num_layers: int, cross_attention: bool = False):
        super().__init__()
        self.blocks = nn.ModuleList(Block(config, cross_attention) for _ in range(num_layers))
        self.final_norm = config.make_norm() if config.norm_first else nn.Identity()
        self.cross_attention = cross_attention

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        *,
        memory_mask: Tensor | None = None,
        mask: Tensor | None = None,
        rotation: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """(B, T, D) -> (B, T, D); position t depends on positions up to t alone.

        memory: (B, S, D) from the encoder; memory_mask: bool, broadcasts to (B, H, T, S), hides its padding.

        Raises:
            ValueError: if there is cross-attention and no memory, or the other way round.
        """
        if self.cross_attention != (memory is not None):
            raise ValueError("a decoder with cross_attention needs a memory, one without takes none")
        for layer, block in enumerate(self.blocks):
            x = block(
                x,
                mask=mask,
                causal=True,
                rotation=rotation,
                cache=cache.layers[layer] if cache else None,
                memory=memory,
                memory_mask=memory_mask,
            )
        return self.final_norm(x)
