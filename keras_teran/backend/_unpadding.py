"""The real members of padded sets as the rows of one matrix, while training.

Dense layers, normalisation and dropout treat every member alike: given the real ones
alone they cost what these cost, however uneven the sets are. Attention alone needs the
sets. Within `packing`, and on TensorFlow, whose graphs take any number of rows; elsewhere,
and in exported graphs, sets stay padded.
"""

import contextlib
import contextvars

import keras

_packs = contextvars.ContextVar("packs", default=False)


@contextlib.contextmanager
def packing(wanted=True):
    """Layers called within work on real members alone, where the backend can.

    Args:
        wanted: bool; False changes nothing.
    """
    token = _packs.set(bool(wanted) and keras.backend.backend() == "tensorflow")
    try:
        yield
    finally:
        _packs.reset(token)


def members_of(mask):
    """`RealRows` of the mask within `packing`, else `PaddedSets`.

    Args:
        mask: bool (sets, width), True where a member is real.
    """
    return RealRows(mask) if _packs.get() else PaddedSets()


class PaddedSets:
    """Sets that stay as they are."""

    def pack(self, sets):
        """The sets."""
        return sets

    spread = pack


class RealRows:
    """Where the real members of a batch of sets are.

    Args:
        mask: bool `tf.Tensor` (sets, width), True where a member is real.
    """

    def __init__(self, mask):
        import tensorflow as tf

        self._mask = mask
        flat = tf.reshape(mask, (-1,))
        # Where nothing at all is real, all stays: there has to be a row to point to.
        flat = tf.logical_or(flat, tf.logical_not(tf.reduce_any(flat)))
        self._positions = tf.where(flat)[:, 0]
        # Padding repeats the member before it: any finite numbers do there.
        self._rows = tf.maximum(tf.cumsum(tf.cast(flat, "int32")) - 1, 0)

    def pack(self, sets):
        """The real members.

        Args:
            sets: float (sets, width, dim).

        Returns:
            float (members, dim). Padding gets no gradient.
        """
        import tensorflow as tf

        def packed(sets):
            def backward(upstream):
                real = tf.cast(self._mask[..., None], upstream.dtype)
                return self._spread(upstream) * real

            return self._pack(sets), backward

        return tf.custom_gradient(packed)(sets)

    def spread(self, rows):
        """The inverse of `pack`; what stands in the padding means nothing.

        Args:
            rows: float (members, dim).

        Returns:
            float (sets, width, dim). What comes back to the padding is dropped.
        """
        import tensorflow as tf

        return tf.custom_gradient(lambda rows: (self._spread(rows), self._pack))(rows)

    def _pack(self, sets):
        import tensorflow as tf

        return tf.gather(tf.reshape(sets, (-1, sets.shape[-1])), self._positions)

    def _spread(self, rows):
        import tensorflow as tf

        sets, width = tf.unstack(tf.shape(self._mask))
        return tf.reshape(tf.gather(rows, self._rows), (sets, width, rows.shape[-1]))
