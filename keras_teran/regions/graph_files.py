"""Feature maps from a LiteRT or ONNX file: any tensor that lies on a grid."""

import hashlib
import os
from pathlib import Path

import numpy as np

from keras_teran.regions.tokens import as_maps


class GraphFile:
    """A `MapModel` over a file; the two formats differ in how a tensor is reached.

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
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {path} to extract regions with.")
        opener = {".tflite": _open_litert, ".onnx": _open_onnx}[path.suffix]
        shape, dtype, self._run, name = opener(path, tensor, size)
        self._channels_first = shape[1] == 3 and shape[3] != 3
        self.input_size = shape[2:] if self._channels_first else shape[1:3]
        self._dtype, self._mean, self._std = dtype, mean, std
        self.identity = {
            "extractor": path.suffix[1:],
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "tensor": name,
            "input_size": list(self.input_size),
            "mean": mean,
            "std": std,
        }
        blank = np.zeros((1, *self.input_size, 3), np.uint8)
        self.map_size = self.maps(blank).shape[1:]

    def maps(self, pixels):
        """Features of pictures, one after the other, see `MapModel`."""
        values = pixels
        if np.dtype(self._dtype).kind == "f":
            mean, std = np.asarray(self._mean), np.asarray(self._std)
            values = ((pixels - mean) / std).astype(self._dtype)
        if self._channels_first:
            values = np.moveaxis(values, -1, 1)
        found = np.concatenate(
            [self._run(np.ascontiguousarray(v[None])) for v in values]
        )
        name = f"Tensor {self.identity['tensor']!r} of {self.identity['file']}"
        return as_maps(found, name, self._channels_first and found.ndim == 4)


def _open_litert(path, tensor, size):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # Without these two, tensors inside the graph are fused away or overwritten.
    inner = {
        "experimental_op_resolver_type": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "experimental_preserve_all_tensors": True,
    }
    try:
        interpreter = Interpreter(
            model_path=str(path),
            num_threads=os.cpu_count(),
            **({} if tensor is None else inner),
        )
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is no LiteRT file: {_line(error)}") from error
    entry = _only_input(path, interpreter.get_input_details())
    shape = _picture_shape(path, entry["shape_signature"], size)
    if tuple(entry["shape"]) != shape:
        interpreter.resize_tensor_input(entry["index"], shape)
    try:
        interpreter.allocate_tensors()
    except RuntimeError as error:
        raise ValueError(
            f"{path} cannot be run at {shape[1:]}: {_line(error)}"
        ) from error
    found = _litert_tensor(path, interpreter, tensor)
    scale, zero = found["quantization"]
    signed = np.dtype(entry["dtype"]) == np.int8

    def run(values):
        if signed:
            values = (values.astype(np.int16) - 128).astype(np.int8)
        interpreter.set_tensor(entry["index"], values)
        interpreter.invoke()
        features = interpreter.get_tensor(found["index"]).astype(np.float32)
        return (features - zero) * np.float32(scale) if scale else features

    return shape, entry["dtype"], run, found["name"]


def _litert_tensor(path, interpreter, tensor):
    if tensor is None:
        return interpreter.get_output_details()[0]
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


def _open_onnx(path, tensor, size):
    import onnxruntime

    content = path.read_bytes()
    try:
        session = _session(onnxruntime, content)
        outputs = [output.name for output in session.get_outputs()]
        name = outputs[0] if tensor is None else tensor
        if name not in outputs:
            session = _session(onnxruntime, _with_output(path, content, name))
    except onnxruntime.capi.onnxruntime_pybind11_state.Fail as error:
        raise ValueError(f"{path} cannot be run: {_line(error)}") from error
    except onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf as error:
        raise ValueError(f"{path} is no ONNX file: {_line(error)}") from error
    entry = _only_input(path, session.get_inputs())
    shape = _picture_shape(path, entry.shape, size)
    dtypes = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}
    if entry.type not in dtypes:
        raise ValueError(
            f"{path} takes {entry.type}; an extractor takes float32 or uint8 pictures."
        )

    def run(values):
        return session.run([name], {entry.name: values})[0].astype(np.float32)

    return shape, dtypes[entry.type], run, name


def _session(onnxruntime, content):
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def _with_output(path, content, name):
    """The graph with one more output: ONNX Runtime gives nothing else out."""
    import onnx

    model = onnx.load_from_string(content)
    inner = [output for node in model.graph.node for output in node.output]
    if name not in inner:
        raise ValueError(f"{path} has no tensor {name!r}. It has: {_some(inner)}")
    model.graph.output.append(onnx.ValueInfoProto(name=name))
    return model.SerializeToString()


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
    return (1, *(int(side) for side in known[1:]))


def _some(names, most=8):
    last = ", ".join(map(str, names[-most:]))
    return f"..., {last}" if len(names) > most else last


def _line(error):
    return " ".join(str(error).split())
