"""How good a translator becomes in four minutes on real strings, beside a translation memory and copying the source.

English to French out of programs' catalogues, up to ten words, no near-duplicates of the test in the training pairs.
What is left of likeness helps a memory most, so the last column scores only test sources with nothing near them.
"""

from common import arguments, machine, table

from minigen.data import load
from minigen.estimators import Translator
from minigen.translation_metrics import TranslationMemory, translation_scores

GOALS = {"bleu": 30.0, "times the memory": 1.5}
NEAR = 0.2  # edit distance over length: up to a letter in five differs


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
    memory = TranslationMemory(*train)
    far = [
        row for row, nearest in enumerate(memory.nearest(test[0])) if _distance(test[0][row], train[0][nearest]) > NEAR
    ]
    found = {"copy of the source": test[0], "translation memory": memory.predict(test[0])}
    for seed in range(options.seeds):
        translator = Translator(seed=seed, device=options.device)
        translator.fit(*train, valid, minutes=options.minutes)
        found[f"minigen, seed {seed}, greedy"] = translator.predict(test[0], beam_size=1)
        found[f"minigen, seed {seed}, beam of 4"] = translator.predict(test[0])
    scores = {name: translation_scores(lines, test[1]) for name, lines in found.items()}
    of_far = {name: _scores_of(far, lines, test[1])["bleu"] for name, lines in found.items()}
    header = ["translations by", "BLEU", "+-", "chrF", "+-", "exact match, %", f"BLEU of the {len(far)} far ones"]
    names = ("bleu", "bleu_interval", "chrf", "chrf_interval", "exact_match")
    table(header, [[who, *(score[name] for name in names), of_far[who]] for who, score in scores.items()])
    print(scores["translation memory"]["bleu_signature"])
    best, bleu = (
        f"minigen, seed {options.seeds - 1}, beam of 4",
        {name: score["bleu"] for name, score in scores.items()},
    )
    ratios = [kind[best] / kind["translation memory"] for kind in (bleu, of_far)]
    print(f"goals: BLEU {GOALS['bleu']}; {GOALS['times the memory']} times the memory (here {ratios[0]:.2f})")
    print(f"of the sources that are far from all in training: {ratios[1]:.2f} times the memory")


def _distance(one, other):
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.normalized_distance(one, other)


def _scores_of(rows, hypotheses, references):
    return translation_scores([hypotheses[row] for row in rows], [references[row] for row in rows])


if __name__ == "__main__":
    main()
