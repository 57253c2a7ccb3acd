"""What a first stage loses: scores of another kind choose the candidates.

Nothing here knows a model: two matrices (images, captions) go in, of the first stage
and of the exhaustive scan. NumPy only.
"""

import numpy as np

from keras_teran.evaluation._recall import recall_table


def survival(first, exact, candidates, top=10):
    """Share of the exhaustive top that is among the candidates.

    Args:
        first: float (queries, items), the first stage's scores.
        exact: float (queries, items), the exhaustive scan's.
        candidates: int, items that the first stage hands on.
        top: int, items that count.

    Returns:
        Float in 0..1, the mean over the queries.

    Example:
        >>> exact = np.array([[0.9, 0.8, 0.1]])
        >>> survival(np.array([[0.9, 0.2, 0.3]]), exact, candidates=2, top=2)
        0.5
    """
    wanted = _best(exact, top)
    chosen = _chosen(first, candidates)
    return float(np.take_along_axis(chosen, wanted, axis=1).mean())


def two_stage_recall(first, exact, candidates, caption_to_image):
    """The recall table of a search that scores the candidates alone.

    Args:
        first: float (images, captions), the first stage's scores.
        exact: float (images, captions), the exhaustive scan's.
        candidates: int, handed on for each query, whether image or caption.
        caption_to_image: int (captions,).

    Returns:
        Dict of direction to its dict of `recall_table`. An item that is no candidate
        ranks behind all that are.
    """
    below = exact.min() - 1.0
    of_images = np.where(_chosen(first, candidates), exact, below)
    of_captions = np.where(_chosen(first.T, candidates).T, exact, below)
    return {
        direction: recall_table(scores, caption_to_image)[direction]
        for direction, scores in (
            ("image_to_text", of_images),
            ("text_to_image", of_captions),
        )
    }


def _best(scores, count):
    count = min(count, scores.shape[1])
    return np.argpartition(-scores, count - 1, axis=1)[:, :count]


def _chosen(scores, count):
    chosen = np.zeros(scores.shape, bool)
    np.put_along_axis(chosen, _best(scores, count), True, axis=1)
    return chosen
