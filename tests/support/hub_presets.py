"""Tiny KerasHub presets of random weights, written as real ones lie in a folder."""

import keras_hub

SIDE = 32
_VISION = {"num_layers": 1, "hidden_dim": 8, "num_heads": 2}
_PATCHES = {**_VISION, "patch_size": 8, "image_shape": (SIDE, SIDE, 3)}


def vit(height=SIDE, width=SIDE, **changes):
    shape = {"image_shape": (height, width, 3)}
    return keras_hub.models.ViTBackbone(mlp_dim=16, **{**_PATCHES, **shape, **changes})


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


def resnet(**changes):
    """Pictures of any size; a map of a sixteenth of their sides."""
    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 16, 16],
        stackwise_num_blocks=[1, 1, 1],
        stackwise_num_strides=[1, 2, 2],
        block_type="basic_block",
        **changes,
    )


def converter_of(backbone, side=SIDE):
    """The image converter of a backbone's kind, as presets have it: pixels to -1..1."""
    layers = keras_hub.layers
    (kind,) = [
        each
        for each in vars(layers).values()
        if getattr(each, "backbone_cls", None) is type(backbone)
        and issubclass(each, layers.ImageConverter)
    ]
    return kind(image_size=(side, side), scale=1 / 127.5, offset=-1)


def write_preset(folder, model, converter=True):
    """Saves a backbone or a detector, and how its pictures are prepared."""
    if converter and isinstance(model, keras_hub.models.ObjectDetector):
        images = converter_of(model.backbone, 2 * SIDE)
        model.preprocessor = type(model).preprocessor_cls(images)
    model.save_to_preset(str(folder))
    if converter and isinstance(model, keras_hub.models.Backbone):
        converter_of(model).save_to_preset(str(folder))
    return folder


def dfine():
    """Pictures of 64 pixels; twelve queries of 16 numbers."""
    side = 2 * SIDE
    pixels = keras_hub.models.HGNetV2Backbone(
        stem_channels=[3, 4, 4],
        stackwise_stage_filters=[[4, 4, 8, 1, 1, 3], [8, 4, 8, 1, 1, 3]],
        apply_downsample=[False, True],
        use_lightweight_conv_block=[False, False],
        depths=[1, 1],
        hidden_sizes=[8, 8],
        embedding_size=4,
        use_learnable_affine_block=True,
        hidden_act="relu",
        image_shape=(None, None, 3),
        out_features=["stage1", "stage2"],
    )
    backbone = keras_hub.models.DFineBackbone(
        backbone=pixels,
        decoder_in_channels=[16, 16],
        encoder_hidden_dim=16,
        num_labels=5,
        num_denoising=0,
        learn_initial_query=False,
        num_queries=12,
        anchor_image_size=(side, side),
        feat_strides=[4, 8],
        num_feature_levels=2,
        hidden_dim=16,
        encoder_in_channels=[8, 8],
        encode_proj_layers=[1],
        num_attention_heads=2,
        encoder_ffn_dim=16,
        num_encoder_layers=1,
        hidden_expansion=0.5,
        depth_multiplier=0.34,
        eval_idx=-1,
        num_decoder_layers=2,
        decoder_attention_heads=2,
        decoder_ffn_dim=16,
        decoder_n_points=[2, 2],
        lqe_hidden_dim=8,
        num_lqe_layers=2,
        out_features=["stage1", "stage2"],
        image_shape=(None, None, 3),
        seed=0,
    )
    return keras_hub.models.DFineObjectDetector(backbone=backbone, num_classes=5)


def retinanet():
    """Pictures of any size; 256 numbers a region."""
    encoder = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 8, 8, 8],
        stackwise_num_blocks=[1, 1, 1, 1],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="basic_block",
    )
    backbone = keras_hub.models.RetinaNetBackbone(
        encoder, min_level=3, max_level=5, use_p5=False
    )
    return keras_hub.models.RetinaNetObjectDetector(
        backbone, num_classes=3, pre_logits_num_conv_layers=1
    )
