"""A hash of all points of a collection that follows its changes.

It is the sum of the hashes of the points, modulo 2**256: a point that comes or goes is
added or taken off, and the order does not count.
"""

import hashlib
import json

import numpy as np

_MODULUS = 2**256


class Digest:
    """The sum of the hashes of a collection's points, and their number.

    Args:
        dtype: "float32" or "float16", how the engine stores vectors.
        kept: dict of `count` and `sha256` to go on from; None begins with no point.
    """

    def __init__(self, dtype, kept=None):
        self._dtype = dtype
        self._count = kept["count"] if kept else 0
        self._sum = int(kept["sha256"], 16) if kept else 0

    def add(self, points):
        """Adds points, each with vectors and payload."""
        self._count += len(points)
        self._sum += sum(map(self._hash, points))

    def take_off(self, points):
        """Takes off points, each as it was added."""
        self._count -= len(points)
        self._sum -= sum(map(self._hash, points))

    @property
    def kept(self):
        """Dict of `count` and `sha256`."""
        return {"count": self._count, "sha256": f"{self._sum % _MODULUS:064x}"}

    def _hash(self, point):
        digest = hashlib.sha256(f"{point.id} {point.members.shape} ".encode())
        for vectors in (point.pooled, point.members):
            # -0.0 and 0.0 are one vector: adding 0 makes them so.
            stored = vectors.astype(self._dtype).astype("<f4") + np.float32(0)
            digest.update(stored.tobytes())
        text = json.dumps(_plain(point.payload or {}), sort_keys=True)
        digest.update(text.encode())
        return int.from_bytes(digest.digest())


def _plain(value):
    """Numbers as a list of a text of 12 digits: servers write 1.0 in several ways."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        exact = isinstance(value, int) and abs(value) >= 10**12
        return [str(value) if exact else f"{value:.12g}"]
    return value
