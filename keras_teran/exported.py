"""Opens an exported encoder, in any of the three formats, without Keras.

This file needs NumPy and the runtime of the one format that is opened: TensorFlow,
`ai_edge_litert` or `onnxruntime`.
"""

from pathlib import Path

import numpy as np

SIGNATURE = "serving_default"


class ExportedEncoder:
    """An exported encoder, called as the Keras one: dict in, dict out.

    Attributes:
        path: Path of the file, or of the folder of a SavedModel.
        inputs: dict of the inputs' names to their NumPy dtypes.

    Args:
        path: as the attribute.
        inputs: as the attribute.
        run: function of a dict of NumPy arrays to a dict of arrays.
    """

    def __init__(self, path, inputs, run):
        self.path = Path(path)
        self.inputs = dict(inputs)
        self._run = run

    def __call__(self, inputs):
        """Encodes one batch.

        Args:
            inputs: dict of arrays by the names of `inputs`, (batch, length, ...) each,
                of any batch and length; cast to the dtypes of the file. Masks are True
                where something is real.

        Returns:
            Dict of NumPy arrays: the outputs of that encoder.

        Raises:
            ValueError: when an input is missing or unknown.
        """
        if set(inputs) != set(self.inputs):
            raise ValueError(
                f"{self.path.name} takes the inputs {sorted(self.inputs)}, received "
                f"{sorted(inputs)}."
            )
        cast = {
            name: np.asarray(inputs[name]).astype(dtype, copy=False)
            for name, dtype in self.inputs.items()
        }
        return {name: np.asarray(value) for name, value in self._run(cast).items()}


def open_exported(path):
    """Opens one exported encoder; its format is told by its name and content.

    Args:
        path: a folder with `saved_model.pb`, a `.tflite` or a `.onnx` file.

    Returns:
        An `ExportedEncoder`.

    Raises:
        FileNotFoundError: when nothing is there.
        ValueError: when it is none of the three.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; export the model first.")
    if (path / "saved_model.pb").is_file():
        return _saved_model(path)
    if path.suffix == ".tflite":
        return _litert(path)
    if path.suffix == ".onnx":
        return _onnx(path)
    raise ValueError(
        f"{path} is no exported encoder; give a folder with saved_model.pb, a .tflite "
        "or a .onnx file."
    )


def _saved_model(path):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    function = loaded.signatures[SIGNATURE]
    specs = function.structured_input_signature[1]

    # `loaded` is held here: the function alone does not keep its weights alive.
    def run(inputs, loaded=loaded):
        return function(**{name: tf.constant(value) for name, value in inputs.items()})

    inputs = {name: spec.dtype.as_numpy_dtype for name, spec in specs.items()}
    return ExportedEncoder(path, inputs, run)


def _litert(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner(SIGNATURE)
    details = runner.get_input_details()
    inputs = {name: detail["dtype"] for name, detail in details.items()}

    def run(arrays, interpreter=interpreter):
        return runner(**arrays)

    return ExportedEncoder(path, inputs, run)


# The three element types of the encoders, as ONNX Runtime spells them.
_ONNX_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


def _onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    inputs = {entry.name: _ONNX_DTYPES[entry.type] for entry in session.get_inputs()}

    def run(arrays):
        return dict(zip(names, session.run(names, arrays), strict=True))

    return ExportedEncoder(path, inputs, run)
