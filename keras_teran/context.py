"""What a whole set says: a vector of all its members, and its share in each of them."""

import keras
from keras import ops

from keras_teran.dropout import ByteDropout
from keras_teran.layers import built_dense, unit_rows


@keras.saving.register_keras_serializable("keras_teran")
class ContextVector(keras.layers.Layer):
    """The mean of a set's members to a unit vector in the common space.

    unit(dense(dropout(relu(dense(dropout(norm(mean))))))), or without `hidden_dim`
    unit(dense(dropout(norm(mean)))): no attention, so that it generalises from few
    images where the transformer layers learn them by heart (benchmarks/README.md).

    Args:
        dim: int, of the common space.
        hidden_dim: int, width between; None for none.
        dropout: float, rate on the mean and after the activation.

    Input: float (batch, members, width) and bool (batch, members), True where a member
    is real. Output: float32 (batch, dim), unit; of no real member, that of a mean of 0.
    """

    def __init__(self, dim, hidden_dim=None, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.hidden_dim = hidden_dim
        self.dropout = dropout

    def build(self, members_shape, *_):
        """Makes the weights for the width of the members."""
        policy, width = self.dtype_policy, members_shape[-1]
        self.norm = keras.layers.LayerNormalization(
            epsilon=1e-5, name="norm", dtype=policy
        )
        self.norm.build((None, width))
        self.drop = ByteDropout(self.dropout, dtype=policy)
        self.inner = None
        if self.hidden_dim:
            self.inner = built_dense(self.hidden_dim, width, "inner", policy, "relu")
        self.outer = built_dense(self.dim, self.hidden_dim or width, "outer", policy)

    def call(self, members, mask, training=None):
        """See the class."""
        real = ops.cast(ops.expand_dims(mask, -1), members.dtype)
        count = ops.maximum(ops.sum(real, axis=1), 1)
        vector = self.norm(ops.sum(members * real, axis=1) / count)
        vector = self.drop(vector, training=training)
        if self.inner:
            vector = self.drop(self.inner(vector), training=training)
        return unit_rows(self.outer(vector))

    def compute_output_shape(self, members_shape, *_):
        """(batch, dim)."""
        return (members_shape[0], self.dim)

    def compute_output_spec(self, members, *_, **__):
        """Float32, whatever the layer computes in."""
        return keras.KerasTensor((members.shape[0], self.dim), "float32")

    def get_config(self):
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "dim": self.dim,
            "hidden_dim": self.hidden_dim,
            "dropout": self.dropout,
        }


def region_weight(share):
    """The weight of the image's vector beside a region's own that is that share.

    sqrt(share / (1 - share)): the part of it in the squared length, were the two at
    right angles.

    Args:
        share: float, 0 or more and below 1.

    Raises:
        ValueError: for a share that leaves nothing of the regions, or is no share.

    Example:
        >>> round(region_weight(0.8), 6)  # of 1 + 2², 2² are the image's
        2.0
    """
    if not (isinstance(share, int | float) and 0 <= share < 1):
        raise ValueError(
            f"context={share!r} must be a number of 0 or more and below 1: the share of "
            "the whole image in each region, 0 for none."
        )
    return (share / (1 - share)) ** 0.5


def words_weight(words):
    """The weight of the caption's vector beside all its words: as so many words.

    However long the caption: a sum over words would otherwise weigh the whole more the
    longer the caption, and captions of unlike length could not be compared.

    Args:
        words: float, above 0.

    Raises:
        ValueError: for a number of 0 or less, or no number.
    """
    if not (isinstance(words, int | float) and words > 0):
        raise ValueError(
            f"context_words={words!r} must be a number above 0: of words that the whole "
            "caption counts as."
        )
    return float(words)


@keras.saving.register_keras_serializable("keras_teran")
class InContext(keras.layers.Layer):
    """Members with their set's vector in them; while training, the members alone.

    unit(member + weight * context), zero where masked. So members and context each learn
    to be right alone, from losses of their own, and are right together on what they have
    not seen; trained together they only learn their sum (benchmarks/README.md).

    Args:
        weight: float, of the context in each member, see `region_weight`; with
            `in_all`, in all members together.
        in_all: bool, divide the weight by the number of real members, see
            `words_weight`.

    Input: float32 (batch, members, dim), unit rows; float32 (batch, dim), unit; bool
    (batch, members). Output: float32 (batch, members, dim).

    Example:
        >>> import numpy as np
        >>> own, context = np.array([[[1.0, 0.0]]]), np.array([[0.0, 1.0]])
        >>> mixed = InContext(0.75)(own, context, np.array([[True]]))
        >>> ops.convert_to_numpy(mixed).round(3)  # [1, 0.75] / 1.25
        array([[[0.8, 0.6]]], dtype=float32)
    """

    def __init__(self, weight, in_all=False, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.weight = weight
        self.in_all = in_all

    def call(self, members, context, mask, always=False, training=None):
        """See the class; `always`: while training too."""
        if training and not always:
            return members
        weight = self.weight
        if self.in_all:
            count = ops.sum(ops.cast(mask, "float32"), axis=1)
            weight = ops.reshape(weight / ops.maximum(count, 1), (-1, 1, 1))
        return unit_rows(members + weight * ops.expand_dims(context, 1), mask)

    def compute_output_shape(self, members_shape, *_, **__):
        """That of the members."""
        return members_shape

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "weight": self.weight, "in_all": self.in_all}
