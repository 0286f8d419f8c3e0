"""Task 11.additive_attention: a small network judges each pair of query and key."""

import torch
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.layers import AdditiveAttention


def attention_cases(draw: Draw) -> list[Case]:
    """Queries, memory, W, U, v, and a mask or None."""

    def case(note: str, batch: int, queries: int, keys: int, width: int, masked: bool = False) -> Case:
        weights = draw.normal(width, width), draw.normal(width, width), draw.normal(width)
        mask = draw.mask(batch, queries, keys) if masked else None
        return Case(note, draw.normal(batch, queries, width), draw.normal(batch, keys, width), *weights, mask)

    hidden = case("padding: the same keys are hidden from all queries", 2, 3, 4, 2)
    hidden.args = (*hidden.args[:-1], torch.tensor([[[True, True, False, False]], [[True, True, True, True]]]))
    return [
        case("one query, two keys", 1, 1, 2, 2),
        case("a batch", 2, 3, 4, 5),
        case("as many queries as keys", 2, 3, 3, 2),
        case("a mask", 3, 2, 5, 4, masked=True),
        hidden,
        case("one key", 2, 3, 1, 4),
    ]


def additive_attention(queries: Tensor, memory: Tensor, w: Tensor, u: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """The reference: the package's layer, with these weights."""
    layer = AdditiveAttention(queries.shape[-1])
    with torch.no_grad():
        layer.to_query.weight.copy_(w)
        layer.to_key.weight.copy_(u)
        layer.to_score.weight.copy_(v[None])
        return layer(queries, memory, layer.to_key(memory), mask)


def _by_hand(queries, memory, w, u, v, mask, **changes):
    """Attention with one thing changed: what the mistakes are made of."""
    how = {"bend": torch.tanh, "matrix": lambda m: m.T, "dim": -1, "masked": "before", "values": "memory", **changes}
    asked, keys = queries @ how["matrix"](w), memory @ how["matrix"](u)
    scores = how["bend"](asked[:, :, None] + keys[:, None]) @ v
    if how.get("dot"):
        scores = asked @ keys.mT / v.numel() ** 0.5
    if mask is not None and how["masked"] == "before":
        scores = scores.masked_fill(~mask, float("-inf"))
    shares = scores.softmax(dim=how["dim"])
    if mask is not None and how["masked"] == "after":
        shares = shares * mask
    return shares @ (memory if how["values"] == "memory" else keys)


def _changed(key: str, hint: str, **changes) -> Mistake:
    return Mistake(key, hint, lambda *args: _by_hand(*args, **changes))


def _is_a_mean(f, queries, memory, w, u, v, mask) -> bool:
    """Whether each answer lies between the least and the largest of what it may look at."""
    y = f(queries, memory, w, u, v, mask)[:, :, None]
    mask = torch.ones(1, 1, memory.shape[1], dtype=torch.bool) if mask is None else mask
    seen = mask.expand(len(memory), queries.shape[1], -1)[..., None]
    low = memory[:, None].masked_fill(~seen, float("inf")).amin(2, keepdim=True)
    high = memory[:, None].masked_fill(~seen, float("-inf")).amax(2, keepdim=True)
    return bool(((y >= low - 1e-5) & (y <= high + 1e-5)).all())


def _order_of_keys(f, queries, memory, w, u, v, mask) -> bool:
    turned = None if mask is None else mask.flip(-1)
    found = f(queries, memory.flip(1), w, u, v, turned)
    assert_close(found, f(queries, memory, w, u, v, mask), rtol=1e-4, atol=1e-5)
    return True


def _by_einsum(queries, memory, w, u, v, mask):
    answers = []
    for t in range(queries.shape[1]):
        asked = torch.einsum("bd,ed->be", queries[:, t], w)
        hidden = torch.tanh(asked[:, None] + torch.einsum("bsd,ed->bse", memory, u))
        scores = torch.einsum("bse,e->bs", hidden, v)
        if mask is not None:
            scores = torch.where(mask[:, min(t, mask.shape[1] - 1)], scores, float("-inf"))
        answers.append(torch.einsum("bs,bsd->bd", scores.softmax(-1), memory))
    return torch.stack(answers, dim=1)


ADDITIVE_ATTENTION = Task(
    id="11.additive_attention",
    title="Additive attention",
    difficulty=2,
    minutes=15,
    points=3,
    reference=additive_attention,
    cases=attention_cases,
    rtol=1e-4,
    atol=1e-5,
    mistakes=[
        _changed(
            "no-tanh",
            "Nothing bends. Then a score is a part of the query plus a part of the key, and the query's part is the "
            "same for all keys: it cancels in the softmax, and every query looks at the same place.",
            bend=lambda x: x,
        ),
        _changed(
            "dot-product",
            "This is attention by dot products, as in a Transformer. Here the two are added, bent and weighed with v.",
            dot=True,
        ),
        _changed(
            "not-transposed",
            "You compute x @ w. These matrices are (out, in), as nn.Linear stores them: y = x @ w.T.",
            matrix=lambda m: m,
        ),
        _changed("wrong-axis", "The softmax runs over the queries. Each query shares out 1 among the keys.", dim=-2),
        _changed("mask-ignored", "The mask is not used.", masked="never"),
        _changed(
            "mask-after",
            "You mask the shares: those that are left do not sum to 1. The mask belongs to the scores.",
            masked="after",
        ),
        _changed(
            "projected-values",
            "The mean is taken over U k. The keys are changed for being compared; what is fetched is the memory as it "
            "is.",
            values="keys",
        ),
    ],
    properties=[
        Property(
            "no-mean", "Each answer is a mean of what the query may look at, and lies among those numbers.", _is_a_mean
        ),
        Property(
            "order-matters", "Keys in another order, with their masks, should give the same answer.", _order_of_keys
        ),
    ],
    variants=[_by_einsum, lambda *args: _by_hand(*args)],
    hints=(
        "Each query meets each key: of which shape is the sum of the two, before v makes a number of it?",
        "(B, T, 1, D) and (B, 1, S, D) broadcast to (B, T, S, D). Then tanh, then @ v, which leaves (B, T, S).",
        "pairs = tanh of (queries times w transposed, an axis for S) + (memory times u transposed, an axis for T)\n"
        "scores = pairs times v, minus infinity where the mask is False      (B, T, S)\n"
        "return softmax of scores over S, times memory",
    ),
)
