"""What a whole set says: a vector of all its members, and its place behind each of them."""

import keras
from keras import ops

from keras_teran.layers._dropout import ByteDropout
from keras_teran.layers._transformer import built_dense, unit_rows

# What the context weighs behind a region, whose own numbers weigh 1. Saved models score
# by it and by the words among which it is shared: neither must change.
_IN_REGIONS = 3.0

# It is shared among a caption's own words under these poolings, which do no more than
# add words up; under all others among so many, about as many as a caption has.
_ADD_WORDS = ("MrSw", "sum")
_SHARED_AMONG = 10.0


@keras.saving.register_keras_serializable("keras_teran")
class ContextVector(keras.layers.Layer):
    """The mean of a set's members to a unit vector.

    unit(dense(dropout(relu(dense(dropout(norm(mean))))))), or without `hidden_dim`
    unit(dense(dropout(norm(mean)))): no attention, so that it generalises from few
    images where the transformer layers learn them by heart (benchmarks/README.md).

    Args:
        dim: int, of the vector.
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


def check_context(dim, embedding_dim):
    """Raises ValueError for a context that leaves nothing of an embedding's width."""
    if not 0 <= dim < embedding_dim:
        raise ValueError(
            f"context_dim={dim} must be 0 or more and below embedding_dim="
            f"{embedding_dim}, of which it is a part."
        )


def whole_vector(context, width):
    """The vectors of sets where `InContext` has them: after so many zeros.

    Args:
        context: float32 (batch, dim).
        width: int, of the members.

    Returns:
        float32 (batch, width + dim).
    """
    return ops.pad(context, ((0, 0), (width, 0)))


def members_alone(config, *sides):
    """What `InContext` gives while training, without the zeros behind the members.

    Args:
        config: dict, `Teran.config`.
        *sides: float32 (batch, members, embedding_dim).

    Returns:
        List of float32 (batch, members, embedding_dim - context_dim), a side each.

    Raises:
        ValueError: with a pooling head, whose vectors would have the loss that the
            context's learn from.
    """
    dim = config["context_dim"]
    if dim and config["pooling_head"]:
        raise ValueError(
            f"context_dim={dim} does not train with a pooling head, whose vectors would "
            "take its loss. Train without, then add one: `keras-teran distill RUN`."
        )
    return [side[..., : side.shape[-1] - dim] for side in sides]


@keras.saving.register_keras_serializable("keras_teran")
class InContext(keras.layers.Layer):
    """Members with their set's vector behind them; while training, the members alone.

    unit([member, weight * context]), zero where masked; while training zeros stand in
    the context's place. The product of a word and a region is that of the two members
    plus that of the two contexts, each times a number that is the same for all regions:
    the whole never says which region a word chooses. Members and contexts each learn to
    be right alone, from losses of their own; trained on their sum they only learn that,
    and generalise worse (benchmarks/README.md).

    A region's context weighs 3, a word's `words` / 3 / n in a caption of n words, so
    that MrSw of an image and a caption is

        f (MrSw of the members + words * cosine of the two contexts),
        f = 1 / sqrt(10 (1 + (words / 3 / n)²)).

    Were the weight the same for all captions, the sum over words would count the whole
    for more the longer the caption. The factor f comes of the unit length and is smaller
    for short captions: as 15 words, at n = 5, 10, 20 it is 0.71, 0.89, 0.97 of what long
    ones have. Under `sum` it is likewise.

    All other poolings would so count the whole for more the shorter the caption, since
    they take a mean over words or add up what each region found. There n is 10 in all
    captions, and the whole adds `words` / 10 cosines to MrAVGw, and as many to each
    region in MwSr. In Symm, MrSw + MwSr, n is 10 too: of its two parts that of the
    regions is mostly the larger.

    Args:
        words: float, the number of words that the whole counts as, for the caption's
            side; None for the image's.
        pooling: str, one of `similarity.POOLINGS`, that of the scores; not used on the
            image's side.

    Input: float32 (batch, members, width), unit rows; float32 (batch, dim), unit; bool
    (batch, members). Output: float32 (batch, members, width + dim), unit rows, zero where
    masked.

    Raises:
        ValueError: for `words` of 0 or less, or no number.

    Example:
        >>> import numpy as np
        >>> own, context = np.array([[[0.6, 0.8]]]), np.array([[1.0]])
        >>> mixed = InContext()(own, context, np.array([[True]]))
        >>> ops.convert_to_numpy(mixed).round(3)  # [0.6, 0.8, 3] / sqrt(10)
        array([[[0.19 , 0.253, 0.949]]], dtype=float32)
    """

    def __init__(self, words=None, pooling="MrSw", **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        if not (words is None or (isinstance(words, int | float) and words > 0)):
            raise ValueError(
                f"context_words={words!r} must be a number above 0: of words that the "
                "whole caption counts as."
            )
        self.words = words
        self.pooling = pooling

    def call(self, members, context, mask, training=None):
        """See the class."""
        weight = 0.0 if training else self._weight(mask)
        whole = weight * context[:, None] + ops.zeros_like(members[..., :1])
        return unit_rows(ops.concatenate([members, whole], axis=-1), mask)

    def _weight(self, mask):
        """Float32, (batch, 1, 1) or a number."""
        if self.words is None:
            return _IN_REGIONS
        among = _SHARED_AMONG
        if self.pooling in _ADD_WORDS:
            count = ops.sum(ops.cast(mask, "float32"), axis=1)
            among = ops.reshape(ops.maximum(count, 1), (-1, 1, 1))
        return self.words / _IN_REGIONS / among

    def compute_output_shape(self, members_shape, context_shape, *_, **__):
        """(batch, members, width + dim)."""
        return (*members_shape[:2], members_shape[2] + context_shape[1])

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "words": self.words, "pooling": self.pooling}
