"""The layers that both encoders are made of."""

import keras
from keras import ops
from keras.layers import Dense, Embedding, LayerNormalization

from keras_teran.backend import members_of
from keras_teran.layers._dropout import ByteDropout

# Added to the logits of masked positions: exp(-3e4) is 0 in every float type, and the
# number itself is finite in all of them, so a sequence with nothing real gives no NaN.
_MASKED_LOGIT = -3e4


def exact_gelu(tensor):
    """x Φ(x) by the error function (Hendrycks and Gimpel 2016), float, any shape.

    Keras' own takes 1 - erf for one function, which ONNX does not know.
    """
    return 0.5 * tensor * (1.0 + ops.erf(tensor * 0.5**0.5))


_ACTIVATIONS = {"relu": keras.activations.relu, "gelu": exact_gelu}


def linear_initializer():
    """Uniform in ±1/sqrt(fan_in), PyTorch's for linear layers, which TERAN trains from.

    Beside Glorot's it makes the second half of a feed-forward, and so the residual
    branch, smaller at the start.
    """
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def built_dense(units, width, name, dtype, activation=None, initializer=None):
    """A dense layer that has its weights.

    Args:
        units: int, width of the output.
        width: int, of the input.
        name: str.
        dtype: Keras dtype policy.
        activation: str or None.
        initializer: Keras initialiser of the kernel; None for `linear_initializer`.
    """
    layer = Dense(
        units,
        activation,
        kernel_initializer=initializer or linear_initializer(),
        name=name,
        dtype=dtype,
    )
    layer.build((None, width))
    return layer


