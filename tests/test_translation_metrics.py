"""Scores are sacrebleu's, baselines do what they say."""

import numpy as np
import pytest
import sacrebleu

from minigen.translation_metrics import TranslationMemory, translation_scores

REFERENCES = ["the cat sat on the mat", "a dog barks at the moon", "no two days are the same"] * 5
HYPOTHESES = ["the cat sat on a mat", "a dog barks at the moon", "two days are never the same"] * 5


def test_scores_are_those_of_sacrebleu():
    scores = translation_scores(HYPOTHESES, REFERENCES)
    assert scores["bleu"] == pytest.approx(sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score)
    assert scores["chrf"] == pytest.approx(sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score)
    assert scores["exact_match"] == pytest.approx(100 / 3)
    assert "tok:13a" in scores["bleu_signature"]
    assert scores["sentences"] == 15


def test_intervals_are_those_of_sacrebleus_own_bootstrap():
    scores = translation_scores(HYPOTHESES * 4, REFERENCES * 4)
    for name, metric in (("bleu", sacrebleu.BLEU()), ("chrf", sacrebleu.CHRF())):
        theirs = metric.corpus_score(HYPOTHESES * 4, [REFERENCES * 4], n_bootstrap=1000)
        assert scores[f"{name}_interval"] == pytest.approx(theirs._ci, rel=0.1)


def test_translations_that_share_nothing_with_their_references_score_0():
    scores = translation_scores(["xyz"] * 19 + ["a b c d e"], ["a b c d e"] * 20)
    assert 0 <= scores["bleu"] < 10
    nothing = translation_scores(["xyz"] * 20, ["a b c d"] * 20)
    assert nothing["bleu"] == nothing["chrf"] == nothing["exact_match"] == nothing["bleu_interval"] == 0


def test_intervals_shrink_with_the_number_of_sentences():
    few, many = (translation_scores(HYPOTHESES * n, REFERENCES * n) for n in (1, 16))
    for name in ("bleu", "chrf", "exact_match"):
        assert 0 < many[f"{name}_interval"] < 0.5 * few[f"{name}_interval"]
    share = 1 / 3
    normal = 100 * 1.96 * np.sqrt(share * (1 - share) / 240)
    assert many["exact_match_interval"] == pytest.approx(normal, rel=0.15)


def test_chinese_is_scored_by_character():
    scores = translation_scores(["打开文件"] * 12, ["打开文档"] * 12)
    assert "tok:zh" in scores["bleu_signature"]
    assert scores["chrf"] > 20


def test_a_perfect_short_sentence_scores_100():
    assert translation_scores(["Save"], ["Save"])["bleu"] == pytest.approx(100)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="2 translations but 1 references"):
        translation_scores(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="no translations"):
        translation_scores([], [])
    with pytest.raises(ValueError, match="a memory needs pairs, got 1 sources and 0 targets"):
        TranslationMemory(["a"], [])


def test_a_memory_answers_with_the_nearest_source():
    memory = TranslationMemory(["open file", "close file", "open the window"], ["1", "2", "3"])
    assert memory.predict(["open files", "closed file", "open a window", "open file"]) == ["1", "2", "3", "1"]
    assert memory.predict(["open file"] * 600) == ["1"] * 600
    assert memory.predict([]) == []
