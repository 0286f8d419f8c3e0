"""Tasks 02.split_heads and 02.multi_head_attention: several questions at once."""

import torch
from einops import rearrange
from torch import Tensor

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.layers.attention import MultiHeadAttention, scaled_dot_product_attention
from minigen.layers.masks import causal_mask


def split_cases(draw: Draw) -> list[Case]:
    """Numbered entries first, so that a wrong order is seen."""
    counted = torch.arange(12.0).reshape(1, 3, 4)
    return [
        Case("three tokens of width 4, numbered", counted, 2),
        Case("a batch", draw.normal(2, 5, 6), 3),
        Case("as many heads as tokens", draw.normal(2, 3, 6), 3),
        Case("one head", draw.normal(2, 3, 4), 1),
        Case("heads of width 1", draw.normal(1, 2, 4), 4),
        Case("a tensor that is not contiguous in memory", draw.normal(2, 6, 5).transpose(1, 2), 2),
    ]


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """The reference: (B, T, D) -> (B, H, T, Dh)."""
    return rearrange(x, "b t (h d) -> b h t d", h=num_heads)


def _joined_again(f, x: Tensor, num_heads: int) -> bool:
    return torch.equal(rearrange(f(x, num_heads), "b h t d -> b t (h d)"), x)


def _stays_with_its_token(f, x: Tensor, num_heads: int) -> bool:
    """Whether a change of one token changes that token's place in each head alone."""
    other = x.clone()
    other[:, 0] += 1
    changed = (f(other, num_heads) != f(x, num_heads)).any(-1).any(1)  # (B, T)
    return bool(changed[:, 0].all() and not changed[:, 1:].any())


SPLIT_HEADS = Task(
    id="02.split_heads",
    title="Cut a vector into heads",
    difficulty=1,
    minutes=10,
    points=2,
    reference=split_heads,
    cases=split_cases,
    mistakes=[
        Mistake(
            "mixes-tokens",
            "The shape is right, the content is not: a reshape straight to (B, H, T, Dh) cuts the row of "
            "numbers anew and "
            "puts pieces of different tokens into one head. Cut the last axis first, then move axes.",
            lambda x, num_heads: x.reshape(x.shape[0], num_heads, x.shape[1], -1),
        ),
        Mistake(
            "not-transposed",
            "You have (B, T, H, Dh). A head is a batch of its own for the products to come: its axis goes before T.",
            lambda x, num_heads: x.reshape(*x.shape[:2], num_heads, -1),
        ),
        Mistake(
            "interleaved",
            "Head 0 has every H-th number. In this course a head's numbers lie side by side: the first Dh "
            "are head 0's.",
            lambda x, num_heads: rearrange(x, "b t (d h) -> b h t d", h=num_heads),
        ),
        Mistake(
            "heads-first",
            "You have (H, B, T, Dh). The batch stays the first axis.",
            lambda x, num_heads: rearrange(x, "b t (h d) -> h b t d", h=num_heads),
        ),
    ],
    properties=[
        Property(
            "mixes-tokens-too", "A token's numbers must stay with the token, in every head.", _stays_with_its_token
        ),
        Property("not-joined", "Moving the heads back beside each other should give x again.", _joined_again),
    ],
    variants=[
        lambda x, num_heads: x.reshape(*x.shape[:2], num_heads, -1).transpose(1, 2),
        lambda x, num_heads: torch.stack(x.chunk(num_heads, dim=-1), dim=1),
    ],
    hints=(
        "In which order do the numbers of (B, T, D) lie in memory, and what would a reshape to (B, H, T, "
        "Dh) do to them?",
        "Two steps: cut the last axis, (B, T, H, Dh), by reshape; then swap the axes T and H. Or one "
        "pattern of einops.",
        "cut D into H times Dh, H outside     (B, T, H, Dh)\nswap the second and the third axis   (B, H, T, Dh)",
    ),
)


def attention_cases(draw: Draw) -> list[Case]:
    """x, the four matrices, the number of heads, and a mask or None."""

    def case(note: str, batch: int, length: int, width: int, heads: int, mask: Tensor | None) -> Case:
        matrices = [draw.normal(width, width, scale=width**-0.5) for _ in range(4)]
        return Case(note, draw.normal(batch, length, width), *matrices, heads, mask)

    return [
        case("one head, two tokens", 1, 2, 2, 1, None),
        case("two heads", 2, 3, 4, 2, None),
        case("three heads, causal", 2, 5, 6, 3, causal_mask(5)),
        case("a mask for each text", 3, 4, 8, 2, draw.mask(3, 1, 4, 4)),
        case("as many heads as tokens", 2, 4, 8, 4, causal_mask(4)),
    ]


