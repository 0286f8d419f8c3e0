"""Pictures: what is drawn is what was given, and it is labelled."""

import warnings

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from minigen import plots
from minigen.training import History, LivePlot, TensorBoard


@pytest.fixture(autouse=True)
def no_window_and_no_warning():
    """Everything is drawn to the last line, into memory; a warning is an error."""
    assert matplotlib.get_backend().lower() == "agg"
    with plt.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        for number in plt.get_fignums():
            plt.figure(number).canvas.draw()
    plt.close("all")


def tick_labels(axis) -> list[str]:
    """What stands at the ticks of an axis."""
    return [label.get_text() for label in axis.get_ticklabels()]


def history(values: dict[int, tuple], seconds: float = 0.5) -> History:
    """step -> (training loss, held-out loss); None where there is none."""
    names = ("train_loss", "val_loss")
    return History([
        {"step": step, "seconds": step * seconds} | {n: v for n, v in zip(names, pair, strict=True) if v is not None}
        for step, pair in values.items()
    ])  # fmt: skip


RUN = {0: (None, 4.0), 10: (3.0, None), 20: (2.5, 2.7), 30: (2.0, 2.2)}


def test_an_attention_map_shows_each_weight_beside_its_tokens():
    weights = np.tril(np.arange(1.0, 10).reshape(3, 3))
    weights /= weights.sum(1, keepdims=True)
    ax = plots.attention_map(weights, ["a", "b", "c"])
    (image,) = ax.get_images()
    np.testing.assert_allclose(image.get_array(), weights)
    assert image.get_clim() == (0, weights.max())
    assert tick_labels(ax.xaxis) == tick_labels(ax.yaxis) == ["a", "b", "c"]
    assert [text.get_text() for text in ax.texts] == [f"{w:.2f}" for w in weights.flatten()]
    assert "keys" in ax.get_xlabel()
    assert "queries" in ax.get_ylabel()


def test_the_rows_of_an_attention_map_are_queries():
    ax = plots.attention_map(np.full((2, 3), 1 / 3), ["the", "cat", "sat"], ["le", "chat"])
    assert tick_labels(ax.xaxis) == ["the", "cat", "sat"]
    assert tick_labels(ax.yaxis) == ["le", "chat"]


def test_a_large_attention_map_has_no_numbers_and_takes_tensors():
    ax = plots.attention_map(torch.eye(9), list("abcdefghi"))
    assert not ax.texts
    assert len(ax.get_images()) == 1


def test_numbers_can_be_read_on_dark_cells():
    ax = plots.attention_map(np.array([[1.0, 0.0]]), ["a", "b"], ["x"])
    assert [text.get_color() for text in ax.texts] == ["white", "#2d3748"]


def test_an_attention_map_of_nothing_but_zeros_is_drawn():
    assert plots.attention_map(np.zeros((2, 2)), ["a", "b"]).get_images()[0].get_clim()[1] > 0


def test_loss_curves_show_both_losses_and_the_baselines():
    ax = plots.loss_curves({"ours": history(RUN)}, {"letter counts": 3.3})
    train, held_out, baseline = ax.get_lines()
    np.testing.assert_allclose(train.get_xydata(), [(10, 3.0), (20, 2.5), (30, 2.0)])
    np.testing.assert_allclose(held_out.get_xydata(), [(0, 4.0), (20, 2.7), (30, 2.2)])
    assert set(baseline.get_ydata()) == {3.3}
    assert [text.get_text() for text in ax.texts] == ["letter counts"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ours"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss, nats per token")


def test_loss_curves_can_be_drawn_against_seconds():
    ax = plots.loss_curves({"ours": history(RUN)}, against="seconds")
    np.testing.assert_allclose(ax.get_lines()[0].get_xdata(), [5, 10, 15])
    assert ax.get_xlabel() == "seconds"


def test_a_run_without_a_held_out_split_is_in_the_legend_too():
    ax = plots.loss_curves({"a": history({10: (3.0, None), 20: (2.0, None)}), "b": history(RUN)})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def test_a_run_that_has_only_begun_is_drawn():
    ax = plots.loss_curves({"new": history({0: (None, 4.0)})})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["new"]


