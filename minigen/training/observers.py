"""What can watch a run: each is called with every new row of the history."""

from pathlib import Path


class TensorBoard:
    """Writes the rows as curves; look at them with `tensorboard --logdir FOLDER`.

    Raises:
        ModuleNotFoundError: if tensorboard is not installed, with the command that does.
    """

    def __init__(self, folder: str | Path):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'TensorBoard is not installed: pip install tensorboard, or "minigen[tensorboard]"'
            ) from error
        self.writer = SummaryWriter(str(Path(folder) / "tensorboard"))

    def __call__(self, row: dict) -> None:
        for name, value in row.items():
            if name not in ("step", "seconds"):
                self.writer.add_scalar(name, value, row["step"])
        self.writer.flush()


class LivePlot:
    """In a notebook: the loss curves, drawn anew under the cell at each evaluation."""

    def __init__(self) -> None:
        self.rows: list[dict] = []
        self.display = None

    def __call__(self, row: dict) -> None:
        self.rows.append(row)
        if "val_loss" not in row:
            return
        import matplotlib.pyplot as plt
        from IPython.display import display

        figure, ax = plt.subplots(figsize=(7, 3))
        for name, style in (("train_loss", "-"), ("val_loss", "o-")):
            rows = [r for r in self.rows if name in r]
            ax.plot([r["step"] for r in rows], [r[name] for r in rows], style, ms=3, label=name)
        ax.set(xlabel="step", ylabel="loss, nats per token")
        ax.legend()
        plt.close(figure)
        if self.display is None:
            self.display = display(figure, display_id=True)
        else:
            self.display.update(figure)
