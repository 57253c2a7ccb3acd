"""What KerasHub loads: a backbone or a detector, and how its pictures are prepared."""

import hashlib

import numpy as np

from keras_teran._io import one_line
from keras_teran.vision._fitting import MOST_SIDE


def load_backbone(source, size=None):
    """A backbone of pictures.

    Args:
        source: a preset's name, `hf://` or `kaggle://` address, or folder.
        size: int, height and width of its input, where it can be built for another.

    Returns:
        A `keras_hub.models.Backbone`.

    Raises:
        ValueError: if it cannot be loaded.
    """
    import keras_hub

    return _load(keras_hub.models.Backbone, source, size)


def load_detector(source, size=None):
    """A detector, heads and all; arguments and errors as of `load_backbone`.

    Returns:
        A `keras_hub.models.ObjectDetector`.
    """
    import keras_hub

    return _load(keras_hub.models.ObjectDetector, source, size)


def _load(kind, source, size):
    shape = {} if size is None else {"image_shape": (size, size, 3)}
    try:
        return kind.from_preset(str(source), **shape)
    # KerasHub, the hubs and the file formats raise errors of many kinds.
    except Exception as error:
        at = f" at {size} pixels" if size else ""
        raise ValueError(
            f"extractor {str(source)!r} cannot be loaded{at}: {one_line(error)} Give a "
            ".tflite or .onnx file, or a KerasHub preset of pictures: its name, hf:// "
            "address or folder."
        ) from error


def preparation(source, mean=None, std=None):
    """How pixels become a network's input.

    Args:
        source: as above.
        mean, std: lists of numbers; where one is given, (pixel - mean) / std, whatever
            the preset says.

    Returns:
        `(prepare, size, described)`: a function of uint8 (images, height, width, 3) to
        float32 of that shape; `(height, width)` or None where the preset does not say;
        and a dict of JSON's kinds.

    Raises:
        ValueError: if the preset has no image converter and nothing is given.
    """
    if mean is not None or std is not None:
        shift, scale = np.array(mean or [0.0]), np.array(std or [255.0])
        described = {"mean": shift.tolist(), "std": scale.tolist()}
        return (
            lambda pixels: ((pixels - shift) / scale).astype("float32"),
            None,
            described,
        )
    import keras_hub

    try:
        converter = keras_hub.layers.ImageConverter.from_preset(str(source))
    except Exception as error:
        raise ValueError(
            f"extractor {str(source)!r} does not say how its pictures are prepared: "
            f"{one_line(error)} Give mean and std, (pixel - mean) / std."
        ) from error
    size = converter.image_size
    # Pictures come fitted: what is left to the converter is scale and offset.
    converter.image_size = None

    def prepare(pixels):
        return np.asarray(converter(pixels.astype("float32")), "float32")

    described = {
        name: None if value is None else np.ravel(value).tolist()
        for name, value in (("scale", converter.scale), ("offset", converter.offset))
    }
    return prepare, size, described


def linear_preparation(source):
    """A preset's preparation as numbers: the network gets pixel · scale + offset.

    Args:
        source: as above.

    Returns:
        `(scale, offset, size)`: lists of three floats; `(height, width)` or None.

    Raises:
        ValueError: if the preset has no image converter, or one that does other things.
    """
    prepare, size, described = preparation(source)
    scale, offset = (
        np.broadcast_to(default if described[name] is None else described[name], 3)
        for name, default in (("scale", 1.0), ("offset", 0.0))
    )
    sample = np.arange(0, 256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    if not np.allclose(prepare(sample), sample * scale + offset, atol=1e-4):
        raise ValueError(
            f"image_backbone {str(source)!r} prepares its pictures by more than a scale "
            "and an offset, which cannot be put into the model."
        )
    return scale.tolist(), offset.tolist(), size


def input_size(source, model, size, preset_size):
    """Height and width of what a network takes: its own, the asked for, the preset's.

    Raises:
        ValueError: if it takes no pictures, any size and none is known, or one above
            `vision.MOST_SIDE`.
    """
    shape = getattr(model, "image_shape", None)
    if shape is None or len(shape) != 3 or shape[-1] != 3:
        raise ValueError(
            f"extractor {str(source)!r} is a {type(model).__name__}, which takes no RGB "
            "pictures (channels last)."
        )
    asked = None if size is None else (size, size)
    for found in (shape[:2], asked, preset_size):
        if found is not None and None not in found:
            if max(found) > MOST_SIDE:
                raise ValueError(
                    f"extractor {str(source)!r} takes pictures of {max(found)} pixels a "
                    f"side; at most {MOST_SIDE} are extracted from."
                )
            return tuple(int(side) for side in found)
    raise ValueError(
        f"extractor {str(source)!r} takes pictures of any size; give one (--size)."
    )


def hash_weights(model):
    """SHA-256 of a model's weights, in their order: str of 64 digits."""
    found = hashlib.sha256()
    for weight in model.weights:
        value = np.ascontiguousarray(np.asarray(weight))
        found.update(f"{value.dtype} {value.shape}".encode())
        found.update(value.tobytes())
    return found.hexdigest()
