"""Feature maps from a LiteRT or ONNX file: any tensor that lies on a grid."""

import hashlib
import os

import numpy as np

from keras_teran._io import read_bytes, require_file
from keras_teran.runtimes import (
    InterpreterPool,
    naming,
    open_interpreter,
    open_session,
)
from keras_teran.vision import MOST_SIDE, as_maps

# Protocol buffers, and with them ONNX files, end at 2 GiB.
_MOST_BYTES = 2**31


class GraphFile:
    """A `MapModel` over a file; the two formats differ in how a tensor is reached.

    Several threads may call `maps` at once. Those of an ONNX file run side by side;
    those of a LiteRT file, which uses all cores by itself, in turn.

    Args:
        path: the `.tflite` or `.onnx` file: one input, a picture of three channels,
            (1, height, width, 3) or (1, 3, height, width).
        tensor: name of the tensor that holds the features; in a LiteRT file its number,
            or any of the names joined by `;` will do. Of shape (1, rows, columns, dim),
            or (1, dim, rows, columns) where the input has its channels first, or
            (1, tokens, dim) with the patches last. None: the first output.
        size: int, height and width of the input, where the file leaves it open or can
            be run at another.
        mean, std: numbers, or three each: what a float input is given is
            (pixel - mean) / std. An integer input gets the pixels.

    Raises:
        FileNotFoundError: if there is no file.
        ModuleNotFoundError: if the package that runs it is not installed.
        ValueError: if the file, its input or the tensor is of another kind.
    """

    def __init__(self, path, tensor=None, size=None, mean=0.0, std=255.0):
        path = require_file(path, f"There is no file {path} to extract regions with.")
        content = read_bytes(path, _MOST_BYTES)
        opener = {".tflite": _open_litert, ".onnx": _open_onnx}[path.suffix]
        shape, dtype, self._run, name = opener(path, content, tensor, size)
        self._channels_first = shape[1] == 3 and shape[3] != 3
        self.input_size = shape[2:] if self._channels_first else shape[1:3]
        self._dtype, self._mean, self._std = dtype, mean, std
        self.identity = {
            "extractor": path.suffix[1:],
            "file": path.name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "tensor": name,
            "input_size": list(self.input_size),
            "mean": mean,
            "std": std,
        }
        blank = np.zeros((1, *self.input_size, 3), np.uint8)
        self.map_size = self.maps(blank).shape[1:]

    def maps(self, pixels):
        """Features of pictures, one after the other, see `MapModel`."""
        name = f"Tensor {self.identity['tensor']!r} of {self.identity['file']}"
        maps = [self._run(self._values(each)) for each in pixels]
        for each in maps:
            if each.shape[:1] != (1,):
                raise ValueError(
                    f"{name} has the shape {each.shape} for a picture; regions need a "
                    "batch of 1. Name another tensor."
                )
        found = np.concatenate(maps)
        return as_maps(found, name, self._channels_first and found.ndim == 4)

    def _values(self, pixels):
        """One picture as the input takes it, with a batch of 1."""
        values = pixels
        if np.dtype(self._dtype).kind == "f":
            mean, std = np.asarray(self._mean), np.asarray(self._std)
            values = ((pixels - mean) / std).astype(self._dtype)
        if self._channels_first:
            values = np.moveaxis(values, -1, 0)
        return np.ascontiguousarray(values[None])


def _open_litert(path, content, tensor, size):
    from ai_edge_litert.interpreter import OpResolverType

    # Without these two, tensors inside the graph are fused away or overwritten.
    inner = {
        "experimental_op_resolver_type": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "experimental_preserve_all_tensors": True,
    }
    settings = {"num_threads": os.cpu_count(), **({} if tensor is None else inner)}
    first = open_interpreter(path, **settings)
    entry = _only_input(path, first.get_input_details())
    dtype = _picture_dtype(path, np.dtype(entry["dtype"]).name)
    shape = _picture_shape(path, entry["shape_signature"], size)

    def ready(interpreter):
        if tuple(entry["shape"]) != shape:
            interpreter.resize_tensor_input(entry["index"], shape)
        interpreter.allocate_tensors()
        return interpreter

    with naming(path, f"cannot be run at {shape[1:]}"):
        ready(first)
    found = _litert_tensor(path, first, tensor)
    scale, zero = found["quantization"]
    pool = InterpreterPool(
        path, lambda: ready(open_interpreter(path, **settings)), most=1, first=first
    )

    def features(interpreter, values):
        interpreter.set_tensor(entry["index"], values)
        interpreter.invoke()
        # A copy: the tensor itself is overwritten by the next call.
        return interpreter.get_tensor(found["index"]).astype(np.float32)

    def run(values):
        if dtype == "int8":
            values = (values.astype(np.int16) - 128).astype(np.int8)
        values = pool.use(lambda interpreter: features(interpreter, values))
        return (values - zero) * np.float32(scale) if scale else values

    return shape, dtype, run, found["name"]


