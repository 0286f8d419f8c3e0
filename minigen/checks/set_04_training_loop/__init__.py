"""Problem set 04, the training loop: loss, schedule, steps, clipping, accumulation, and a loop with three faults."""

from minigen.checks.set_04_training_loop.adamw import ADAMW_STEP
from minigen.checks.set_04_training_loop.cross_entropy import CROSS_ENTROPY
from minigen.checks.set_04_training_loop.first_loss import FIRST_LOSS
from minigen.checks.set_04_training_loop.gradients import ACCUMULATED_GRADIENT, CLIP_GRADIENTS
from minigen.checks.set_04_training_loop.loop import REPAIR_LOOP
from minigen.checks.set_04_training_loop.muon import ORTHOGONALISE
from minigen.checks.set_04_training_loop.schedule import LEARNING_RATE

TASKS = (
    FIRST_LOSS,
    CROSS_ENTROPY,
    LEARNING_RATE,
    ADAMW_STEP,
    CLIP_GRADIENTS,
    ACCUMULATED_GRADIENT,
    ORTHOGONALISE,
    REPAIR_LOOP,
)
