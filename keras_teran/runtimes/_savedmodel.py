"""SavedModels. TensorFlow's functions run calls of several threads side by side."""

import numpy as np

from keras_teran.runtimes._graph import Graph, naming

SIGNATURE = "serving_default"


def open_savedmodel(path):
    """Opens the signature `serving_default` of a SavedModel's folder; see `Graph`.

    Raises:
        ValueError: of one line, if it is no SavedModel, a damaged one, or one without
            that signature.
    """
    import tensorflow as tf

    with naming(path, "is no SavedModel, or a damaged one"):
        loaded = tf.saved_model.load(str(path))
        if SIGNATURE not in loaded.signatures:
            raise ValueError(f"it has no signature {SIGNATURE!r}")
        function = loaded.signatures[SIGNATURE]
        specs = function.structured_input_signature[1]
        inputs = {name: spec.dtype.as_numpy_dtype for name, spec in specs.items()}
        shapes = {name: tuple(spec.shape) for name, spec in specs.items()}

    # `loaded` is held here: the function alone does not keep its weights alive.
    def run(arrays, loaded=loaded):
        with naming(path, "cannot be run"):
            found = function(**{name: tf.constant(v) for name, v in arrays.items()})
            return {name: np.asarray(value) for name, value in found.items()}

    return Graph(inputs, shapes, run)
