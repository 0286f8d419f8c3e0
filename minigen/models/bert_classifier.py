"""A classifier on a pretrained BERT: all of it learns, or thin matrices beside it, or a head alone."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from minigen.layers import Dropout, add_lora
from minigen.models.bert import Bert, BertConfig
from minigen.models.classifier import weighted_loss

ADAPTATIONS = ("full", "lora", "frozen")


@dataclass(frozen=True)
class BertClassifierConfig:
    """A BERT, what it is adapted to, and how.

    vocab_size: tokens of its tokenizer; the BERT may have rows that none uses.
    start, end: the tokens around each text, [CLS] and [SEP]. context_length: the most tokens of a text, these two
    included. adaptation: "full" trains all weights, "lora" thin matrices of the rank `lora_rank` beside those of the
    blocks, "frozen" the head alone. label_smoothing: as in `ClassifierConfig`.
    """

    bert: BertConfig
    vocab_size: int
    num_classes: int
    start: int
    end: int
    context_length: int
    adaptation: str = "full"
    lora_rank: int = 8
    lora_alpha: float = 16.0
    label_smoothing: float = 0.0


class BertClassifier(nn.Module):
    """logits = head(pool(bert(tokens))), where pool is what the checkpoint makes vectors of texts by.

    bert: one with pretrained weights; of random weights if None.
    Axes: B batch, T tokens, D width, C classes. mask: bool (B, 1, 1, T), False hides padding.

    Raises:
        ValueError: if there is no such adaptation, fewer than two classes, or a context longer than the BERT's.
    """

    def __init__(self, config: BertClassifierConfig, bert: Bert | None = None):
        super().__init__()
        c = config
        if c.adaptation not in ADAPTATIONS:
            raise ValueError(f"unknown adaptation {c.adaptation!r}: choose one of {', '.join(ADAPTATIONS)}")
        if c.num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, got {c.num_classes}")
        if not 2 < c.context_length <= c.bert.context_length:
            raise ValueError(
                f"context_length {c.context_length} does not fit: these weights read up to {c.bert.context_length} "
                "tokens, of which [CLS] and [SEP] are two"
            )
        self.config = config
        self.bert = bert or Bert(c.bert)
        if c.adaptation == "lora":
            self.bert.requires_grad_(False)
            add_lora(self.bert.encoder, c.lora_rank, c.lora_alpha)
        elif c.adaptation == "frozen":
            self.bert.requires_grad_(False)
        self.dropout = Dropout(c.bert.block.dropout)
        self.head = nn.Linear(c.bert.block.width, c.num_classes)
        nn.init.zeros_(self.head.weight)  # at first all classes are equally likely
        nn.init.zeros_(self.head.bias)

    @property
    def boundary(self) -> int:
        """The token that opens each text."""
        return self.config.start

    @property
    def ending(self) -> tuple[int, ...]:
        """The tokens that end each text."""
        return (self.config.end,)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Logits (B, C) of texts (B, T)."""
        return self.head(self.dropout(self.features(tokens, mask)))

    def features(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """The vector of each text: (B, T) -> (B, D)."""
        return self.bert.pool(self.encode(tokens, mask), mask)

    def encode(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """What the encoder makes of each token: (B, T) -> (B, T, D)."""
        return self.bert(tokens, mask)

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """How much each token counts: (B, T), zero for padding; rows sum to 1."""
        seen = mask[:, 0, 0].to(hidden.dtype)
        if self.config.bert.pooling == "first":
            seen = torch.zeros_like(seen).index_fill(1, torch.tensor(0, device=seen.device), 1.0)
        return seen / seen.sum(dim=1, keepdim=True)

    def loss(self, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """As `Classifier.loss`."""
        tokens, mask, labels, weights = batch
        smoothing = self.config.label_smoothing if self.training else 0.0
        return weighted_loss(self(tokens, mask), labels, weights, smoothing)
