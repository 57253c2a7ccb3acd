"""The pooling head: a set of embeddings and its slot to one unit vector."""

import keras
from keras import ops

from keras_teran.layers._transformer import built_dense, unit_rows

_MASKED_LOGIT = -3e4  # its exponential is 0 in every float type


@keras.saving.register_keras_serializable("keras_teran")
class PoolingHead(keras.layers.Layer):
    """Regions, or words, to the vector that a first stage searches by.

    unit(mean + dense([attended, slot])): each member goes through a dense layer with
    ReLU; learned attention, one distribution over the members for each of some groups
    of its outputs, pools what comes out (attentive pooling, after Lin et al. 2017,
    arXiv 1703.03130). The last layer starts at zero, so an untrained head gives the mean
    of the members.

    Args:
        groups: int, of attention; must divide twice the width of the input.

    Input: float (batch, members, dim), unit rows, all-zero where masked, and float
    (batch, dim), the I-CLS or [CLS] slot. Output: float32 (batch, dim), unit.
    """

    def __init__(self, groups=4, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups

    def build(self, members_shape, *_):
        """Makes the weights for the width of the input."""
        dim = members_shape[-1]
        if 2 * dim % self.groups:
            raise ValueError(f"groups={self.groups} does not divide {2 * dim}.")

        policy = self.dtype_policy
        self.inner = built_dense(2 * dim, dim, "inner", policy)
        self.attention = built_dense(self.groups, dim, "attention", policy)
        self.outer = built_dense(dim, 3 * dim, "outer", policy, initializer="zeros")

    def call(self, members, slot):
        """See the class."""
        dim, length = members.shape[-1], ops.shape(members)[1]
        real = ops.any(ops.not_equal(members, 0), axis=-1, keepdims=True)
        logits = ops.where(real, self.attention(members), _MASKED_LOGIT)
        weights = ops.expand_dims(
            ops.transpose(ops.softmax(logits, axis=1), (0, 2, 1)), 2
        )
        inner = ops.relu(self.inner(members))
        by_group = (-1, length, self.groups, 2 * dim // self.groups)
        inner = ops.transpose(ops.reshape(inner, by_group), (0, 2, 1, 3))
        attended = ops.reshape(ops.matmul(weights, inner), (-1, 2 * dim))
        count = ops.maximum(ops.sum(ops.cast(real, members.dtype), axis=1), 1)
        mean = ops.sum(members, axis=1) / count
        return unit_rows(mean + self.outer(ops.concatenate([attended, slot], axis=-1)))

    def compute_output_shape(self, members_shape, slot_shape):
        """That of the slot."""
        return slot_shape

    def compute_output_spec(self, members, slot):
        """That of the slot, in float32."""
        return keras.KerasTensor(slot.shape, "float32")

    def get_config(self):
        """The constructor's arguments."""
        return {**super().get_config(), "groups": self.groups}
