"""Problem set 08, pretrained models: their words, their tensors, and how to adapt them with few numbers."""

from minigen.checks.set_08_pretrained.checkpoint import LOAD_GPT2
from minigen.checks.set_08_pretrained.hidden_words import MASKED_WORDS
from minigen.checks.set_08_pretrained.lora import REPAIR_LORA
from minigen.checks.set_08_pretrained.merging import MERGE_LORA
from minigen.checks.set_08_pretrained.nearest import NEAREST_SENTENCE
from minigen.checks.set_08_pretrained.numbers import COUNT_LORA, WHICH_ADAPTATION
from minigen.checks.set_08_pretrained.rates import LAYER_RATES
from minigen.checks.set_08_pretrained.words import WORDPIECE

TASKS = (
    WORDPIECE,
    MASKED_WORDS,
    LOAD_GPT2,
    NEAREST_SENTENCE,
    LAYER_RATES,
    COUNT_LORA,
    MERGE_LORA,
    REPAIR_LORA,
    WHICH_ADAPTATION,
)
