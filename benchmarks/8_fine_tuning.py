"""What fine-tuning a pretrained MiniLM reaches on sentences about films: frozen features, LoRA and all weights.

rotten_tomatoes: trained on train, accuracy on test, which nothing was chosen by. Validation chooses the temperature of
the probabilities and, with frozen features, the penalty of the head; the weights are those of the last step.
--long is for whole reviews: --data imdb --long --adaptations full --seeds 1 --out runs/imdb (an hour on one core; if it
is stopped, the same command goes on).
"""

from pathlib import Path
from statistics import mean, stdev

from common import arguments, labelled, machine, table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from minigen.estimators import TextClassifier

GOALS = {"accuracy of full fine-tuning": 0.83, "minutes": 8, "points that LoRA may lose": 1, "its parameters, %": 3}
# One pass over up to 510 tokens of a text, a step of four batches.
LONG = {"context_length": 512, "tokens_per_batch": 1024, "dropout": 0.0, "learning_rate": 1e-4, "epochs": 1}
Run = dict[str, float]


def main() -> None:
    """Trains each adaptation with each seed, then scores all on the test split."""
    parser = arguments(__doc__)
    parser.add_argument("--data", default="rotten_tomatoes")
    parser.add_argument("--checkpoint", default="minilm")
    parser.add_argument("--adaptations", nargs="+", default=["frozen", "lora", "full"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--long", action="store_true", help="one pass over up to 510 tokens of each text")
    parser.add_argument("--out", type=Path, help="folder for what is being trained, to go on from if it is stopped")
    options = parser.parse_args()
    machine(options.device)
    train, valid, test = labelled(options.data)
    lexical = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10))
    lexical.fit(*train)
    chosen, final = lexical.score(*valid), lexical.score(*test)
    print(f"TF-IDF of one and two words, logistic regression: {chosen:.4f} on validation, {final:.4f} on the test\n")
    runs: dict[str, list[Run]] = {}
    for adaptation in options.adaptations:
        for seed in range(options.seeds):
            own = {"seed": seed, "device": options.device} | (LONG if options.long else {})
            classifier = TextClassifier.from_pretrained(options.checkpoint, adaptation, **own)
            out = options.out and options.out / f"{adaptation}-{seed}"
            kept = {"out": out, "resume": bool(out and out.exists())}
            classifier.fit(*train, valid, accumulate=4 if options.long else 1, **kept)
            runs.setdefault(adaptation, []).append(measure(classifier, test))
            print(adaptation, seed, runs[adaptation][-1], flush=True)
    header = ["adaptation", "trained, %", "training, s", "validation", "test, each seed", "test, mean", "+-"]
    table(header, [row(adaptation, found) for adaptation, found in runs.items()])
    print(f"goals: {GOALS}")


def measure(classifier: TextClassifier, test: tuple[list[str], list[str]]) -> Run:
    """Accuracy on the test, and what it took."""
    summary = classifier.summary_
    return {
        "test": classifier.score(*test),
        "validation": summary["val_accuracy"],
        "seconds": summary["seconds"],
        "trained": 100 * summary["trained_parameters"] / summary["parameters"],
    }


def row(adaptation: str, runs: list[Run]) -> list[object]:
    """One row of the table, over the seeds."""
    tests = [run["test"] for run in runs]
    average = {name: mean(run[name] for run in runs) for name in runs[0]}
    spread = stdev(tests) if len(tests) > 1 else 0.0
    each = ", ".join(f"{accuracy:.3f}" for accuracy in tests)
    return [adaptation, average["trained"], average["seconds"], average["validation"], each, average["test"], spread]


if __name__ == "__main__":
    main()
