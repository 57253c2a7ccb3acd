"""What relative boxes have to be, and how far boxes overlap."""

import numpy as np


def box_fault(boxes):
    """Says what is wrong with relative boxes, if anything.

    Args:
        boxes: float, (..., 4). x0, y0, x1, y1, divided by width and height.

    Returns:
        A sentence that names the first offending box and its position, or None if
        all are finite, inside 0..1 and have x0 <= x1 and y0 <= y1.

    Example:
        >>> box_fault(np.array([[0.0, 0.0, 1.0, 1.0]]))
        >>> box_fault(np.array([[0.5, 0.0, 0.4, 1.0]]))
        'box (0,) is inverted (x0 > x1 or y0 > y1): [0.5, 0.0, 0.4, 1.0]'
    """
    return _fault(boxes, (_NOT_FINITE, _OUTSIDE, _INVERTED))


def corners_fault(boxes):
    """What `box_fault` says of boxes in any units, inside the image or not."""
    return _fault(boxes, (_NOT_FINITE, _INVERTED))


def iou(boxes, box):
    """Intersection over union of boxes with one box.

    That of Keras adds 1e-7 to the union: of two equal boxes of a hundredth of the
    picture's sides it says 0.999. This one is exact.

    Args:
        boxes: float (..., 4), x0 y0 x1 y1.
        box: float (..., 4), broadcast against `boxes`.

    Returns:
        float (...), 0..1; 0 where both are empty.

    Example:
        >>> float(iou(np.array([0, 0, 2, 2]), np.array([1, 0, 2, 2])))
        0.5
    """
    boxes, box = np.asarray(boxes), np.asarray(box)
    low = np.maximum(boxes[..., :2], box[..., :2])
    high = np.minimum(boxes[..., 2:], box[..., 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    total = _area(boxes) + _area(box) - shared
    return np.where(total > 0, shared / np.where(total > 0, total, 1), 0.0)


def _area(boxes):
    return np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)


_NOT_FINITE = "is not finite", lambda boxes: ~np.isfinite(boxes).all(-1)
_OUTSIDE = "lies outside 0..1", lambda boxes: ((boxes < 0) | (boxes > 1)).any(-1)
_INVERTED = (
    "is inverted (x0 > x1 or y0 > y1)",
    lambda boxes: (boxes[..., :2] > boxes[..., 2:]).any(-1),
)


def _fault(boxes, faults):
    for fault, wrong in faults:
        offenders = wrong(boxes)
        if offenders.any():
            first = tuple(int(i) for i in np.argwhere(offenders)[0])
            return f"box {first} {fault}: {np.round(boxes[first], 4).tolist()}"
    return None
