"""Opens an exported encoder or scorer, in any of the three formats, without Keras.

This file needs NumPy and the runtime of the one format that is opened: TensorFlow,
`ai_edge_litert` or `onnxruntime`; and Pydantic where there is a manifest.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_teran._io import as_array, shown
from keras_teran.export._manifest import MANIFEST, check_opened, read_manifest
from keras_teran.runtimes import OPENERS

__all__ = ["ExportedEncoder", "open_exported", "open_graph", "read_manifest"]

# The dtypes of our graphs' inputs, and the kinds of array that each may be made of.
_KINDS = {"float32": "fiu", "int32": "iu", "uint8": "iu", "bool": "biu"}
_WANTED = {
    "float32": "floats",
    "int32": "integers",
    "uint8": "integers",
    "bool": "bools",
}


class ExportedEncoder:
    """An exported encoder or scorer, called as the Keras one: dict in, dict out.

    What the runtimes let pass is refused here, so that no vector that means nothing
    comes out: each checks other things, and none of them all. Several threads may call
    one encoder at once.

    Attributes:
        path: Path of the file, or of the folder of a SavedModel.
        inputs: dict of the inputs' names to their NumPy dtypes.
        shapes: dict of the inputs' names to their shapes, None where any size will do.

    Args:
        path: as the attribute.
        graph: `runtimes.Graph`, the opened file.
        limits: dict of the model's configuration: `vocabulary_size` and
            `caption_max_length` are used where they are there.

    Raises:
        ValueError: when the graph takes inputs of a dtype that ours do not have.
    """

    def __init__(self, path, graph, limits=()):
        self.path = Path(path)
        self.inputs = dict(graph.inputs)
        self.shapes = dict(graph.shapes)
        self._limits = dict(limits)
        self._run = graph.run
        for name, dtype in self.inputs.items():
            kind = dtype if isinstance(dtype, str) else np.dtype(dtype).name
            if kind not in _KINDS:
                raise ValueError(
                    f"{path} is no exported encoder: its input {shown(name)} is {kind}; "
                    f"encoders and scorers take {', '.join(_KINDS)}."
                )

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
                others; is of a kind that its dtype cannot hold; holds a number that is
                not finite in float32, padding included; a real box outside 0..1; or
                token ids that are no integers, negative or outside the vocabulary, or
                more of them than the encoder has positions. These two limits are read
                from the export's `manifest.json`; away from it only the runtime holds
                them. Also when the runtime refuses, or an output is not finite.
        """
        if not isinstance(inputs, Mapping):
            raise ValueError(
                f"{self.path.name} takes a dict of {sorted(self.inputs)}; received a "
                f"{type(inputs).__name__}."
            )
        if set(inputs) != set(self.inputs):
            raise ValueError(
                f"{self.path.name} takes the inputs {sorted(self.inputs)}, received "
                f"{sorted(map(str, inputs))}."
            )
        arrays = {name: as_array(name, inputs[name]) for name in self.inputs}
        for name, array in arrays.items():
            self._check_shape(name, array.shape)
        cast = {name: self._cast(name, array) for name, array in arrays.items()}
        self._check_agreement(cast)
        _check_boxes(cast)
        return self._checked(self._run(cast))

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

    def _cast(self, name, array):
        """The array in the file's dtype, none of its values changed."""
        dtype = np.dtype(self.inputs[name])
        if name == "token_ids":
            self._check_ids(array)
        if array.dtype.kind not in _KINDS[dtype.name]:
            raise ValueError(
                f"{name} is of {array.dtype}; give {_WANTED[dtype.name]} ({dtype})."
            )
        with np.errstate(over="ignore"):  # it is then infinite, which is refused
            cast = array.astype(dtype, copy=False)
        if dtype.kind == "f":
            if not np.isfinite(cast).all():
                raise ValueError(
                    f"{name} holds numbers that are not finite; masked "
                    "places must be finite too."
                )
        elif cast is not array and (cast != array).any():
            raise ValueError(
                f"{name} holds {array[cast != array][0]}, which is no {dtype}."
            )
        return cast

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

    def _checked(self, outputs):
        """Finite inputs have finite outputs, or else the weights are damaged."""
        for name, value in outputs.items():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                raise ValueError(
                    f"{self.path} gives {shown(name)} with numbers that are not finite: "
                    "its weights are damaged. Export the model again."
                )
        return outputs


def _check_boxes(arrays):
    """Refuses pixels where relative boxes are meant; the graph would take them."""
    if "boxes" not in arrays or "region_mask" not in arrays:
        return
    real = arrays["boxes"][arrays["region_mask"]]
    outside = ((real < 0) | (real > 1)).any(axis=-1)
    if outside.any():
        raise ValueError(
            f"boxes holds {real[outside][0].tolist()}, which lies outside 0..1; divide x "
            "by the picture's width and y by its height."
        )


def open_exported(path):
    """Opens one exported encoder; its format is told by its name and content.

    A file that lies in an export's folder must be as the folder's `manifest.json` says,
    see `_manifest.check_opened`. A file copied elsewhere stands by itself.

    Args:
        path: a folder with `saved_model.pb`, a `.tflite` or a `.onnx` file.

    Returns:
        An `ExportedEncoder`.

    Raises:
        FileNotFoundError: when nothing is there.
        ValueError: when it is none of the three, is damaged, or is not what the
            manifest of its folder names.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; export the model first.")
    opener = _opener(path)
    place = Path(os.path.abspath(path))
    limits = {}
    # Exports hold FORMAT/FILE; another manifest.json above a lone file is not ours.
    if place.parent.name in OPENERS and (place.parents[1] / MANIFEST).exists():
        limits = check_opened(place.parents[1], place)["config"]
    return ExportedEncoder(path, opener(path), limits)


def open_graph(path):
    """Opens a file alone, whatever a manifest says of it: for one just verified.

    Returns, and raises, what `open_exported` does.
    """
    return ExportedEncoder(path, _opener(Path(path))(Path(path)))


def _opener(path):
    if (path / "saved_model.pb").is_file():
        return OPENERS["savedmodel"]
    if path.suffix == ".tflite":
        return OPENERS["litert"]
    if path.suffix == ".onnx":
        return OPENERS["onnx"]
    raise ValueError(
        f"{path} is no exported encoder; give a folder with saved_model.pb, a .tflite "
        "or a .onnx file."
    )
