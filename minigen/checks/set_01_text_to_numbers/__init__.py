"""Problem set 01, text to numbers: byte pairs, bytes back to text, a bigram model, and a unit for its loss."""

from minigen.checks.set_01_text_to_numbers.cutting import DECODE, ENCODE
from minigen.checks.set_01_text_to_numbers.learning import TRAIN_BPE
from minigen.checks.set_01_text_to_numbers.measuring import BIGRAM, BITS_PER_BYTE, WHY_BYTES
from minigen.checks.set_01_text_to_numbers.merging import COUNT_PAIRS, MERGE_PAIR
from minigen.checks.set_01_text_to_numbers.windows import REPAIR_WINDOWS

TASKS = (
    COUNT_PAIRS,
    MERGE_PAIR,
    TRAIN_BPE,
    ENCODE,
    DECODE,
    BIGRAM,
    BITS_PER_BYTE,
    WHY_BYTES,
    REPAIR_WINDOWS,
)
