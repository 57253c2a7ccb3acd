"""The names that feature files give to the same things."""

import numpy as np

from keras_teran.data.ids import whole_number

FEATURES = ("features", "image_features", "feat", "feats", "x")
BOXES = ("boxes", "bbox", "bboxes", "box", "image_bb")
# Boxes divided by width and height, with width, height (and area) after the corners.
RELATIVE_BOXES = ("norm_bb", "norm_boxes", "spatial_features")
WIDTH = ("image_w", "img_w", "width")
HEIGHT = ("image_h", "img_h", "height")
IDS = ("image_ids", "ids", "img_ids", "image_id")


def first_of(names, present):
    """The first of some names that is present, or None.

    Example:
        >>> first_of(FEATURES, ["bbox", "feat"])
        'feat'
    """
    return next((name for name in names if name in present), None)


def read_fields(fields, place):
    """Features, boxes and size of one image that holds each under a name of its own.

    Args:
        fields: mapping of str to arrays.
        place: what to name in errors.

    Returns:
        `(features, boxes, size)`, boxes (regions, 4), size (width, height) of boxes in
        pixels, or None.

    Raises:
        ValueError: if there are no features or no boxes among the names known.
    """
    features, boxes = _names(fields, place)
    width, height = first_of(WIDTH, fields), first_of(HEIGHT, fields)
    size = None
    if boxes in BOXES and width and height:
        size = tuple(_side(fields[name][()], place, name) for name in (width, height))
    return fields[features][()], fields[boxes][()][..., :4], size


def count_boxes(fields, place):
    """Regions of one image, by its boxes alone: int; raises as `read_fields` does."""
    return len(fields[_names(fields, place)[1]])


def _side(value, place, name):
    """A width or height in pixels: an int from a number, or an array of one."""
    flat = np.ravel(value).tolist()
    side = whole_number(flat[0] if len(flat) == 1 else flat, f"{place}, {name}")
    if side < 1:
        raise ValueError(f"{place}, {name} is {side}; it must be at least 1.")
    return side


def _names(fields, place):
    features = first_of(FEATURES, fields)
    boxes = first_of(RELATIVE_BOXES, fields) or first_of(BOXES, fields)
    if features is None or boxes is None:
        raise ValueError(
            f"{place} needs features (one of {', '.join(FEATURES)}) and boxes (one of "
            f"{', '.join((*BOXES, *RELATIVE_BOXES))}); it has {sorted(fields)}."
        )
    return features, boxes
