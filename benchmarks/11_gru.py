"""A recurrent language model against a Transformer of as many parameters: equal steps, then equal time.

Characters of plays. At each size both take the same steps; then the one that was faster trains anew for the seconds
that the slower one took. Then the same at one size for contexts from short to long, a step always as many tokens.
"""

import time
from dataclasses import replace

import torch
from common import arguments, machine, table, text

from minigen.data.batches import WindowBatches, held_out_windows
from minigen.device import seed_everything
from minigen.estimators.architectures import LANGUAGE_MODELS
from minigen.models.gru import num_parameters
from minigen.presets import Preset
from minigen.training import evaluate, train

SHAPES = {
    "0.1M": Preset(2, 64, 2, context_length=64, batch_size=16, minutes=1),
    "0.8M": Preset(4, 128, 2, context_length=64, batch_size=16, minutes=1),
    "2.7M": Preset(6, 192, 3, context_length=64, batch_size=16, minutes=1),
}
HELD_OUT = 30_000  # characters
TOKENS = 1024  # in a step


class Contest:
    """Trains both kinds on one text."""

    def __init__(self, device: torch.device):
        self.device = device
        self.train, held_out, self.vocab_size = text()
        self.held_out = held_out[:HELD_OUT]

    def fit(self, kind: str, preset: Preset, seed: int, steps: int) -> tuple[float, float, int]:
        """(held-out loss at the end, seconds of training, parameters)."""
        shape = preset.model(self.vocab_size)
        seed_everything(seed)
        model = LANGUAGE_MODELS[kind].build(LANGUAGE_MODELS[kind].like(shape)).to(self.device)
        batches = WindowBatches(self.train, preset.context_length, preset.batch_size, seed)
        config = LANGUAGE_MODELS[kind].training(preset, steps=steps, seed=seed, precision="fp32")
        history = train(model, batches, None, config, progress=False)
        held_out = held_out_windows(self.held_out, preset.context_length, 8192 // preset.context_length)
        return evaluate(model, held_out), history.seconds, num_parameters(model)

    def compare(self, preset: Preset, seed: int, steps: int) -> dict[str, dict[str, float]]:
        """For each kind: parameters, loss and seconds after `steps`, and the loss after the slower one's seconds."""
        found = {}
        for kind in ("transformer", "gru"):
            loss, seconds, parameters = self.fit(kind, preset, seed, steps)
            found[kind] = {"parameters": parameters, "loss": loss, "seconds": seconds, "loss at equal time": loss}
        slow, fast = sorted(found, key=lambda kind: -found[kind]["seconds"])
        more = round(steps * found[slow]["seconds"] / found[fast]["seconds"])
        if more > steps:
            found[fast]["loss at equal time"] = self.fit(fast, preset, seed, more)[0]
        return found


def main() -> None:
    """The table of sizes, then that of contexts."""
    parser = arguments(__doc__)
    parser.add_argument("--shapes", nargs="*", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--contexts", nargs="*", type=int, default=[8, 16, 32, 64, 128, 256])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    contest, begin = Contest(machine(options.device)), time.perf_counter()
    header = ["parameters", "steps", "seconds", "held-out loss", "loss at equal time"]
    rows = []
    for name in options.shapes:
        for seed in range(options.seeds):
            rows += _rows([name, seed], contest.compare(SHAPES[name], seed, options.steps), options.steps)
    if rows:
        table(["size", "seed", "model", *header], rows)
    rows = []
    for length in options.contexts:
        preset = replace(SHAPES["0.1M"], context_length=length, batch_size=TOKENS // length)
        for seed in range(options.seeds):
            rows += _rows([length, seed], contest.compare(preset, seed, options.steps), options.steps)
    if rows:
        table(["context", "seed", "model", *header], rows)
    print(f"{time.perf_counter() - begin:.0f} s in all")


def _rows(start: list, found: dict[str, dict[str, float]], steps: int) -> list[list]:
    return [
        [*start, kind, f"{one['parameters']:,}", steps]
        + [f"{one['seconds']:.1f}", f"{one['loss']:.3f}", f"{one['loss at equal time']:.3f}"]
        for kind, one in found.items()
    ]


if __name__ == "__main__":
    main()
