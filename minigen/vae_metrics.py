"""Does a text VAE use its z? Each of these numbers has a value that gives a collapsed model away."""

import math
import warnings
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from minigen.data.pairs import pair_batch
from minigen.generate import GREEDY, Sampling, generate
from minigen.models.latent import gaussian_kl, log_normal, reparameterise
from minigen.models.text_vae import Batch, TextVAE

TOKENS_IN_A_BATCH = 4000  # of one side, padding included
ACTIVE = 0.01  # the variance of a dimension's mean over the texts above which it is active (Burda et al. 2016, 5.2)
SATURATED = 0.5  # nats below ln N where the estimate of the mutual information says no more than "at least"


@torch.no_grad()
def posteriors(model: TextVAE, texts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """(means, log variances) of q(z | x) of N texts, (N, Z) each, without dropout."""
    shape = (len(texts), model.config.latent_size)
    means, log_variances = torch.zeros(shape), torch.zeros(shape)
    for rows, (source, source_mask, _, _) in batches(model, texts):
        mean, log_variance = model.posterior(source, source_mask)
        means[rows], log_variances[rows] = mean.cpu(), log_variance.cpu()
    return means, log_variances


def active_units(means: Tensor) -> int:
    """How many dimensions of z move with the text: those whose mean has a variance above 0.01 over the N texts.

    means: (N, Z). A collapsed model has 0. Source: Burda et al. 2016, section 5.2.
    """
    return int((means.var(dim=0, unbiased=False) > ACTIVE).sum())


@torch.no_grad()
def nll_of_own_and_permuted(
    model: TextVAE, texts: Sequence[Tensor], means: Tensor, log_variances: Tensor, seed: int = 0
) -> tuple[float, float]:
    """-E ln p(x | z) in nats per text, with z of the text itself and with z of another one.

    Each text gets the z of the one before it in a random order, so none keeps its own. If the two are equal the
    decoder does not read z, whatever the KL says.

    Raises:
        ValueError: if there are fewer than two texts.
    """
    if len(texts) < 2:
        raise ValueError(f"z can be permuted among 2 texts or more, got {len(texts)}")
    generator = torch.Generator().manual_seed(seed)
    z, order = reparameterise(means, log_variances, generator), torch.randperm(len(texts), generator=generator)
    other = torch.empty_like(z)
    other[order] = z[order.roll(1)]
    totals = [0.0, 0.0]
    for rows, (_, _, inputs, targets) in batches(model, texts):
        for kind, latent in enumerate((z, other)):
            totals[kind] -= float(model.log_likelihood(inputs, targets, latent[rows].to(inputs.device)).sum())
    return totals[0] / len(texts), totals[1] / len(texts)


def elbo_and_bound(
    model: TextVAE, texts: Sequence[Tensor], num_samples: int = 64, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """(ELBO, importance-weighted bound with K = num_samples draws) of ln p(x) of each text, in nats, (N,) each.

    bound = ln mean_k p(x | z_k) p(z_k) / q(z_k | x): in expectation below ln p(x), and above the ELBO, which is the
    mean of the logarithms of the same weights. Source: Burda et al. 2016, section 3.
    """
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    elbo, bound = torch.zeros(len(texts)), torch.zeros(len(texts))
    for rows, batch in batches(model, texts):
        weights = model.log_weights(batch, num_samples, generator).cpu()  # (K, B)
        elbo[rows], bound[rows] = weights.mean(dim=0), weights.logsumexp(dim=0) - math.log(num_samples)
    return elbo, bound


def mutual_information(means: Tensor, log_variances: Tensor, seed: int = 0) -> float:
    """How many nats z tells of which of the N texts it is of: mean of ln q(z | x) - ln (1/N sum_j q(z | x_j)).

    It cannot exceed ln N, so near there it only says "at least", with a warning: a minibatch estimate of 32 texts
    ends at 3.5 nats, however much z knows. Source: Hoffman and Johnson 2016; He et al. 2019, section 3.
    """
    z = reparameterise(means, log_variances, torch.Generator().manual_seed(seed))
    own = log_normal(z, means, log_variances)
    mixture = torch.stack([log_normal(one, means, log_variances).logsumexp(dim=0) for one in z]) - math.log(len(z))
    found, limit = float((own - mixture).mean()), math.log(len(z))
    if found > limit - SATURATED:
        warnings.warn(
            f"the mutual information of {found:.2f} nats is near ln {len(z):,} = {limit:.2f}, more than which so many "
            "texts cannot show: read it as a lower bound",
            stacklevel=2,
        )
    return found


def write(model: TextVAE, z: Tensor, sampling: Sampling = GREEDY, seed: int | None = None) -> list[list[int]]:
    """The tokens that the decoder writes from each z (N, Z), free-running from the boundary on; greedy unless told.

    Raises:
        ValueError: if z is not (N, Z).
    """
    device, boundary = next(model.parameters()).device, model.boundary
    texts: list[list[int]] = []
    for part in z.to(device).split(max(1, TOKENS_IN_A_BATCH // model.config.context_length)):
        step = model.next_token_function(part)
        tokens = generate(
            step,
            [[boundary]] * len(part),
            model.config.context_length - 1,
            sampling,
            stop_tokens=[boundary],
            seed=seed if seed is None else seed + len(texts),
            device=device,
        )
        texts += [[t for t in row if t not in (None, boundary)] for row in zip(*tokens, strict=True)]
    return texts


def reconstruction_rates(texts: Sequence[Tensor], written: Sequence[Sequence[int]]) -> tuple[float, float]:
    """(share of all tokens that stand again in their place, share of texts written again to the letter).

    Free-running is the honest test: with the true beginning before it, a good language model guesses many tokens.
    """
    pairs = [(text.tolist(), list(again)) for text, again in zip(texts, written, strict=True)]
    kept = sum(old == new for text, again in pairs for old, new in zip(text, again, strict=False))
    return kept / sum(len(text) for text, _ in pairs), sum(text == again for text, again in pairs) / len(pairs)


def diagnose(model: TextVAE, texts: Sequence[Tensor], num_samples: int = 64, seed: int = 0) -> dict[str, float | int]:
    """All of the above on held-out texts, in evaluation mode (no dropout); nats per text.

    kl, unclamped; active_units of latent_size; own_nll, permuted_nll and their gap; reconstructed and exact,
    free-running from the means; elbo; nll_bound, an upper bound on -ln p(x), importance-weighted with num_samples;
    mutual_information and its limit ln N; n.
    """
    was_training = model.training
    model.eval()
    try:
        means, log_variances = posteriors(model, texts)
        own, permuted = nll_of_own_and_permuted(model, texts, means, log_variances, seed)
        elbo, bound = elbo_and_bound(model, texts, num_samples, seed)
        reconstructed, exact = reconstruction_rates(texts, write(model, means))
    finally:
        model.train(was_training)
    return {
        "n": len(texts),
        "kl": float(gaussian_kl(means, log_variances).sum(dim=1).mean()),
        "active_units": active_units(means),
        "latent_size": model.config.latent_size,
        "own_nll": own,
        "permuted_nll": permuted,
        "gap": permuted - own,
        "reconstructed": reconstructed,
        "exact": exact,
        "elbo": float(elbo.mean()),
        "nll_bound": -float(bound.mean()),
        "mutual_information": mutual_information(means, log_variances, seed),
        "mutual_information_limit": math.log(len(texts)),
    }


def batches(model: TextVAE, texts: Sequence[Tensor]) -> Iterator[tuple[list[int], Batch]]:
    """(rows, batch on the model's device), texts of similar lengths together."""
    device = next(model.parameters()).device
    rows: list[int] = []
    for row in [*sorted(range(len(texts)), key=lambda row: len(texts[row])), None]:
        if rows and (row is None or (len(rows) + 1) * (len(texts[row]) + 1) > TOKENS_IN_A_BATCH):
            chosen = [texts[r] for r in rows]
            yield rows, tuple(part.to(device) for part in pair_batch(chosen, chosen, model.boundary))
            rows = []
        if row is not None:
            rows = [*rows, row]
