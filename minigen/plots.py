"""Pictures that several lessons need. Each draws into an `ax` and returns it, so lessons can compose them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

COLOURS = ["#2b6cb0", "#dd6b20", "#2f855a", "#b83280", "#6b46c1", "#718096", "#b7791f", "#c53030"]
INK = LinearSegmentedColormap.from_list("ink", ["#ffffff", "#bee3f8", "#2b6cb0", "#1a365d"])  # for shares, 0 to 1
DIVERGING = "RdBu_r"  # for signed numbers, with a symmetric range


def use_style() -> None:
    """The look of the course: quiet axes, readable labels, colours that colour-blind readers can tell apart."""
    plt.rcParams.update(
        {
            "figure.figsize": (7.5, 4),
            "figure.dpi": 90,
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": plt.cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.grid": True,
            "grid.alpha": 0.25,
            "image.interpolation": "nearest",
            "legend.frameon": False,
            "font.size": 10,
        }
    )


def attention_map(
    weights: np.ndarray, keys: Sequence[str], queries: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """One head's weights (T, S): a row for each query, darker where it takes more. Labels are the tokens.

    A cell's number is written in where there are few enough to read.
    """
    weights = np.asarray(weights)
    queries = keys if queries is None else queries
    ax = ax or plt.gca()
    ax.imshow(weights, cmap=INK, vmin=0, vmax=max(1e-9, weights.max()), aspect="auto")
    ax.set_xticks(range(len(keys)), keys, rotation=0 if max(map(len, keys)) <= 2 else 90)
    ax.set_yticks(range(len(queries)), queries)
    ax.set(xlabel="attends to (keys)", ylabel="token (queries)")
    ax.grid(False)
    if weights.size <= 64:
        for (row, column), value in np.ndenumerate(weights):
            dark = value > 0.6 * weights.max()
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if dark else "#2d3748")
    return ax


def loss_curves(
    histories: Mapping[str, object],
    baselines: Mapping[str, float] | None = None,
    ax: Axes | None = None,
    against: str = "step",
) -> Axes:
    """Held-out loss (dots) over training loss (thin line) of named `History`s; baselines are dashed levels.

    against: "step" or "seconds", the column of the history on the x axis.
    """
    ax = ax or plt.gca()
    for colour, (name, history) in zip(cycle(COLOURS), histories.items(), strict=False):
        rows = history.rows
        train = [(row[against], row["train_loss"]) for row in rows if row.get("train_loss") is not None]
        held_out = [(row[against], row["val_loss"]) for row in rows if "val_loss" in row]
        ax.plot(*zip(*train, strict=True), color=colour, alpha=0.35, lw=1)
        if held_out:
            ax.plot(*zip(*held_out, strict=True), "o-", color=colour, ms=3.5, label=name)
        else:
            ax.plot([], [], color=colour, label=name)
    for name, level in (baselines or {}).items():
        ax.axhline(level, color="#718096", ls="--", lw=1)
        ax.annotate(name, (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8)
    ax.set(xlabel=against, ylabel="loss, nats per token")
    ax.legend()
    return ax


def next_token_bars(
    probabilities: Sequence[float], labels: Sequence[str], ax: Axes | None = None, top: int = 15
) -> Axes:
    """The `top` likeliest next tokens, likeliest first, as bars."""
    ax = ax or plt.gca()
    order = np.argsort(np.asarray(probabilities))[::-1][:top]
    ax.bar(range(len(order)), np.asarray(probabilities)[order])
    ax.set_xticks(range(len(order)), [labels[i] for i in order])
    ax.set(ylabel="probability", xlabel="next token")
    return ax


def label_bars(ax: Axes, formats: str = "{:.2f}", bars: Iterable | None = None) -> Axes:
    """Writes each bar's height above it."""
    for bar in bars or ax.patches:
        x, y = bar.get_x() + bar.get_width() / 2, bar.get_height()
        ax.annotate(formats.format(y), (x, y), ha="center", va="bottom", fontsize=8)
    return ax
