"""Pictures made ready for a served model that has pixels inside."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from keras_teran.vision import fit_picture


def fitted_batches(pictures, size, batch_size):
    """Decodes and fits pictures, so many at a time.

    Args:
        pictures: sequence; each what `fit_picture` takes.
        size: (height, width) that the model takes.
        batch_size: int.

    Yields:
        uint8, (up to batch_size, height, width, 3), RGB.

    Raises:
        ValueError: for a lone path, no pictures, or what `fit_picture` refuses.
    """
    if isinstance(pictures, str | Path):
        raise ValueError(f"pictures is one path, {str(pictures)!r}; give a list.")
    if not len(pictures):
        raise ValueError("pictures is empty; give 1 or more.")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(pictures), batch_size):
            piece = pictures[start : start + batch_size]
            fitted = list(pool.map(lambda picture: fit_picture(picture, size), piece))
            yield np.stack([each.pixels for each in fitted])
