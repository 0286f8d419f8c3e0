"""Tasks 11.count_gru and 11.gru_step: how large a GRU is, and what it does with a token."""

import torch
from torch import Tensor

from minigen.checks.compare import assert_close
from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task
from minigen.layers import GRU

INPUTS, WIDTH = 100, 64
PART = INPUTS * WIDTH + WIDTH * WIDTH + 2 * WIDTH  # two matrices, two biases

COUNT_GRU = Task(
    id="11.count_gru",
    title="How many numbers learn?",
    kind="value",
    difficulty=1,
    minutes=3,
    points=1,
    reference=sum(parameter.numel() for parameter in GRU(INPUTS, WIDTH).parameters()),
    mistakes=[
        Mistake(
            "one-bias",
            "You count one bias for each of the three parts. There are two: b beside the input, c beside the state.",
            3 * (PART - WIDTH),
        ),
        Mistake("no-bias", "The biases are missing: two of them for each of the three parts.", 3 * (PART - 2 * WIDTH)),
        Mistake("no-candidate", "These are the two gates. The candidate n has matrices of its own.", 2 * PART),
        Mistake("four-parts", "This is an LSTM, which has four parts. A GRU has three: r, z and n.", 4 * PART),
        Mistake("one-part", "This is one part. There are three: r, z and n.", PART),
        Mistake(
            "square",
            "You took all matrices to be 64 by 64. Those beside the input have 100 columns.",
            3 * (2 * WIDTH * WIDTH + 2 * WIDTH),
        ),
    ],
    hints=(
        "Of which shape is a matrix that makes 64 numbers of 100, and of which shape one that makes 64 of 64?",
        "Each of r, z and n has W (64, 100), U (64, 64), b (64) and c (64).",
        "3 times (64 * 100 + 64 * 64 + 64 + 64)",
    ),
)


def step_cases(draw: Draw) -> list[Case]:
    """x, the state, and the weights in the order r, z, n; then gates that are wide open or shut."""

    def case(note: str, batch: int, inputs: int, width: int, scale: float = 1.0) -> Case:
        matrices = draw.normal(3 * width, inputs), draw.normal(3 * width)
        from_state = draw.normal(3 * width, width), draw.normal(3 * width)
        weights = [scale * one for one in (*matrices, *from_state)]
        return Case(note, draw.normal(batch, inputs), draw.normal(batch, width, scale=0.5), *weights)

    start = case("an empty state", 2, 3, 4)
    start.args = (start.args[0], torch.zeros(2, 4), *start.args[2:])
    return [
        case("one text, a state of two numbers", 1, 2, 2),
        case("a batch", 3, 5, 4),
        case("a state as wide as the input", 2, 3, 3),
        start,
        case("loud weights", 2, 4, 3, scale=40.0),
    ]


def gru_step(x: Tensor, h: Tensor, w: Tensor, b: Tensor, u: Tensor, c: Tensor) -> Tensor:
    """The reference: the package's layer, with these weights."""
    layer = GRU(x.shape[1], h.shape[1])
    with torch.no_grad():
        for own, given in zip(layer.parameters(), (w, b, u, c), strict=True):
            own.copy_(given)
        return layer.step(x, h)


def _by_hand(x, h, w, b, u, c, **changes):
    """A step with one thing changed: what the mistakes are made of."""
    how = {"order": (0, 1, 2), "squash": torch.tanh, "mix": lambda z, n, h: (1 - z) * n + z * h, **changes}
    from_x, from_h, biases = (x @ w.T + b).chunk(3, -1), (h @ u.T).chunk(3, -1), c.chunk(3)
    r_at, z_at, n_at = how["order"]
    r = torch.sigmoid(from_x[r_at] + from_h[r_at] + biases[r_at])
    z = torch.sigmoid(from_x[z_at] + from_h[z_at] + biases[z_at])
    recalled = {
        "usual": lambda: r * (from_h[n_at] + biases[n_at]),
        "before": lambda: (r * h) @ u.chunk(3)[n_at].T + biases[n_at],
        "bias outside": lambda: r * from_h[n_at] + biases[n_at],
        "no reset": lambda: from_h[n_at] + biases[n_at],
    }[how.get("recall", "usual")]()
    return how["mix"](z, how["squash"](from_x[n_at] + recalled), h)


