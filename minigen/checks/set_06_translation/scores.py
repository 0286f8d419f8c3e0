"""Task 06.bleu: the score that translations are held to, counted by hand."""

import math
from collections import Counter

from minigen.checks.draw import Draw
from minigen.checks.task import Case, Mistake, Property, Task

Texts = list[list[str]]


def bleu_cases(draw: Draw) -> list[Case]:
    """A sentence; repeated words; several sentences; too short, too long, nothing right, all right; counts that "
    "differ."""

    def noisy(reference: list[str]) -> list[str]:
        kept = [word for word in reference if draw.random.random() > 0.1]
        return [word if draw.random.random() > 0.15 else draw.choice("abcd") for word in kept]

    def corpus(sentences: int, length: int) -> tuple[Texts, Texts]:
        references = [list(draw.text(draw.integer(length, length + 6), "abcd")) for _ in range(sentences)]
        return [noisy(reference) for reference in references], references

    one = ["impossible", "de", "lire", "les", "informations", "de", "quotas", "du", "volume"]
    return [
        Case("two words are missing", [one[:5] + one[7:]], [one]),
        Case("one word too many", [[*one, "non"]], [one]),
        Case("a repeated word", [["le", "le", *one[:4], "le", "le"]], [["le", *one[:6]]]),
        Case("the right sentence", [one], [one]),
        Case("two sentences", [one[:6], one[1:]], [one, one]),
        Case("one sentence is good, the other has nothing right", [one, list("wxyz")], [one, list("abcd")]),
        Case("nothing right", [list("wxyz")], [list("abcd")]),
        Case("no four words in a row", [["de", "lire", "les"]], [one]),
        Case("four words in a row, just once", [[*one[:4], "x", "y"]], [one]),
        Case("many sentences", *corpus(12, 8)),
        Case("many short sentences", *corpus(20, 3)),
        Case("long sentences", *corpus(3, 25)),
        Case("the numbers of sentences differ", [one, one], [one]),
    ]


def _grams(words, n):
    return Counter(zip(*(words[i:] for i in range(n)), strict=False))


def _hits(had, wanted):
    return (had & wanted).total()


def _precisions(hypotheses, references, hits=_hits, grams=_grams):
    """Of each order the share of n-grams that are right, over the whole corpus."""
    shares = []
    for n in range(1, 5):
        pairs = [(grams(h, n), grams(r, n)) for h, r in zip(hypotheses, references, strict=True)]
        shares.append(sum(hits(*pair) for pair in pairs) / max(1, sum(had.total() for had, _ in pairs)))
    return shares


def _brevity(hypotheses, references):
    c, r = sum(map(len, hypotheses)), sum(map(len, references))
    return min(1.0, math.exp(1 - r / c)) if c else 0.0


def _score(hypotheses, references, brevity=_brevity, mean=None, **changes):
    """BLEU with one thing changed: what the mistakes are made of."""
    shares = _precisions(hypotheses, references, **changes)
    together = mean(shares) if mean else math.prod(shares) ** 0.25
    return 100 * brevity(hypotheses, references) * together if min(shares) > 0 else 0.0


def bleu(hypotheses: Texts, references: Texts) -> float:
    """The reference."""
    return _score(hypotheses, references)


def by_sacrebleu(hypotheses: Texts, references: Texts) -> float:
    """What the field's own program says."""
    from sacrebleu.metrics import BLEU as Metric

    if len(hypotheses) != len(references):
        raise ValueError("the numbers of sentences differ")
    texts = [[" ".join(words) for words in side] for side in (hypotheses, references)]
    return float(Metric(tokenize="none", smooth_method="none", force=True).corpus_score(texts[0], [texts[1]]).score)


def _unclipped(had, wanted):
    return sum(count for gram, count in had.items() if gram in wanted)


def _mean_of_sentences(hypotheses, references):
    pairs = zip(hypotheses, references, strict=True)
    scores = [_score([h], [r]) for h, r in pairs]
    return sum(scores) / len(scores)


def _wrong_way(hypotheses, references):
    return _brevity(references, hypotheses)


def _perfect_is_a_hundred(f, hypotheses: Texts, references: Texts) -> bool:
    long = [words for words in references if len(words) > 3]
    return not long or math.isclose(f(long, long), 100, rel_tol=1e-6)


def _corpus_twice(f, hypotheses: Texts, references: Texts) -> bool:
    if len(hypotheses) != len(references):
        return True
    return math.isclose(f(hypotheses * 2, references * 2), f(hypotheses, references), rel_tol=1e-6)


BLEU = Task(
    id="06.bleu",
    title="BLEU, by hand",
    difficulty=2,
    minutes=20,
    points=4,
    reference=bleu,
    cases=bleu_cases,
    forbid=("corpus_score", "sentence_score", "corpus_bleu", "sentence_bleu"),
    mistakes=[
        Mistake(
            "no-clipping",
            "An n-gram of the hypothesis counts as often as it was said. It counts at most as often as it stands in "
            "the "
            "reference: `had & wanted` of two Counters takes the smaller numbers.",
            lambda *texts: _score(*texts, hits=_unclipped),
        ),
        Mistake(
            "sets",
            "You count *different* n-grams. A word that is said twice, and stands twice in the reference, is two hits.",
            lambda *texts: _score(*texts, grams=lambda words, n: Counter(set(_grams(words, n)))),
        ),
        Mistake(
            "no-brevity",
            "The penalty for short translations is missing: whoever leaves out what is hard has a high precision.",
            lambda *texts: _score(*texts, brevity=lambda h, r: 1.0),
        ),
        Mistake(
            "long-punished",
            "You punish what is too long. That is done by the precisions already; it is what is too short that must "
            "pay.",
            lambda *texts: _score(*texts, brevity=_wrong_way),
        ),
        Mistake(
            "arithmetic-mean",
            "The four precisions are averaged by adding. BLEU takes the *geometric* mean: the mean of their "
            "logarithms.",
            lambda *texts: _score(*texts, mean=lambda shares: sum(shares) / 4),
        ),
        Mistake(
            "mean-of-sentences",
            "You score each sentence and take the mean. BLEU sums the counts of all sentences first, and divides once.",
            _mean_of_sentences,
        ),
        Mistake("not-percent", "BLEU goes from 0 to 100.", lambda *texts: _score(*texts) / 100),
    ],
    properties=[
        Property("perfect", "The references themselves should score 100.", _perfect_is_a_hundred),
        Property("twice", "The same sentences twice should have the same score.", _corpus_twice),
    ],
    variants=[by_sacrebleu, lambda *texts: _score(*texts)],
    hints=(
        "The hypothesis is `le le le le`, the reference `le chat et le chien`. How many of the four words are right? "
        "Why must "
        "it not be four?",
        "For each n sum two numbers over all sentences: (ngrams(h, n) & ngrams(r, n)).total() and ngrams(h, "
        "n).total(). Only "
        "then divide. If there is no hit at all, the score is 0.",
        "for n in 1, 2, 3, 4:\n    hits  = clipped hits, summed over all sentences\n    total = n-grams of the "
        "hypotheses, "
        "summed\n    if there are no hits: return 0.0\n    add log(hits / total) / 4 to a sum\n"
        "brevity = min(1, exp(1 - r / c)), with the lengths of all references and hypotheses\n"
        "return 100 * brevity * exp(sum)",
    ),
)
