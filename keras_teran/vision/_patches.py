"""Which output of a KerasHub backbone has its patches, and how many there are."""

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
