"""Words and regions left out at random while training.

An alignment that may not lean on one word or one region spreads to the others. What is
left out is padding to the encoders: it costs nothing where they work on real members
alone.
"""

import numpy as np


def drop_members(mask, rate, generator, edges=0):
    """A mask with a random share of its real members left out.

    A set that would lose all of them loses none.

    Args:
        mask: bool (sets, width), True where a member is real.
        rate: float, 0 to below 1, the chance of each to be left out.
        generator: `numpy.random.Generator`.
        edges: int, the first and last real members that always stay: 1 for captions,
            whose [CLS] and [SEP] are no words.

    Returns:
        bool (sets, width).

    Example:
        >>> mask = np.ones((1, 9), bool)
        >>> kept = drop_members(mask, 0.5, np.random.default_rng(0), edges=1)
        >>> kept.astype(int).tolist()
        [[1, 0, 0, 0, 1, 1, 1, 1, 1]]
    """
    place = np.cumsum(mask, axis=1)
    count = place[:, -1:]
    inner = mask & (place > edges) & (place <= count - edges)
    left_out = inner & (generator.random(mask.shape) < rate)
    left_out &= (inner & ~left_out).any(axis=1, keepdims=True)
    return mask & ~left_out


def check_rates(**rates):
    """Raises ValueError, naming it, for a rate outside 0 to below 1."""
    for name, rate in rates.items():
        if not 0 <= rate < 1:
            raise ValueError(f"{name}={rate} must be 0 or more and below 1.")
