"""Problem set 02, attention: shares, masks, heads, and a fault that makes no noise."""

from minigen.checks.set_02_attention.faults import REPAIR_LEAK, WHY_SCALE
from minigen.checks.set_02_attention.heads import MULTI_HEAD_ATTENTION, SPLIT_HEADS
from minigen.checks.set_02_attention.masked import MASKED_SOFTMAX
from minigen.checks.set_02_attention.masks import CAUSAL_MASK, PADDING_MASK
from minigen.checks.set_02_attention.shares import ATTENTION, SOFTMAX

TASKS = (
    SOFTMAX,
    ATTENTION,
    WHY_SCALE,
    CAUSAL_MASK,
    PADDING_MASK,
    MASKED_SOFTMAX,
    SPLIT_HEADS,
    MULTI_HEAD_ATTENTION,
    REPAIR_LEAK,
)
