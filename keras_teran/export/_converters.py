"""One Keras encoder to one file, in each format; what the converters say is kept in."""

import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

# tf2onnx 1.17 writes no newer one.
ONNX_OPSET = 18


@dataclass(frozen=True)
class Converter:
    """How one format is written.

    Attributes:
        convert: function of (encoder, path) that writes the file or folder.
        suffix: str, of the path.
        packages: dict of the modules that writing and checking need to the names they
            are installed by.
    """

    convert: Callable
    suffix: str
    packages: dict


def to_saved_model(encoder, path):
    """Writes a SavedModel folder with the signature `serving_default`.

    By TensorFlow's own means: `encoder.export` of Keras 3.15 stores each weight twice.
    """
    import tensorflow as tf

    module = tf.Module()
    module.weights = [variable.value for variable in encoder.weights]
    specs = {
        name: tf.TensorSpec(tensor.shape, tensor.dtype, name=name)
        for name, tensor in encoder.input.items()
    }

    @tf.function(input_signature=[specs])
    def serve(inputs):
        return encoder(inputs, training=False)

    signatures = {"serving_default": serve.get_concrete_function()}
    tf.saved_model.save(module, str(path), signatures=signatures)


def to_litert(encoder, path):
    """Writes a `.tflite` file of LiteRT's own ops only.

    Ops of TensorFlow's in it would need another runtime than the plain interpreter, so
    the converter is made to refuse them.
    """
    import tensorflow as tf

    builtins = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    encoder.export(str(path), format="litert", verbose=False, target_spec=builtins)


# Two sides of their own size: ONNX Runtime takes dimensions of one name for equal.
_SCORER_AXES = {
    "region_embeddings": ("images", "regions"),
    "word_embeddings": ("captions", "words"),
    "similarity": ("images", "captions"),
    "alignment": ("images", "captions", "regions", "words"),
}


def to_onnx(encoder, path):
    """Writes a `.onnx` file with names for its dynamic dimensions.

    `batch` and `length` in an encoder; in a scorer `images`, `regions`, `captions` and
    `words`.
    """
    import onnx

    _teach_erfc()
    encoder.export(str(path), format="onnx", verbose=False, opset_version=ONNX_OPSET)
    graph = onnx.load(str(path))
    # tf2onnx leaves constants that it folded away behind as inputs of no use.
    own = [value for value in graph.graph.input if value.name in encoder.input]
    del graph.graph.input[:]
    graph.graph.input.extend(own)
    named = _SCORER_AXES if "similarity" in encoder.output else {}
    for value in (*graph.graph.input, *graph.graph.output):
        sizes = value.type.tensor_type.shape.dim
        names = named.get(value.name, ("batch", "length"))
        for size, name in zip(sizes, names, strict=False):
            if not size.HasField("dim_value"):
                size.dim_param = name
    onnx.checker.check_model(graph)
    onnx.save(graph, str(path))


def _teach_erfc():
    """Tells tf2onnx 1.17 of `Erfc`, the exact GELU's, which it lacks: 1 - erf."""
    from tf2onnx import utils
    from tf2onnx.handler import tf_op

    @tf_op("Erfc")
    class _Erfc:
        @classmethod
        def version_9(cls, ctx, node, **kwargs):
            dtype = utils.map_onnx_to_numpy_type(ctx.get_dtype(node.input[0]))
            one = ctx.make_const(utils.make_name("one"), np.ones((), dtype))
            erf = ctx.make_node("Erf", node.input[:1]).output[0]
            shapes, dtypes = node.output_shapes, node.output_dtypes
            ctx.remove_node(node.name)
            ctx.make_node(
                "Sub",
                [one.output[0], erf],
                name=node.name,
                outputs=node.output,
                shapes=shapes,
                dtypes=dtypes,
            )


CONVERTERS = {
    "savedmodel": Converter(to_saved_model, "", {}),
    "litert": Converter(to_litert, ".tflite", {"ai_edge_litert": "ai-edge-litert"}),
    "onnx": Converter(
        to_onnx,
        ".onnx",
        {"onnx": "onnx", "tf2onnx": "tf2onnx", "onnxruntime": "onnxruntime"},
    ),
}


@contextmanager
def quiet():
    """Keeps what Python and native code print in; shows its end if an error is raised.

    The converters write dozens of lines to the process's own stdout and stderr, past
    `sys.stdout`, so the file descriptors themselves are turned aside.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as chatter, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = [os.dup(1), os.dup(2)]
        try:
            os.dup2(chatter.fileno(), 1)
            os.dup2(chatter.fileno(), 2)
            yield
        except Exception as error:
            sys.stderr.flush()
            chatter.seek(0)
            lines = chatter.read().decode(errors="replace").splitlines()
            error.add_note("\n".join(["The converter's last words:", *lines[-20:]]))
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for copy, descriptor in zip(kept, (1, 2), strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
