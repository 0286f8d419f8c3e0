"""Task 06.cross_attention: the decoder asks, the source answers."""

import torch
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.layers.attention import MultiHeadAttention, scaled_dot_product_attention


def cross_cases(draw: Draw) -> list[Case]:
    """x, memory, which source tokens are real, and three matrices."""

    def case(note: str, batch: int, target: int, source: int, width: int, visible: Tensor | None = None) -> Case:
        matrices = [draw.normal(width, width, scale=width**-0.5) for _ in range(3)]
        visible = torch.ones(batch, source, dtype=torch.bool) if visible is None else visible
        return Case(note, draw.normal(batch, target, width), draw.normal(batch, source, width), visible, *matrices)

    lengths = torch.tensor([[2], [4], [3]])
    return [
        case("two target tokens, three source tokens", 1, 2, 3, 4),
        case("as many on both sides", 2, 3, 3, 5),
        case("padding in the source", 3, 2, 4, 6, torch.arange(4) < lengths),
        case("padding, and as many on both sides", 3, 4, 4, 7, torch.arange(4) < lengths),
        case("one target token, as when it writes", 2, 1, 5, 4, draw.mask(2, 5)),
        case("one source token", 2, 3, 1, 4),
    ]


def cross_attention(x: Tensor, memory: Tensor, visible: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor) -> Tensor:
    """The reference: the package's layer with these weights, one head, and nothing after it."""
    layer = MultiHeadAttention(x.shape[-1], 1, bias=False)
    with torch.no_grad():
        layer.to_qkv.weight.copy_(torch.cat((w_q, w_k, w_v)))
        layer.to_out.weight.copy_(torch.eye(x.shape[-1]))
        return layer(x, memory, mask=visible[:, None, None])


def _cross(x, memory, visible, w_q, w_k, w_v, asks="x", answers="memory", mask=lambda m, t: m[:, None], scale=1.0):
    """Cross-attention with one thing changed: what the mistakes are made of."""
    sides = {"x": x, "memory": memory}
    q = sides[asks] @ w_q.mT * scale
    k, v = (sides[answers] @ w.mT for w in (w_k, w_v))
    return scaled_dot_product_attention(q, k, v, mask(visible, x.shape[1]))


def _changed(key: str, hint: str, **changes) -> Mistake:
    return Mistake(key, hint, lambda *args: _cross(*args, **changes))


def _causal(visible, num_queries):
    triangle = torch.ones(num_queries, visible.shape[1], dtype=torch.bool).tril()
    return triangle & visible[:, None]


def _row_by_row(x, memory, visible, w_q, w_k, w_v):
    answers = []
    for asked, read, real in zip(x, memory, visible, strict=True):
        read = read[real]  # no padding at all
        scores = torch.einsum("td,sd->ts", asked @ w_q.T, read @ w_k.T) / x.shape[-1] ** 0.5
        answers.append(torch.einsum("ts,sd->td", scores.softmax(-1), read @ w_v.T))
    return torch.stack(answers)


def _padding_is_not_read(f, x, memory, visible, *matrices) -> bool:
    other = torch.where(visible[..., None], memory, memory + 3)
    return torch.allclose(f(x, other, visible, *matrices), f(x, memory, visible, *matrices), atol=1e-5)


def _target_tokens_do_not_meet(f, x, memory, visible, *matrices) -> bool:
    """Whether each target token asks for itself: here it hears nothing of the others."""
    other = x.clone()
    other[:, -1] += 1
    before, after = (f(one, memory, visible, *matrices)[:, :-1] for one in (x, other))
    return torch.allclose(before, after, atol=1e-5)


def _same_for_a_shuffled_source(f, x, memory, visible, *matrices) -> bool:
    shuffled = f(x, memory.flip(1), visible.flip(1), *matrices)
    return torch.allclose(shuffled, f(x, memory, visible, *matrices), atol=1e-5)


CROSS_ATTENTION = Task(
    id="06.cross_attention",
    title="Who asks, and who answers",
    difficulty=2,
    minutes=15,
    points=3,
    reference=cross_attention,
    cases=cross_cases,
    rtol=1e-4,
    atol=1e-5,
    forbid=("scaled_dot_product_attention", "multi_head_attention_forward"),
    mistakes=[
        _changed(
            "who-asks",
            "The source asks and the target answers. It is the decoder that wants to know something: the queries are "
            "made "
            "of x, the keys and values of the memory.",
            asks="memory",
            answers="x",
            mask=lambda m, t: None,
        ),
        _changed(
            "looks-at-itself",
            "The keys and values are made of x: this is self-attention, and the source is never read.",
            answers="x",
            mask=lambda m, t: None,
        ),
        _changed("mask-ignored", "`visible` is not used: the decoder reads padding.", mask=lambda m, t: None),
        _changed(
            "causal",
            "You hide source tokens as if they lay in the future. The source is there as a whole before the first "
            "target "
            "token is written: only padding is hidden.",
            mask=_causal,
        ),
        _changed(
            "inverted",
            "The real tokens are hidden and the padding is read. True means `may attend`.",
            mask=lambda m, t: ~m[:, None],
        ),
        Mistake(
            "no-scale",
            "The scores are not divided by sqrt(D).",
            lambda x, *rest: _cross(x, *rest, scale=x.shape[2] ** 0.5),
        ),
        Mistake(
            "zeroed-padding",
            "You set the padding of the memory to 0. Then its scores are 0, and exp(0) = 1 is a share like any other. "
            "Minus infinity belongs into the scores.",
            lambda x, memory, visible, *w: _cross(x, memory * visible[..., None], visible, *w, mask=lambda m, t: None),
        ),
    ],
    properties=[
        Property("reads-padding", "Change the padding of the memory, and nothing should change.", _padding_is_not_read),
        Property(
            "mixes-targets", "A target token hears nothing of the other target tokens here.", _target_tokens_do_not_meet
        ),
        Property(
            "order-matters",
            "Shuffle the source together with its mask, and nothing should change.",
            _same_for_a_shuffled_source,
        ),
    ],
    variants=[_row_by_row, lambda *args: _cross(*args)],
    hints=(
        "The answer has one row for each *target* token, and it is a mean of something of the *source*. So who has the "
        "queries, and who the values?",
        "scores are (B, T, S). visible is (B, S) and the same for all targets: visible[:, None] is (B, 1, S).",
        "q = x times w_q transposed                                  (B, T, D)\n"
        "k, v = memory times w_k, w_v transposed                     (B, S, D)\n"
        "scores = q times k transposed / sqrt(D)                     (B, T, S)\n"
        "minus infinity where the source token is not visible\nreturn softmax of scores over S, times v",
    ),
)
