"""Whether a file's boxes are in pixels or relative: decided once for all its images."""

import numpy as np

RELATIVE, PIXELS = "relative", "pixels"
# Of images whose sides are not known: a side is one pixel at least ...
_SHORTEST_SIDE = 1.0
# ... and over the edge by a pixel is no more than this.
_USUAL_SIDE = 100.0
# float32 rounds 641 / 640 up by 6e-8.
_ROUNDING = 1e-6


def reach_of(boxes):
    """How far right and down boxes reach: all of an image, and the smallest of them.

    Args:
        boxes: float (regions, 4), corners.

    Returns:
        float64 (4,): the largest x and y, 0 where there is no box; and those of the box
        that reaches least, of those that reach beyond the corner at 0.
    """
    corners = np.asarray(boxes, np.float64).reshape(-1, 2, 2).max(axis=1)
    largest = corners.max(axis=0, initial=0.0)
    real = corners[(corners > 0).any(axis=1)]
    least = real[real.max(axis=1).argmin()] if len(real) else largest
    return np.concatenate([largest, least])


def choose_units(place, image_ids, reaches, sizes, named):
    """The units of the boxes of a file.

    They are relative where the name of the array says so. Else they are relative unless
    a coordinate exceeds 1 + 1/side, a pixel over the edge. No box is converted by
    itself: a file in which some images say one and some the other is refused.

    Args:
        place: the file, for errors.
        image_ids: int (images,), for errors.
        reaches: float (images, 4), see `reach_of`.
        sizes: list of (width, height), or None where they are not known.
        named: list of bool, whether the name of an image's array says relative.

    Returns:
        str, `RELATIVE` or `PIXELS`.

    Raises:
        ValueError: if images contradict each other, or a box is neither.

    Example:
        >>> reaches = np.array([[641 / 640, 0.5] * 2, [0.5, 0.5] * 2])
        >>> choose_units("a.h5", [1, 2], reaches, [(640, 480)] * 2, [False] * 2)
        'relative'
    """
    unnamed = ~np.asarray(named, bool)
    reaches, least = reaches[:, :2], reaches[:, 2:]
    sides = np.array([size or (_SHORTEST_SIDE,) * 2 for size in sizes], np.float64)
    edges = 1 + 1 / sides + _ROUNDING
    over = (reaches > edges).any(axis=1) & unnamed
    if not over.any():
        return RELATIVE
    first = int(np.argmax(over))
    # In pixels, boxes that all lie in the first one: of no detector, on no picture
    # larger than a few pixels.
    known = np.array([size is not None for size in sizes])
    large = (sides.max(axis=1) > 4) | ~known
    within = (least.max(axis=1) > 0) & large & (least <= edges).all(axis=1)
    if within.any():
        other = int(np.argmax(within))
        raise ValueError(
            f"{place}: the boxes of image {image_ids[first]} reach {_shown(reaches[first])}"
            f" and look like pixels, those of image {image_ids[other]} reach "
            f"{_shown(least[other])} and look relative. Write all in the same units."
        )
    if (reaches[over].max(axis=1) < 2).all():
        raise ValueError(
            f"{place}: the boxes of image {image_ids[first]} reach "
            f"{_shown(reaches[first])}: more than a pixel over the edge where they are "
            "relative, and in the corner pixel where they are not. Correct them."
        )
    return PIXELS


def to_relative(boxes, units, size=None):
    """Boxes divided by the sides of their image.

    Args:
        boxes: numbers, (..., 4). x0, y0, x1, y1.
        units: str, `RELATIVE` or `PIXELS`.
        size: (width, height), pixels; may be None where boxes are relative.

    Returns:
        float64, (..., 4). A side that reaches over the edge by a pixel (detectors
        round) is cut to 0..1; one further out stays, for `box_fault` to find.

    Example:
        >>> to_relative(np.array([-1, 50, 201, 102]), PIXELS, (200, 100)).tolist()
        [0.0, 0.5, 1.0, 1.02]
        >>> to_relative(np.array([0.25, 0.1, 641 / 640, 0.5]), RELATIVE, (640, 480))[2]
        np.float64(1.0)
    """
    boxes = np.asarray(boxes, np.float64)
    sides = np.array([*(size or (_USUAL_SIDE,) * 2)] * 2, np.float64)
    if units == PIXELS:
        boxes = boxes / sides
    pixel = 1 / sides + _ROUNDING
    near = (boxes >= -pixel) & (boxes <= 1 + pixel)
    return np.where(near, np.clip(boxes, 0, 1), boxes)


def _shown(reach):
    return f"{reach[0]:.4g}, {reach[1]:.4g}"
