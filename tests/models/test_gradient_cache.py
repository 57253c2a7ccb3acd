"""Gradient caching: the gradients of one big batch, from chunks."""

import functools

import keras
import numpy as np
import pytest
from support import pairs

from keras_teran import build_model
from keras_teran.backend._unpadding import packing
from keras_teran.layers._dropout import ByteDropout
from keras_teran.losses._losses import PooledLoss

tf = pytest.importorskip("tensorflow")
if keras.backend.backend() != "tensorflow":
    pytest.skip("the reference is TensorFlow's tape", allow_module_level=True)


class Kept(keras.optimizers.SGD):
    """SGD that keeps what it is given, before clipping."""

    def apply(self, grads, trainable_variables=None):
        self.given = [np.array(tf.convert_to_tensor(grad)) for grad in grads]
        return super().apply(grads, trainable_variables)


class Dense(keras.optimizers.SGD):
    """SGD that clips the gradient of the token vectors by its norm.

    Keras takes the norm of a sparse gradient row by row, before rows of the same token
    are added up.
    """

    def apply(self, grads, trainable_variables=None):
        grads = [tf.convert_to_tensor(grad) for grad in grads]
        return super().apply(grads, trainable_variables)


OPTIONS = [{}, {"shared_final_layers": True}, {"pooled": 2.0, "context_dim": 4}]


def model_of(
    dropout=0.0, encode_chunk=None, optimizer=None, eager=True, pooled=0.0, **changes
):
    keras.utils.set_random_seed(3)
    model = build_model("tiny", **{**pairs.SIZES, "dropout": dropout, **changes})
    model.encode_chunk = encode_chunk
    if pooled:
        model.pooled_loss = PooledLoss(pooled, distillation=0.5)
    if optimizer is None:
        optimizer = Kept(0.1) if eager else keras.optimizers.SGD(0.1)
    model.compile(optimizer, run_eagerly=eager)
    return model


def states_of(model):
    layers = model._flatten_layers()
    return [
        np.array(layer.seed_generator.state)
        for layer in layers
        if isinstance(layer, ByteDropout)
    ]


def in_chunks_with_activations(model, inputs, image_ids, chunk):
    """The reference: both sides in chunks under one tape, so the same masks."""

    def encode(encoder):
        names = list(encoder.input)
        chunks = [
            encoder(
                {name: inputs[name][start : start + chunk] for name in names},
                training=True,
            )
            for start in range(0, len(image_ids), chunk)
        ]
        return {name: tf.concat([c[name] for c in chunks], 0) for name in chunks[0]}

    with packing(), tf.GradientTape() as tape:
        images = encode(model.image_encoder)
        captions = encode(model.caption_encoder)
        model._pooled.both = images["image_embedding"], captions["caption_embedding"]
        similarity = model.similarity(images, captions)
        loss = model.compute_loss(inputs, image_ids, similarity)
    gradients = tape.gradient(loss, model.trainable_weights)
    return [np.array(tf.convert_to_tensor(gradient)) for gradient in gradients]


def assert_close(given, expected):
    largest = max(np.abs(gradient).max() for gradient in expected)
    assert largest > 0.01
    for ours, theirs in zip(given, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-6 * largest)


@functools.cache
def of_the_whole_batch(options):
    """The gradients of a step, and its logs."""
    whole = model_of(**dict(options))
    logs = whole.train_on_batch(*pairs.batch(), return_dict=True)
    return whole.optimizer.given, logs


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("chunk", [1, 2, 4, 6, 100])
def test_without_dropout_the_gradients_are_those_of_the_whole_batch(chunk, options):
    gradients, expected = of_the_whole_batch(tuple(options.items()))
    cached = model_of(encode_chunk=chunk, **options)
    logs = cached.train_on_batch(*pairs.batch(), return_dict=True)
    assert_close(cached.optimizer.given, gradients)
    assert logs == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("chunk", [2, 4])
def test_with_dropout_the_second_encoding_drops_what_the_first_dropped(chunk, options):
    inputs, image_ids = pairs.batch()
    changes = {"dropout": 0.3, "context_dropout": 0.2, **options}
    cached, reference = model_of(encode_chunk=chunk, **changes), model_of(**changes)
    for one, other in zip(states_of(cached), states_of(reference), strict=True):
        np.testing.assert_array_equal(one, other)
    expected = in_chunks_with_activations(reference, inputs, image_ids, chunk)
    cached.train_on_batch(inputs, image_ids)
    assert_close(cached.optimizer.given, expected)
    # The next batch meets other masks: the states went on, by one encoding's draws.
    for one, other in zip(states_of(cached), states_of(reference), strict=True):
        np.testing.assert_array_equal(one, other)


def fitted(encode_chunk, **changes):
    """The weights after three steps of `fit`, traced, with batches of any width."""
    inputs, image_ids = pairs.batch()
    model = model_of(encode_chunk=encode_chunk, eager=False, **changes)
    model.fit(inputs, image_ids, batch_size=4, epochs=3, shuffle=False, verbose=0)
    return model.get_weights()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"global_clipnorm": 0.1},
        {"clipnorm": 0.1},
        {"gradient_accumulation_steps": 2},
    ],
    ids=str,
)
def test_traced_steps_clip_and_accumulate_as_whole_batches_do(options):
    whole, cached = (
        fitted(chunk, optimizer=Dense(0.1, **options)) for chunk in (None, 3)
    )
    for one, other in zip(cached, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


@pytest.mark.slow
def test_traced_steps_train_the_pooled_vectors_as_whole_batches_do():
    whole, cached = (
        fitted(chunk, optimizer=Dense(0.1), pooled=2.0, context_dim=4)
        for chunk in (None, 3)
    )
    for one, other in zip(cached, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


@pytest.mark.slow
def test_mixed_bfloat16_trains_and_its_loss_is_near():
    inputs, image_ids = pairs.batch()
    losses = []
    for chunk in (None, 2):
        model = model_of(encode_chunk=chunk, eager=False, dtype="mixed_bfloat16")
        losses.append(model.train_on_batch(inputs, image_ids, return_dict=True)["loss"])
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


@pytest.mark.slow
def test_setting_the_chunk_after_a_step_traces_the_step_anew():
    inputs, image_ids = pairs.batch()
    model = model_of(eager=False)
    model.train_on_batch(inputs, image_ids)
    before = model.train_function
    model.encode_chunk = 2
    model.train_on_batch(inputs, image_ids)
    assert model.train_function is not before


@pytest.mark.seconds
@pytest.mark.parametrize("value", [0, -1])
def test_a_chunk_below_one_is_refused(value):
    with pytest.raises(ValueError, match=f"encode_chunk={value} must be 1 or more"):
        model_of(encode_chunk=value)


@pytest.mark.seconds
def test_other_backends_are_refused_by_name(monkeypatch):
    inputs, image_ids = pairs.batch()
    model = model_of(encode_chunk=2)
    monkeypatch.setattr(
        "keras_teran.models._gradient_cache._GRADIENTS", {"torch": None}
    )
    with pytest.raises(NotImplementedError, match="on the tensorflow backend"):
        model.train_on_batch(inputs, image_ids)
