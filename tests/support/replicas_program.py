"""Trains two steps on one device and on two replicas: `... OUT CASE...`."""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_teran import Hinge, build_model
from support import oracle_encoders as oracle
from support.pairs import SIZES, caption_inputs, image_inputs

PAIRS = 12
OPTIMIZERS = {
    "even": {"learning_rate": 0.01},
    "uneven_and_clipped": {"learning_rate": 1.0, "global_clipnorm": 0.1},
    "in_context": {"learning_rate": 0.01},
}


def batches_of(case):
    """Two batches of six; or of seven and five, neither the same for both replicas."""
    generator = np.random.default_rng(2)
    inputs = {
        **image_inputs(counts=generator.integers(1, 6, PAIRS)),
        **caption_inputs(counts=generator.integers(3, 10, PAIRS)),
    }
    image_ids = np.array([1, 2, 3, 1, 4, 5, 5, 6, 7, 8, 6, 9])
    batch_size = 6 if case == "even" else 7
    return tf.data.Dataset.from_tensor_slices((inputs, image_ids)).batch(batch_size)


def train(case, strategy):
    context_dim = 4 if case == "in_context" else 0
    with strategy.scope():
        model = build_model(
            "tiny", **{**SIZES, "caption_layers": 1}, context_dim=context_dim
        )
        oracle.set_weights(
            model.trainable_variables, oracle.drawn_weights(model.trainable_variables)
        )
        model.compile(keras.optimizers.SGD(**OPTIMIZERS[case]), Hinge(0.2, "sum"))
    before = {f"before/{path}": value for path, value in weights_of(model).items()}
    batches, even = batches_of(case), case == "even"
    validation = batches if even else None
    history = model.fit(batches, validation_data=validation, verbose=0).history
    numbers = {name: np.float64(values[0]) for name, values in history.items()}
    encoded = {}
    if even:
        with strategy.scope():  # as a callback would meet it
            encoded.update(model.encode(image_inputs()))
            encoded.update(model.encode(caption_inputs()))
    return {**numbers, **before, **weights_of(model), **encoded}


def weights_of(model):
    variables = model.trainable_variables
    return {v.path: keras.ops.convert_to_numpy(v) for v in variables}


def main(out, *cases):
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    one = tf.distribute.OneDeviceStrategy("CPU:0")
    for case in cases:
        for name, strategy in (("one", one), ("two", two)):
            np.savez(Path(out) / f"{case}-{name}.npz", **train(case, strategy))
    print(json.dumps({"replicas": two.num_replicas_in_sync}))


if __name__ == "__main__":
    main(*sys.argv[1:])
