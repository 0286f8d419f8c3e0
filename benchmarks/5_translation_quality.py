"""How good a translator becomes in four minutes on real strings, beside a translation memory and copying the source.

English to French out of programs' catalogues, up to ten words, no near-duplicates of the test in the training pairs.
What is left of likeness helps a memory most, so the last column scores only test sources with nothing near them.

--joined 29000 --data software:en-de --minutes 20 asks the same at the size of a public benchmark, of texts as long as
sentences of prose: that many, each of two to four strings side by side. They are words that people wrote, but no prose.
"""

import random
from statistics import mean

from common import arguments, machine, table

from minigen.data import load
from minigen.estimators import Translator
from minigen.translation_metrics import TranslationMemory, translation_scores

GOALS = {"bleu": 30.0, "times the memory": 1.5}
SHORTEST, LONGEST = 3, 8  # words of a string that is joined with others
JOINED_TEST = 500
NEAR = 0.2  # edit distance over length: up to a letter in five differs


def main() -> None:
    """Trains with each seed, then scores all on the test split."""
    parser = arguments(__doc__)
    parser.add_argument("--data", default="software:en-fr")
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--words", type=int, default=10, help="the longest source")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--joined", type=int, help="so many made-up texts instead, each of two to four strings")
    options = parser.parse_args()
    machine(options.device)
    train, valid, test = _splits(options)
    memory = TranslationMemory(*train)
    far = [
        row for row, nearest in enumerate(memory.nearest(test[0])) if _distance(test[0][row], train[0][nearest]) > NEAR
    ]
    found, steps = {"copy of the source": test[0], "translation memory": memory.predict(test[0])}, {}
    for seed in range(options.seeds):
        translator = Translator(seed=seed, device=options.device)
        translator.fit(*train, valid, minutes=options.minutes)
        greedy, beams = f"minigen, seed {seed}, greedy", f"minigen, seed {seed}, beam of 4"
        found[greedy], found[beams] = translator.predict(test[0], beam_size=1), translator.predict(test[0])
        steps[beams] = f"{translator.summary_['steps']:,}"
    scores = {name: translation_scores(lines, test[1]) for name, lines in found.items()}
    of_far = {name: _scores_of(far, lines, test[1])["bleu"] for name, lines in found.items()}
    header = ["translations by", "steps", "BLEU", "+-", "chrF", "+-", "exact match, %"]
    names = ("bleu", "bleu_interval", "chrf", "chrf_interval", "exact_match")
    rows = [[who, steps.get(who, ""), *(score[name] for name in names), of_far[who]] for who, score in scores.items()]
    table([*header, f"BLEU of the {len(far)} far ones"], rows)
    print(scores["translation memory"]["bleu_signature"])
    bleu = {name: score["bleu"] for name, score in scores.items()}
    ratios = [mean(kind[name] for name in steps) / kind["translation memory"] for kind in (bleu, of_far)]
    print(
        f"goals: BLEU {GOALS['bleu']}; {GOALS['times the memory']} times the memory (here {ratios[0]:.2f} on average)"
    )
    print(f"of the sources that are far from all in training: {ratios[1]:.2f} times the memory")


def _splits(options):
    """(sources, targets) of train, validation and test."""
    splits = load(options.data).filter(lambda row: len(row["source"].split()) <= options.words)
    found = [(list(splits[name]["source"]), list(splits[name]["target"])) for name in ("train", "validation", "test")]
    if options.joined:
        found = [_joined(*pairs, n) for pairs, n in zip(found, (options.joined, *[JOINED_TEST] * 2), strict=True)]
    words = mean(len(source.split()) for source in found[0][0])
    print(f"{options.data}: {len(found[0][0]):,} pairs to learn from ({words:.1f} words), {len(found[2][0]):,} to test")
    return found


def _joined(sources, targets, number):
    pairs = [pair for pair in zip(sources, targets, strict=True) if SHORTEST <= len(pair[0].split()) <= LONGEST]
    dice = random.Random(0)
    texts = [zip(*dice.sample(pairs, dice.randint(2, 4)), strict=True) for _ in range(number)]
    return tuple(list(side) for side in zip(*([" ".join(side) for side in text] for text in texts), strict=True))


def _distance(one, other):
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.normalized_distance(one, other)


def _scores_of(rows, hypotheses, references):
    return translation_scores([hypotheses[row] for row in rows], [references[row] for row in rows])


if __name__ == "__main__":
    main()
