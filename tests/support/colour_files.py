"""Files of networks whose features are the mean colours of 8 × 8 pixels."""

import numpy as np
from PIL import Image

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (51, 51, 51)


def write_onnx(path, side=32, dtype=None, inner=True):
    """Channels first; `map` is inside the graph (or is the output), `scores` comes out."""
    import onnx
    from onnx import TensorProto, helper

    float32 = TensorProto.FLOAT
    nodes = [
        helper.make_node(
            "AveragePool", ["images"], ["map"], kernel_shape=[8, 8], strides=[8, 8]
        )
    ]
    if inner:
        nodes.append(helper.make_node("GlobalAveragePool", ["map"], ["pooled"]))
        nodes.append(helper.make_node("Flatten", ["pooled"], ["scores"]))
    shapes = {"scores": ["batch", 3], "map": ["batch", 3, "rows", "columns"]}
    name = "scores" if inner else "map"
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("images", float32, ["batch", 3, side, side])],
        [helper.make_tensor_value_info(name, float32, shapes[name])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.save(model, str(path))
    return path


def write_litert(path, side=32):
    """Channels last; the map is inside the graph."""
    import keras
    import tensorflow as tf

    images = keras.Input((side, side, 3), batch_size=1, name="images")
    cells = keras.layers.AveragePooling2D(8, name="map")(images)
    scores = keras.layers.GlobalAveragePooling2D()(cells)
    model = keras.Model(images, scores)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    path.write_bytes(converter.convert())
    return path


def write_quarters(path, width=64, height=32):
    """Red and green above blue and grey."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = GREEN
    pixels[height // 2 :, : width // 2] = BLUE
    pixels[height // 2 :, width // 2 :] = GREY
    Image.fromarray(pixels).save(path)


def write_pictures(folder, count, bad=()):
    """Pictures of one grey each, 10 brighter from one to the next; some are damaged."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"{number:03}.png"
        Image.new("RGB", (40, 20), (number * 10,) * 3).save(path)
        if number in bad:
            path.write_bytes(path.read_bytes()[:-24])
    return folder
