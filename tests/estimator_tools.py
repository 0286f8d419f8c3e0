"""A text, a tiny preset and quick runs that the tests of estimators and of the command line share."""

import random
import signal
from pathlib import Path

from minigen.estimators import TextGenerator
from minigen.presets import Preset

TINY = Preset(2, 16, 2, context_length=16, batch_size=8, minutes=0.05, dropout=0.1, evaluations=4)


def story(length: int = 3000, seed: int = 1) -> str:
    """Lines of a tiny language with a few characters of two and three bytes."""
    draw = random.Random(seed)
    lines = []
    while sum(map(len, lines)) < length:
        who, does, what = draw.choice(["Zoë", "an owl", "世界"]), draw.choice(["saw", "ate"]), draw.choice("äbc")
        lines.append(f"{who} {does} the {what}{what}.\n")
    return "".join(lines)[:length]


TEXT, OTHER = story(), story(seed=2)


OWN = ("tokenizer", "vocab_size", "seed", "architecture")


def fitted(
    *arguments: object, steps: int = 24, preset: str | Preset = TINY, text: str = TEXT, **options
) -> TextGenerator:
    """A generator after a few steps. what is in OWN goes to it, all else to `fit`."""
    own = {name: options.pop(name) for name in OWN if name in options}
    return TextGenerator(preset, device="cpu", **own).fit(
        text, *arguments, steps=steps, progress=False, precision="fp32", **options
    )


def press_ctrl_c_at(step: int):
    """An observer of a run that interrupts it as the terminal would."""

    def observe(row: dict) -> None:
        if row["step"] == step:
            signal.raise_signal(signal.SIGINT)

    return observe


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
