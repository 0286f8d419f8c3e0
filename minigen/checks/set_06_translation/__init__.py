"""Problem set 06, translation: batches of pairs, cross-attention, a loss without padding, beams, BLEU."""

from minigen.checks.set_06_translation.beams import BEAM_STEP, WHY_SHORT
from minigen.checks.set_06_translation.cross import CROSS_ATTENTION
from minigen.checks.set_06_translation.lengths import LENGTH_BATCHES
from minigen.checks.set_06_translation.loss import SMOOTHED_LOSS
from minigen.checks.set_06_translation.pairs import DECODER_BATCH
from minigen.checks.set_06_translation.scores import BLEU
from minigen.checks.set_06_translation.search import REPAIR_BEAM_SEARCH

TASKS = (
    DECODER_BATCH,
    LENGTH_BATCHES,
    CROSS_ATTENTION,
    SMOOTHED_LOSS,
    BEAM_STEP,
    REPAIR_BEAM_SEARCH,
    WHY_SHORT,
    BLEU,
)
