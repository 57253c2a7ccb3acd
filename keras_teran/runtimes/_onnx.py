"""ONNX files. A session runs calls of several threads side by side."""

import numpy as np

from keras_teran._io import require_file
from keras_teran.runtimes._graph import Graph, naming

# As ONNX Runtime spells the element types that our graphs have.
DTYPES = {
    "tensor(float)": np.float32,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}
# Fatal faults alone: all others are raised, and need no second telling.
_FATAL = 4


def open_onnx(path):
    """Opens a `.onnx` file; see `Graph`.

    Raises:
        FileNotFoundError, ValueError: see `open_session`.
    """
    session = open_session(path)
    names = [output.name for output in session.get_outputs()]
    entries = session.get_inputs()

    def run(arrays):
        with naming(path, "cannot be run"):
            return dict(zip(names, session.run(names, arrays), strict=True))

    return Graph(
        {entry.name: DTYPES.get(entry.type, entry.type) for entry in entries},
        {
            entry.name: tuple(s if isinstance(s, int) else None for s in entry.shape)
            for entry in entries
        },
        run,
    )


def open_session(path, content=None):
    """A session of ONNX Runtime.

    Args:
        path: of the file.
        content: bytes, to open instead of what lies at `path`.

    Raises:
        FileNotFoundError: if there is no such file.
        ModuleNotFoundError: without `onnxruntime`.
        ValueError: of one line, if it is no ONNX file, or one that cannot be run.
    """
    import onnxruntime

    source = str(require_file(path)) if content is None else content
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    with naming(path, "is no ONNX file, or one that cannot be run"):
        return onnxruntime.InferenceSession(
            source,
            options,
            providers=["CPUExecutionProvider"],
            # Its second try after a failure prints what failed.
            disable_fallback=True,
        )
