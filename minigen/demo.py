"""`minigen demo`: a Transformer trained from nothing, in about a minute, on the CPU."""

from pathlib import Path

from minigen.data import load
from minigen.estimators import TextGenerator
from minigen.metrics import bits_per_byte
from minigen.models.ngram import NGram
from minigen.tokenizers import CharTokenizer

ORDERS = (1, 2, 3, 5)
WATCHED = 40_000  # characters


def run(out: Path, minutes: float = 1.0, device: str | None = None) -> None:
    """Trains on Shakespeare's plays, compares with n-grams on plays that neither has seen, and writes."""
    splits = load("shakespeare")
    train, held_out = "\n\n".join(splits["train"]["text"]), "\n\n".join(splits["validation"]["text"])
    print(f"Data      {len(train):,} characters of Shakespeare's plays to learn from; two other plays held out")
    generator = TextGenerator("speedrun", device=device)
    # A part of a held-out play is enough to watch the training by; the score below is that of the whole.
    generator.fit(train, held_out[:WATCHED], minutes=minutes, evaluations=4, out=out)
    summary = generator.summary_
    if summary["stopped"] == "interrupted":
        raise KeyboardInterrupt
    print(
        f"Trained   {summary['parameters']:,} parameters, {summary['steps']:,} steps on {summary['device']}, "
        f"{summary['tokens_per_second']:,.0f} characters a second\n"
    )
    print("Bits per byte of the held-out plays (lower is better; a file of plain bytes takes 8)")
    scores = ngram_scores(generator.tokenizer_, train, held_out)
    scores["this Transformer"] = generator.score(held_out)
    for name, score in scores.items():
        print(f"  {name:<18} {score:5.2f}  {'#' * round(10 * score)}")
    print("\nWhat it writes, after ROMEO: (temperature 0.8)\n")
    print("ROMEO:")
    for piece in generator.stream("ROMEO:\n", 400, seed=1, temperature=0.8):
        print(piece, end="", flush=True)
    print(f"\n\nSaved in {out}. Next:\n  make lab                                      the lessons, in JupyterLab")
    print(f'  minigen generate {out} --prompt "JULIET:\\n"    more of this')
    print("  minigen train generate --data FILE.txt --out runs/mine    the same on a text of yours")


def ngram_scores(tokenizer: CharTokenizer, train: str, held_out: str) -> dict[str, float]:
    """Bits per byte of held_out under Kneser-Ney n-grams learned from train, by the name of the model."""
    tokens, held_out_tokens = tokenizer.encode_array(train), tokenizer.encode_array(held_out, unknown="replace")
    scores = {}
    for order in ORDERS:
        nats = NGram(order, tokenizer.vocab_size).fit(tokens).nats(held_out_tokens)
        scores[f"{order}-gram" if order > 1 else "letter counts"] = bits_per_byte(nats, len(held_out.encode()))
    return scores
