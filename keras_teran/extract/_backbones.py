"""Feature maps of any KerasHub backbone of pictures: SigLIP, DINO, CLIP, ViT, ResNet."""

import numpy as np

from keras_teran.vision import (
    as_maps,
    hash_weights,
    input_size,
    output_of,
    patches_of,
    preparation,
)


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
