"""Task 04.cross_entropy: from logits, without infinity, as a sum and a count."""

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task

IGNORED = -100


def entropy_cases(draw: Draw) -> list[Case]:
    """Ordinary scores, then ignored targets, then scores that overflow or underflow where no care is taken."""

    def targets(count: int, vocabulary: int, ignored: int = 0) -> Tensor:
        found = draw.integers(0, vocabulary - 1, count)
        found[draw.random.sample(range(count), ignored)] = IGNORED
        return found

    far = torch.stack((draw.normal(4) + 1000, draw.normal(4) - 1000))
    sure = torch.tensor([[200.0, 0.0, 1.0], [0.0, -300.0, 5.0]])
    hidden = torch.tensor([[0.5, float("-inf"), 1.0], [float("-inf"), 2.0, 0.0]])
    return [
        Case("two predictions", draw.normal(2, 3), targets(2, 3)),
        Case("as many predictions as words", draw.normal(5, 5), targets(5, 5)),
        Case("two targets count for nothing", draw.normal(6, 4), targets(6, 4, ignored=2)),
        Case("scores of a thousand, and of minus a thousand", far, targets(2, 4)),
        Case("very sure, and wrong", sure, torch.tensor([1, 1])),
        Case("words that are ruled out", hidden, torch.tensor([0, 1])),
        Case("no target counts", draw.normal(3, 4), targets(3, 4, ignored=3)),
        Case("a vocabulary of one", draw.normal(3, 1), targets(3, 1)),
    ]


def cross_entropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The reference: torch's, as a sum, and the number of targets that count."""
    return F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum"), (targets != IGNORED).sum()


def _sum(losses, targets):
    kept = targets != IGNORED
    return losses[kept].sum(), kept.sum()


def _right(scores, targets):
    return scores.gather(1, targets.clamp(min=0)[:, None]).squeeze(1)


def _with_largest(logits, targets, largest):
    shifted = logits - largest
    return _sum(shifted.exp().sum(1).log() - _right(shifted, targets), targets)


def _by_loop(logits, targets):
    total, count = torch.zeros(()), torch.tensor(0)
    for row, target in zip(logits, targets.tolist(), strict=True):
        if target != IGNORED:
            total, count = total - (row - row.max() - (row - row.max()).exp().sum().log())[target], count + 1
    return total, count


def _by_one_hot(logits, targets):
    kept = targets != IGNORED
    scores, words = logits[kept], torch.arange(logits.shape[1])
    picked = scores.where(words == targets[kept][:, None], torch.zeros(())).sum(1)
    return (torch.logsumexp(scores, 1) - picked).sum(), kept.sum()


def _same_for_moved_scores(f, logits: Tensor, targets: Tensor) -> bool:
    """Whether 3 more for all scores of a row changes nothing."""
    return torch.allclose(f(logits + 3, targets)[0], f(logits, targets)[0], rtol=1e-4, atol=1e-3)


CROSS_ENTROPY = Task(
    id="04.cross_entropy",
    title="Cross-entropy from logits",
    difficulty=2,
    minutes=15,
    points=3,
    reference=cross_entropy,
    cases=entropy_cases,
    rtol=1e-4,
    atol=1e-3,
    forbid=("cross_entropy", "cross_entropy_loss", "nll_loss", "log_softmax", "softmax"),
    mistakes=[
        Mistake(
            "overflow",
            "Small scores are right; exp(1000) is infinity, and so is your loss. Subtract each row's largest score "
            "before exp: what must be added again after the logarithm?",
            lambda logits, targets: _sum(logits.exp().sum(1).log() - _right(logits, targets), targets),
        ),
        Mistake(
            "log-of-softmax",
            "First the shares, then their logarithm: a share below 1e-45 is 0 in float32, and ln 0 is minus infinity. "
            "The loss there is a plain number such as 200. Stay with logarithms: ln(e^a / s) is a - ln s.",
            lambda logits, targets: _sum(-_right(logits.softmax(1), targets).log(), targets),
        ),
        Mistake(
            "global-max",
            "You subtract the largest score of the whole tensor. In a row far below it every power is 0, and so is "
            "their sum. Each row needs its own.",
            lambda logits, targets: _with_largest(logits, targets, logits.max()),
        ),
        Mistake(
            "padding-counted",
            "A target of -100 counts for nothing. You take it for a word.",
            lambda logits, targets: (cross_entropy(logits, targets.clamp(min=0))[0], torch.tensor(targets.numel())),
        ),
        Mistake(
            "mean",
            "The first number is a mean. A sum is wanted: means of different batches cannot be put together.",
            lambda logits, targets: (F.cross_entropy(logits, targets), (targets != IGNORED).sum()),
        ),
        Mistake(
            "counts-all",
            "The sum is right. The count has the ignored targets in it.",
            lambda logits, targets: (cross_entropy(logits, targets)[0], torch.tensor(targets.numel())),
        ),
        Mistake(
            "no-minus",
            "This is the sum of the logarithms, which are negative. The loss is minus that.",
            lambda logits, targets: (-cross_entropy(logits, targets)[0], (targets != IGNORED).sum()),
        ),
    ],
    properties=[
        Property(
            "moved",
            "Add the same number to all scores of a row: the probabilities stay, and so should the loss.",
            _same_for_moved_scores,
        ),
    ],
    variants=[_by_loop, _by_one_hot],
    hints=(
        "ln(e^a / (e^a + e^b)) has an exp inside a logarithm. What becomes of it when you write it as a difference?",
        "The loss of a row is ln(sum of exp) minus the target's score. Take each row's largest score out of the sum. "
        "logits[kept] leaves out what does not count; logits[torch.arange(N), targets] picks a score from each row.",
        "kept = targets are not -100; leave the other rows out\n"
        "largest = maximum of each row                              (N,)\n"
        "log_sum = ln of sum of exp(logits - largest), + largest    (N,)\n"
        "right = the target's score of each row                     (N,)\n"
        "return the sum of (log_sum - right), the number of kept",
    ),
)
