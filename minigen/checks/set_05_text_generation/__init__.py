"""Problem set 05, text generation: shares, a draw, a loop, a cache, and a fault that shows only with a prompt."""

from minigen.checks.set_05_text_generation.cache import CACHED_ATTENTION
from minigen.checks.set_05_text_generation.draws import DRAW, PENALISE
from minigen.checks.set_05_text_generation.positions import REPAIR_POSITIONS
from minigen.checks.set_05_text_generation.ruled_out import TOP_K
from minigen.checks.set_05_text_generation.shares import TOP_P, WITH_TEMPERATURE
from minigen.checks.set_05_text_generation.writing import GENERATE

TASKS = (
    WITH_TEMPERATURE,
    TOP_K,
    TOP_P,
    DRAW,
    PENALISE,
    GENERATE,
    CACHED_ATTENTION,
    REPAIR_POSITIONS,
)
