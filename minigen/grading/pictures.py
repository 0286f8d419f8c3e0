"""Two pictures of a class: how the points are spread, and what became of each task."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from minigen.grading.pool import Grade

COLOURS = ("#d95f02", "#7570b3", "#e7298a", "#e6ab02", "#1f78b4", "#8c564b")  # none is green: that is right
FIXED = {"done": "#4c9a5f", "todo": "#d9d9d9", "other": "#6e6e6e"}


def points_picture(grades: Sequence[Grade], path: Path) -> None:
    """Histogram of the points earned by machine-judged tasks."""
    plt = _pyplot()
    totals = [sum(r.points for r in grade.results if r.status == "done") for grade in grades]
    most = max(sum(r.points for r in grade.results if r.kind != "written") for grade in grades)
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    axes.hist(totals, bins=[n - 0.5 for n in range(most + 2)], color="#3b6fa0", rwidth=0.9)
    axes.set(xlabel=f"points of {most}", ylabel="learners", xlim=(-0.6, most + 0.6))
    axes.yaxis.get_major_locator().set_params(integer=True)
    _save(plt, figure, path)


def tasks_picture(grades: Sequence[Grade], path: Path) -> None:
    """A bar for each task: done, to do, and the keys of what went wrong."""
    plt = _pyplot()
    ids = [result.id for result in grades[0].results if result.kind != "written"]
    counts = {name: Counter() for name in ids}
    for result in (result for grade in grades for result in grade.results if result.id in counts):
        counts[result.id][result.key if result.status == "wrong" else result.status] += 1
    wrong = Counter()
    for counter in counts.values():
        wrong.update({key: number for key, number in counter.items() if key not in FIXED})
    shown = [key for key, _ in wrong.most_common(len(COLOURS))]
    palette = dict(zip(shown, COLOURS, strict=False)) | FIXED
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.36 * len(ids)), layout="constrained")
    left = dict.fromkeys(ids, 0)
    for key in ["done", *shown, "other", "todo"]:
        number = [sum(n for k, n in counts[name].items() if (k if k in palette else "other") == key) for name in ids]
        if any(number):
            axes.barh(ids, number, left=list(left.values()), color=palette[key], label=key)
        left = {name: left[name] + count for name, count in zip(ids, number, strict=True)}
    axes.invert_yaxis()
    axes.set(xlabel="learners")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    _save(plt, figure, path)


def _pyplot():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def _save(plt, figure, path: Path) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)
