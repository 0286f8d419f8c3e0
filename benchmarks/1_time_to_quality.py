"""How long until a 0.8 M-parameter character model reaches a held-out loss? minigen's speedrun against a known recipe.

The peer: nanoGPT's CPU recipe (2,000 steps of 12 x 64, AdamW, cosine 1e-3 to 1e-4, betas 0.9 and 0.99, weight decay
0.1) on transformers' GPT-2. Same text, split, shape and machine, in one run; seconds are those of training steps alone.
"""

import time

import torch
from common import SMALL, arguments, machine, table, text, transformers_gpt2, wait

from minigen.data.batches import WindowBatches, held_out_windows
from minigen.models.gpt import GPT
from minigen.presets import PRESETS
from minigen.training import cosine, train

TARGET = 1.88


class Peer(torch.nn.Module):
    """transformers' GPT-2 with the one method that `evaluate` needs."""

    def __init__(self, vocab_size: int):
        super().__init__()
        self.contender = transformers_gpt2(SMALL, vocab_size)
        self.model = self.contender.model

    def loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Sum of the losses, number of targets."""
        count = (batch[1] != -100).sum()
        return self.contender.loss(*batch) * count, count


def run_peer(tokens: torch.Tensor, windows: list, vocab_size: int, device: torch.device) -> tuple[float, float, float]:
    """(seconds in all, seconds to the target or infinity, last held-out loss) of the recipe."""
    from minigen.training import evaluate

    torch.manual_seed(1337)
    peer = Peer(vocab_size).to(device)
    decayed = [p for p in peer.parameters() if p.ndim >= 2]
    other = [p for p in peer.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": other, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=device.type != "mps")
    batches = WindowBatches(tokens, SMALL.context_length, 12, seed=1337)
    seconds, reached, loss = 0.0, float("inf"), float("inf")
    for step in range(2000):
        start = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * cosine(step / 2000, warmup=0.05)
        inputs, targets = (part.to(device) for part in batches[step])
        peer.contender.loss(inputs, targets).backward()
        torch.nn.utils.clip_grad_norm_(peer.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        wait(device)
        seconds += time.perf_counter() - start
        if (step + 1) % 100 == 0:
            loss = evaluate(peer, windows)
            reached = min(reached, seconds if loss <= TARGET else float("inf"))
    return seconds, reached, loss


def run_ours(tokens: torch.Tensor, windows: list, vocab_size: int, device: torch.device, steps: int, seed: int) -> list:
    """A row of the table: the speedrun preset with a budget of so many steps."""
    preset = PRESETS["speedrun"]
    torch.manual_seed(seed)
    model = GPT(preset.model(vocab_size)).to(device)
    batches = WindowBatches(tokens, preset.context_length, preset.batch_size, seed)
    config = preset.training(steps=steps, seed=seed)
    history = train(model, batches, windows, config, progress=False)
    reached = history.seconds_to(TARGET) or float("inf")
    return [f"minigen speedrun, {steps} steps, seed {seed}", history.seconds, reached, history.best_val_loss]


def main() -> None:
    """Runs both and prints the table."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--short", type=int, default=230, help="steps of the run to the target")
    options = parser.parse_args()
    device = machine(options.device)
    tokens, held_out, vocab_size = text()
    windows = held_out_windows(held_out, SMALL.context_length, 128)
    seconds, reached, loss = run_peer(tokens, windows, vocab_size, device)
    rows = [["nanoGPT's recipe, transformers GPT-2, 2000 steps", seconds, reached, loss]]
    rows += [run_ours(tokens, windows, vocab_size, device, options.short, seed) for seed in range(options.seeds)]
    mean = sum(row[2] for row in rows[1:]) / options.seeds
    # As many steps as fit into the peer's seconds, at the speed just measured.
    long = int(options.short * seconds / (sum(row[1] for row in rows[1:]) / options.seeds))
    rows.append(run_ours(tokens, windows, vocab_size, device, long, seed=0))
    table(["run", "seconds of training", f"seconds to {TARGET}", "held-out loss, nats per character"], rows)
    print(f"share of the recipe's whole time that minigen needs to reach {TARGET}: {mean / seconds:.3f} (goal: 0.167)")
    print(f"held-out loss in {rows[-1][1] / seconds:.2f} of its time: {rows[-1][3]:.3f} (goal: 1.55)")


if __name__ == "__main__":
    main()
