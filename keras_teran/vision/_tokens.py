"""What networks put out, as feature maps."""

import math

import numpy as np


def as_maps(features, name, channels_first=False, grid=None):
    """Feature maps from a grid of features or from patch tokens.

    Args:
        features: float32, (images, rows, columns, dim), (images, dim, rows, columns) or
            (images, tokens, dim): the patches, row by row, behind any other tokens
            (class, registers).
        name: str, what they are, for the error.
        channels_first: bool, whether four dimensions are the second of these.
        grid: `(rows, columns)` of the patches; None: the largest square that fits.

    Returns:
        float32, (images, rows, columns, dim).

    Raises:
        ValueError: for another number of dimensions, a map without cells, fewer tokens
            than patches, or numbers that are not finite.

    Example:
        >>> as_maps(np.zeros((2, 1 + 9, 5)), "the output").shape
        (2, 3, 3, 5)
    """
    if 0 in features.shape:
        raise ValueError(
            f"{name} has the shape {features.shape}, a map of nothing: the input is too "
            "small for the network. Give a larger size."
        )
    if not np.isfinite(features).all():
        raise ValueError(
            f"{name} holds numbers that are not finite: the network's weights are "
            "damaged, or mean and std are not those that it was trained with."
        )
    if features.ndim == 4:
        return features.transpose(0, 2, 3, 1) if channels_first else features
    if features.ndim != 3:
        raise ValueError(
            f"{name} has the shape {features.shape}; regions need a grid, (images, rows, "
            "columns, dim), or patches, (images, tokens, dim). Name another tensor."
        )
    images, tokens, dim = features.shape
    rows, columns = grid or (math.isqrt(tokens),) * 2
    if tokens < rows * columns:
        raise ValueError(
            f"{name} has {tokens} tokens, fewer than {rows} × {columns} patches."
        )
    return features[:, tokens - rows * columns :].reshape(images, rows, columns, dim)
