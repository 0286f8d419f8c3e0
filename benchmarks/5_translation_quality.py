"""How good a translator becomes in four minutes on real strings, beside a translation memory and copying the source.

English to French out of programs' catalogues, up to ten words, no near-duplicates of the test in the training pairs.
"""

from common import arguments, machine, table

from minigen.data import load
from minigen.estimators import Translator
from minigen.translation_metrics import TranslationMemory, translation_scores

GOALS = {"bleu": 30.0, "times the memory": 1.5}


def main() -> None:
    """Trains with each seed, then scores all on the test split."""
    parser = arguments(__doc__)
    parser.add_argument("--data", default="software:en-fr")
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--words", type=int, default=10, help="the longest source")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    machine(options.device)
    splits = load(options.data).filter(lambda row: len(row["source"].split()) <= options.words)
    train, valid, test = (
        (list(splits[name]["source"]), list(splits[name]["target"])) for name in ("train", "validation", "test")
    )
    print(
        f"{options.data}, up to {options.words} words: {len(train[0]):,} pairs to learn from, {len(test[0]):,} to test"
    )
    found = {"copy of the source": test[0], "translation memory": TranslationMemory(*train).predict(test[0])}
    for seed in range(options.seeds):
        translator = Translator(seed=seed, device=options.device)
        translator.fit(*train, valid, minutes=options.minutes)
        found[f"minigen, seed {seed}, greedy"] = translator.predict(test[0], beam_size=1)
        found[f"minigen, seed {seed}, beam of 4"] = translator.predict(test[0])
    scores = {name: translation_scores(lines, test[1]) for name, lines in found.items()}
    header = ["translations by", "BLEU", "+-", "chrF", "+-", "exact match, %"]
    names = ("bleu", "bleu_interval", "chrf", "chrf_interval", "exact_match")
    table(header, [[who, *(score[name] for name in names)] for who, score in scores.items()])
    print(scores["translation memory"]["bleu_signature"])
    best, memory = scores[f"minigen, seed {options.seeds - 1}, beam of 4"]["bleu"], scores["translation memory"]["bleu"]
    print(f"goals: BLEU {GOALS['bleu']}; {GOALS['times the memory']} times the memory (here {best / memory:.2f})")


if __name__ == "__main__":
    main()
