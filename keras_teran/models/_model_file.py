"""A saved `Teran`, from a file that anyone may have written."""

import warnings
from pathlib import Path
from typing import Annotated

import keras
import numpy as np
from pydantic import BaseModel, Field

from keras_teran._io import check, count_keras_weights, one_line, read_keras_config
from keras_teran.models import _teran as _registers_teran  # noqa: F401  (for load_model)

_Width = Annotated[int, Field(ge=1, le=2**24)]
_SLACK = 2**20
_Layers = Annotated[int, Field(ge=0, le=10_000)]


class _Sizes(BaseModel, extra="allow"):
    """What of a `Teran`'s arguments decides how much memory it takes."""

    region_dim: _Width
    embedding_dim: _Width
    image_layers: _Layers
    final_layers: _Layers
    feedforward_dim: _Width
    vocabulary_size: _Width
    caption_dim: _Width
    caption_layers: _Layers
    caption_feedforward_dim: _Width
    caption_max_length: _Width
    shared_final_layers: bool = False
    context_dim: Annotated[int, Field(ge=0, le=2**24)] = 0
    image_backbone: dict | None = None


def load_model(path, compile=False):
    """Loads a model of this package; nothing in the file is executed.

    What the file says is checked before Keras reads it: the classes that it names, and
    that it holds as many numbers as the architecture has weights. So a file cannot make
    the reader allocate more than a small multiple of its own size.

    Args:
        path: of a `.keras` file.
        compile: bool, with its optimizer and loss, to go on training.

    Returns:
        `Teran`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: of one line that names the file: damaged, another class, more
            weights than it holds, one missing, or one that is not finite.
    """
    path = Path(path)
    config = read_keras_config(path, "Teran", "keras_teran")
    sizes = check(config, _Sizes, f"{path}: config.json")
    _check_held(path, sizes, *count_keras_weights(path))
    with warnings.catch_warnings():
        # Keras skips parts that a file lacks and leaves random weights there.
        warnings.filterwarnings("error", message="Skipping ")
        try:
            model = keras.saving.load_model(path, compile=compile, safe_mode=True)
        except UserWarning as error:
            raise ValueError(
                f"{path} cannot be loaded: it lacks a part of its model: "
                f"{one_line(error, 120)}"
            ) from None
        except Exception as error:  # noqa: BLE001  (whatever its classes raise)
            raise ValueError(f"{path} cannot be loaded: {_reason(error)}") from None
    check_finite_weights(model, path)
    return model


def check_finite_weights(model, name):
    """Raises ValueError, naming it, for a weight with a number that is not finite.

    Args:
        model: `Teran`.
        name: str or path, what the error calls the model.
    """
    for weight in model.weights:
        value = keras.ops.convert_to_numpy(weight)
        if value.dtype.kind not in "iub" and not np.isfinite(value).all():
            raise ValueError(
                f"{name}: the weight {weight.path} holds a number that is NaN or "
                "infinite; its training diverged, or the file is damaged."
            )


def least_weights(sizes):
    """Numbers that a model has at least, from its sizes: all but heads and contexts.

    Args:
        sizes: object of the arguments of `Teran` that are sizes.

    Returns:
        int.
    """

    def block(dim, inner):
        return 4 * dim * dim + 2 * dim * inner + inner + 9 * dim

    width = max(sizes.embedding_dim - sizes.context_dim, 1)
    regions, words = sizes.region_dim, sizes.caption_dim
    stacks = 1 if sizes.shared_final_layers else 2
    return (
        regions * (2 * regions + 7)
        + sizes.image_layers * block(regions, sizes.feedforward_dim)
        + (regions + 1) * width
        + words * (sizes.vocabulary_size + sizes.caption_max_length + 3)
        + sizes.caption_layers * block(words, sizes.caption_feedforward_dim)
        + (words + 1) * width
        + stacks * sizes.final_layers * block(width, sizes.feedforward_dim)
    )


def _check_held(path, sizes, arrays, numbers):
    """Refuses an architecture far larger than the file; of others Keras names a weight.

    Each layer has arrays of its own.
    """
    layers = sizes.image_layers + sizes.final_layers + sizes.caption_layers
    if layers > arrays:
        raise ValueError(
            f"{path} holds {arrays:,} arrays and its config.json asks for {layers:,} "
            "layers: they do not belong together."
        )
    if (least := least_weights(sizes)) > 4 * numbers + _SLACK:
        raise ValueError(
            f"{path} holds {numbers:,} weights and its config.json asks for {least:,} "
            "or more: they do not belong together."
        )
    for key, value in _numbers(sizes.image_backbone):
        most = arrays if "layer" in key or "depth" in key else numbers
        if abs(value) > most or ("dim" in key and value**2 > 4 * numbers):
            raise ValueError(
                f"{path}: image_backbone asks for {key}={value}, which the {numbers:,} "
                "weights of the file cannot fill."
            )


def _numbers(value, key=""):
    """Pairs of key and int of nested values; `parse_json` bounds their depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _numbers(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner, key)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield key, value


def _reason(error):
    """The first cause in one line: Keras wraps it in the whole configuration."""
    while isinstance(error.__context__, TypeError | ValueError):
        error = error.__context__
    return one_line(error, 300)
