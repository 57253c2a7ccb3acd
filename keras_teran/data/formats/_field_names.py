"""The names that feature files give to the same things, and what they must hold."""

from typing import NamedTuple

import numpy as np

from keras_teran._io import shown

FEATURES = ("features", "image_features", "feat", "feats", "x")
BOXES = ("boxes", "bbox", "bboxes", "box", "image_bb")
# Boxes divided by width and height, with width, height (and area) after the corners.
RELATIVE_BOXES = (
    *("norm_bb", "norm_boxes", "norm_bbox", "norm_bboxes", "boxes_norm", "bbox_norm"),
    *("normalized_boxes", "normalised_boxes", "normalized_bbox", "normalised_bbox"),
    *("boxes_normalized", "boxes_normalised", "normalized_bboxes", "normalised_bboxes"),
    *("relative_boxes", "relative_bbox", "relative_bboxes", "boxes_relative"),
    *("rel_boxes", "rel_bbox", "spatial_features"),
)
WIDTH = ("image_w", "img_w", "width")
HEIGHT = ("image_h", "img_h", "height")
COUNT = ("num_boxes", "num_bbox", "num_bb", "num_regions")
IDS = ("image_ids", "ids", "img_ids", "image_id")
# All but the features.
ABOUT = (*BOXES, *RELATIVE_BOXES, *WIDTH, *HEIGHT, *COUNT)
# What one image may take in memory: 8,192 regions of 2,048 numbers.
MOST_BYTES = 2**26


class Boxes(NamedTuple):
    """The boxes of one image as a file has them.

    Attributes:
        boxes: float (regions, 4), the real ones.
        size: (width, height), pixels, or None where the file does not say.
        relative: bool, whether the array's name says that they are relative.
        declared: bool, whether their number was declared and not that of the rows.
    """

    boxes: np.ndarray
    size: tuple | None = None
    relative: bool = False
    declared: bool = False


def first_of(names, present):
    """The first of some names that is present, or None.

    Example:
        >>> first_of(FEATURES, ["bbox", "feat"])
        'feat'
    """
    return next((name for name in names if name in present), None)


def read_boxes(fields, place):
    """The boxes of one image that holds each field under a name of its own.

    Args:
        fields: mapping of str to arrays.
        place: what to name in errors.

    Returns:
        `Boxes`.

    Raises:
        ValueError: if there are none among the names known, or they are no boxes; or
            fewer are there than the file declares.
    """
    name = first_of(RELATIVE_BOXES, fields) or first_of(BOXES, fields)
    if name is None:
        raise ValueError(lacking(place, fields))
    boxes = corners(fields[name], f"{place}: {name}")
    sides = [_number(fields, names, place) for names in (WIDTH, HEIGHT)]
    count = _number(fields, COUNT, place)
    if count is not None:
        boxes = real_rows(boxes, count, f"{place}: {name}")
    size = None if None in sides else tuple(sides)
    return Boxes(boxes, size, name in RELATIVE_BOXES, count is not None)


def read_features(fields, place):
    """The features of one image: float (regions, dim); raises as `read_boxes` does."""
    name = first_of(FEATURES, fields)
    if name is None:
        raise ValueError(lacking(place, fields))
    return matrix(fields[name], f"{place}: {name}")


def matrix(array, place):
    """Refuses what is no array of floats (regions, dim)."""
    if array.ndim != 2 or array.dtype.kind != "f":
        raise ValueError(
            f"{place} must hold floats of shape (regions, dim); received {array.dtype} "
            f"{array.shape}. Extract it again."
        )
    return array


def corners(array, place):
    """The first four columns of an array of boxes; refuses what is none."""
    if array.ndim != 2 or array.shape[1] < 4 or array.dtype.kind not in "iuf":
        raise ValueError(
            f"{place} must hold numbers of shape (regions, 4); received {array.dtype} "
            f"{array.shape}. Extract it again."
        )
    return array[:, :4]


def real_rows(array, count, place):
    """The rows that a file declares to be real; those behind them must be padding.

    Raises:
        ValueError: if there are fewer, or one behind them is not 0.
    """
    if not 1 <= count <= len(array):
        raise ValueError(
            f"{place} has {len(array)} rows; the file declares {count} regions. Extract "
            "it again."
        )
    if np.any(array[count:]):
        raise ValueError(
            f"{place} has regions behind the {count} that the file declares. Extract it "
            "again."
        )
    return array[:count]


def lacking(place, present):
    """What is said where features or boxes are missing: str."""
    return (
        f"{place} needs features (one of {', '.join(FEATURES)}) and boxes (one of "
        f"{', '.join((*BOXES, *RELATIVE_BOXES[:3]))}, ...); it has "
        f"{shown(sorted(present))}."
    )


def _number(fields, names, place):
    """A whole number from 1 on, or None where it is not there."""
    name = first_of(names, fields)
    if name is None:
        return None
    value = np.asarray(fields[name])
    if value.size != 1 or value.dtype.kind not in "iuf":
        raise ValueError(
            f"{place}: {name} must be one number; received {value.dtype} {value.shape}."
        )
    number = value.item()
    if not 1 <= number < 2**31 or number != int(number):
        raise ValueError(
            f"{place}: {name} must be a whole number from 1 on; received {number}."
        )
    return int(number)
