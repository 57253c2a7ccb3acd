"""The first documents of each query, ties ranked against the model."""

import numpy as np


def first_documents(scores, grades, count):
    """The best-scoring documents of each query, best first.

    Among documents of one score those of the lowest grade come first: a tie never
    helps the model, and the order is the same on every machine.

    Args:
        scores: float, (queries, documents). Higher is better; finite.
        grades: float or bool, (queries, documents). How right each document is.
        count: int, at least 1; at most all documents are given.

    Returns:
        int64, (queries, min(count, documents)): columns of `scores`.

    Raises:
        ValueError: `count` is below 1, or the shapes differ.

    >>> first_documents(np.array([[1.0, 3, 3]]), np.array([[0, 1, 0]]), 2)
    array([[2, 1]])
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}.")
    if scores.shape != grades.shape:
        raise ValueError(
            f"scores {scores.shape} and grades {grades.shape} must have one shape, "
            "(queries, documents)."
        )
    count = min(count, scores.shape[1])
    order = np.empty((len(scores), count), np.int64)
    for query, (score, grade) in enumerate(zip(scores, grades, strict=True)):
        # Every document that ties with the last one kept is a candidate too.
        last = np.partition(score, -count)[-count]
        near = np.flatnonzero(score >= last)
        order[query] = near[np.lexsort((grade[near], -score[near]))[:count]]
    return order
