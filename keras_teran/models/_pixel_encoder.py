"""Pixels inside the model: an image encoder whose regions are a backbone's patches."""

import keras
import numpy as np
from keras import ops

from keras_teran._io import progress_bar
from keras_teran.vision import (
    PADDING,
    cell_boxes,
    input_size,
    linear_preparation,
    load_backbone,
    output_of,
    patches_of,
)

NAME = "image_backbone"


def read_backbone(source, size=None, trainable=False):
    """A KerasHub backbone of pictures, as `Teran` takes one.

    Args:
        source: a preset's name, `hf://` address or folder.
        size: int, height and width of its input, where it can be built for another.
        trainable: bool, whether training moves its weights.

    Returns:
        `(described, weights)`: a dict of JSON's kinds, from which `pixel_encoder`
        builds it, with `size`, `grid` (rows and columns of its patches) and
        `region_dim`; and a list of NumPy arrays.

    Raises:
        ValueError: if it cannot be loaded, takes no pictures, does not say how they are
            prepared, or its patches do not divide the picture.
    """
    backbone = load_backbone(source, size)
    encoder = getattr(backbone, "vision_encoder", backbone)
    scale, offset, preset_size = linear_preparation(source)
    height, width = input_size(source, encoder, size, preset_size)
    described = {
        "encoder": keras.saving.serialize_keras_object(encoder),
        "size": [height, width],
        "scale": scale,
        "offset": offset,
        "trainable": bool(trainable),
    }
    if output_of(encoder, None).ndim not in (3, 4):
        raise ValueError(f"image_backbone {str(source)!r} has no patches to take.")
    network = _network(encoder, described["trainable"])
    patches, grid = _patches(
        network(keras.Input((height, width, 3))), patches_of(encoder, (height, width))
    )
    if height % grid[0] or width % grid[1]:
        raise ValueError(
            f"image_backbone {str(source)!r} makes {grid[0]} × {grid[1]} patches of "
            f"{height} × {width} pixels, which they do not divide; give an image_size "
            "that they do."
        )
    described |= {"grid": list(grid), "region_dim": patches.shape[-1]}
    return described, network.get_weights()


def pixel_encoder(described, of_regions):
    """Pictures to unit vectors: a backbone's patches are the regions.

    A patch that is nothing but the grey that `fit` pads with is padding, as in
    `vision.fit`, and no region. Boxes are the patches' places in the input.

    Args:
        described: dict, from `read_backbone`. The backbone's weights are random.
        of_regions: the image encoder that takes what the backbone gives.

    Returns:
        Functional `keras.Model` with the name and the outputs of `of_regions`. Input:
        `images` uint8 (batch, height, width, 3), RGB.
    """
    images = keras.Input((*described["size"], 3), dtype="uint8", name="images")
    grid = tuple(described["grid"])
    encoder = keras.saving.deserialize_keras_object(described["encoder"])
    network = _network(encoder, described["trainable"])
    pixels = ops.cast(images, "float32")
    scale, offset = (np.array(described[n], "float32") for n in ("scale", "offset"))
    regions, _ = _patches(network(pixels * scale + offset), grid)
    regions = ops.cast(regions, "float32")
    boxes = ops.zeros_like(regions[:, :, :4]) + cell_boxes(*grid)
    found = of_regions(
        {"regions": regions, "boxes": boxes, "region_mask": _is_picture(pixels, grid)}
    )
    return keras.Model({"images": images}, dict(found), name=of_regions.name)


def set_backbone(encoder, weights):
    """Fills the backbone of a `pixel_encoder` with weights of `read_backbone`."""
    encoder.get_layer(NAME).set_weights(weights)


def encode_pictures(encoder, images, batch_size=256, progress=False):
    """Runs a `pixel_encoder` over many pictures.

    Args:
        encoder: from `pixel_encoder`.
        images: uint8, (images, height, width, 3), RGB.
        batch_size: int, at a time.
        progress: bool, show a bar.

    Returns:
        Dict of NumPy arrays, the outputs.

    Raises:
        ValueError: for another shape or dtype, or no picture.
    """
    expected = tuple(encoder.input["images"].shape[1:])
    if getattr(images, "dtype", None) != np.uint8 or images.shape[1:] != expected:
        shape, dtype = np.shape(images), getattr(images, "dtype", type(images).__name__)
        raise ValueError(
            f"images must be uint8, (images, {', '.join(map(str, expected))}), RGB; "
            f"received {dtype} {shape}. keras_teran.vision._fitting.fit makes it so."
        )
    if not len(images):
        raise ValueError("images is empty; give one picture or more.")
    blocks = [
        encoder.predict_on_batch({"images": images[start : start + batch_size]})
        for start in progress_bar(
            range(0, len(images), batch_size),
            encoder.name,
            disable=not progress,
            leave=False,
        )
    ]
    return {name: np.concatenate([b[name] for b in blocks]) for name in encoder.output}


class _Frozen(keras.Model):
    """Does what it did, whatever trains around it: no dropout, norms as learned.

    A `training=False` given where it is called would not do: the model around it hands
    its own `training` down.
    """

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=False, mask=mask)


def _network(encoder, trainable):
    """The backbone up to its patches, as one layer."""
    kind = keras.Model if trainable else _Frozen
    network = kind(encoder.inputs, output_of(encoder, None), name=NAME)
    network.trainable = trainable
    return network


def _patches(output, grid):
    """`(patches, grid)`: (batch, patches, dim), row by row, and rows and columns."""
    if output.ndim == 4:
        grid = tuple(output.shape[1:3])
        return ops.reshape(output, (-1, grid[0] * grid[1], output.shape[3])), grid
    if grid is None:
        grid = (int(np.sqrt(output.shape[1])),) * 2
    # The patches stand behind any other tokens (class, registers).
    return output[:, -grid[0] * grid[1] :], grid


def _is_picture(pixels, grid):
    """bool (batch, patches): whether a patch has a pixel that padding has not."""
    height, width = pixels.shape[1:3]
    (rows, columns), apart = grid, ops.max(ops.abs(pixels - PADDING), axis=-1)
    shape = (-1, rows, height // rows, columns, width // columns)
    cells = ops.max(ops.reshape(apart, shape), axis=(2, 4))
    return ops.reshape(cells, (-1, rows * columns)) > 0
