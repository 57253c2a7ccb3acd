"""The fused Adam, held to Keras' own and to the formula."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_teran.backend._fused_adam import FusedAdam

tf = pytest.importorskip("tensorflow")

RATE = 0.05
TOKENS = np.array([[0, 1, 2, 3], [0, 4, 0, 1], [2, 2, 1, 0]])
TARGETS = np.arange(6, dtype="float32").reshape(3, 2)


def trained(kind, steps=4, dtype="float32", **arguments):
    """The model after some steps; a table of rows, a kernel and a bias."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,), dtype="int32")
    rows = keras.layers.Embedding(6, 3, dtype=dtype, name="table")(inputs)
    outputs = keras.layers.Dense(2, dtype=dtype)(keras.layers.Flatten()(rows))
    model = keras.Model(inputs, outputs)
    model.compile(kind(RATE, **arguments), "mse")
    for _ in range(steps):
        model.train_on_batch(TOKENS, TARGETS)
    return model


def all_equal(model, other, tolerance=1e-5):
    for ours, theirs in zip(model.weights, other.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance)
    for ours, theirs in zip(
        model.optimizer.variables, other.optimizer.variables, strict=True
    ):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        {"global_clipnorm": 0.1},
        {"global_clipnorm": 0.1, "amsgrad": True},
        {"global_clipnorm": 0.1, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3},
        {"global_clipnorm": 0.1, "gradient_accumulation_steps": 2},
        {"global_clipnorm": 0.1, "weight_decay": 0.5},
        {"global_clipnorm": 0.1, "use_ema": True, "ema_momentum": 0.9},
    ],
    ids=lambda arguments: ",".join(arguments),
)
def test_weights_and_state_are_those_of_keras_adam(arguments):
    all_equal(
        trained(FusedAdam, **arguments), trained(keras.optimizers.Adam, **arguments)
    )


@pytest.mark.seconds
def test_mixed_precision_too():
    arguments = {"dtype": "mixed_bfloat16", "global_clipnorm": 0.1}
    all_equal(
        trained(FusedAdam, **arguments), trained(keras.optimizers.Adam, **arguments)
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_a_variable_of_any_float_type(dtype):
    ends = []
    for kind in (FusedAdam, keras.optimizers.Adam):
        variable = keras.Variable([1.0, -2.0, 3.0], dtype=dtype)
        optimizer = kind(RATE)
        for _ in range(3):
            optimizer.apply([ops.cast([0.5, -0.25, 0.0], dtype)], [variable])
        ends.append(np.asarray(ops.cast(variable, "float64")))
    np.testing.assert_allclose(*ends, atol=0 if dtype == "bfloat16" else 1e-6)
    assert ends[0][2] == 3  # no gradient, no step


def test_rows_held_twice_take_the_gradient_of_their_sum():
    """The formula of Kingma and Ba, by hand in float64."""
    start = np.arange(8.0).reshape(4, 2)
    indices, values = [1, 3, 1], np.array([[1.0, -2.0], [0.5, 0.25], [3.0, 1.0]])
    table = keras.Variable(start, dtype="float64")
    optimizer = FusedAdam(RATE)
    expected, mean, square = start.copy(), np.zeros((4, 2)), np.zeros((4, 2))
    gradient = np.zeros((4, 2))
    np.add.at(gradient, indices, values)
    for step in range(1, 4):
        optimizer.apply([tf.IndexedSlices(values, indices, [4, 2])], [table])
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        # epsilon stands beside the root that is not yet corrected, as in Keras
        rate = RATE * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        expected -= rate * mean / (np.sqrt(square) + 1e-7)
        np.testing.assert_allclose(table, expected, atol=1e-7)


@pytest.mark.seconds
def test_a_saved_training_goes_on_as_the_unbroken_one(tmp_path):
    arguments = {"global_clipnorm": 0.1, "rates": {"table": 0.25}}
    broken = trained(FusedAdam, steps=2, **arguments)
    broken.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is FusedAdam
    for _ in range(2):
        loaded.train_on_batch(TOKENS, TARGETS)
    all_equal(loaded, trained(FusedAdam, **arguments), tolerance=0)


def test_it_is_fused():
    """One kernel for each variable, none of Keras' own arithmetic."""
    variable = keras.Variable(np.ones(3, "float32"))
    optimizer = FusedAdam(RATE)
    optimizer.build([variable])

    @tf.function
    def step(gradient):
        optimizer.apply([gradient], [variable])

    kinds = [
        op.type for op in step.get_concrete_function(tf.ones(3)).graph.get_operations()
    ]
    assert kinds.count("ResourceApplyAdam") == 1
    assert "Sqrt" not in kinds
