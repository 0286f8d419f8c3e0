"""How good translations are, beside what can be had for nothing: copying the source, or a translation memory."""

import re
from collections.abc import Callable, Sequence

import numpy as np

RESAMPLES = 1000  # bootstrap samples behind each interval (Koehn 2004)
SEED = 12345


def translation_scores(hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float | int | str]:
    """BLEU and chrF by sacrebleu with their signatures, exact match in percent; each with the half width of its
    95 % bootstrap interval.

    One reference a sentence. Chinese and Japanese references are scored by character, others by sacrebleu's "13a".
    Sources: Papineni et al. 2002 (BLEU), Popovic 2015 (chrF), Post 2018 (sacrebleu), Koehn 2004 (the bootstrap).

    Raises:
        ValueError: if the numbers of lines differ, or there are none.
    """
    from sacrebleu.metrics import BLEU, CHRF

    if len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} translations but {len(references)} references: one each is needed")
    if not references:
        raise ValueError("there are no translations to score")
    # effective_order: a text of few short sentences may have no 4-gram at all, which would make its BLEU 0.
    bleu, chrf = BLEU(tokenize=_tokenization(references), effective_order=len(references) < 10), CHRF()
    scores: dict[str, float | int | str] = {}
    for name, metric in (("bleu", bleu), ("chrf", chrf)):
        # What sacrebleu counts in each sentence; its own bootstrap fails where some samples score 0, and takes a
        # gigabyte for some ten thousand sentences.
        counts = np.array(metric._extract_corpus_statistics(hypotheses, [references]), dtype=float)
        score, interval = _bootstrap(counts, lambda total, metric=metric: metric._compute_score_from_stats(total).score)
        scores |= {name: score, f"{name}_interval": interval}
    hits = np.array([[h == r] for h, r in zip(hypotheses, references, strict=True)], dtype=float)
    score, interval = _bootstrap(hits, lambda total: 100 * total[0] / len(references))
    scores |= {"exact_match": score, "exact_match_interval": interval}
    signatures = {f"{n}_signature": str(m.get_signature()) for n, m in (("bleu", bleu), ("chrf", chrf))}
    return scores | signatures | {"sentences": len(references)}


def _tokenization(references: Sequence[str]) -> str:
    text = "".join(references)
    han = len(re.findall(r"[\u3040-\u30ff\u3400-\u9fff]", text))
    return "zh" if han > 0.2 * len(text) else "13a"


def _bootstrap(counts: np.ndarray, score: Callable[[np.ndarray], float]) -> tuple[float, float]:
    """The score of the summed counts (N, K), and half the width of its 95 % interval over resampled sentences."""
    random = np.random.default_rng(SEED)
    totals = (counts[random.integers(len(counts), size=len(counts))].sum(axis=0) for _ in range(RESAMPLES))
    low, high = np.quantile([float(score(total)) for total in totals], (0.025, 0.975))
    return float(score(counts.sum(axis=0))), float(high - low) / 2


class TranslationMemory:
    """Answers with the target of the training source that is nearest by edit distance: what translators' tools offer.

    >>> TranslationMemory(["Open file", "Save"], ["Ouvrir le fichier", "Enregistrer"]).predict(["Open files"])
    ['Ouvrir le fichier']
    """

    def __init__(self, sources: Sequence[str], targets: Sequence[str]):
        if not sources or len(sources) != len(targets):
            raise ValueError(f"a memory needs pairs, got {len(sources)} sources and {len(targets)} targets")
        self.sources, self.targets = list(sources), list(targets)

    def predict(self, sources: Sequence[str]) -> list[str]:
        """The remembered target for each source. Distance: Levenshtein 1966, over the length of the longer one."""
        return [self.targets[row] for row in self.nearest(sources)]

    def nearest(self, sources: Sequence[str]) -> np.ndarray:
        """(N,) numbers of the nearest training sources; of equally near ones the first."""
        from rapidfuzz.distance import Levenshtein
        from rapidfuzz.process import cdist

        rows = [np.empty(0, dtype=np.int64)]
        for start in range(0, len(sources), 256):  # a part at a time: the table of all distances may be large
            part = list(sources[start : start + 256])
            distances = cdist(part, self.sources, scorer=Levenshtein.normalized_distance, dtype=np.float32, workers=-1)
            rows.append(distances.argmin(axis=1))
        return np.concatenate(rows)
