"""Feature maps of any KerasHub backbone of pictures: SigLIP, DINO, CLIP, ViT, ResNet."""

import numpy as np

from keras_teran.regions.hub import hash_weights, input_size, preparation
from keras_teran.regions.tokens import as_maps


class BackboneMaps:
    """A `MapModel` over a backbone: its patches, or its last feature map.

    Of a model of pictures and text (SigLIP, CLIP) the vision encoder is taken. Where
    the output is one vector a picture, the layer before it that still has patches is.

    Args:
        backbone: a `keras_hub.models.Backbone`.
        source: str, where it was loaded from.
        layer: str, name of the layer to take instead.
        size: int, height and width, of backbones that take any.
        mean, std: see `preparation`.

    Raises:
        ValueError: if it takes no pictures, or has no such layer.
    """

    def __init__(self, backbone, source, layer=None, size=None, mean=None, std=None):
        import keras

        encoder = getattr(backbone, "vision_encoder", backbone)
        self._prepare, preset_size, prepared = preparation(source, mean, std)
        self.input_size = input_size(source, encoder, size, preset_size)
        output = output_of(encoder, layer)
        self._name = f"The output of {type(encoder).__name__}"
        self._model = keras.Model(encoder.inputs, output)
        self._patches = patches_of(encoder, self.input_size)
        self.identity = {
            "extractor": "backbone",
            "class": type(backbone).__name__,
            "sha256": hash_weights(self._model),
            "layer": layer,
            "input_size": list(self.input_size),
            **prepared,
        }
        blank = np.zeros((1, *self.input_size, 3), np.uint8)
        self.map_size = self.maps(blank).shape[1:]

    def maps(self, pixels):
        """Features of pictures, see `MapModel`."""
        found = self._model.predict_on_batch(self._prepare(pixels))
        return as_maps(np.asarray(found, np.float32), self._name, grid=self._patches)


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
