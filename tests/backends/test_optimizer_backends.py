"""The optimiser on every backend, in `fit`, against the formula in plain NumPy."""

import keras
import pytest
from keras import ops

from keras_teran.optimizer import FusedAdam, averaged

RATE, STEPS = 0.05, 4


def fitted(callbacks=(), epochs=1, **arguments):
    """A model of four ones after some steps down a slope that stays the same."""
    ones = {"kernel_initializer": "ones", "bias_initializer": "ones"}
    inputs = keras.Input((1,))
    old = keras.layers.Dense(1, name="old", **ones)(inputs)
    new = keras.layers.Dense(1, name="new", **ones)(inputs)
    model = keras.Model(inputs, old + 3 * new)
    model.compile(
        FusedAdam(RATE, **arguments), loss=lambda _, outputs: ops.mean(outputs)
    )
    batch = ops.ones((STEPS, 1))
    model.fit(batch, batch, 1, epochs, verbose=0, callbacks=list(callbacks))
    return model


def weights_of(model):
    return {v.path: ops.convert_to_numpy(v).item() for v in model.trainable_variables}


@pytest.mark.parametrize("others", [{}, {"global_clipnorm": 0.1}, {"amsgrad": True}])
def test_each_step_is_the_rate_of_its_variable(others):
    """Where the gradient is the same each time, Adam's step is the rate."""
    found = weights_of(fitted(rates={"old": 0.5}, **others))
    slow, fast = 1 - 4 * 0.5 * 0.05, 1 - 4 * 0.05
    expected = {"old/kernel": slow, "old/bias": slow}
    expected |= {"new/kernel": fast, "new/bias": fast}
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("others", [{}, {"amsgrad": True}])
def test_kernels_decay_by_their_own_rate_and_biases_do_not(others):
    expected = dict.fromkeys(("old/kernel", "old/bias", "new/kernel", "new/bias"), 1.0)
    for _ in range(STEPS):
        for path in expected:
            rate = 0.5 * RATE if path.startswith("old") else RATE
            decay = 2.0 if path.endswith("kernel") else 0.0
            expected[path] -= rate * (decay * expected[path] + 1)
    found = weights_of(fitted(rates={"old": 0.5}, weight_decay=2.0, **others))
    assert found == pytest.approx(expected, abs=1e-4)


class Weights(keras.callbacks.Callback):
    """A bias after each epoch: the averaged one, and the one trained on."""

    def on_epoch_end(self, epoch, logs=None):
        with averaged(self.model):
            average = weights_of(self.model)["new/bias"]
        self.seen.append((average, weights_of(self.model)["new/bias"]))


def test_the_average_follows_the_weights_and_training_goes_on_from_the_weights():
    weights = [1 - RATE * (step + 1) for step in range(3 * STEPS)]
    average, expected = 0.0, []
    for done, weight in enumerate(weights):
        momentum = min(0.4, done / (9 + done))  # 0, 1/10, 2/11 ... 0.4 from the 7th on
        average = momentum * average + (1 - momentum) * weight
        expected.append((average, weight))
    watch = Weights()
    watch.seen = []
    model = fitted([watch], epochs=3, use_ema=True, ema_momentum=0.4)
    for found, wanted in zip(watch.seen, expected[STEPS - 1 :: STEPS], strict=True):
        assert found == pytest.approx(wanted, abs=1e-4)
    # Keras ends `fit` with the averages in place.
    assert weights_of(model)["new/bias"] == pytest.approx(average, abs=1e-4)


def test_a_model_without_an_average_is_left_as_it_is():
    model = fitted()
    before = weights_of(model)
    with averaged(model):
        assert weights_of(model) == before
