"""What encodes images or captions for a `Teran`: the one way in, checked."""

from functools import partial

from keras_teran.models._caption_input import token_inputs
from keras_teran.models._encoders import (
    CAPTION_INPUTS,
    check_finite,
    encode_sets,
)
from keras_teran.models._image_input import cast_images, images_for
from keras_teran.models._input_arrays import check_batch_size
from keras_teran.models._pixel_encoder import encode_pictures


def encode(model, inputs, batch_size=256, progress=False):
    """See `Teran.encode`."""
    inputs = _checked(model, inputs)
    batch_size = check_batch_size(batch_size)
    if "token_ids" in inputs:
        encoder = model.caption_encoder
        return encode_sets(encoder, inputs, "padding_mask", batch_size, progress)
    encoder = model.image_encoder
    if "images" in inputs:
        found = encode_pictures(encoder, inputs["images"], batch_size, progress)
        names = [f"image {row}" for row in range(len(inputs["images"]))]
        for outputs in found.values():
            check_finite(outputs, names)
        return found
    check = partial(cast_images, dtype=model.compute_dtype)
    return encode_sets(encoder, inputs, "region_mask", batch_size, progress, check)


def _checked(model, inputs):
    """The inputs of one of the two encoders, by the checks of that side."""
    if isinstance(inputs, dict):
        keys, image_inputs = set(inputs), set(model.image_encoder.input)
        if keys == set(CAPTION_INPUTS):
            return _some(token_inputs(model.config, inputs), "captions")
        # Boxes and mask of a `RegionStore` stand beside pictures.
        beside = {"boxes", "region_mask"} if "images" in image_inputs else set()
        if not image_inputs - {"region_mask"} <= keys <= image_inputs | beside:
            raise ValueError(
                f"inputs has the keys {sorted(map(str, inputs))}; give "
                f"{sorted(image_inputs)} for images or {sorted(CAPTION_INPUTS)} for "
                "captions."
            )
    return _some(images_for(model, inputs, "inputs"), "images")


def _some(inputs, noun):
    """Refuses a list of nothing. Arrays of no rows are encoded to arrays of no rows."""
    if any(0 in array.shape[1:] for array in inputs.values()):
        raise ValueError(f"inputs hold no {noun}; give one or more.")
    return inputs