@pytest.mark.parametrize("count", [2, 12])
def test_no_run_is_left_out_of_loss_curves(count):
    ax = plots.loss_curves({f"run {number}": history(RUN) for number in range(count)})
    assert len(ax.get_legend().get_texts()) == count
    held_out = [line for line in ax.get_lines() if line.get_marker() == "o"]
    assert [line.get_color() for line in held_out[:2]] == plots.COLOURS[:2]


def test_bars_of_next_tokens_begin_with_the_likeliest():
    for shares in ([0.1, 0.6, 0.05, 0.25], torch.tensor([0.1, 0.6, 0.05, 0.25])):
        ax = plots.next_token_bars(shares, ["a", "b", "c", "d"], plt.figure().gca(), top=3)
        np.testing.assert_allclose([bar.get_height() for bar in ax.patches], [0.6, 0.25, 0.1], rtol=1e-6)
        assert tick_labels(ax.xaxis) == ["b", "d", "a"]
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("next token", "probability")


def test_fewer_tokens_than_bars_are_all_shown():
    assert len(plots.next_token_bars([0.5, 0.5], ["a", "b"]).patches) == 2


def test_each_bar_can_be_labelled_with_its_height():
    ax = plt.gca()
    bars = ax.bar(["x", "y"], [1.234, 5.0])
    ax.bar(["z"], [9.0])
    plots.label_bars(ax, "{:.1f}", bars)
    assert [text.get_text() for text in ax.texts] == ["1.2", "5.0"]
    assert ax.texts[1].xy == pytest.approx((1, 5.0))
    plots.label_bars(ax)
    assert [text.get_text() for text in ax.texts[2:]] == ["1.23", "5.00", "9.00"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plots.attention_map(np.eye(2), ["a", "b"], ax=ax),
        lambda ax: plots.loss_curves({"ours": history(RUN)}, ax=ax),
        lambda ax: plots.next_token_bars([0.5, 0.5], ["a", "b"], ax),
        lambda ax: plots.label_bars(ax),
    ],
)
def test_everything_draws_where_it_is_told_and_returns_it(draw):
    _, (left, right) = plt.subplots(1, 2)
    assert draw(left) is left
    assert not right.has_data()


def test_signs_for_white_space_have_a_glyph():
    """Tokens are labelled with these: a font without them would draw boxes, and warn."""
    plots.next_token_bars([0.4, 0.3, 0.3], ["␣the", "⏎", "⇥"])


def test_the_style_is_quiet_and_its_colours_differ():
    plots.use_style()
    assert not plt.rcParams["axes.spines.top"]
    assert plt.rcParams["axes.prop_cycle"].by_key()["color"] == plots.COLOURS
    assert len(set(plots.COLOURS)) == len(plots.COLOURS)


def test_a_live_plot_is_drawn_at_each_measurement_in_one_place(monkeypatch):
    shown = []

    class Handle:
        def update(self, figure):
            shown.append(("update", figure))

    def display(figure, display_id):
        assert display_id
        shown.append(("display", figure))
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    plot = LivePlot()
    for row in history(RUN).rows:
        plot(row)
    assert [kind for kind, _ in shown] == ["display", "update", "update"]
    train, held_out = shown[-1][1].axes[0].get_lines()
    assert (len(train.get_xdata()), len(held_out.get_xdata())) == (3, 3)
    assert shown[-1][1].axes[0].get_xlabel() == "step"
    assert plt.get_fignums() == [], "nothing stays open to be shown twice"


def test_tensorboard_gets_each_number_of_a_row(monkeypatch, tmp_path):
    pytest.importorskip("tensorboard")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tensorboard's own
        observer = TensorBoard(tmp_path)
        written = []
        monkeypatch.setattr(observer.writer, "add_scalar", lambda *a, **k: written.append((*a, *k.values())))
        observer({"step": 10, "seconds": 1.5, "learning_rate": 0.1, "train_loss": 3.0})
    assert [(name, value, step) for name, value, step, *_ in written] == [
        ("learning_rate", 0.1, 10),
        ("train_loss", 3.0, 10),
    ]


def test_a_missing_tensorboard_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match="pip install tensorboard"):
        TensorBoard(tmp_path)
