"""Tasks 05.with_temperature and 05.top_p: another distribution, made of the model's."""

import torch
import torch.nn.functional as F
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.generate import Sampling, probabilities


def temperature_cases(draw: Draw) -> list[Case]:
    """Cool, hot, neutral and greedy; several axes; a token that is ruled out."""
    ruled_out = draw.normal(2, 4)
    ruled_out[:, 1] = float("-inf")
    cold = 1 / 64  # a power of two: dividing by it is exact, and no right answer fails by rounding
    return [
        Case("two rows, cool", draw.normal(2, 4), 0.5),
        Case("several axes, hot", draw.normal(2, 3, 5), 3.0),
        Case("as it was learned", draw.normal(2, 3), 1.0),
        Case("temperature 0", draw.normal(3, 5), 0.0),
        Case("temperature 0, several axes", draw.normal(2, 3, 4), 0.0),
        Case("one row", draw.normal(6), 0.7),
        Case("large logits, cold", draw.normal(2, 4, scale=5) + 300, cold),
        Case("a token that is ruled out", ruled_out, 2.0),
    ]


def with_temperature(logits: Tensor, temperature: float) -> Tensor:
    """The reference: softmax(logits / temperature), and all for the likeliest at temperature 0."""
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    return torch.softmax(logits / temperature, -1)


def _powers(logits, temperature):
    shares = torch.zeros_like(logits)
    if temperature == 0:
        return shares.scatter(-1, logits.argmax(-1, keepdim=True), 1.0)
    powers = ((logits - logits.amax(-1, keepdim=True)).exp()) ** (1 / temperature)
    return powers / powers.sum(-1, keepdim=True)


def _sums_to_one(f, x: Tensor, *rest) -> bool:
    sums = f(x, *rest).sum(-1)
    return torch.allclose(sums, torch.ones_like(sums), atol=1e-5)


def _same_favourite(f, logits: Tensor, temperature: float) -> bool:
    return torch.equal(f(logits, temperature).argmax(-1), logits.argmax(-1))


WITH_TEMPERATURE = Task(
    id="05.with_temperature",
    title="Warmer, colder",
    difficulty=1,
    minutes=10,
    points=2,
    reference=with_temperature,
    cases=temperature_cases,
    mistakes=[
        Mistake(
            "inverted",
            "Your temperature works the wrong way round: hot is sharp and cold is flat. To flatten, differences "
            "between "
            "logits must become smaller.",
            lambda z, t: torch.softmax(z * t, -1) if t else with_temperature(z, t),
        ),
        Mistake(
            "zero-division",
            "All is right but temperature 0, where you divide by 0. What does the distribution tend to as it gets "
            "colder and colder? Treat that case by itself.",
            lambda z, t: torch.softmax(z / t, -1),
        ),
        Mistake(
            "no-effect",
            "The shares are divided by the temperature, and the division by their sum takes it out again. It belongs "
            "to "
            "the logits, before exp.",
            lambda z, t: torch.softmax(z, -1) / 1 if t else with_temperature(z, t),
        ),
        Mistake(
            "twice-softmax",
            "You divide the *shares* by the temperature and take a softmax of that. Shares lie between 0 and 1, so "
            "their "
            "softmax is nearly flat whatever the model thought.",
            lambda z, t: torch.softmax(torch.softmax(z, -1) / t, -1) if t else with_temperature(z, t),
        ),
        Mistake(
            "wrong-axis",
            "The shares sum to 1 along the first axis. The vocabulary is the last one.",
            lambda z, t: torch.softmax(z / t, 0) if t else with_temperature(z, t),
        ),
    ],
    properties=[
        Property("sums-to-one", "The shares of the vocabulary, the last axis, should sum to 1.", _sums_to_one),
        Property("other-favourite", "At every temperature the likeliest token stays the likeliest.", _same_favourite),
    ],
    variants=[_powers, lambda z, t: F.softmax(z / t, dim=-1) if t > 0 else (z == z.amax(-1, keepdim=True)).float()],
    hints=(
        "Two logits, 1 and 3. How far apart should they be, before the softmax, if the shares are to be more alike?",
        "Divide the logits by the temperature, then take the softmax over the last axis. For temperature 0: "
        "torch.nn.functional.one_hot of the argmax, as float.",
        "if temperature is 0: 1 for the largest logit of each row, 0 for the others\n"
        "else: softmax of (logits / temperature) over the last axis",
    ),
)


def top_p_cases(draw: Draw) -> list[Case]:
    """By hand first, sums that reach p exactly, then batches; a favourite that is more than p alone."""
    return [
        Case("four tokens, two are enough", torch.tensor([[0.5, 0.3, 0.15, 0.05]]), 0.7),
        Case("the likeliest is enough", torch.tensor([[0.1, 0.6, 0.3]]), 0.5),
        Case("0.5 is reached exactly by one token", torch.tensor([[0.25, 0.5, 0.125, 0.125]]), 0.5),
        Case("a batch", draw.normal(4, 7, scale=1.5).softmax(-1), 0.8),
        Case("several axes", draw.normal(2, 3, 6).softmax(-1), 0.6),
        Case("everything is kept", draw.normal(2, 5).softmax(-1), 1.0),
        Case("hardly anything is kept", draw.normal(3, 5).softmax(-1), 0.01),
        Case("a large vocabulary", draw.normal(2, 100, scale=2).softmax(-1), 0.9),
    ]


