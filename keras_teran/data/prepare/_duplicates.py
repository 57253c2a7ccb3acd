"""Pictures that are the same, or nearly: copies, other sizes, other compression."""

import numpy as np

# Of 64 bits; as many bands less one, so that one band at least is equal.
_MOST_BITS = 7
_BANDS, _BAND_BITS = 8, 8
# Of 255: how far two miniatures may be apart in any number, and on average. On photos,
# JPEG at quality 10 stays below 30 and 5, brightening by 5 % below 15 and 11; others
# whose bits are near differ by over 120 and 30.
_MOST_APART, _MEAN_APART = 60, 9.0
# A difference below it is noise of compression, not an edge.
_EDGE = 2


def fingerprint(miniatures):
    """The 64 bits of a picture that stay when it is scaled or compressed anew.

    A difference hash (Krawetz 2013, hackerfactor.com): whether a block is brighter than
    the one to its left.

    Args:
        miniatures: uint8 (images, 16, 18, 3), see `_fingerprint.Look`.

    Returns:
        uint64 (images,).
    """
    grey = miniatures.astype(np.float32) @ np.float32([0.299, 0.587, 0.114])
    blocks = grey.reshape(-1, 8, 2, 9, 2).mean(axis=(2, 4))
    brighter = np.diff(blocks, axis=2) > _EDGE
    return np.packbits(brighter.reshape(-1, 64), axis=1).view(np.uint64).ravel()


def alike(miniatures):
    """Which pictures show the same.

    Two are alike if their fingerprints differ in 7 bits at most and their miniatures
    hardly; who is like one is like all that are like it.

    Args:
        miniatures: uint8 (images, 16, 18, 3).

    Returns:
        int64 (images,): the group of each, its first picture's number.

    Example:
        >>> black = np.zeros((16, 18, 3), np.uint8)
        >>> alike(np.stack([black, black + 200, black + 1])).tolist()
        [0, 1, 0]
    """
    kept, first = _distinct(miniatures)
    groups = _Groups(len(kept))
    for a, b in _close(fingerprint(miniatures[kept])):
        apart = np.abs(
            miniatures[kept[b]].astype(np.int16) - miniatures[kept[a]][None]
        ).reshape(len(b), -1)
        near = (apart.max(axis=1) <= _MOST_APART) & (apart.mean(axis=1) <= _MEAN_APART)
        for other in b[near]:
            groups.join(a, other)
    leaders = np.array([groups.leader(row) for row in range(len(kept))], np.int64)
    return kept[leaders][first]


def _distinct(miniatures):
    """Rows without repetitions, and for each picture its place among them."""
    places, kept, first = {}, [], []
    for row, miniature in enumerate(miniatures):
        place = places.setdefault(miniature.tobytes(), len(kept))
        if place == len(kept):
            kept.append(row)
        first.append(place)
    return np.array(kept, np.int64), np.array(first, np.int64)


def _close(prints):
    """Yields (a, b): a row, and the later rows whose prints differ by few bits.

    Two that differ in 7 of 64 bits are equal in one of eight bands of 8: only those
    that share a band are compared.
    """
    for band in range(_BANDS):
        keys = (prints >> np.uint64(band * _BAND_BITS)) & np.uint64(2**_BAND_BITS - 1)
        order = np.argsort(keys, kind="stable")
        ends = np.flatnonzero(np.diff(keys[order])) + 1
        for rows in np.split(order, ends):
            for position, row in enumerate(rows[:-1]):
                others = rows[position + 1 :]
                bits = np.bitwise_count(prints[others] ^ prints[row])
                close = others[bits <= _MOST_BITS]
                if close.size:
                    yield row, close


class _Groups:
    """Sets that are joined; each is called by its smallest member."""

    def __init__(self, count):
        self._parents = list(range(count))

    def leader(self, row):
        while self._parents[row] != row:
            self._parents[row] = self._parents[self._parents[row]]
            row = self._parents[row]
        return row

    def join(self, one, other):
        first, last = sorted((self.leader(one), self.leader(other)))
        self._parents[last] = first
