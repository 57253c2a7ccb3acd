"""Dropout from random bytes: what is dropped, what is kept, what is saved."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_teran.layers._dropout import ByteDropout


def dropped(layer, shape=(64, 1000), dtype="float32"):
    output = layer(ops.ones(shape, dtype), training=True)
    return ops.convert_to_numpy(ops.cast(output, "float32"))


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
def test_the_share_of_zeros_is_the_rate_and_the_rest_is_scaled_up(rate):
    output = dropped(ByteDropout(rate, seed=1))
    whole = round(rate * 256) / 256
    kept = output[output != 0]
    np.testing.assert_allclose(kept, 1 / (1 - whole), rtol=1e-6)
    # 64,000 draws: five standard deviations at most
    spread = 5 * (whole * (1 - whole) / output.size) ** 0.5
    assert (output == 0).mean() == pytest.approx(whole, abs=spread)
    assert whole == pytest.approx(rate, abs=1 / 512)


@pytest.mark.parametrize("shape", [(1,), (3,), (5, 7), (2, 3, 4, 5)])
def test_any_shape_also_one_that_is_no_multiple_of_four(shape):
    output = ByteDropout(0.5, seed=1)(ops.ones(shape), training=True)
    assert tuple(output.shape) == shape
    assert set(np.unique(ops.convert_to_numpy(output))) <= {0.0, 2.0}


def test_nothing_is_dropped_outside_training_or_at_rate_zero():
    ones = np.ones((4, 4), "float32")
    for layer, training in (
        (ByteDropout(0.5), False),
        (ByteDropout(0.5), None),
        (ByteDropout(0.0), True),
    ):
        output = ops.convert_to_numpy(layer(ones, training=training))
        np.testing.assert_array_equal(output, ones)


def test_each_call_drops_anew_and_no_byte_is_used_twice():
    layer = ByteDropout(0.5, seed=1)
    first, second = dropped(layer), dropped(layer)
    assert (first != second).mean() == pytest.approx(0.5, abs=0.02)
    # neither rows nor the four bytes of one draw agree more than by chance
    assert (first[0] == first[1]).mean() == pytest.approx(0.5, abs=0.1)
    by_draw = (first.reshape(-1, 4) == 0).astype(float)
    correlation = np.corrcoef(by_draw.T) - np.eye(4)
    assert np.abs(correlation).max() < 0.05


def test_layers_of_their_own_drop_differently_and_a_seed_fixes_them():
    assert (dropped(ByteDropout(0.5)) != dropped(ByteDropout(0.5))).any()
    np.testing.assert_array_equal(
        dropped(ByteDropout(0.5, seed=3)), dropped(ByteDropout(0.5, seed=3))
    )


def test_the_type_stays_that_of_the_input():
    for dtype in ("float32", "bfloat16", "float16"):
        layer = ByteDropout(0.5, dtype=dtype)
        output = layer(ops.ones((8,), dtype), training=True)
        assert keras.backend.standardize_dtype(output.dtype) == dtype


def test_the_gradient_is_that_of_what_was_kept():
    tf = pytest.importorskip("tensorflow")
    inputs = tf.Variable(tf.ones((4, 100)))
    with tf.GradientTape() as tape:
        output = ByteDropout(0.5, seed=1)(inputs, training=True)
        total = tf.reduce_sum(output)
    np.testing.assert_array_equal(tape.gradient(total, inputs), output)


def test_a_layer_comes_back_from_its_config():
    layer = ByteDropout(0.3, seed=7, name="drop")
    again = ByteDropout.from_config(layer.get_config())
    assert (again.rate, again.seed, again.name) == (0.3, 7, "drop")


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5])
def test_a_rate_outside_is_refused(rate):
    with pytest.raises(ValueError, match=f"rate={rate} must be 0 or more and below 1"):
        ByteDropout(rate)


def saved_model(path):
    model = keras.Sequential([keras.Input((100,)), ByteDropout(0.5)])
    model(np.ones((1, 100)), training=True)  # the state is no longer the first one
    model.save(path)
    return model


@pytest.mark.parametrize("file", ["model.keras", "model.weights.h5"])
def test_a_saved_layer_goes_on_with_the_random_numbers_of_the_original(tmp_path, file):
    if file == "model.keras":
        model = saved_model(tmp_path / file)
        loaded = keras.saving.load_model(
            tmp_path / file, custom_objects={"ByteDropout": ByteDropout}
        )
    else:
        model = saved_model(tmp_path / "model.keras")
        model.save_weights(tmp_path / file)
        loaded = keras.Sequential([keras.Input((100,)), ByteDropout(0.5)])
        loaded.load_weights(tmp_path / file)
    for _ in range(2):
        np.testing.assert_array_equal(
            model(np.ones((9, 100)), training=True),
            loaded(np.ones((9, 100)), training=True),
        )


def test_a_file_without_a_random_state_leaves_it_as_it_is():
    layer = ByteDropout(0.5, seed=3)
    before = ops.convert_to_numpy(layer.seed_generator.state)
    layer.load_own_variables({})
    np.testing.assert_array_equal(layer.seed_generator.state, before)
