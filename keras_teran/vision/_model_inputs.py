"""Pictures as a model with pixels inside takes them."""

from pathlib import Path

import numpy as np

from keras_teran.vision._areas import cell_boxes
from keras_teran.vision._decode import decode, pixels_of
from keras_teran.vision._fitting import fit


def fit_picture(picture, size):
    """Decodes a picture if it is a file, and fits it to a model's input.

    Args:
        picture: a path, a Pillow image, or uint8 (h, w, 3), RGB.
        size: (height, width).

    Returns:
        A `Fitted`.

    Raises:
        BadImage: if the file or the image cannot be used.
        ValueError: for an array of another kind, or neither.
    """
    from PIL import Image

    if isinstance(picture, str | Path):
        picture = decode(picture, max(size))
    elif isinstance(picture, Image.Image):
        picture = pixels_of(picture)
    elif (
        not isinstance(picture, np.ndarray)
        or picture.dtype != np.uint8
        or picture.shape[2:] != (3,)
        or not picture.size
    ):
        kind = getattr(picture, "dtype", type(picture).__name__)
        raise ValueError(
            "a picture must be a file's path or uint8 (height, width, 3), RGB, or a "
            "Pillow image; received "
            f"{kind} {np.shape(picture) if kind != 'dict' else sorted(picture)}."
        )
    return fit(picture, *size)


def encoder_inputs(found):
    """What an image encoder takes of what a store reads: no boxes beside pictures."""
    return {"images": found["images"]} if "images" in found else found


def model_inputs(fitted, grid):
    """Pictures as a model with pixels inside takes them.

    Args:
        fitted: list of `Fitted`.
        grid: (rows, columns) of the model's patches.

    Returns:
        dict of `images` uint8 (n, height, width, 3); and, for what shows and stores
        regions, `boxes` float32 (n, patches, 4), relative to the picture itself, and
        `region_mask` bool (n, patches): False for patches of padding.
    """
    boxes = np.stack([each.to_picture(cell_boxes(*grid)) for each in fitted])
    return {
        "images": np.stack([each.pixels for each in fitted]),
        "boxes": boxes,
        "region_mask": (boxes[..., 2:] > boxes[..., :2]).all(-1),
    }
