"""Refuses what a served graph would turn into a vector that means nothing.

A graph in TF Serving does not check: an id outside the vocabulary or a feature that is
no number may come back as vectors. So the client checks before it sends, and what it
receives.
"""

import numpy as np

from keras_teran._io import as_array, shown
from keras_teran.tf_serving._errors import ServingError


def tokens(token_ids, padding_mask, interface):
    """Token ids int32 and mask bool, both (captions, tokens), checked.

    Args:
        token_ids: integers (captions, tokens).
        padding_mask: bool (captions, tokens), True where a token is real.
        interface: `Interface` of the served model.

    Returns:
        Dict of the caption encoder's inputs.

    Raises:
        ValueError: for another shape or dtype, an empty batch, more tokens than
            positions, or an id outside the vocabulary (padding counted).
    """
    token_ids = as_array("token_ids", token_ids)
    _shape("token_ids", token_ids, (None, None))
    if token_ids.dtype.kind not in "iu":
        raise ValueError(f"token_ids holds {token_ids.dtype}; give integers.")
    mask = _mask("padding_mask", padding_mask, token_ids.shape)
    if token_ids.shape[1] > interface.max_length:
        raise ValueError(
            f"token_ids has {token_ids.shape[1]} tokens a caption, the model's position "
            f"table {interface.max_length}; cut the captions."
        )
    outside = (token_ids < 0) | (token_ids >= interface.vocabulary_size)
    if outside.any():
        raise ValueError(
            f"token_ids holds {token_ids[outside][0]}; the vocabulary has ids 0 to "
            f"{interface.vocabulary_size - 1}. Use the tokeniser of this model."
        )
    return {"token_ids": token_ids.astype("int32"), "padding_mask": mask}


def regions(features, boxes, region_mask, interface):
    """Region features, boxes float32 and mask bool, checked.

    Args:
        features: floats (images, regions, region_dim).
        boxes: floats (images, regions, 4), relative x0 y0 x1 y1 in 0 to 1.
        region_mask: bool (images, regions), or None where all are real.
        interface: `Interface` of the served model.

    Returns:
        Dict of the image encoder's inputs.

    Raises:
        ValueError: for another shape or dtype, an empty batch, numbers that are not
            finite (padding counted), or a real box outside 0 to 1 or turned round.
    """
    features = floats("regions", features, (None, None, interface.region_dim))
    boxes = floats("boxes", boxes, (*features.shape[:2], 4))
    if region_mask is None:
        region_mask = np.ones(features.shape[:2], bool)
    mask = _mask("region_mask", region_mask, features.shape[:2])
    real = boxes[mask]
    turned = (real[:, :2] > real[:, 2:]).any(axis=1)
    wrong = (real < 0).any(axis=1) | (real > 1).any(axis=1) | turned
    if wrong.any():
        raise ValueError(
            f"boxes holds {real[wrong][0].tolist()}; give x0 y0 x1 y1 relative to the "
            "image, 0 to 1, x0 <= x1 and y0 <= y1."
        )
    return {"regions": features, "boxes": boxes, "region_mask": mask}


def answer(model, outputs, shapes):
    """What a server answered, checked.

    Args:
        model: str, the name of the model that was asked.
        outputs: dict of NumPy arrays.
        shapes: dict of the shapes that the outputs must have, by name.

    Returns:
        Dict of NumPy arrays by the names of `shapes`: bool for masks, else float32.

    Raises:
        ServingError: when a name or shape differs, a mask holds other than bools, or
            anything else holds other than numbers that are finite in float32.
    """
    found = {name: value.shape for name, value in outputs.items()}
    if found != shapes:
        raise ServingError(f"{model} answered {shown(found)}; expected {shapes}.")
    return {name: _answered(model, name, value) for name, value in outputs.items()}


def _answered(model, name, value):
    if name.endswith("_mask"):
        if value.dtype != bool:
            raise ServingError(f"{model} answered {name} of {value.dtype}, not bools.")
        return value
    with np.errstate(over="ignore"):
        numbers = value.astype("float32") if value.dtype.kind in "fiu" else None
    if numbers is None or not np.isfinite(numbers).all():
        raise ServingError(
            f"{model} answered {name} with numbers that are not finite, or with no "
            "numbers."
        )
    return numbers


def floats(name, value, shape):
    """A finite float32 array of a shape in which None is any size but 0.

    Raises:
        ValueError: naming the argument, for another shape, dtype, or a number that is
            not finite in float32.
    """
    value = as_array(name, value)
    _shape(name, value, shape)
    if value.dtype.kind not in "fiu":
        raise ValueError(f"{name} holds {value.dtype}; give floats.")
    with np.errstate(over="ignore"):
        value = value.astype("float32")
    if not np.isfinite(value).all():
        raise ValueError(
            f"{name} holds NaN or infinity; give finite numbers, 0 where it is padding."
        )
    return value


def _shape(name, value, shape):
    fits = value.ndim == len(shape) and all(
        size > 0 and wanted in (None, size)
        for size, wanted in zip(value.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("1 or more" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} has shape {value.shape}; give ({wanted}).")


def _mask(name, value, shape):
    value = as_array(name, value)
    if value.dtype != bool:
        raise ValueError(f"{name} holds {value.dtype}; give bool, True where real.")
    _shape(name, value, shape)
    return value