class TransformerBlock(keras.layers.Layer):
    """One post-norm transformer encoder layer (Vaswani et al. 2017).

    x = norm(x + attention(x)); x = norm(x + feed-forward(x)). With `relu`, epsilon 1e-5
    and dropout after the activation it is PyTorch's `nn.TransformerEncoderLayer`, which
    TERAN uses; with exact `gelu`, epsilon 1e-12 and none there, a layer of BERT.

    Args:
        heads: int, attention heads; must divide the width of the input.
        feedforward_dim: int, width between the two dense layers of the feed-forward.
        activation: str, "relu" or "gelu" (the exact one, by the error function).
        dropout: float, rate on attention weights and on both residual branches.
        feedforward_dropout: float, rate after the activation.
        epsilon: float, of the layer normalisations.
        initializer: Keras initialiser of the kernels; None for PyTorch's.

    Input: float (batch, length, dim) and bool `attention_mask` (batch, length), True
    where a position is real. Output: float (batch, length, dim); masked positions hold
    values that mean nothing.
    """

    def __init__(
        self,
        heads,
        feedforward_dim,
        activation="relu",
        dropout=0.1,
        feedforward_dropout=0.1,
        epsilon=1e-5,
        initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.heads = heads
        self.feedforward_dim = feedforward_dim
        self.activation = activation
        self.dropout = dropout
        self.feedforward_dropout = feedforward_dropout
        self.epsilon = epsilon
        self.initializer = keras.initializers.get(initializer)

    def build(self, input_shape, *_):
        """Makes the weights for the width of the input."""
        dim = input_shape[-1]
        if dim % self.heads:
            raise ValueError(f"heads={self.heads} does not divide the width {dim}.")
        policy = self.dtype_policy

        def dense(units, name, initializer=None, inputs=dim):
            initializer = self.initializer or initializer
            return built_dense(units, inputs, name, policy, initializer=initializer)

        def norm(name):
            layer = LayerNormalization(epsilon=self.epsilon, name=name, dtype=policy)
            layer.build((None, None, dim))
            return layer

        self.query_key_value = dense(3 * dim, "query_key_value", "glorot_uniform")
        self.attention_output = dense(dim, "attention_output")
        self.attention_norm = norm("attention_norm")
        self.feedforward_inner = dense(self.feedforward_dim, "feedforward_inner")
        self.feedforward_output = dense(
            dim, "feedforward_output", inputs=self.feedforward_dim
        )
        self.feedforward_norm = norm("feedforward_norm")
        self.weight_dropout = ByteDropout(self.dropout, dtype=policy)
        self.branch_dropout = ByteDropout(self.dropout, dtype=policy)
        self.inner_dropout = ByteDropout(self.feedforward_dropout, dtype=policy)

    def call(self, inputs, attention_mask, training=None):
        """See the class."""
        members = members_of(attention_mask)
        rows = members.pack(inputs)
        attended = self._attend(rows, members, attention_mask, training)
        attended = self.branch_dropout(attended, training=training)
        middle = self.attention_norm(rows + attended)
        inner = self.feedforward_inner(middle)
        inner = _ACTIVATIONS[self.activation](inner)
        inner = self.inner_dropout(inner, training=training)
        output = self.branch_dropout(self.feedforward_output(inner), training=training)
        return members.spread(self.feedforward_norm(middle + output))

    def compute_output_shape(self, inputs_shape, *_, **__):
        """That of the input."""
        return inputs_shape

    def get_config(self):
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "heads": self.heads,
            "feedforward_dim": self.feedforward_dim,
            "activation": self.activation,
            "dropout": self.dropout,
            "feedforward_dropout": self.feedforward_dropout,
            "epsilon": self.epsilon,
            "initializer": keras.initializers.serialize(self.initializer),
        }

    def _attend(self, rows, members, attention_mask, training):
        dim = rows.shape[-1]
        projected = members.spread(self.query_key_value(rows))
        length = ops.shape(projected)[1]
        by_head = (-1, length, self.heads, dim // self.heads)
        query, key, value = (
            ops.transpose(ops.reshape(part, by_head), (0, 2, 1, 3))
            for part in ops.split(projected, 3, axis=-1)
        )
        logits = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))
        logits = logits * (dim // self.heads) ** -0.5
        # expand_dims and not `[:, None]`: LiteRT has no such slice of booleans.
        real = ops.expand_dims(attention_mask, (1, 2))
        logits = ops.where(real, logits, _MASKED_LOGIT)
        weights = self.weight_dropout(ops.softmax(logits, axis=-1), training=training)
        attended = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
        attended = members.pack(ops.reshape(attended, (-1, length, dim)))
        return self.attention_output(attended)


class BoxFusion(keras.layers.Layer):
    """Regions told where they are: TERAN's "concat-and-process".

    dense(relu(dense([region, x0, y0, x1, y1, area]))), both as wide as the regions. An
    all-zero region with an all-zero box, the I-CLS slot, comes out as a learned vector.

    Input: `regions` float (batch, regions, dim) and `boxes` float (batch, regions, 4),
    relative x0 y0 x1 y1. Output: float (batch, regions, dim).
    """

    def build(self, regions_shape, boxes_shape):
        """Makes the weights for the width of the regions."""
        dim = regions_shape[-1]
        self.inner = built_dense(dim, dim + 5, "inner", self.dtype_policy, "relu")
        self.outer = built_dense(dim, dim, "outer", self.dtype_policy)

    def call(self, regions, boxes):
        """See the class."""
        area = (boxes[..., 2:3] - boxes[..., 0:1]) * (boxes[..., 3:4] - boxes[..., 1:2])
        return self.outer(self.inner(ops.concatenate([regions, boxes, area], axis=-1)))

    def compute_output_shape(self, regions_shape, boxes_shape):
        """That of the regions."""
        return regions_shape


class BertEmbedding(keras.layers.Layer):
    """BERT's input: token + position + segment 0, normalised (Devlin et al. 2019).

    Args:
        vocabulary_size: int, tokens.
        dim: int, width.
        max_length: int, positions.
        dropout: float, rate on the output.

    Input: int `token_ids` (batch, length), length at most `max_length`. Output: float
    (batch, length, dim).
    """

    def __init__(self, vocabulary_size, dim, max_length, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.dim = dim
        self.max_length = max_length
        self.dropout = dropout

    def build(self, input_shape):
        """Makes the tables."""
        normal = bert_initializer()
        self.token = Embedding(
            self.vocabulary_size,
            self.dim,
            normal,
            name="token",
            dtype=self.dtype_policy,
        )
        self.token.build(input_shape)
        self.position = self.add_weight(
            name="position", shape=(self.max_length, self.dim), initializer=normal
        )
        self.segment = self.add_weight(
            name="segment", shape=(1, self.dim), initializer=normal
        )
        self.norm = LayerNormalization(
            epsilon=1e-12, name="norm", dtype=self.dtype_policy
        )
        self.norm.build((None, None, self.dim))
        self.output_dropout = ByteDropout(self.dropout, dtype=self.dtype_policy)

    def call(self, token_ids, training=None):
        """See the class."""
        length = token_ids.shape[1]
        if length is not None and length > self.max_length:
            raise ValueError(
                f"token_ids of shape {tuple(token_ids.shape)} are longer than the "
                f"{self.max_length} positions of the caption encoder; tokenise with "
                f"max_length={self.max_length}."
            )
        positions = self.position[: ops.shape(token_ids)[1]]
        embedded = self.token(token_ids) + (positions + self.segment)[None]
        return self.output_dropout(self.norm(embedded), training=training)

    def compute_output_shape(self, input_shape):
        """(batch, length, dim)."""
        return (*input_shape, self.dim)

    def get_config(self):
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "dim": self.dim,
            "max_length": self.max_length,
            "dropout": self.dropout,
        }


def bert_initializer():
    """Normal of deviation 0.02, cut at two deviations, as BERT starts from."""
    return keras.initializers.TruncatedNormal(stddev=0.02)


def prepend_slot(tensor):
    """Adds one slot of zeros (False for a mask) before the first: (batch, 1 + n, ...).

    The I-CLS slot of the image encoder: it has no features and no box.
    """
    return ops.concatenate([ops.zeros_like(tensor[:, :1]), tensor], axis=1)


def unit_rows(tensor, mask=None):
    """Rows divided by their length in float32; all-zero where `mask` is False.

    Args:
        tensor: float (..., dim).
        mask: bool (...), or None for all real.
    """
    tensor = ops.cast(tensor, "float32")
    squared = ops.sum(ops.square(tensor), axis=-1, keepdims=True)
    unit = tensor / ops.sqrt(ops.maximum(squared, 1e-24))
    return unit if mask is None else ops.where(ops.expand_dims(mask, -1), unit, 0.0)


def word_positions(padding_mask, drop_last_word=False):
    """Which positions hold words: the real ones but the first and the last.

    Args:
        padding_mask: bool (captions, length), True where a token is real.
        drop_last_word: bool, leave out the one before the last too, as the original.

    Returns:
        bool (captions, length).

    Example:
        >>> import numpy as np
        >>> ops.convert_to_numpy(word_positions(np.array([[1, 1, 1, 1, 0]], bool)))
        array([[False,  True,  True, False, False]])
    """
    real = ops.cast(padding_mask, "int32")
    position = ops.cumsum(real, axis=1)
    last = ops.sum(real, axis=1, keepdims=True) - (1 if drop_last_word else 0)
    inside = ops.logical_and(position > 1, position < last)
    return ops.logical_and(inside, real > 0)
