"""Whether an exported file does what the Keras model does."""

import keras
import numpy as np

from keras_teran.export._converters import quiet
from keras_teran.export._runtime import open_exported
from keras_teran.vision import PADDING


class ExportError(RuntimeError):
    """An exported file does not do what the Keras encoder does."""


def check_inputs(encoder, seed=0):
    """Batches to compare an exported encoder on: ragged, padded, and with nothing real.

    Args:
        encoder: one of the two Keras encoders.
        seed: int, of the random features, boxes and token ids.

    Returns:
        List of dicts of NumPy arrays, by the encoder's inputs. In each the first row is
        real throughout; further rows end earlier, down to one that is all padding, and
        padding holds numbers too, which a right mask hides.
    """
    draw = np.random.default_rng(seed)
    if "region_embeddings" in encoder.input:
        return [_pair_of_sides(encoder, sides, draw) for sides in _SIDES]
    if "images" in encoder.input:
        return [_pictures(encoder, count, draw) for count in (1, 3)]
    longest = min(_limits(encoder)["length"], 40)
    reaches = [(3,), (1,), (longest, 2, 0), (longest // 2 + 1, 3, 1), (7, 5, 2, 1)]
    return [_ragged_batch(encoder, np.minimum(r, longest), draw) for r in reaches]


# (images, regions), (captions, words) for a scorer: no number is another's.
_SIDES = [((1, 1), (1, 4)), ((3, 7), (5, 6)), ((4, 5), (1, 9)), ((1, 36), (2, 5))]


def _pair_of_sides(scorer, sides, draw):
    """Unit rows that end earlier in each further set, and a set with nothing real."""
    inputs = {}
    for (name, tensor), (sets, length) in zip(scorer.input.items(), sides, strict=True):
        rows = draw.standard_normal((sets, length, tensor.shape[2])).astype("float32")
        rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
        reach = np.linspace(length, 0, sets).astype(int)
        inputs[name] = rows * (np.arange(length) < reach[:, None])[..., None]
    return inputs


def _pictures(encoder, count, draw):
    """Pictures that end earlier in each further one, in padding; the last all padding."""
    images = draw.integers(0, 256, (count, *encoder.input["images"].shape[1:]), "uint8")
    for row, reach in enumerate(np.linspace(images.shape[1], 0, count).astype(int)):
        images[row, reach:] = PADDING
    return {"images": images}


def _ragged_batch(encoder, reach, draw):
    batch, length = len(reach), int(max(reach))
    inputs = {}
    for name, tensor in encoder.input.items():
        shape = (batch, length, *tensor.shape[2:])
        if tensor.dtype == "bool":
            inputs[name] = np.arange(length) < reach[:, None]
        elif name == "boxes":
            corners = np.sort(draw.random((batch, length, 2, 2)), axis=2)
            inputs[name] = corners.reshape(shape).astype("float32")
        elif tensor.dtype == "int32":
            inputs[name] = draw.integers(0, _limits(encoder)["tokens"], shape, "int32")
        else:
            inputs[name] = draw.standard_normal(shape).astype("float32")
    return inputs


def _limits(encoder):
    """The longest sequence, and the number of token ids, that an encoder takes."""
    for layer in encoder.layers:
        if layer.name == "bert_embedding":
            return {"length": layer.max_length, "tokens": layer.vocabulary_size}
    return {"length": np.inf, "tokens": None}


def reference(encoder):
    """List of (inputs, outputs of Keras), both dicts of NumPy arrays, to compare with.

    Calls the encoder on each batch of `check_inputs`.
    """

    def outputs(inputs):
        found = encoder(inputs, training=False)
        return {name: keras.ops.convert_to_numpy(v) for name, v in found.items()}

    with quiet():
        return [(inputs, outputs(inputs)) for inputs in check_inputs(encoder)]


def largest_errors(path, reference):
    """Runs an exported encoder and compares it with Keras.

    Args:
        path: of the file or folder.
        reference: list of (inputs, outputs of Keras), from `reference`.

    Returns:
        Dict of the outputs' names to the largest absolute difference of any number in
        any batch, a float; infinite where a number is not a number.

    Raises:
        ExportError: when the file cannot be opened or run, or the outputs have other
            names, shapes or dtypes.
    """
    try:
        with quiet():
            encoder = open_exported(path)
            found = [encoder(inputs) for inputs, _ in reference]
    except ValueError as error:
        raise ExportError(f"{error} Nothing was written.") from error
    errors = {}
    for outputs, (inputs, expected) in zip(found, reference, strict=True):
        if _kinds(outputs) != _kinds(expected):
            raise ExportError(
                f"{path.name} gives {_kinds(outputs)} for inputs {_kinds(inputs)}, "
                f"Keras {_kinds(expected)}. Nothing was written."
            )
        for name, value in expected.items():
            difference = np.abs(outputs[name].astype("float64") - value)
            worst = float(np.nan_to_num(difference, nan=np.inf).max(initial=0.0))
            errors[name] = max(errors.get(name, 0.0), worst)
    return errors


def _kinds(arrays):
    return {name: (value.shape, str(value.dtype)) for name, value in arrays.items()}
