"""Task 09.repair_loss: two terms that are not counted in the same unit."""

import torch
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.models.latent import gaussian_kl


def loss_cases(draw: Draw) -> list[Case]:
    """-ln p of each token, which of them are text, the bell curves, and beta."""

    def case(note: str, lengths: list[int], size: int, beta: float) -> Case:
        longest = max(lengths)
        keep = torch.arange(longest) < torch.tensor(lengths)[:, None]
        nll = draw.uniform(len(lengths), longest, low=0.5, high=4.0)
        return Case(note, nll, keep, draw.normal(len(lengths), size), draw.normal(len(lengths), size), beta)

    return [
        case("two texts, z of two numbers", [3, 2], 2, 1.0),
        case("z of eight numbers", [4, 1, 3], 8, 1.0),
        case("beta of one half", [2, 5, 5, 3], 3, 0.5),
        case("one text", [6], 4, 1.0),
        case("z costs nothing", [2, 3], 5, 0.0),
    ]


def vae_loss(nll: Tensor, keep: Tensor, mean: Tensor, log_variance: Tensor, beta: float) -> Tensor:
    """The reference: -ELBO of a text with a price beta, the mean over the texts, in nats."""
    return ((nll * keep).sum(dim=1) + beta * gaussian_kl(mean, log_variance).sum(dim=1)).mean()


def _loss(reconstruction, price):
    """A loss of a way to count the one term and a way to count the other."""
    return lambda nll, keep, mean, log_variance, beta: (
        reconstruction(nll, keep) + beta * price(gaussian_kl(mean, log_variance))
    )


def _per_text(nll, keep):
    return (nll * keep).sum(dim=1).mean()


def _per_token(nll, keep):
    return (nll * keep).sum() / keep.sum()


def _whole(kl):
    return kl.sum(dim=1).mean()


def _idle_numbers_are_free(f, nll, keep, mean, log_variance, beta) -> bool:
    idle = torch.zeros(len(mean), 7)
    wider = f(nll, keep, torch.cat((mean, idle), dim=1), torch.cat((log_variance, idle), dim=1), beta)
    assert_close(wider, f(nll, keep, mean, log_variance, beta), rtol=1e-4, atol=1e-5)
    return True


def _batch_does_not_count(f, nll, keep, mean, log_variance, beta) -> bool:
    twice = f(*(torch.cat((x, x)) for x in (nll, keep, mean, log_variance)), beta)
    assert_close(twice, f(nll, keep, mean, log_variance, beta), rtol=1e-4, atol=1e-5)
    return True


def _padding_does_not_count(f, nll, keep, mean, log_variance, beta) -> bool:
    other = f(nll.masked_fill(~keep, 9.0), keep, mean, log_variance, beta)
    assert_close(other, f(nll, keep, mean, log_variance, beta), rtol=1e-4, atol=1e-5)
    return True


def _text_by_text(nll, keep, mean, log_variance, beta):
    total = torch.tensor(0.0)
    for row in range(len(nll)):
        kl = sum((m * m + v.exp() - 1 - v) / 2 for m, v in zip(mean[row], log_variance[row], strict=True))
        total = total + nll[row][keep[row]].sum() + beta * kl
    return total / len(nll)


REPAIR_LOSS = Task(
    id="09.repair_loss",
    title="Find the bug: a price that is too low",
    kind="bug",
    difficulty=2,
    minutes=15,
    points=3,
    reference=vae_loss,
    cases=loss_cases,
    atol=1e-5,
    mistakes=[
        Mistake(
            "as-found",
            "This gives what the faulty function gives. In which unit is each of the two terms: nats a token, a text, "
            "a number of z, a batch?",
            _loss(_per_text, lambda kl: kl.mean()),
        ),
        Mistake(
            "both-means",
            "Now both terms are means, one over tokens, one over numbers of z: still two units. The ELBO of a text "
            "adds up all that belongs to the text.",
            _loss(_per_token, lambda kl: kl.mean()),
        ),
        Mistake(
            "per-token",
            "The price is whole now, but the other term became nats a *token*: for texts of ten tokens z is ten times "
            "too dear, and will be given up. The first line was right.",
            _loss(_per_token, _whole),
        ),
        Mistake(
            "batch-summed",
            "The price is summed over the texts as well, the other term is a mean over them: with a larger batch z "
            "becomes dearer.",
            _loss(_per_text, lambda kl: kl.sum()),
        ),
        Mistake(
            "batch-twice",
            "The price is averaged over the texts twice: with a larger batch z becomes cheaper.",
            _loss(_per_text, lambda kl: _whole(kl) / len(kl)),
        ),
        Mistake(
            "padding-counts",
            "The price is right, but now padding counts as text: the mask was there for a reason.",
            _loss(lambda nll, keep: nll.sum(dim=1).mean(), _whole),
        ),
    ],
    properties=[
        Property(
            "idle-numbers",
            "Numbers of z that equal the prior change the loss. They cost 0 nats, so they should change nothing.",
            _idle_numbers_are_free,
        ),
        Property("batch-size", "The same texts twice in a batch should give the same loss.", _batch_does_not_count),
        Property("padding", "What stands at padding should change nothing.", _padding_does_not_count),
    ],
    variants=[_text_by_text, lambda *args: _loss(_per_text, lambda kl: torch.einsum("bz->", kl) / len(kl))(*args)],
    hints=(
        "The ELBO is a statement about one text. Over what does each of the two terms add up, and over what is it "
        "averaged?",
        "Add 30 numbers with mean 0 and log variance 0 to each z. They say nothing and cost nothing. Which line "
        "notices them?",
        "reconstruction: sum over a text's tokens, mean over the texts\n"
        "price: sum over a text's numbers of z, mean over the texts\nreturn reconstruction + beta * price",
    ),
)
