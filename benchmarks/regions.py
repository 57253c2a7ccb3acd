"""Peak memory and images per second of each extractor of regions.

    python benchmarks/regions.py [--extractors vit_b16,retinanet_r50] [--images 32]

Each runs in a fresh process, as `keras-teran regions` does: JPEG files of 500 × 375 are
decoded, fitted, extracted and written. The KerasHub networks have the published sizes
and random weights, saved as presets and loaded from there: speed and memory do not
depend on the numbers. `litert_mobilenet` takes a file, `--litert`, with its tensor.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from harness import arguments, report, resident

MOBILENET = "../shared/vision/mobilenet_v2_imagenet_int8.tflite"


def main():
    """Measures and reports; or, in a process of its own, does one of the two."""
    options = arguments(
        __doc__,
        extractors=",".join(NETWORKS),
        images=32,
        batch=16,
        litert=MOBILENET,
        tensor="171",
        child="",
        folder="",
    )
    if options.child:
        folder, name = Path(options.folder), options.extractors
        work = {"make": make, "measure": measure}[options.child]
        work(name, folder, options)
        return
    rows = []
    for name in options.extractors.split(","):
        if name == "litert_mobilenet" and not Path(options.litert).is_file():
            print(f"# {name} left out: there is no {options.litert}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            child("make", name, folder)
            rows.append(json.loads(child("measure", name, folder).splitlines()[-1]))
    names = options.extractors.split(",")
    name = "_".join(["regions", *(names if len(names) < len(NETWORKS) else [])])
    report(name, rows, options.out, images=options.images, batch=options.batch)


def child(what, name, folder):
    """What a fresh process prints that makes a network, or measures it."""
    given = sys.argv[1:] + ["--child", what, "--extractors", name, "--folder", folder]
    command = [sys.executable, __file__, *given]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def make(name, folder, options):
    """Writes the network, and the pictures."""
    from PIL import Image

    (folder / "pictures").mkdir()
    generator = np.random.default_rng(0)
    for number in range(options.images):
        coarse = generator.integers(0, 256, (12, 16, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC)
        picture.save(folder / "pictures" / f"{number}.jpg", quality=90)
    if name != "litert_mobilenet":
        NETWORKS[name](folder)


def measure(name, folder, options):
    """Prints a row as JSON."""
    from keras_teran.data import list_pictures
    from keras_teran.extract import open_extractor, store_regions
    from keras_teran.vision import fit

    started = time.perf_counter()
    source, told = folder / "preset", {}
    if name == "litert_mobilenet":
        source, told = options.litert, {"tensor": options.tensor}
    elif name.startswith("onnx"):
        source = folder / "network.onnx"
    extractor = open_extractor(source, **told)
    blank = fit(np.zeros((375, 500, 3), np.uint8), *extractor.input_size)
    extractor.extract([blank] * options.batch)
    opened = time.perf_counter()
    pictures = list_pictures(folder / "pictures")
    store = folder / "store"
    store_regions(extractor, pictures, store, batch_size=options.batch, bar=False)
    seconds = time.perf_counter() - opened
    row = {
        "extractor": name,
        "input": "x".join(map(str, extractor.input_size)),
        "regions": f"{extractor.max_regions} of {extractor.region_dim}",
        "images/s": options.images / seconds,
        "peak MiB": resident("VmHWM") // 1024,
        "to open, s": opened - started,
        "weights": "published" if name == "litert_mobilenet" else "random",
    }
    print(json.dumps(row))


def vit_b16(folder):
    """ViT-B/16 (Dosovitskiy et al. 2021), 196 patches."""
    import keras_hub

    backbone = keras_hub.models.ViTBackbone(
        image_shape=(224, 224, 3),
        patch_size=16,
        num_layers=12,
        num_heads=12,
        hidden_dim=768,
        mlp_dim=3072,
    )
    save(folder, backbone, keras_hub.layers.ViTImageConverter, 224)


def resnet_50(folder):
    """ResNet-50 (He et al. 2016), a map of 7 × 7."""
    import keras_hub

    save(folder, _resnet_50(), keras_hub.layers.ResNetImageConverter, 224)


def onnx_resnet_50(folder):
    """The same as a file."""
    backbone = _resnet_50((224, 224, 3))
    backbone(np.zeros((1, 224, 224, 3), "float32"))
    backbone.export(str(folder / "network.onnx"), format="onnx", verbose=False)


def dfine_nano(folder):
    """D-FINE nano (Peng et al. 2024), 300 queries of 128."""
    import keras_hub

    backbone = keras_hub.models.DFineBackbone(
        backbone=_hgnet_b0(),
        decoder_in_channels=[128, 128],
        encoder_hidden_dim=128,
        num_labels=80,
        num_denoising=0,
        learn_initial_query=False,
        num_queries=300,
        anchor_image_size=(640, 640),
        feat_strides=[16, 32],
        num_feature_levels=2,
        hidden_dim=128,
        encoder_in_channels=[512, 1024],
        encode_proj_layers=[1],
        num_attention_heads=8,
        encoder_ffn_dim=512,
        num_encoder_layers=1,
        hidden_expansion=0.34,
        depth_multiplier=0.5,
        eval_idx=-1,
        num_decoder_layers=3,
        decoder_attention_heads=8,
        decoder_ffn_dim=512,
        decoder_n_points=[6, 6],
        lqe_hidden_dim=64,
        num_lqe_layers=2,
        out_features=["stage3", "stage4"],
        seed=0,
    )
    detector = keras_hub.models.DFineObjectDetector(backbone, num_classes=80)
    save(folder, detector, keras_hub.layers.DFineImageConverter, 640)


def retinanet_r50(folder):
    """RetinaNet on ResNet-50 (Lin et al. 2017), five levels of 256."""
    import keras_hub

    backbone = keras_hub.models.RetinaNetBackbone(
        _resnet_50(), min_level=3, max_level=7, use_p5=False
    )
    detector = keras_hub.models.RetinaNetObjectDetector(backbone, num_classes=91)
    for weight in detector.box_head.weights:  # of random heads the boxes overflow
        weight.assign(weight * 0.02)
    save(folder, detector, keras_hub.layers.RetinaNetImageConverter, 800)


NETWORKS = {
    "litert_mobilenet": None,
    "onnx_resnet_50": onnx_resnet_50,
    "resnet_50": resnet_50,
    "vit_b16": vit_b16,
    "dfine_nano": dfine_nano,
    "retinanet_r50": retinanet_r50,
}


def _hgnet_b0():
    import keras_hub

    return keras_hub.models.HGNetV2Backbone(
        stem_channels=[3, 16, 16],
        stackwise_stage_filters=[
            [16, 16, 64, 1, 3, 3],
            [64, 32, 256, 1, 3, 3],
            [256, 64, 512, 2, 3, 5],
            [512, 128, 1024, 1, 3, 5],
        ],
        apply_downsample=[False, True, True, True],
        use_lightweight_conv_block=[False, False, True, True],
        depths=[1, 1, 2, 1],
        hidden_sizes=[64, 256, 512, 1024],
        embedding_size=16,
        use_learnable_affine_block=True,
        hidden_act="relu",
        image_shape=(None, None, 3),
        out_features=["stage3", "stage4"],
    )


def _resnet_50(shape=(None, None, 3)):
    import keras_hub

    return keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=[3, 4, 6, 3],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="bottleneck_block",
        image_shape=shape,
    )


def save(folder, model, converter, size):
    """Writes a preset."""
    folder = str(folder / "preset")
    images = converter(image_size=(size, size), scale=1 / 255)
    if hasattr(model, "preprocessor_cls"):
        model.preprocessor = model.preprocessor_cls(images)
        model.save_to_preset(folder)
    else:
        model.save_to_preset(folder)
        images.save_to_preset(folder)


if __name__ == "__main__":
    main()
