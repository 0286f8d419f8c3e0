"""What a pretrained encoder can do as it is: vectors of texts, nearest texts, hidden words, where its heads look."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from minigen.data.labels import pad_texts
from minigen.device import pick_device
from minigen.estimators.classifying import beginnings, check_texts, outputs
from minigen.estimators.translating import encode
from minigen.models.bert import Bert
from minigen.pretrained import load_pretrained


class TextEncoder:
    """A BERT with pretrained weights and its tokenizer.

    >>> encoder = TextEncoder("minilm")
    >>> encoder.nearest("a film to remember", ["a movie to keep in mind", "two litres of milk"], k=1)
    [('a movie to keep in mind', 0.69...)]

    checkpoint: as for `minigen.pretrained.load_pretrained`. device: the fastest one there if None.

    Raises:
        ValueError: if the checkpoint is no encoder, or as `load_pretrained` does.
    """

    def __init__(self, checkpoint: str | Path = "minilm", device: str | None = None):
        model, self.tokenizer = load_pretrained(checkpoint)
        if not isinstance(model, Bert) or not self.tokenizer.start:
            raise ValueError(f"{checkpoint} is no encoder that opens a text with [CLS], as a BERT does")
        self.model = model.to(pick_device(device))

    def embed(self, texts: Sequence[str], progress: bool = False) -> np.ndarray:
        """(N, D) a vector of length 1 for each text, so that the product of two is the cosine of their angle.

        It is the mean of the tokens' vectors, or the first of them, as the checkpoint says (Reimers and Gurevych
        2019, section 3). A text longer than the context is read by its beginning, with a warning that counts them.
        """
        tokens = encode(self.tokenizer, check_texts(texts))
        tokens = beginnings(tokens, self.model.config.context_length, "texts", self.tokenizer.end)
        if not tokens:
            return np.zeros((0, self.model.config.block.width))
        vectors = outputs(
            self.model,
            lambda tokens, mask: self.model.pool(self.model(tokens, mask), mask),
            tokens,
            self.tokenizer.start[0],
            progress,
        )
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def nearest(self, query: str, texts: Sequence[str], k: int = 5) -> list[tuple[str, float]]:
        """The k texts that are most like the query, with the cosine of their angle, the best first."""
        texts = check_texts(texts)
        cosines = self.embed(texts) @ self.embed([query])[0]
        return [(texts[row], float(cosines[row])) for row in np.argsort(-cosines, kind="stable")[:k]]

    @torch.no_grad()
    def fill(self, text: str, k: int = 5) -> list[tuple[str, float]]:
        """The k likeliest tokens for the first [MASK] of the text, with their probabilities.

        Raises:
            ValueError: if there is no [MASK], or the weights have no head for hidden words, as MiniLM's have not.
        """
        tokens, mask = self._batch(text)
        places = (tokens[0] == self.tokenizer.token_id("[MASK]")).nonzero()
        if not len(places):
            raise ValueError(f"there is no [MASK] in the text {text!r:.60}")
        logits = self.model.word_logits(self.model(tokens, mask)[0, places[0, 0]])
        best = logits.float().softmax(dim=-1).topk(k)
        names = map(self.tokenizer.token_text, best.indices.tolist())
        return list(zip(names, best.values.tolist(), strict=True))

    def attention(self, text: str) -> tuple[list[str], np.ndarray]:
        """(the T tokens by name, (L, H, T, T) where each token looks, in each layer and head)."""
        tokens, mask = self._batch(text)
        weights = self.model.attention_weights(tokens, mask)[:, 0]
        return list(map(self.tokenizer.token_text, tokens[0].tolist())), weights.float().cpu().numpy()

    def _batch(self, text: str) -> tuple[torch.Tensor, torch.Tensor]:
        """One text as the model reads it: tokens (1, T) and mask (1, 1, 1, T)."""
        context = self.model.config.context_length
        tokens = beginnings(encode(self.tokenizer, check_texts([text])), context, "texts", self.tokenizer.end)
        return tuple(part.to(self.model.embedding.weight.device) for part in pad_texts(tokens, self.tokenizer.start[0]))
