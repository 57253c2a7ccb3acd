"""Tiny KerasHub presets of random weights, written as real ones lie in a folder."""

import keras_hub

SIDE = 32
_VISION = {"num_layers": 1, "hidden_dim": 8, "num_heads": 2}
_PATCHES = {**_VISION, "patch_size": 8, "image_shape": (SIDE, SIDE, 3)}


def vit():
    return keras_hub.models.ViTBackbone(mlp_dim=16, **_PATCHES)


def dinov2():
    return keras_hub.models.DINOV2Backbone(
        intermediate_dim=16,
        num_register_tokens=2,
        position_embedding_shape=(SIDE, SIDE, 3),
        **_PATCHES,
    )


def dinov3():
    return keras_hub.models.DINOV3Backbone(
        intermediate_dim=16, num_register_tokens=2, **_PATCHES
    )


def _text(kind):
    return kind(
        vocabulary_size=10,
        embedding_dim=8,
        intermediate_dim=16,
        max_sequence_length=6,
        **_VISION,
    )


def siglip():
    models = keras_hub.models
    vision = models.SigLIPVisionEncoder(intermediate_dim=16, **_PATCHES)
    return models.SigLIPBackbone(vision, _text(models.SigLIPTextEncoder))


def clip():
    models = keras_hub.models
    vision = models.CLIPVisionEncoder(intermediate_dim=16, **_PATCHES)
    text = _text(models.CLIPTextEncoder)
    return models.CLIPBackbone(vision, text, projection_dim=8)


def resnet():
    """Pictures of any size; a map of a sixteenth of their sides."""
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 16, 16],
        stackwise_num_blocks=[1, 1, 1],
        stackwise_num_strides=[1, 2, 2],
        block_type="basic_block",
    )


def converter_of(backbone):
    """The image converter of a backbone's kind, as presets have it: pixels to -1..1."""
    layers = keras_hub.layers
    (kind,) = [
        each
        for each in vars(layers).values()
        if getattr(each, "backbone_cls", None) is type(backbone)
        and issubclass(each, layers.ImageConverter)
    ]
    return kind(image_size=(SIDE, SIDE), scale=1 / 127.5, offset=-1)


def write_preset(folder, model, converter=True):
    """Saves a backbone, and how its pictures are prepared."""
    model.save_to_preset(str(folder))
    if converter:
        converter_of(model).save_to_preset(str(folder))
    return folder
