"""Problem set 11, GRU and GAN: gates, additive attention, reading backwards, and a writer that learns from a critic."""

from minigen.checks.set_11_gru_and_gan.attention import ADDITIVE_ATTENTION
from minigen.checks.set_11_gru_and_gan.backwards import REPAIR_BACKWARDS
from minigen.checks.set_11_gru_and_gan.gates import COUNT_GRU, GRU_STEP
from minigen.checks.set_11_gru_and_gan.judging import BIGRAM_DIVERGENCE
from minigen.checks.set_11_gru_and_gan.rivals import RELATIVISTIC_LOSSES
from minigen.checks.set_11_gru_and_gan.straight import STRAIGHT_THROUGH

TASKS = (
    COUNT_GRU,
    GRU_STEP,
    REPAIR_BACKWARDS,
    ADDITIVE_ATTENTION,
    STRAIGHT_THROUGH,
    RELATIVISTIC_LOSSES,
    BIGRAM_DIVERGENCE,
)