def top_p(shares: Tensor, p: float) -> Tensor:
    """The reference: the package's own, which begins with logits."""
    flat = shares.log().flatten(0, -2)
    return probabilities(flat, Sampling(top_p=p)).view_as(shares)


def _top_p(shares, p, keep=lambda ordered, p: ordered.cumsum(-1) - ordered < p, descending=True, whole=True, back=None):
    """Top-p with one thing changed: what the mistakes are made of."""
    ordered, order = shares.sort(dim=-1, descending=descending)
    kept = ordered * keep(ordered, p)
    kept = kept / kept.sum(-1, keepdim=True) if whole else kept
    return back(kept, order) if back else torch.zeros_like(shares).scatter(-1, order, kept)


def _one_by_one(shares, p):
    answer = torch.zeros_like(shares)
    for source, row in zip(shares.flatten(0, -2), answer.flatten(0, -2), strict=True):
        total = 0.0
        for token in sorted(range(len(source)), key=lambda i: -source[i].item()):
            if total < p:
                row[token] = source[token]
                total += source[token].item()
        row /= row.sum()
    return answer


def _by_threshold(shares, p):
    ordered = shares.sort(dim=-1, descending=True).values
    size = ((ordered.cumsum(-1) - ordered) < p).sum(-1, keepdim=True)
    kept = shares.where(shares >= ordered.gather(-1, size - 1), torch.zeros(()))
    return kept / kept.sum(-1, keepdim=True)


def _changed(key: str, hint: str, **changes) -> Mistake:
    return Mistake(key, hint, lambda shares, p: _top_p(shares, p, **changes))


def _keeps_the_likeliest(f, shares: Tensor, p: float) -> bool:
    return bool((f(shares, p).gather(-1, shares.argmax(-1, keepdim=True)) > 0).all())


def _reaches_p(f, shares: Tensor, p: float) -> bool:
    return bool(((shares * (f(shares, p) > 0)).sum(-1) >= p - 1e-5).all())


TOP_P = Task(
    id="05.top_p",
    title="The nucleus",
    difficulty=2,
    minutes=20,
    points=4,
    reference=top_p,
    cases=top_p_cases,
    mistakes=[
        _changed(
            "not-renormalised",
            "The right tokens are kept, but their shares no longer sum to 1.",
            whole=False,
        ),
        _changed(
            "one-too-few",
            "The token that carries the sum over p is dropped: what is kept must *reach* p. Where the likeliest alone "
            "is above p, you keep nothing at all, and 0 / 0 is NaN.",
            keep=lambda ordered, p: ordered.cumsum(-1) <= p,
        ),
        _changed(
            "one-too-many",
            "Where the likelier tokens reach p exactly, you take one more. They are enough: the *fewest* tokens are "
            "wanted.",
            keep=lambda ordered, p: ordered.cumsum(-1) - ordered <= p,
        ),
        _changed(
            "not-put-back",
            "The shares are right and stand in the order of their size. Token i's share belongs at place i: sort gives "
            "the places as its second answer.",
            back=lambda kept, order: kept,
        ),
        _changed(
            "wrong-way-back",
            "`gather` with the order sorts once more. To put things back where they came from, write *to* these "
            "places: "
            "`scatter`.",
            back=lambda kept, order: kept.gather(-1, order),
        ),
        _changed("unlikeliest", "You begin with the smallest shares. The likeliest come first.", descending=False),
        _changed(
            "each-by-itself",
            "Each share is compared with p by itself. It is their sum, from the likeliest on, that is compared.",
            keep=lambda ordered, p: ordered >= p,
        ),
    ],
    properties=[
        Property("sums-to-one", "The shares of each row should sum to 1.", _sums_to_one),
        Property("no-favourite", "The likeliest token always stays.", _keeps_the_likeliest),
        Property("below-p", "The tokens that are kept should together have had p or more.", _reaches_p),
    ],
    variants=[_one_by_one, _by_threshold],
    hints=(
        "Shares 0.5, 0.3, 0.15, 0.05 and p = 0.7: which tokens stay? For each one write down how much the likelier "
        "ones "
        "have together. What do those that stay have in common?",
        "shares.sort(dim=-1, descending=True) gives the shares and their places. The sum *before* a token is cumsum "
        "minus the token's own share. torch.zeros_like(shares).scatter(-1, places, kept) puts things back.",
        "ordered, places = the shares, sorted, largest first\nbefore = sum of those that stand earlier in the row\n"
        "kept = ordered where before < p, else 0\nkept = kept / its sum\nreturn kept, each at its old place",
    ),
)
