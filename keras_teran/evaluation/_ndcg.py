"""Normalised discounted cumulative gain of a similarity under graded relevances."""

import numpy as np

from keras_teran.evaluation._topk import first_documents

RANK = 25
ZERO_RULES = ("left-out", "counted")
QUERIES_PER_BLOCK = 256


def ndcg(scores, relevance, rank=RANK):
    """NDCG of each query's first documents (Järvelin & Kekäläinen 2002).

    The gain of a document is `2**relevance - 1`, its discount `log2(place + 1)` with
    places from 1; the sum over the first `rank` documents is divided by the best that
    can be had. A query without a relevant document has 0. Follows TERAN's evaluation
    but for ties, which here rank against the model.

    Args:
        scores: float, (queries, documents). Higher is better.
        relevance: float, (queries, documents), at least 0; may be memory-mapped.
        rank: int, how many documents count.

    Returns:
        float64, (queries,), in 0..1.

    Raises:
        ValueError: the shapes differ.

    >>> ndcg(np.array([[0.9, 0.1]]), np.array([[0.0, 1.0]])).round(4)
    array([0.6309])
    """
    if scores.shape != relevance.shape:
        raise ValueError(
            f"scores {scores.shape} and relevance {relevance.shape} must have one "
            "shape, (queries, documents)."
        )
    found = np.empty(len(scores))
    for start in range(0, len(scores), QUERIES_PER_BLOCK):
        rows = slice(start, start + QUERIES_PER_BLOCK)
        # Copies where the caller gave a transposed view: rows are walked below.
        block = np.ascontiguousarray(scores[rows])
        grades = np.ascontiguousarray(relevance[rows])
        first = first_documents(block, grades, rank)
        best = -np.partition(-grades, first.shape[1] - 1, axis=1)[:, : first.shape[1]]
        reached = _discounted(np.take_along_axis(grades, first, axis=1))
        possible = _discounted(-np.sort(-best, axis=1))
        found[rows] = np.where(possible > 0, reached, 0) / np.maximum(possible, 1e-300)
    return found


def ndcg_both_ways(similarity, relevance, rank=RANK):
    """NDCG of images as queries and of captions as queries.

    Args:
        similarity: float, (images, captions).
        relevance: float, (captions, images), as the original stores it.
        rank: int, how many documents count.

    Returns:
        `(image_to_text, text_to_image)`: float64, (images,) and (captions,).
    """
    return ndcg(similarity, relevance.T, rank), ndcg(similarity.T, relevance, rank)


def counted_queries(values, direction, zero="left-out"):
    """Which queries the mean NDCG is taken over.

    TERAN's evaluation leaves queries whose NDCG is 0 out of the mean of sentence
    retrieval (image to text), and counts all of them the other way: that is
    "left-out". "counted" is the plain mean both ways.

    Args:
        values: float, (queries,), from `ndcg`.
        direction: "image_to_text" or "text_to_image".
        zero: one of `ZERO_RULES`.

    Returns:
        bool, (queries,).

    Raises:
        ValueError: no such rule.

    >>> counted_queries(np.array([0.0, 0.5]), "image_to_text")
    array([False,  True])
    """
    if zero not in ZERO_RULES:
        raise ValueError(f"zero={zero!r}: give one of {', '.join(ZERO_RULES)}.")
    values = np.asarray(values)
    if zero == "left-out" and direction == "image_to_text":
        return values != 0
    return np.ones(values.shape, bool)


def _discounted(grades):
    gains = np.exp2(grades.astype(np.float64)) - 1
    return (gains / np.log2(np.arange(grades.shape[1]) + 2)).sum(axis=1)
