"""Opens an exported encoder or scorer, in any of the three formats, without Keras.

This file needs NumPy and the runtime of the one format that is opened: TensorFlow,
`ai_edge_litert` or `onnxruntime`.
"""

import json
from pathlib import Path

import numpy as np

SIGNATURE = "serving_default"
MANIFEST = "manifest.json"


class ExportedEncoder:
    """An exported encoder or scorer, called as the Keras one: dict in, dict out.

    What the runtimes let pass is refused here, so that no vector that means nothing
    comes out: each checks other things, and none of them all.

    Attributes:
        path: Path of the file, or of the folder of a SavedModel.
        inputs: dict of the inputs' names to their NumPy dtypes.
        shapes: dict of the inputs' names to their shapes, None where any size will do.

    Args:
        path: as the attribute.
        inputs: as the attribute.
        shapes: as the attribute.
        run: function of a dict of NumPy arrays to a dict of arrays.
    """

    def __init__(self, path, inputs, shapes, run):
        self.path = Path(path)
        self.inputs = dict(inputs)
        self.shapes = dict(shapes)
        self._limits = _limits(self.path)
        self._run = run

    def __call__(self, inputs):
        """Encodes one batch, or scores two.

        Args:
            inputs: dict of arrays by the names of `inputs`, (batch, length, ...) each,
                of any batch and length, but none of 0; cast to the dtypes of the file.
                Masks are True where something is real.

        Returns:
            Dict of NumPy arrays: the outputs of that encoder.

        Raises:
            ValueError: when an input is missing or unknown; has another shape than the
                file's, no rows, or (in an encoder) another batch or length than the
                others; holds a number that is not finite, padding included; or token
                ids that are no integers, negative or outside the vocabulary, or more of
                them than the encoder has positions. These two limits are read from the
                export's `manifest.json`; away from it only the runtime holds them.
        """
        if set(inputs) != set(self.inputs):
            raise ValueError(
                f"{self.path.name} takes the inputs {sorted(self.inputs)}, received "
                f"{sorted(inputs)}."
            )
        arrays = {name: np.asarray(inputs[name]) for name in self.inputs}
        for name, array in arrays.items():
            self._check_shape(name, array.shape)
            self._check_values(name, array)
        self._check_agreement(arrays)
        cast = {
            name: arrays[name].astype(dtype, copy=False)
            for name, dtype in self.inputs.items()
        }
        return {name: np.asarray(value) for name, value in self._run(cast).items()}

    def _check_shape(self, name, shape):
        wanted = self.shapes[name]
        fits = len(shape) == len(wanted) and all(
            size == want or want is None
            for size, want in zip(shape, wanted, strict=True)
        )
        if not fits or 0 in shape:
            free = tuple("any" if size is None else size for size in wanted)
            raise ValueError(
                f"{name} has the shape {tuple(shape)}; {self.path.name} takes "
                f"({', '.join(map(str, free))}), where any is 1 or more."
            )

    def _check_values(self, name, array):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(
                f"{name} holds numbers that are not finite; masked "
                "places must be finite too."
            )
        if name == "token_ids":
            self._check_ids(array)

    def _check_ids(self, ids):
        if ids.dtype.kind not in "iu":
            raise ValueError(f"token_ids are {ids.dtype}; give integers.")
        tokens = self._limits.get("vocabulary_size", np.iinfo(np.int32).max)
        if ids.min() < 0 or ids.max() >= tokens:
            raise ValueError(
                f"token_ids lie in {ids.min()}..{ids.max()}, the vocabulary in "
                f"0..{tokens - 1}; tokenise with the export's own vocab.txt."
            )
        longest = self._limits.get("caption_max_length", np.inf)
        if ids.shape[1] > longest:
            raise ValueError(
                f"token_ids of shape {ids.shape} are longer than the {longest} positions "
                f"of the caption encoder; tokenise with max_length={longest}."
            )

    def _check_agreement(self, arrays):
        """An encoder's inputs are one batch; a scorer's are two of their own."""
        sizes = {name: array.shape[:2] for name, array in arrays.items()}
        if "word_embeddings" not in sizes and len(set(sizes.values())) > 1:
            told = ", ".join(f"{name} {size}" for name, size in sizes.items())
            raise ValueError(
                f"The inputs differ in batch or length: {told}; give them alike."
            )


def _limits(path):
    """Of the export that a file lies in: its architecture, or nothing."""
    manifest = path.absolute().parent.parent / MANIFEST
    if not manifest.is_file():
        return {}
    return json.loads(manifest.read_text(encoding="utf-8")).get("config", {})


def read_manifest(folder):
    """The dict of an export's `manifest.json`.

    Raises:
        FileNotFoundError: when the folder is no export.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} is no export (it has no {MANIFEST}); give the folder that "
            "`keras-teran export` wrote."
        )
    return json.loads(path.read_text(encoding="utf-8"))


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
    shapes = {name: tuple(spec.shape) for name, spec in specs.items()}
    return ExportedEncoder(path, inputs, shapes, run)


def _litert(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner(SIGNATURE)
    details = runner.get_input_details()
    inputs = {name: detail["dtype"] for name, detail in details.items()}
    shapes = {
        name: tuple(None if size < 0 else int(size) for size in d["shape_signature"])
        for name, d in details.items()
    }

    def run(arrays, interpreter=interpreter):
        return runner(**arrays)

    return ExportedEncoder(path, inputs, shapes, run)


# The three element types of the encoders, as ONNX Runtime spells them.
_ONNX_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}


def _onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    inputs = {entry.name: _ONNX_DTYPES[entry.type] for entry in session.get_inputs()}
    shapes = {
        entry.name: tuple(s if isinstance(s, int) else None for s in entry.shape)
        for entry in session.get_inputs()
    }

    def run(arrays):
        return dict(zip(names, session.run(names, arrays), strict=True))

    return ExportedEncoder(path, inputs, shapes, run)
