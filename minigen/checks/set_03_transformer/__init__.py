"""Problem set 03, the Transformer: positions, norm, block, loss, size, and two matrices that should be one."""

from minigen.checks.set_03_transformer.blocks import TRANSFORMER_BLOCK
from minigen.checks.set_03_transformer.loss import NEXT_TOKEN_LOSS
from minigen.checks.set_03_transformer.norms import LAYER_NORM
from minigen.checks.set_03_transformer.positions import SINUSOIDAL
from minigen.checks.set_03_transformer.rotary import ROTATE
from minigen.checks.set_03_transformer.size import PREDICT_SIZE
from minigen.checks.set_03_transformer.tying import REPAIR_TYING

TASKS = (
    SINUSOIDAL,
    ROTATE,
    LAYER_NORM,
    TRANSFORMER_BLOCK,
    NEXT_TOKEN_LOSS,
    PREDICT_SIZE,
    REPAIR_TYING,
)