def _changed(key: str, hint: str, **changes) -> Mistake:
    return Mistake(key, hint, lambda *args: _by_hand(*args, **changes))


def _pushed(b: Tensor, amount: float) -> Tensor:
    """The biases, with the update gate's pushed far up or down."""
    pushed, width = b.clone(), len(b) // 3
    pushed[width : 2 * width] = amount
    return pushed


def _can_keep(f, x, h, w, b, u, c) -> bool:
    assert_close(f(x, h, w, _pushed(b, 1e4), u, c), h)
    return True


def _can_forget(f, x, h, w, b, u, c) -> bool:
    """With z = 0 and no way from the old state but the candidate's, whose part of U is 0, the state does not count."""
    u = u.clone()
    u[2 * h.shape[1] :] = 0
    c = c.clone()
    c[2 * h.shape[1] :] = 0
    open_gate = _pushed(b, -1e4)
    assert_close(f(x, h, w, open_gate, u, c), f(x, h + 1, w, open_gate, u, c), rtol=1e-4, atol=1e-5)
    return True


def _stays_small(f, x, h, *weights) -> bool:
    return bool((f(x, h, *weights).abs() <= h.abs().clamp(min=1.0) + 1e-5).all())


def _by_torch(x, h, w, b, u, c):
    return torch.gru_cell(x, h, w, u, b, c)


def _by_einsum(x, h, w, b, u, c):
    inside = [torch.einsum("oi,bi->bo", m, v) + k for m, v, k in ((w, x, b), (u, h, c))]
    (x_r, x_z, x_n), (h_r, h_z, h_n) = (one.unflatten(1, (3, -1)).unbind(1) for one in inside)
    z = 1 / (1 + (-x_z - h_z).exp())
    return torch.lerp(torch.tanh(x_n + h_n / (1 + (-x_r - h_r).exp())), h, z)


GRU_STEP = Task(
    id="11.gru_step",
    title="One step of a GRU",
    difficulty=2,
    minutes=20,
    points=4,
    reference=gru_step,
    cases=step_cases,
    rtol=1e-4,
    atol=1e-5,
    forbid=("gru", "gru_cell", "GRU", "GRUCell"),
    mistakes=[
        _changed(
            "reset-before-product",
            "The reset gate is applied to the state *before* the product with U_n. That is the GRU of the first paper. "
            "Here, as in torch, it stands after the product: r * (U_n h + c_n).",
            recall="before",
        ),
        _changed(
            "bias-outside",
            "c_n is added outside of the reset gate. It belongs into the bracket: r * (U_n h + c_n).",
            recall="bias outside",
        ),
        _changed("no-reset", "The reset gate is not used: the candidate sees the whole state.", recall="no reset"),
        _changed(
            "inverted",
            "z and 1 - z have changed places. Here z says how much of the *old state* stays.",
            mix=lambda z, n, h: z * n + (1 - z) * h,
        ),
        _changed(
            "wrong-order",
            "You read the parts in the order z, r, n, as Keras keeps them. Here, as in torch, it is r, z, n.",
            order=(1, 0, 2),
        ),
        _changed(
            "no-tanh",
            "The candidate goes through a sigmoid. It is no gate but content, and may be negative: tanh.",
            squash=torch.sigmoid,
        ),
    ],
    properties=[
        Property("cannot-keep", "With the update gate at 1 the state should stay as it is.", _can_keep),
        Property(
            "cannot-forget",
            "With the update gate at 0, and a candidate that does not see the state, the old state should not count.",
            _can_forget,
        ),
        Property(
            "grows", "The new state lies between the old one and the candidate, which is within -1..1.", _stays_small
        ),
    ],
    variants=[_by_torch, _by_einsum, lambda *args: _by_hand(*args)],
    hints=(
        "Which four of the six products can be added before anything else is done, and which two must be kept apart?",
        "x @ w.T + b and h @ u.T + c, both (B, 3 D); chunk(3, dim=-1) cuts each into r, z, n. For r and z the two are "
        "added; for n, r stands between.",
        "x_r, x_z, x_n = x times w transposed, plus b, in three pieces\n"
        "h_r, h_z, h_n = h times u transposed, plus c, in three pieces\n"
        "r, z = sigmoid of the sums\nn = tanh(x_n + r * h_n)\nreturn (1 - z) * n + z * h",
    ),
)
