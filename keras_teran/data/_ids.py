"""Whole numbers of files and callers: ids, widths, heights."""

import operator
import re

from keras_teran import _io

_TEXT = re.compile(r"\s*[+-]?[0-9]{1,19}(\.0{1,9})?\s*", re.ASCII)
# Above it float64 does not hold every whole number.
_EXACT = 2**53


def whole_number(value, name):
    """An int of 64 bits, whatever kind of number it was written as.

    Args:
        value: int, whole float of up to 2**53 (as JSON and pandas write 7.0), or a text
            of digits. A bool is none of these.
        name: str, what errors call it, with the file and the record.

    Returns:
        int.

    Raises:
        ValueError: for anything else.

    >>> whole_number("7.0", "image_id"), whole_number(7.0, "image_id")
    (7, 7)
    """
    number = _whole(value)
    if number is None or not -(2**63) <= number < 2**63:
        raise ValueError(
            f"{name} must be a whole number of 64 bits; received {_io.shown(value)}."
        )
    return number


def _whole(value):
    if isinstance(value, str):
        return int(value.partition(".")[0]) if _TEXT.fullmatch(value) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _EXACT else None
    if type(value).__name__ in ("bool", "bool_"):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None
