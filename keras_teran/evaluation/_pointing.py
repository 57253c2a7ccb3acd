"""Whether phrases point into their boxes: the rules, for all phrases of one image.

*Pointing*: the center of the best region, or the hottest cell of the heat map, lies in a
box of the phrase. *R@k*: one of the k best regions overlaps a box by an intersection over
union of at least 0.5.
"""

import numpy as np

from keras_teran.evaluation._recall import RECALL_AT
from keras_teran.pipeline import heat_maps, heat_points
from keras_teran.vision import iou

BOXES = ("merged", "separate")
LEAST_OVERLAP = 0.5
CENTER = (0.5, 0.5)


def inside(points, boxes):
    """Whether points lie in boxes, their edges included.

    Args:
        points: float (..., 2), x and y.
        boxes: float (..., 4), x0 y0 x1 y1, broadcast against `points`.

    Returns:
        bool (...).

    Example:
        >>> inside(np.array([0.5, 1]), np.array([[0, 0, 0.5, 1], [0, 0, 0.4, 1]])).tolist()
        [True, False]
    """
    within = (boxes[..., :2] <= points) & (points <= boxes[..., 2:])
    return within.all(axis=-1)


def point_at(cosines, boxes, truths):
    """What the cosines of some phrases with the regions of their image point at.

    Args:
        cosines: float (phrases, regions). Ties go to the first region.
        boxes: float (regions, 4), of real regions alone.
        truths: list of float (boxes, 4), one or more a phrase.

    Returns:
        dict of arrays (phrases,): `region`, int, the best; `overlap`, the most that it
        shares with a box; `point` and `heat_point` (phrases, 2); `distance`, from `point`
        to the nearest box; and bool or float in 0..1, as fractions of a phrase: `pointing`,
        `heat_map`, `r1`, `r5`, `r10`; `center`, `chance` and `best` of pointing;
        `chance_r1` and so on, and `best_r`, of the regions. A chance is the expectation
        for as many different regions drawn at random.
    """
    cosines, boxes = np.asarray(cosines), np.asarray(boxes, np.float64)
    truth = np.concatenate(truths).astype(np.float64)
    counts = np.array([len(each) for each in truths])
    starts, rows = np.cumsum(counts) - counts, np.repeat(np.arange(len(counts)), counts)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2

    def any_of(hits):
        return np.logical_or.reduceat(hits, starts, axis=0)

    hit = any_of(inside(centers, truth[:, None]))
    shares = np.maximum.reduceat(iou(boxes, truth[:, None]), starts, axis=0)
    right = shares >= LEAST_OVERLAP
    order = np.argsort(-cosines, axis=1, kind="stable")
    first = order[:, :1]
    point = centers[first[:, 0]]
    heat_point = heat_points(heat_maps(cosines, boxes))
    found = {
        "region": first[:, 0],
        "overlap": np.take_along_axis(shares, first, axis=1)[:, 0],
        "point": point,
        "heat_point": heat_point,
        "distance": np.minimum.reduceat(_distance(point[rows], truth), starts),
        "pointing": np.take_along_axis(hit, first, axis=1)[:, 0],
        "heat_map": any_of(inside(heat_point[rows], truth)),
        "center": any_of(inside(np.array(CENTER), truth)),
        "chance": hit.mean(axis=1),
        "best": hit.any(axis=1),
        "best_r": right.any(axis=1),
    }
    for k in RECALL_AT:
        ranked = np.take_along_axis(right, order[:, :k], axis=1)
        found[f"r{k}"] = ranked.any(axis=1)
        found[f"chance_r{k}"] = drawn_hits(right, k)
    return found


def drawn_hits(right, count):
    """The chance that of `count` different regions drawn at random one is right.

    Args:
        right: bool (phrases, regions).
        count: int; of fewer regions all are drawn.

    Returns:
        float64 (phrases,).

    Example:
        >>> drawn_hits(np.array([[True, False, False, False]]), 2).tolist()
        [0.5]
    """
    regions = right.shape[1]
    drawn = np.arange(min(count, regions))
    wrong = regions - right.sum(axis=1, keepdims=True)
    return 1 - np.prod(np.maximum(wrong - drawn, 0) / (regions - drawn), axis=1)


def _distance(points, boxes):
    beyond = np.maximum(boxes[:, :2] - points, points - boxes[:, 2:])
    return np.linalg.norm(np.maximum(beyond, 0), axis=-1)
