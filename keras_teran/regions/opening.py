"""An extractor by the name of its source, with what regions are to come out."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from keras_teran.data.packed import PackedRegions
from keras_teran.regions.extractor import BoxesOf, Cells, Grid, MapExtractor, Merged
from keras_teran.regions.graph_files import GraphFile

FILES = (".tflite", ".onnx")


@dataclass(frozen=True)
class Options:
    """What an extractor is told besides its source; None where it was not told.

    Attributes:
        tensor: str, name of the tensor (file) or layer (backbone) to take.
        size: int, height and width of the input.
        mean, std: float inputs of a file get (pixel - mean) / std.
        grid: ints: the picture in 3 × 3 parts for 3, and so on. What a file's regions
            are where nothing is said: 1, 3 and 5, 35 regions.
        cells: bool, each cell or patch a region: what a backbone's are.
        merge: int, cells merged to so many regions.
        boxes: folder of packed features: their boxes, image by image.
        most: int, regions kept of a detector's.
    """

    tensor: str | None = None
    size: int | None = None
    mean: list[float] = field(default_factory=lambda: [0.0])
    std: list[float] = field(default_factory=lambda: [255.0])
    grid: list[int] | None = None
    cells: bool = False
    merge: int | None = None
    boxes: str | None = None
    most: int = 36


def open_extractor(source, **options):
    """Opens an extractor.

    Args:
        source: a `.tflite` or `.onnx` file.
        **options: fields of `Options`.

    Returns:
        An `Extractor`; its `opened_as` is a dict of `source` and `options`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for options that contradict each other, or a source that is none of
            these.

    Example:
        >>> open_extractor("model.pkl")
        Traceback (most recent call last):
        ...
        ValueError: extractor 'model.pkl' is no .tflite or .onnx file.
    """
    chosen = Options(**options)
    source = str(source)
    if Path(source).suffix not in FILES:
        raise ValueError(f"extractor {source!r} is no .tflite or .onnx file.")
    regions = _regions(chosen, Grid([1, 3, 5]))
    model = GraphFile(
        source, chosen.tensor, chosen.size, _three(chosen.mean), _three(chosen.std)
    )
    extractor = MapExtractor(model, regions)
    extractor.opened_as = {
        "source": str(Path(source).resolve()),
        "options": asdict(chosen),
    }
    return extractor


def reopen_extractor(folder):
    """Opens the extractor that a store's features were extracted with.

    Args:
        folder: a store that `store_regions` wrote.

    Returns:
        An `Extractor`.

    Raises:
        FileNotFoundError: if the store does not say how it was extracted, or the
            extractor's file is gone.
        ValueError: if what is there now would give other features.
    """
    path = Path(folder) / "extractor.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} does not say what its features were extracted with: it has no "
            "extractor.json. Give the extractor."
        )
    written = json.loads(path.read_text(encoding="utf-8"))
    opened = written["opened_as"]
    extractor = open_extractor(opened["source"], **opened["options"])
    now = json.loads(json.dumps(extractor.identity))
    differing = [k for k in now if now[k] != written["identity"].get(k)]
    if differing:
        raise ValueError(
            f"{opened['source']} is not what the features in {folder} were extracted "
            f"with: {differing} differ. Give that one, or extract anew."
        )
    return extractor


def _regions(chosen, default):
    asked = {
        "grid": chosen.grid is not None,
        "cells": chosen.cells,
        "merge": chosen.merge is not None,
        "boxes": chosen.boxes is not None,
    }
    names = [name for name, is_asked in asked.items() if is_asked]
    if len(names) > 1:
        raise ValueError(f"{' and '.join(names)} exclude each other; give one of them.")
    if not names:
        return default
    if chosen.boxes is not None:
        return BoxesOf(PackedRegions(chosen.boxes), str(Path(chosen.boxes).resolve()))
    if chosen.merge is not None:
        return Merged(chosen.merge)
    return Cells() if chosen.cells else Grid(chosen.grid)


def _three(values):
    """One number, or one a channel."""
    values = list(values)
    if len(values) not in (1, 3):
        raise ValueError(f"mean and std take one number or three; received {values}.")
    return values
