"""Smaller files of an encoder: half precision and eight bits, in LiteRT and ONNX.

Each is made of the float32 encoder, and keeps its names, shapes and dtypes: only
weights, and what is reckoned with inside, change.
"""

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Variant:
    """How one variant is written.

    Attributes:
        format: str, "litert" or "onnx".
        name: str, as in the name of the file.
        convert: function of (encoder, float32 file of that format, path, calibration).
        calibrated: bool, whether it needs a calibration set.
    """

    format: str
    name: str
    convert: Callable
    calibrated: bool = False


def _litert_float16(encoder, float32, path, calibration):
    import tensorflow as tf

    _litert(encoder, path, {"supported_types": [tf.float16]})


def _litert_int8(encoder, float32, path, calibration):
    """Products in eight bits; those of BERT's queries, keys and values only store so.

    What goes into them are a block's outputs, whose outliers leave few of the 255 steps
    for the rest of a token's numbers: a third of the whole error (measured on `small`).
    """
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer

    rows = _with_rows_in_eight_bits(encoder)
    if rows is not encoder:
        _litert(rows, path, {}, optimizations=[])
        float32 = path
    quantizer = Quantizer(str(float32))
    product = TFLOperationName.FULLY_CONNECTED
    quantizer.add_dynamic_config(".*", product, 8)
    quantizer.add_weight_only_config(".*bert_block.*query_key_value.*", product, 8)
    # It reports to the terminal, bars and sums.
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        content = quantizer.quantize().quantized_model
    path.write_bytes(content)


def _with_rows_in_eight_bits(encoder):
    """The same encoder with a scale for each row of its token table.

    An encoder without such a table is itself. The converters have one scale for the
    whole table, which the few largest of its numbers set; for the rest that leaves a
    few steps.
    """
    import keras

    from keras_teran.layers import BertEmbedding

    if not any(isinstance(layer, BertEmbedding) for layer in encoder.layers):
        return encoder
    copy = keras.models.clone_model(encoder)
    copy.set_weights(encoder.get_weights())
    for layer in copy.layers:
        if isinstance(layer, BertEmbedding):
            layer.token.quantize("int8")
    return copy


def _litert_full_int8(encoder, float32, path, calibration):
    import tensorflow as tf

    # Where LiteRT has no op of eight bits, as for the error function, it stays float.
    operations = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
    _litert(
        encoder,
        path,
        {"supported_ops": operations},
        representative_dataset=lambda: _one_by_one(calibration),
    )


def _one_by_one(batches):
    """Each set alone, all padded to one length: the calibrator takes no other sizes.

    It resizes one input at a time, and in between the inputs do not fit together.
    """
    longest = max(array.shape[1] for batch in batches for array in batch.values())
    for batch in batches:
        for row in range(len(next(iter(batch.values())))):
            yield {
                name: _padded(a[row : row + 1], longest) for name, a in batch.items()
            }


def _padded(array, length):
    missing = [(0, 0)] * array.ndim
    missing[1] = (0, length - array.shape[1])
    return np.pad(array, missing)


def _litert(encoder, path, target, **settings):
    import tensorflow as tf

    encoder.export(
        str(path),
        format="litert",
        verbose=False,
        target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS], **target},
        **{"optimizations": [tf.lite.Optimize.DEFAULT], **settings},
    )


def _onnx_float16(encoder, float32, path, calibration):
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    graph = convert_float_to_float16(onnx.load(str(float32)), keep_io_types=True)
    onnx.save(graph, str(path))


def _onnx_int8(encoder, float32, path, calibration):
    """Attention's products in eight bits; those of feed-forwards only store so.

    onnxruntime's dynamic quantiser has one scale for all that goes into a product. What
    goes into a feed-forward, and still more what comes out of its activation, has
    outliers, which leave too few of the 255 steps for the rest, so that recall falls.
    Weights are unsigned: sums of signed ones overflow their 16 bits, unnoticed, on
    processors without VNNI.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    kept = [
        node.name
        for node in onnx.load(str(float32)).graph.node
        if node.op_type == "MatMul" and "feedforward" in node.name
    ]
    quantize_dynamic(
        str(float32),
        str(path),
        weight_type=QuantType.QUInt8,
        per_channel=True,
        nodes_to_exclude=kept,
    )
    model = onnx.load(str(path))
    for node in [node for node in model.graph.node if node.name in kept]:
        _store_in_eight_bits(model.graph, node)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _store_in_eight_bits(graph, product):
    """Puts int8 weights, a scale a column, and their expansion before a product."""
    from onnx import helper, numpy_helper

    name = product.input[1]
    stored = next(entry for entry in graph.initializer if entry.name == name)
    weights = numpy_helper.to_array(stored)
    scale = np.maximum(np.abs(weights).max(0) / 127, 1e-12).astype(np.float32)
    steps = np.round(weights / scale).astype(np.int8)
    graph.initializer.remove(stored)
    parts = {f"{name}_int8": steps, f"{name}_scale": scale}
    for part, array in parts.items():
        graph.initializer.append(numpy_helper.from_array(array, part))
    expand = helper.make_node("DequantizeLinear", list(parts), [name], axis=1)
    graph.node.insert(0, expand)


VARIANTS = {
    f"{variant.format}-{variant.name}": variant
    for variant in (
        Variant("litert", "float16", _litert_float16),
        Variant("litert", "int8", _litert_int8),
        Variant("litert", "full-int8", _litert_full_int8, calibrated=True),
        Variant("onnx", "float16", _onnx_float16),
        Variant("onnx", "int8", _onnx_int8),
    )
}


def check_variants(variants, formats, calibration):
    """Refuses variants that are unknown or that lack what they are made of.

    Args:
        variants: sequence of str.
        formats: sequence of str, the formats that are written.
        calibration: dict of lists of inputs by encoder, or None.

    Raises:
        ValueError: naming the variant and what would do.
    """
    for name in variants:
        if name not in VARIANTS:
            raise ValueError(
                f"variants has {name!r}: choose from {', '.join(VARIANTS)}."
            )
        if VARIANTS[name].format not in formats:
            raise ValueError(
                f"The variant {name} is made beside the float32 file: add "
                f"{VARIANTS[name].format} to formats={tuple(formats)}."
            )
        if VARIANTS[name].calibrated and not calibration:
            raise ValueError(
                f"The variant {name} needs a calibration set: give real inputs of both "
                "encoders (on the command line, --data)."
            )


def foreign_operators(path):
    """Names of the ops of a `.tflite` file that the plain interpreter does not have.

    Args:
        path: of the file.

    Returns:
        Sorted list of str: Flex ops (TensorFlow's own) and other custom ones.
    """
    from tensorflow.lite.python import schema_py_generated as schema

    content = path.read_bytes()
    model = schema.Model.GetRootAsModel(content, 0)
    codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
    return sorted(
        (code.CustomCode() or b"?").decode()
        for code in codes
        if code.BuiltinCode() == schema.BuiltinOperator.CUSTOM
    )
