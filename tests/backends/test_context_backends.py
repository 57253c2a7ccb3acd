"""What a context is trained by: the members alone, and the two vectors alone."""

import keras
import numpy as np
import pytest
from keras import ops
from support import pairs
from support.contexts import CONTEXT, with_drawn_contexts

from keras_teran import Contrastive, build_model


@pytest.mark.slow
def test_while_training_scores_are_the_members_and_the_vectors_have_their_own_loss():
    keras.utils.set_random_seed(0)
    model = with_drawn_contexts(
        build_model("tiny", **pairs.SIZES, dropout=0.0, **CONTEXT)
    )
    plain = build_model("tiny", **{**pairs.SIZES, "embedding_dim": 8}, dropout=0.0)
    weights = {weight.path: weight for weight in model.weights}
    for weight in plain.weights:
        weight.assign(weights[weight.path])
    inputs, image_ids = pairs.batch()
    scores, members = (
        ops.convert_to_numpy(one(inputs, training=True)) for one in (model, plain)
    )
    np.testing.assert_allclose(scores, members, atol=1e-5)
    vectors = [
        model.encode(inputs)[name]
        for inputs, name in (
            (pairs.image_inputs(), "image_embedding"),
            (pairs.caption_inputs(), "caption_embedding"),
        )
    ]
    own = float(Contrastive(0.05)(vectors[0] @ vectors[1].T, image_ids))
    of_members = float(Contrastive(0.5)(members, image_ids))
    model.compile(keras.optimizers.SGD(0.0), loss=Contrastive(0.5))
    logs = model.train_on_batch(inputs, image_ids, return_dict=True)
    assert float(logs["loss"]) == pytest.approx(of_members + own, rel=1e-4)
