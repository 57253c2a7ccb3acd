"""What every region store checks: finite features, boxes inside the image, known ids."""

import contextlib

import numpy as np


@contextlib.contextmanager
def remedied(remedy):
    """Ends the ValueErrors of a reader that knows no remedy with one."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{str(error).rstrip('.')}. {remedy}") from None


def all_finite(values):
    """Whether no value is NaN or infinite.

    float16 is looked at as bits (an exponent of all ones is not finite): NumPy's own
    test of half floats is some eight times slower, which counts on tens of gigabytes.

    Args:
        values: float16, float32 or float64 of any shape, or integers (always finite).

    Returns:
        bool.

    Example:
        >>> all_finite(np.array([1, np.inf], np.float16))
        False
    """
    if values.size == 0 or values.dtype.kind in "iu":
        return True
    if values.dtype == np.float16:
        exponent_and_fraction = np.ascontiguousarray(values).view(np.uint16) & 0x7FFF
        return bool(exponent_and_fraction.max() < 0x7C00)
    return bool(np.isfinite(values).all())


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


class ImageRows:
    """Finds the rows at which images stand.

    Args:
        image_ids: int, (images,). Row ``k`` holds image ``image_ids[k]``.
        place: the file or folder to name in errors.

    Raises:
        ValueError: if an id occurs twice.

    Example:
        >>> ImageRows(np.array([30, 10, 20]), "here").rows([10, 30]).tolist()
        [1, 0]
    """

    def __init__(self, image_ids, place):
        self.image_ids = np.asarray(image_ids, np.int64)
        self.place = place
        self._order = np.argsort(self.image_ids, kind="stable")
        self._sorted = self.image_ids[self._order]
        twice = self._sorted[1:][self._sorted[1:] == self._sorted[:-1]]
        if len(twice):
            raise ValueError(
                f"{place}: image ids must be unique; {np.unique(twice)[:5].tolist()} "
                "occur more than once."
            )

    def rows(self, image_ids):
        """Rows of images.

        Args:
            image_ids: int, (n,).

        Returns:
            int64, (n,).

        Raises:
            ValueError: if an id is unknown; names the first five.
        """
        wanted = np.asarray(image_ids, np.int64)
        places = np.searchsorted(self._sorted, wanted)
        known = places < len(self._sorted)
        known[known] = self._sorted[places[known]] == wanted[known]
        if not known.all():
            unknown = np.unique(wanted[~known])
            raise ValueError(
                f"{self.place} has no features of {len(unknown)} of the images asked "
                f"for, first ids {unknown[:5].tolist()}. It holds "
                f"{len(self._sorted)} images. Check that features and captions belong "
                "together, or extract the missing ones."
            )
        return self._order[places]
