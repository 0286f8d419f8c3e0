"""Task 04.adamw_step: every weight at its own speed."""

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task


def adamw_cases(draw: Draw) -> list[Case]:
    """The first step, with both memories empty; then a later one, no decay, no gradient, and a large eps."""

    def case(note: str, *shape: int, t: int = 7, decay: float = 0.1, eps: float = 1e-8, gradient: float = 1.0) -> Case:
        fresh = 0.0 if t == 1 else 1.0
        w, g, m = draw.normal(*shape), draw.normal(*shape, scale=gradient), draw.normal(*shape, scale=0.1)
        v = draw.uniform(*shape, low=0.01, high=0.5)
        return Case(note, w, g, fresh * m, fresh * v, t, 0.02, (0.9, 0.97), eps, decay)

    return [
        case("the first step", 3, t=1),
        case("a later step", 2, 3),
        case("no weight decay", 4, decay=0.0),
        case("much weight decay", 3, decay=5.0),
        case("a large eps", 3, eps=0.5, t=3),
        case("a gradient of 0 at the first step", 2, t=1, gradient=0.0),
        case("tiny gradients at the first step", 5, t=1, gradient=1e-4),
    ]


def adamw_step(
    w: Tensor, g: Tensor, m: Tensor, v: Tensor, t: int, *settings: float | tuple[float, float]
) -> tuple[Tensor, Tensor, Tensor]:
    """The reference: the function inside torch's own AdamW, after t - 1 steps (the class would import its compiler)."""
    lr, (beta1, beta2), eps, decay = settings
    w, m, v, steps = w.clone(), m.clone(), v.clone(), torch.tensor(t - 1.0)
    numbers = {"beta1": beta1, "beta2": beta2, "lr": lr, "weight_decay": decay, "eps": eps}
    adamw([w], [g], [m], [v], [], [steps], foreach=False, amsgrad=False, maximize=False, **numbers)
    return w, m, v


def _moments(g, m, v, betas):
    return betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g**2


def _by_hand(w, g, m, v, t, lr, betas, eps, decay):
    m, v = _moments(g, m, v, betas)
    m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return w - lr * decay * w - lr * m_hat / (v_hat**0.5 + eps), m, v


def _uncorrected(w, g, m, v, t, lr, betas, eps, decay):
    m, v = _moments(g, m, v, betas)
    return (1 - lr * decay) * w - lr * m / (v.sqrt() + eps), m, v


def _eps_inside(w, g, m, v, t, lr, betas, eps, decay):
    m, v = _moments(g, m, v, betas)
    m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return (1 - lr * decay) * w - lr * m_hat / (v_hat + eps).sqrt(), m, v


def _no_root(w, g, m, v, t, lr, betas, eps, decay):
    m, v = _moments(g, m, v, betas)
    m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return (1 - lr * decay) * w - lr * m_hat / (v_hat + eps), m, v


def _by_lerp(w, g, m, v, t, lr, betas, eps, decay):
    m, v = torch.lerp(m, g, 1 - betas[0]), torch.lerp(v, g.square(), 1 - betas[1])
    spread = v.sqrt() / (1 - betas[1] ** t) ** 0.5
    return torch.addcdiv(w * (1 - lr * decay), m, spread + eps, value=-lr / (1 - betas[0] ** t)), m, v


def _by_numbers(w, g, m, v, t, *settings):
    flat = [
        _by_hand(*one, t, *settings) for one in zip(w.flatten(), g.flatten(), m.flatten(), v.flatten(), strict=True)
    ]
    return tuple(torch.stack(part).reshape(w.shape) for part in zip(*flat, strict=True))


def _same_size_of_step(f, w, g, m, v, t, *settings) -> bool:
    """Whether a gradient 100 times as large makes a first step of the same size."""
    zero, (lr, betas, _, _) = torch.zeros_like(m), settings
    one, two = (f(w, scale * (g.abs() + 1), zero, zero, 1, lr, betas, 1e-8, 0.0)[0] - w for scale in (1, 100))
    return torch.allclose(one, two, rtol=1e-3, atol=1e-5) and torch.allclose(one.abs(), torch.tensor(lr), rtol=1e-3)


ADAMW_STEP = Task(
    id="04.adamw_step",
    title="A step of AdamW",
    difficulty=2,
    minutes=20,
    points=4,
    reference=adamw_step,
    cases=adamw_cases,
    rtol=1e-4,
    atol=1e-6,
    forbid=("adam", "adamw"),
    mistakes=[
        Mistake(
            "no-bias-correction",
            "m and v begin at 0 and are too small in the first steps; the hats undo that, and they are missing.",
            _uncorrected,
        ),
        Mistake(
            "coupled-decay",
            "The weight decay is added to the gradient. It then runs through m and v and is divided by the root: this "
            "is Adam with L2. In AdamW it shrinks w beside the gradient step.",
            lambda w, g, m, v, t, lr, betas, eps, decay: _by_hand(w, g + decay * w, m, v, t, lr, betas, eps, 0.0),
        ),
        Mistake(
            "decay-without-rate",
            "w shrinks by the factor 1 - decay, whatever the learning rate. The decay is multiplied by it: a schedule "
            "that lowers the rate should lower both.",
            lambda w, g, m, v, t, lr, betas, eps, decay: _by_hand(w, g, m, v, t, lr, betas, eps, decay / lr),
        ),
        Mistake(
            "eps-inside",
            "eps is under the root, where 1e-8 counts as 1e-4. It is added to the root.",
            _eps_inside,
        ),
        Mistake(
            "no-root",
            "You divide by v, a mean of *squares*. A step should not depend on the gradient's unit: take the root.",
            _no_root,
        ),
        Mistake(
            "swapped-betas",
            "betas[0] belongs to m, betas[1] to v; yours are exchanged.",
            lambda w, g, m, v, t, lr, betas, eps, decay: _by_hand(w, g, m, v, t, lr, betas[::-1], eps, decay),
        ),
        Mistake(
            "off-by-one",
            "The hats count one step too many. t is the number of *this* step, and the first is 1.",
            lambda w, g, m, v, t, *settings: _by_hand(w, g, m, v, t + 1, *settings),
        ),
    ],
    properties=[
        Property(
            "step-size",
            "A first step without decay should be as long as the learning rate in each weight, however large the "
            "gradient.",
            _same_size_of_step,
        ),
    ],
    variants=[_by_hand, _by_lerp, _by_numbers],
    hints=(
        "Which two running means does AdamW keep for each weight? How large are they after the first step, from 0?",
        "m and v first, from g and g squared. Then divide by 1 - beta ** t each, for the step alone: m and v are "
        "returned as they are. The decay takes lr * decay * w off the weight.",
        "m = beta_1 m + (1 - beta_1) g\n"
        "v = beta_2 v + (1 - beta_2) g squared\n"
        "m_hat = m / (1 - beta_1 to the t),  v_hat = v / (1 - beta_2 to the t)\n"
        "w = (1 - lr decay) w - lr m_hat / (root of v_hat + eps)\n"
        "return w, m, v",
    ),
)
