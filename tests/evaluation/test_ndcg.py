"""NDCG and the order of documents against loops that read like the definition."""

import math

import numpy as np
import pytest

from keras_teran.evaluation import _ndcg as module
from keras_teran.evaluation._ndcg import counted_queries, ndcg, ndcg_both_ways
from keras_teran.evaluation._topk import first_documents


def naive_ndcg(scores, relevance, rank):
    order = sorted(range(len(scores)), key=lambda d: (-scores[d], relevance[d]))
    best = sorted(relevance, reverse=True)

    def total(grades):
        return sum((2**g - 1) / math.log2(p + 2) for p, g in enumerate(grades[:rank]))

    if total(best) == 0:
        return 0.0
    return total([relevance[d] for d in order]) / total(best)


@pytest.mark.parametrize("tied", [False, True], ids=["distinct", "many ties"])
@pytest.mark.parametrize("documents", [1, 7, 25, 26, 80])
def test_ndcg_equals_the_naive_loop(documents, tied, monkeypatch):
    monkeypatch.setattr(module, "QUERIES_PER_BLOCK", 4)
    rng = np.random.default_rng(documents)
    scores = rng.normal(size=(11, documents)).astype("float32")
    scores = np.round(scores) if tied else scores
    relevance = rng.random((11, documents)).astype("float32")
    relevance[3] = 0
    pairs = zip(scores.tolist(), relevance.tolist(), strict=True)
    expected = [naive_ndcg(score, grades, 25) for score, grades in pairs]
    np.testing.assert_allclose(ndcg(scores, relevance), expected, rtol=1e-9)
    assert ndcg(scores, relevance)[3] == 0


def test_gain_and_discount_are_those_of_the_definition():
    # Relevances 1 and 0.5 in the wrong order, at places 1 and 2.
    gains = 2**0.5 - 1, 2**1 - 1
    expected = (gains[0] + gains[1] / math.log2(3)) / (
        gains[1] + gains[0] / math.log2(3)
    )
    assert ndcg(np.array([[2.0, 1.0]]), np.array([[0.5, 1.0]]))[0] == pytest.approx(
        expected, rel=1e-12
    )


def test_only_the_first_documents_count():
    scores, relevance = np.array([[3.0, 2.0, 1.0]]), np.array([[0.0, 0.0, 1.0]])
    assert ndcg(scores, relevance, rank=2)[0] == 0
    assert ndcg(scores, relevance, rank=3)[0] == pytest.approx(1 / math.log2(4))


def test_each_direction_has_its_own_queries():
    similarity = np.array([[0.9, 0.1, 0.5], [0.2, 0.8, 0.6]])
    relevance = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])  # captions x images
    image_to_text, text_to_image = ndcg_both_ways(similarity, relevance)
    assert image_to_text.tolist() == [1, 1]
    # The third caption finds the wrong image first: its own is at place 2.
    assert text_to_image == pytest.approx([1, 1, 1 / math.log2(3)])


def test_zero_queries_are_left_out_of_sentence_retrieval_only():
    values = np.array([0.0, 0.4, 0.8])
    assert values[counted_queries(values, "image_to_text")].mean() == pytest.approx(0.6)
    assert counted_queries(values, "text_to_image").all()
    assert counted_queries(values, "image_to_text", "counted").all()
    with pytest.raises(ValueError, match="zero='none': give one of left-out, counted"):
        counted_queries(values, "image_to_text", "none")


def test_ties_across_the_cut_keep_the_least_right_documents():
    scores = np.array([[1.0, 2, 1, 1, 1]])
    grades = np.array([[3.0, 0, 1, 2, 0]])
    assert first_documents(scores, grades, 3).tolist() == [[1, 4, 2]]
    assert first_documents(scores, grades, 9).tolist() == [[1, 4, 2, 3, 0]]


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"scores \(2, 3\) and relevance \(3, 2\)"):
        ndcg(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        first_documents(np.zeros((1, 1)), np.zeros((1, 1)), 0)
