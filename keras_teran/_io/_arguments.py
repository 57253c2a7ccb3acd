"""Numbers that a caller of a public function gives: their kind and their range."""

import math
import numbers
import operator

from keras_teran._io._files import shown

# What float32 holds, in which every model computes.
_SMALLEST, _LARGEST = 1.2e-38, 3.4e38


def number(name, value, *, above=None, least=None, below=None, most=None):
    """A number in a range that is finite in float32, and 0 there only where it is 0.

    Args:
        name: str, what errors call it.
        value: what was given. A bool, a text and None are no numbers.
        above, least, below, most: numbers, the bounds; None for none.

    Returns:
        Float.

    Raises:
        ValueError: of one line that names the argument.

    >>> number("margin", 0.2, above=0)
    0.2
    """
    bounds = _bounds(above, least, below, most)
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        wanted = f"a number {bounds}".rstrip()
        raise ValueError(f"{name}={shown(value)} must be {wanted}.")
    if not _holds(value, above, least, below, most):
        raise ValueError(f"{name}={shown(value)} must be {bounds or 'finite'}.")
    if value and not _SMALLEST <= abs(value) <= _LARGEST:
        raise ValueError(f"{name}={shown(value)} must be a number that float32 holds.")
    return float(value)


def whole(name, value, *, least=0, most=2**63 - 1):
    """A whole number in a range; 2.0 is none.

    Args:
        name, value: see `number`.
        least, most: int, the bounds.

    Returns:
        Int.

    Raises:
        ValueError: of one line that names the argument.

    >>> whole("epochs", 3, least=1)
    3
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        wanted = f"a whole number of {least} or more"
        raise ValueError(f"{name}={shown(value)} must be {wanted}.")
    if value < least:
        raise ValueError(f"{name}={shown(value)} must be {least} or more.")
    if value > most:
        raise ValueError(f"{name}={shown(value)} must be at most {most:,}.")
    return int(value)


def whole_between(name, value, least, most):
    """A whole number, of any kind that indexes, in a range that the error tells whole.

    Args:
        name, value: see `number`.
        least, most: int, the bounds.

    Returns:
        Int.

    Raises:
        ValueError: of one line that names the argument and both bounds.

    >>> whole_between("width", 3, 1, 65_536)
    3
    """
    try:
        found = operator.index(value)
    except TypeError:
        found = None
    if isinstance(value, bool) or found is None or not least <= found <= most:
        wanted = f"a whole number from {least} to {most:,}"
        raise ValueError(f"{name}={shown(value)} must be {wanted}.")
    return found


def _holds(value, above, least, below, most):
    try:
        finite = math.isfinite(value)
    except OverflowError:  # an int beyond float64
        return False
    return (
        finite
        and (above is None or value > above)
        and (least is None or value >= least)
        and (below is None or value < below)
        and (most is None or value <= most)
    )


def _bounds(above, least, below, most):
    told = [
        (above, f"above {above}"),
        (least, f"{least} or more"),
        (below, f"below {below}"),
        (most, f"at most {most}"),
    ]
    return " and ".join(text for bound, text in told if bound is not None)
