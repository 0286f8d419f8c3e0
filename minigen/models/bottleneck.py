"""The information bottleneck: a classifier that may keep only a few noisy numbers of a text; what it may start from."""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minigen.models.classifier import Classifier, ClassifierConfig
from minigen.models.gpt import GPT
from minigen.models.latent import BetaSchedule, gaussian_kl, reparameterise
from minigen.models.text_vae import TextVAE


@dataclass(frozen=True)
class BottleneckConfig:
    """A classifier with a narrow place before its head.

    latent_size: numbers that pass. beta: nats of classification that a nat of z has to be worth (0: it is free).
    stochastic: False is the control, the same layer without noise and without a price.
    """

    classifier: ClassifierConfig
    latent_size: int = 16
    beta: BetaSchedule = field(default_factory=lambda: BetaSchedule("constant", peak=0.01))
    stochastic: bool = True

    @property
    def num_classes(self) -> int:
        """Of the classifier."""
        return self.classifier.num_classes


class BottleneckClassifier(nn.Module):
    """logits = head(z),  z ~ N(mean(x), variance(x));  loss = -ln p(label | z) + beta * KL(q(z | x) || N(0, I)).

    Source: Alemi et al. 2017 (deep variational information bottleneck), section 3. Measured with z = mean.
    Axes and masks are those of `Classifier`, whose encoder and pooling it has; Z latent numbers.

    Raises:
        ValueError: if latent_size is below 1, or as for `Classifier`.
    """

    def __init__(self, config: BottleneckConfig):
        super().__init__()
        if config.latent_size < 1:
            raise ValueError(f"latent_size must be at least 1, got {config.latent_size}")
        self.config = config
        c, size = config.classifier, config.latent_size
        self.classifier = Classifier(c)
        self.to_latent = nn.Linear(c.block.width, 2 * size if config.stochastic else size)
        self.classifier.head = nn.Linear(size, c.num_classes)
        nn.init.zeros_(self.classifier.head.weight)
        nn.init.zeros_(self.classifier.head.bias)
        nn.init.zeros_(self.to_latent.bias)
        self.register_buffer("beta", torch.tensor(float(config.beta.peak)), persistent=False)

    @property
    def boundary(self) -> int:
        """The token that opens each text."""
        return self.classifier.boundary

    def set_progress(self, progress: float) -> None:
        """Tells which share of the run is done, 0 to 1, as for `TextVAE`."""
        self.beta.fill_(self.config.beta(progress))

    def latent(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor | None]:
        """(mean, log variance) of z, (B, Z) each; of the control, which has no variance, (z, None)."""
        hidden = self.classifier.encode(tokens, mask)
        pooled = (self.classifier.pool(hidden, mask)[:, None] @ hidden)[:, 0]  # (B, D)
        found = self.to_latent(self.classifier.dropout(pooled)).float()
        return found.chunk(2, dim=-1) if self.config.stochastic else (found, None)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Logits (B, C) of texts (B, T), without noise."""
        return self.classifier.head(self.latent(tokens, mask)[0])

    def loss(self, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """(sum of w (-log p(label) + beta KL) in nats, sum of w) for (tokens, mask, labels (B,), weights w (B,)).

        Measured is -log p(label) alone, of z = mean: what one would choose a classifier by.
        """
        tokens, mask, labels, weights = batch
        z, log_variance = self.latent(tokens, mask)
        cost = torch.zeros_like(weights)
        if self.training and log_variance is not None:
            cost = self.beta * gaussian_kl(z, log_variance).sum(dim=1)
            z = reparameterise(z, log_variance)
        smoothing = self.config.classifier.label_smoothing if self.training else 0.0
        logits = self.classifier.head(z).float()
        each = F.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
        return (weights * (each + cost)).sum(), weights.sum()


@torch.no_grad()
def start_from(classifier: Classifier, pretrained: TextVAE | GPT) -> None:
    """Copies embedding and blocks of a model that read texts without labels into a classifier, which goes on from them.

    Of a TextVAE its encoder, of a GPT its decoder, whose blocks now look both ways.

    Raises:
        ValueError: if the two have not the same shapes.
    """
    body = pretrained.encoder if isinstance(pretrained, TextVAE) else pretrained.decoder
    pairs = [(classifier.embedding, pretrained.embedding), (classifier.encoder, body)]
    for own, other in pairs:
        mine, theirs = dict(own.named_parameters()), dict(other.named_parameters())
        for name, parameter in mine.items():
            found = theirs.get(name)
            if found is None or found.shape != parameter.shape or mine.keys() != theirs.keys():
                shape = None if found is None else tuple(found.shape)
                raise ValueError(
                    f"the pretrained model does not fit: {name} is {tuple(parameter.shape)} here and {shape} there"
                )
            parameter.copy_(found)