def multi_head_attention(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, num_heads: int, mask: Tensor | None = None
) -> Tensor:
    """The reference: the package's layer, with these weights."""
    layer = MultiHeadAttention(x.shape[-1], num_heads, bias=False)
    with torch.no_grad():
        layer.to_qkv.weight.copy_(torch.cat((w_q, w_k, w_v)))
        layer.to_out.weight.copy_(w_out)
        return layer(x, mask=mask)


def _by_hand(x, w_q, w_k, w_v, w_out, num_heads, mask, **changes):
    """Multi-head attention with one thing changed: what the mistakes are made of."""
    how = {"matrix": lambda w: w.mT, "split": split_heads, "scale": 1.0, "merge": "b h t d -> b t (h d)", **changes}
    q, k, v = (how["split"](x @ how["matrix"](w), num_heads) for w in (w_q, w_k, w_v))
    y = scaled_dot_product_attention(q * how["scale"], k, v, mask if how.get("masked", True) else None)
    if how["merge"] is None:
        return y.reshape(x.shape) @ w_out.mT
    y = rearrange(y, how["merge"])
    return y @ how["matrix"](w_out) if how.get("project", True) else y


def _by_head(x, w_q, w_k, w_v, w_out, num_heads, mask):
    answers, head = [], x.shape[-1] // num_heads
    for start in range(0, x.shape[-1], head):
        q, k, v = (x @ w[start : start + head].T for w in (w_q, w_k, w_v))
        scores = torch.einsum("btd,bsd->bts", q, k) / head**0.5
        if mask is not None:
            scores = scores.masked_fill(~(mask[:, 0] if mask.ndim == 4 else mask), float("-inf"))
        answers.append(scores.softmax(-1) @ v)
    return torch.cat(answers, dim=-1) @ w_out.T


def _changed(key: str, hint: str, **changes) -> Mistake:
    return Mistake(key, hint, lambda *args: _by_hand(*args, **changes))


def _obeys_the_mask(f, x, w_q, w_k, w_v, w_out, num_heads, mask) -> bool:
    """Under a causal mask, a change of the last token changes no earlier output."""
    length = x.shape[1]
    other = x.clone()
    other[:, -1] += 1
    before, after = (f(one, w_q, w_k, w_v, w_out, num_heads, causal_mask(length)) for one in (x, other))
    return torch.allclose(before[:, :-1], after[:, :-1], atol=1e-5)


MULTI_HEAD_ATTENTION = Task(
    id="02.multi_head_attention",
    title="Multi-head attention, whole",
    difficulty=3,
    minutes=30,
    points=5,
    reference=multi_head_attention,
    cases=attention_cases,
    rtol=1e-4,
    atol=1e-5,
    forbid=("multi_head_attention_forward",),
    mistakes=[
        _changed(
            "not-transposed",
            "You compute x @ w. These matrices are (out, in), as nn.Linear stores them: y = x @ w.T.",
            matrix=lambda w: w,
        ),
        Mistake(
            "scale-of-width",
            "The scores are divided by sqrt(D). Each head has its own dot product, of Dh = D / H terms.",
            lambda x, *rest: _by_hand(x, *rest, scale=rest[4] ** -0.5),
        ),
        _changed("mask-ignored", "The mask is not used.", masked=False),
        _changed("no-output-matrix", "The heads are joined, but w_out is missing at the end.", project=False),
        _changed(
            "wrong-split",
            "The heads are cut by a reshape straight to (B, H, T, Dh), which mixes tokens. See 02.split_heads.",
            split=lambda x, heads: x.reshape(x.shape[0], heads, x.shape[1], -1),
        ),
        _changed(
            "wrong-merge",
            "The heads are joined by a reshape of (B, H, T, Dh) straight to (B, T, D). Move the axis of the heads back "
            "behind T first, or tokens exchange their answers.",
            merge=None,
        ),
        _changed(
            "interleaved",
            "The heads are joined number by number. A head's numbers belong side by side: (h d), not (d h).",
            merge="b h t d -> b t (d h)",
        ),
    ],
    properties=[
        Property("leaks", "Under a causal mask, a change of the last token changes earlier outputs.", _obeys_the_mask)
    ],
    variants=[_by_head, lambda *args: _by_hand(*args)],
    hints=(
        "Name the shape after each step, from x (B, T, D) to the answer. Where do the heads appear, and "
        "where do they go?",
        "Three products give q, k and v; 02.split_heads cuts each; attention treats H like a batch axis, "
        "with Dh in the "
        "scale; then undo the cut and multiply by w_out.",
        "q, k, v = x times w_q, w_k, w_v transposed, each cut into heads      (B, H, T, Dh)\n"
        "scores = q times k transposed, / sqrt(Dh), minus infinity where the mask is False\n"
        "y = softmax of scores times v                                       (B, H, T, Dh)\n"
        "return y, heads side by side again (B, T, D), times w_out transposed",
    ),
)
