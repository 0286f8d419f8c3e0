"""minigen: generative Transformers in small, readable pieces.

Start with the lessons in `notebooks/`, or with `minigen demo` on the command line.
The pieces, lowest floor first:

layers, tokenizers    attention, feed-forward, norms, positions, masks, blocks; characters, bytes, BPE
models, data          GPT, BERT, encoder-decoder, classifier, text VAE and n-grams; declared data, splits, batches
pretrained            other people's weights in our own modules
training, generate    the training loop and its checkpoints; sampling with a KV cache; beam search; metrics
estimators            whole tasks: fit, generate or predict, score, save, load

`import minigen` alone is fast: the names in `__all__` are looked up when they are first used (PEP 562).
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Bert": "minigen.models.bert",
    "BertConfig": "minigen.models.bert",
    "Classifier": "minigen.models.classifier",
    "ClassifierConfig": "minigen.models.classifier",
    "EncoderDecoder": "minigen.models.encoder_decoder",
    "EncoderDecoderConfig": "minigen.models.encoder_decoder",
    "FineTuning": "minigen.estimators",
    "GPT": "minigen.models.gpt",
    "GPTConfig": "minigen.models.gpt",
    "NGram": "minigen.models.ngram",
    "TextAutoencoder": "minigen.estimators",
    "TextClassifier": "minigen.estimators",
    "TextEncoder": "minigen.estimators",
    "TextGenerator": "minigen.estimators",
    "TextVAE": "minigen.models.text_vae",
    "TextVAEConfig": "minigen.models.text_vae",
    "TrainConfig": "minigen.training",
    "Translator": "minigen.estimators",
    "load_pretrained": "minigen.pretrained",
    "train": "minigen.training",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    """Import the module that holds `name` on first use. AttributeError for a name not in `__all__`."""
    if name not in _HOMES:
        raise AttributeError(f"module 'minigen' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
