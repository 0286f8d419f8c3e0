"""Pretrained weights as a preset of `TextClassifier`: which ones, how they are adapted, and by which recipe."""

from dataclasses import dataclass, replace

from minigen.models.bert import Bert
from minigen.models.bert_classifier import BertClassifier, BertClassifierConfig
from minigen.pretrained import load_pretrained
from minigen.tokenizers.pretrained import PretrainedTokenizer
from minigen.training import TrainConfig

# What each adaptation is trained by; "frozen" is not trained step by step.
RECIPES = {
    "full": {"learning_rate": 1.5e-4, "layer_decay": 0.9, "epochs": 2},
    "lora": {"learning_rate": 1e-3, "layer_decay": 1.0, "epochs": 3},
    "frozen": {"learning_rate": 1e-3, "layer_decay": 1.0, "epochs": 1},
}


@dataclass(frozen=True)
class FineTuning:
    """checkpoint: "minilm", the folder of a BERT, or hub:owner/name. adaptation: "full", "lora" or "frozen".

    context_length: the most tokens of a text that are read, [CLS] and [SEP] included. tokens_per_batch: padding
    included. epochs (if the user gives no budget), learning_rate, layer_decay: None for those of the adaptation, see
    RECIPES. dropout: None for that of the checkpoint. lora_rank, lora_alpha: as in `minigen.layers.LoRALinear`.
    evaluations: one, at the end: the rate has then fallen to zero, and earlier weights, even where their loss is
    lower, name fewer classes right; the temperature mends the loss (docs/decisions.md).
    """

    checkpoint: str = "minilm"
    adaptation: str = "full"
    context_length: int = 128
    tokens_per_batch: int = 900
    epochs: float | None = None
    learning_rate: float | None = None
    head_learning_rate: float = 1e-3
    layer_decay: float | None = None
    weight_decay: float = 0.01
    dropout: float | None = None
    label_smoothing: float = 0.0
    lora_rank: int = 16
    lora_alpha: float = 32.0
    evaluations: int = 1

    def training(self, **changes: object) -> TrainConfig:
        """The recipe: AdamW, a short rise of the rate and a fall to zero. changes: as for `Preset.training`."""
        changes = {name: value for name, value in changes.items() if value is not None}
        recipe = self._adaptation() | {
            "optimizer": "adamw",
            "head_learning_rate": self.head_learning_rate,
            "weight_decay": self.weight_decay,
            "betas": (0.9, 0.98),
            "warmup": 0.06,
            "decay": 0.94,
            "evaluations": self.evaluations,
        }
        names = ("learning_rate", "layer_decay", "epochs")
        recipe |= {name: value for name in names if (value := getattr(self, name)) is not None}
        if changes.keys() & {"steps", "epochs", "minutes"}:
            del recipe["epochs"]
        return TrainConfig(**(recipe | changes))

    def build(self, num_classes: int) -> tuple[BertClassifier, PretrainedTokenizer]:
        """The classifier with the pretrained weights in it, and their tokenizer. Errors as for `load_pretrained`."""
        self._adaptation()
        found, tokenizer = load_pretrained(self.checkpoint)
        if not isinstance(found, Bert):
            raise ValueError(f"{self.checkpoint} is a decoder, which writes: to classify, give an encoder such as BERT")
        if not tokenizer.start or not tokenizer.end:
            raise ValueError(f"the tokenizer of {self.checkpoint} puts no [CLS] and [SEP] around a text")
        block = found.config.block
        block = replace(block, dropout=block.dropout if self.dropout is None else self.dropout)
        config = replace(found.config, block=block, word_head=False)
        bert = Bert(config)
        bert.load_state_dict({name: found.state_dict()[name] for name in bert.state_dict()})
        shape = BertClassifierConfig(
            config,
            tokenizer.vocab_size,
            num_classes,
            tokenizer.start[0],
            tokenizer.end[0],
            min(self.context_length, config.context_length),
            self.adaptation,
            self.lora_rank,
            self.lora_alpha,
            self.label_smoothing,
        )
        return BertClassifier(shape, bert), tokenizer

    def _adaptation(self) -> dict:
        if self.adaptation not in RECIPES:
            raise ValueError(f"unknown adaptation {self.adaptation!r}: choose one of {', '.join(RECIPES)}")
        return RECIPES[self.adaptation]
