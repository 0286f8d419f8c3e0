"""Draws docs/minigen.png from the model that `minigen demo` saved in runs/demo."""

import math
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from minigen.data import load
from minigen.demo import ngram_scores
from minigen.estimators import TextGenerator
from minigen.plots import loss_curves, next_token_bars, use_style
from minigen.training import History

ROOT = Path(__file__).resolve().parent.parent
PROMPT = "If music be the food of lo"  # from Twelfth Night, which is held out


def main() -> None:
    """Two pictures side by side: learning, and what was learned."""
    folder = ROOT / "runs" / "demo"
    if not (folder / "model.safetensors").is_file():
        sys.exit("there is no model in runs/demo: run `minigen demo` first")
    generator, history = TextGenerator.load(folder), History.read(folder / "history.jsonl")
    plays = {split: "\n\n".join(load("shakespeare")[split]["text"]) for split in ("train", "validation")}
    scores = ngram_scores(generator.tokenizer_, plays["train"], plays["validation"])
    use_style()
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 3.8))
    # Bits per byte and nats per character differ by a factor alone: every character of the plays is one byte.
    loss_curves({"this GPT": history}, {name: score * math.log(2) for name, score in scores.items()}, left, "seconds")
    left.set(xlabel="seconds of training, 2 CPU cores", title="Learning Shakespeare's plays")
    tokens = torch.tensor([generator.tokenizer_.encode(PROMPT)])
    with torch.no_grad():
        shares = generator.model_(tokens)[0, -1].softmax(dim=-1)
    labels = [generator.tokenizer_.token_text(token) for token in range(len(shares))]
    next_token_bars(shares.numpy(), labels, right)
    right.set(title=f"What it expects after “{PROMPT}”")
    figure.savefig(ROOT / "docs" / "minigen.png", dpi=80)


if __name__ == "__main__":
    main()
