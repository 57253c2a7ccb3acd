"""Gradient caching where it is supported besides TensorFlow; refused on JAX."""

import keras
import numpy as np
import pytest
from support import pairs

from keras_teran import build_model
from keras_teran.losses._losses import PooledLoss


class Kept(keras.optimizers.SGD):
    """SGD that keeps the gradients it is given."""

    def apply(self, grads, trainable_variables=None):
        self.given = [keras.ops.convert_to_numpy(grad) for grad in grads]
        return super().apply(grads, trainable_variables)


def stepped(encode_chunk, dropout=0.0, pooled=0.0, **changes):
    keras.utils.set_random_seed(3)
    model = build_model("tiny", **{**pairs.SIZES, "dropout": dropout, **changes})
    model.encode_chunk = encode_chunk
    if pooled:
        model.pooled_loss = PooledLoss(pooled)
    model.compile(Kept(0.1))
    model.train_on_batch(*pairs.batch())
    return model.optimizer.given


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's own step")
@pytest.mark.parametrize(
    ("chunk", "options"),
    [
        (1, {}),
        (4, {"pooled": 2.0}),
        (4, {"context_dim": 4}),
        (6, {"dropout": 0.3}),
    ],
)
def test_on_pytorch_the_gradients_are_those_of_the_whole_batch(chunk, options):
    # In one chunk the masks are those of the whole batch, if drawn the same twice.
    expected = stepped(None, **options)
    largest = max(np.abs(gradient).max() for gradient in expected)
    for ours, theirs in zip(stepped(chunk, **options), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-6 * largest)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX is refused")
def test_on_jax_a_chunk_is_refused_by_name():
    with pytest.raises(NotImplementedError, match="not supported on the jax backend"):
        stepped(2)
