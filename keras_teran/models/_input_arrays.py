"""Arrays as a caller gives them: their kinds, before anything is computed of them."""

import numpy as np

from keras_teran._io import one_line, whole_between

_MOST_AT_ONCE = 1_000_000
_KINDS = {"fiu": "floats", "iu": "integers"}


def number_array(value, name, kinds="fiu"):
    """Numbers as a NumPy array, not copied where they are one.

    Args:
        value: array, tensor or nested lists.
        name: str, what errors call it.
        kinds: str, "fiu" for floats and integers or "iu" for integers.

    Returns:
        ndarray of one of these kinds, or bfloat16.

    Raises:
        ValueError: for texts, bools, objects, lists of unequal length and masked arrays.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(
            f"{name} is a masked array of NumPy; give a plain one, and a mask beside it."
        )
    try:
        array = np.asarray(value)
    except Exception as error:  # noqa: BLE001  (every library's tensors raise their own)
        raise ValueError(
            f"{name} is a {type(value).__name__} that is no array of numbers: "
            f"{one_line(error, 160)}"
        ) from None
    if array.dtype.kind in kinds or (array.dtype.name == "bfloat16" and "f" in kinds):
        return array
    found = type(value).__name__ if array.ndim == 0 else str(array.dtype)
    raise ValueError(f"{name} holds {one_line(found, 40)}; give {_KINDS[kinds]}.")


def mask_array(value, name, shape):
    """A mask as bool of a shape: True, or 1, where something is real.

    Raises:
        ValueError: for another shape, or any value but bools, 0 and 1.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"{name} is no array of bools: {one_line(error, 160)}"
        ) from None
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}; received {array.shape}.")
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind in "iuf" and ((array == 0) | (array == 1)).all():
        return array.astype(bool)
    raise ValueError(
        f"{name} holds {one_line(str(array.dtype), 40)}; give bool, True where "
        "something is real."
    )


def check_batch_size(batch_size):
    """A batch size as int; ValueError for anything but a whole number from 1."""
    return whole_between("batch_size", batch_size, 1, _MOST_AT_ONCE)
