"""Other people's weights in our own modules: BERT-like encoders and GPT-2-like decoders.

>>> model, tokenizer = load_pretrained("minilm")
"""

from minigen.pretrained.checkpoints import find_checkpoint
from minigen.pretrained.load import load_pretrained

__all__ = ["find_checkpoint", "load_pretrained"]
