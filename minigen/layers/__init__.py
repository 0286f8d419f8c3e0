"""The parts of models, one idea a file: attention, feed-forward, norms, positions, masks, blocks, stacks; the GRU."""

from minigen.layers.additive_attention import AdditiveAttention
from minigen.layers.attention import (
    MultiHeadAttention,
    attention_weights,
    recorded_weights,
    scaled_dot_product_attention,
)
from minigen.layers.block import Block, BlockConfig
from minigen.layers.cache import KVCache
from minigen.layers.dropout import Dropout
from minigen.layers.feed_forward import FeedForward
from minigen.layers.gru import GRU, BidirectionalGRU, GRUDecoder, GRUEncoder, GRUStack
from minigen.layers.lora import LoRALinear, add_lora, merge_lora
from minigen.layers.masks import causal_mask, padding_mask
from minigen.layers.norm import LayerNorm, RMSNorm
from minigen.layers.positions import (
    LearnedPositions,
    Rotary,
    SinusoidalPositions,
    make_positions,
    rotate,
    sinusoidal,
)
from minigen.layers.stack import Decoder, Encoder

__all__ = [
    "GRU",
    "AdditiveAttention",
    "BidirectionalGRU",
    "Block",
    "BlockConfig",
    "Decoder",
    "Dropout",
    "Encoder",
    "FeedForward",
    "GRUDecoder",
    "GRUEncoder",
    "GRUStack",
    "KVCache",
    "LayerNorm",
    "LearnedPositions",
    "LoRALinear",
    "MultiHeadAttention",
    "RMSNorm",
    "Rotary",
    "SinusoidalPositions",
    "add_lora",
    "attention_weights",
    "causal_mask",
    "make_positions",
    "merge_lora",
    "padding_mask",
    "recorded_weights",
    "rotate",
    "scaled_dot_product_attention",
    "sinusoidal",
]
