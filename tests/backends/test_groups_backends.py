"""An image given once for its captions, and the softmax loss, on each backend."""

import keras
import numpy as np
import pytest
from keras import ops
from support import oracle_encoders as oracle
from support import pairs

from keras_teran import Contrastive, build_model

IMAGE_IDS = np.array([4, 4, 9, 9, 6, 6])


def after_a_step(images):
    """The weights after a compiled step, and its loss."""
    model = build_model("tiny", pooling="MrAVGw", **pairs.SIZES)
    weights = oracle.drawn_weights(model.trainable_variables)
    oracle.set_weights(model.trainable_variables, weights)
    model.compile(keras.optimizers.SGD(0.5), Contrastive(0.1))
    inputs = {**images, **pairs.caption_inputs()}
    logs = model.train_on_batch(inputs, IMAGE_IDS, return_dict=True)
    moved = [
        weights[v.path] - ops.convert_to_numpy(v) for v in model.trainable_variables
    ]
    return np.concatenate([part.ravel() for part in moved]), logs["loss"]


@pytest.mark.slow
def test_a_step_on_images_given_once_is_that_on_images_given_with_each_caption():
    images = pairs.image_inputs(counts=(5, 2, 3))
    repeated = {name: np.repeat(a, 2, axis=0) for name, a in images.items()}
    (once, loss), (each, of_each) = after_a_step(images), after_a_step(repeated)
    assert np.abs(each).max() > 0.01
    np.testing.assert_allclose(once, each, atol=1e-5)
    assert loss == pytest.approx(of_each, rel=1e-5)
