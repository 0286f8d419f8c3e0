"""What a classifier that begins with nothing reaches, beside TF-IDF and logistic regression.

Trained on train, the best weights chosen on validation, accuracy on test, which nothing was chosen by. "laptop" learns
all from the labelled texts; "vectors" first learns what words mean, from all texts at hand, their labels unread.
"""

import time
from statistics import mean, stdev

from common import arguments, labelled, machine, table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from minigen.data import load
from minigen.estimators import TextClassifier

MODELS = {"laptop": ("laptop", "bpe", 8000), "vectors": ("vectors", "word", 30_000)}
FEATURES = 200_000  # words and pairs, the most frequent; a set of sentences has fewer


def main() -> None:
    """Scores the regression, then each model with each seed."""
    parser = arguments(__doc__)
    parser.add_argument("--data", default="rotten_tomatoes")
    parser.add_argument("--unlabelled", help="texts for the preset vectors, a name or file such as imdb")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    machine(options.device)
    train, valid, test = labelled(options.data)
    start = time.perf_counter()
    lexical = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=FEATURES)
    regression = make_pipeline(lexical, LogisticRegression(C=10, max_iter=1000)).fit(*train)
    seconds = time.perf_counter() - start
    scores = [f"{regression.score(*part):.4f}" for part in (valid, test)]
    rows = [["TF-IDF, logistic regression", "", round(seconds), scores[0], scores[1], scores[1], "nothing is random"]]
    runs = dict.fromkeys(options.models, ())
    if options.unlabelled and "vectors" in runs:
        runs[f"vectors, and texts of {options.unlabelled}"] = load(options.unlabelled)["train"]["text"]
    for name, more in runs.items():
        fitted = [
            measure(name.split(",")[0], more, seed, options.device, train, valid, test) for seed in range(options.seeds)
        ]
        tests = [run["test"] for run in fitted]
        spread = f"{stdev(tests):.4f}" if len(tests) > 1 else "one seed"
        row = [name, round(mean(run["seconds"] for run in fitted)), f"{mean(run['valid'] for run in fitted):.4f}"]
        parameters = f"{fitted[0]['parameters']:,}"
        rows.append([row[0], parameters, *row[1:], ", ".join(f"{t:.4f}" for t in tests), f"{mean(tests):.4f}", spread])
    headings = ["model", "trained parameters", "seconds in all", "validation", "test, each seed", "test, mean", "+-"]
    table(headings, rows)


def measure(
    model: str, more: list[str], seed: int, device: str | None, train: tuple, valid: tuple, test: tuple
) -> dict:
    """Accuracies, and the seconds of all that `fit` does: tokenizer, vectors, training, calibration."""
    start = time.perf_counter()
    classifier = TextClassifier(*MODELS[model], seed=seed, device=device).fit(*train, valid, more)
    seconds = time.perf_counter() - start
    scores = {"valid": classifier.score(*valid), "test": classifier.score(*test)}
    return scores | {"seconds": seconds, "parameters": classifier.summary_["trained_parameters"]}


if __name__ == "__main__":
    main()