def _litert_tensor(path, interpreter, tensor):
    if tensor is None:
        return _first(path, interpreter.get_output_details())
    details = [d for d in interpreter.get_tensor_details() if d["name"]]
    by_name = [d for d in details if d["name"] == tensor or str(d["index"]) == tensor]
    by_part = [d for d in details if tensor in d["name"].split(";")]
    found = by_name or by_part
    if len(found) == 1:
        return found[0]
    on_grid = [
        f"{d['index']} {d['name'].split(';')[0]} {tuple(map(int, d['shape']))}"
        for d in details
        if _on_grid(d["shape"])
    ]
    raise ValueError(
        f"{path} has {len(found)} tensors of the name or number {tensor!r}. On a grid "
        f"are: {_some(on_grid)}"
    )


def _on_grid(shape):
    return len(shape) == 4 and shape[0] == 1 and min(shape[1:]) > 1


def _open_onnx(path, content, tensor, size):
    session = open_session(path, content)
    outputs = [output.name for output in session.get_outputs()]
    name = _first(path, outputs) if tensor is None else tensor
    if name not in outputs:
        session = open_session(path, _with_output(path, content, name))
    entry = _only_input(path, session.get_inputs())
    dtypes = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}
    dtype = _picture_dtype(path, dtypes.get(entry.type, entry.type))
    shape = _picture_shape(path, entry.shape, size)

    def run(values):
        with naming(path, f"cannot be run at {shape[1:]}"):
            return session.run([name], {entry.name: values})[0].astype(np.float32)

    return shape, dtype, run, name


def _with_output(path, content, name):
    """The graph with one more output: ONNX Runtime gives nothing else out."""
    import onnx

    with naming(path, "is no ONNX file"):
        model = onnx.load_from_string(content)
    inner = [output for node in model.graph.node for output in node.output]
    if name not in inner:
        raise ValueError(f"{path} has no tensor {name!r}. It has: {_some(inner)}")
    model.graph.output.append(onnx.ValueInfoProto(name=name))
    return model.SerializeToString()


def _picture_dtype(path, dtype):
    if dtype not in ("float32", "uint8", "int8"):
        raise ValueError(
            f"{path} takes {dtype}; an extractor takes float32 or uint8 pictures."
        )
    return dtype


def _first(path, outputs):
    if not outputs:
        raise ValueError(f"{path} has no outputs; an extractor takes features of one.")
    return outputs[0]


def _only_input(path, inputs):
    if len(inputs) != 1:
        raise ValueError(
            f"{path} has {len(inputs)} inputs; an extractor takes pictures alone."
        )
    return inputs[0]


def _picture_shape(path, shape, size):
    """The input's shape with a batch of 1, `size` where it is given."""
    known = [
        side if isinstance(side, int | np.integer) and side > 0 else None
        for side in shape
    ]
    if len(known) != 4 or 3 not in (known[1], known[3]):
        raise ValueError(
            f"{path} takes an input of shape {tuple(known)}; an extractor takes "
            "(1, height, width, 3) or (1, 3, height, width)."
        )
    places = (2, 3) if known[3] != 3 else (1, 2)
    for place in places:
        known[place] = size or known[place]
        if known[place] is None:
            raise ValueError(f"{path} takes pictures of any size; give one (--size).")
        if known[place] > MOST_SIDE:
            raise ValueError(
                f"{path} takes pictures of {known[place]} pixels a side; at most "
                f"{MOST_SIDE} are extracted from."
            )
    return (1, *(int(side) for side in known[1:]))


def _some(names, most=8):
    last = ", ".join(map(str, names[-most:]))
    return f"..., {last}" if len(names) > most else last
