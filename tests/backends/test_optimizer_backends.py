"""The optimiser on every backend, in `fit`, against the formula in plain NumPy."""

import keras
import pytest
from keras import ops

from keras_teran.backend._fused_adam import FusedAdam

RATE, STEPS = 0.05, 4


def fitted(**arguments):
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
    model.fit(batch, batch, 1, verbose=0)
    return model


def weights_of(model):
    return {v.path: ops.convert_to_numpy(v).item() for v in model.trainable_variables}


@pytest.mark.slow
@pytest.mark.parametrize("others", [{}, {"global_clipnorm": 0.1}, {"amsgrad": True}])
def test_each_step_is_the_rate_of_its_variable(others):
    """Where the gradient is the same each time, Adam's step is the rate."""
    found = weights_of(fitted(rates={"old": 0.5}, **others))
    slow, fast = 1 - 4 * 0.5 * 0.05, 1 - 4 * 0.05
    expected = {"old/kernel": slow, "old/bias": slow}
    expected |= {"new/kernel": fast, "new/bias": fast}
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.seconds
def test_a_decay_is_keras_own_and_knows_no_rates():
    expected = dict.fromkeys(("old/kernel", "old/bias", "new/kernel", "new/bias"), 1.0)
    for _ in range(STEPS):
        for path in expected:
            rate = 0.5 * RATE if path.startswith("old") else RATE
            expected[path] -= RATE * 2.0 * expected[path] + rate
    found = weights_of(fitted(rates={"old": 0.5}, weight_decay=2.0))
    assert found == pytest.approx(expected, abs=1e-4)
