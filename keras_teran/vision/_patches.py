"""Patches of a backbone: which output has them, how many, and as feature maps."""

import math

import numpy as np


def patches_of(encoder, size):
    """Rows and columns of patches; None where the encoder does not say."""
    patch = getattr(encoder, "patch_size", None)
    if patch is None:
        return None
    high, wide = (patch, patch) if np.ndim(patch) == 0 else patch
    return size[0] // high, size[1] // wide


def output_of(encoder, layer):
    """The symbolic output that has a backbone's patches, or a layer's by its name."""
    if layer is not None:
        names = [each.name for each in encoder.layers]
        if layer not in names:
            raise ValueError(
                f"{type(encoder).__name__} has no layer {layer!r}; its last are "
                f"{', '.join(names[-8:])}."
            )
        return encoder.get_layer(layer).output
    output = encoder.output
    if isinstance(output, dict):
        output = output.get("sequence_output", list(output.values())[-1])
    if output.ndim > 2:
        return output
    on_grid = [
        each.output
        for each in encoder.layers
        if getattr(getattr(each, "output", None), "ndim", 0) in (3, 4)
    ]
    return on_grid[-1]


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
