"""An extractor by the name of its source, with what regions are to come out."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import pydantic

from keras_teran._io import check, read_json
from keras_teran.data import PackedRegions
from keras_teran.extract._extractor import (
    BoxesOf,
    Cells,
    Grid,
    MapExtractor,
    Merged,
)
from keras_teran.extract._graph_files import GraphFile
from keras_teran.vision import MOST_SIDE

FILES = (".tflite", ".onnx")
# (pixel - mean) / std stays far inside float32.
_Mean = Annotated[float, pydantic.Field(ge=-1e6, le=1e6)]
_Std = Annotated[float, pydantic.Field(ge=1e-6, le=1e6)]


class Options(pydantic.BaseModel, extra="forbid", frozen=True):
    """What an extractor is told besides its source; None where it was not told.

    Attributes:
        tensor: str, name of the tensor (file) or layer (backbone) to take.
        size: int, height and width of the input, up to `vision.MOST_SIDE`.
        mean, std: the network gets (pixel - mean) / std, one number or three each;
            where not said, a file's float input 0 to 1, a preset what it asks for.
        grid: ints: the picture in 3 × 3 parts for 3, and so on. What a file's regions
            are where nothing is said: 1, 3 and 5, 35 regions.
        cells: bool, each cell or patch a region: what a backbone's are.
        merge: int, cells merged to so many regions.
        boxes: folder of packed features: their boxes, image by image.
        top: int, a detector's best boxes; 36 where nothing is said.
    """

    tensor: str | None = None
    size: Annotated[int, pydantic.Field(ge=1, le=MOST_SIDE)] | None = None
    mean: list[_Mean] | None = None
    std: list[_Std] | None = None
    grid: list[int] | None = None
    cells: bool = False
    merge: int | None = None
    boxes: str | None = None
    top: pydantic.PositiveInt | None = None


class _OpenedAs(pydantic.BaseModel, extra="forbid"):
    source: str
    options: Options


class _Written(pydantic.BaseModel):
    """What a store's `extractor.json` says."""

    opened_as: _OpenedAs
    identity: dict[str, Any]


def open_extractor(source, **options):
    """Opens an extractor.

    Args:
        source: a `.tflite` or `.onnx` file, or what KerasHub loads: a preset's name, an
            `hf://` address or a folder, of a backbone of pictures or a detector
            (D-FINE, RetinaNet).
        **options: fields of `Options`.

    Returns:
        An `Extractor`; its `opened_as` is a dict of `source` and `options`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for options that contradict each other or are out of range, or a
            source that cannot be loaded or is of another kind.

    Example:
        >>> open_extractor("model.onnx", grid=[3], merge=36)
        Traceback (most recent call last):
        ...
        ValueError: grid and merge exclude each other; give one of them.
    """
    chosen = check({k: _plain(v) for k, v in options.items()}, Options, "extractor")
    for name in ("mean", "std"):
        _check_channels(name, getattr(chosen, name))
    source = str(source)
    if Path(source).suffix in FILES:
        extractor = _of_file(source, chosen)
    else:
        extractor = _of_preset(source, chosen)
    # So that a store knows its extractor wherever it is used from.
    place = str(Path(source).resolve()) if Path(source).exists() else source
    extractor.opened_as = {"source": place, "options": chosen.model_dump()}
    return extractor


def _of_file(source, chosen):
    _refuse_top(source, chosen)
    regions = _regions(chosen, Grid([1, 3, 5]))
    normal = {"mean": chosen.mean or [0.0], "std": chosen.std or [255.0]}
    model = GraphFile(source, chosen.tensor, chosen.size, **normal)
    return MapExtractor(model, regions)


def _of_preset(source, chosen):
    from keras_teran.extract._backbones import BackboneMaps
    from keras_teran.extract._detectors import TOP, DetectorRegions, network_of
    from keras_teran.vision import load_backbone, load_detector

    regions = _regions(chosen, Cells())
    backbone = load_backbone(source, chosen.size)
    taken = chosen.size, chosen.mean, chosen.std
    if (network := network_of(backbone)) is not None:
        _refuse_maps(source, chosen)
        found = network(load_detector(source, chosen.size))
        return DetectorRegions(found, source, chosen.top or TOP, *taken)
    _refuse_top(source, chosen)
    return MapExtractor(BackboneMaps(backbone, source, chosen.tensor, *taken), regions)


def _refuse_top(source, chosen):
    if chosen.top is not None:
        raise ValueError(
            f"top={chosen.top} counts a detector's boxes, and {source} is none; give "
            "grid, cells, merge or boxes."
        )


def _refuse_maps(source, chosen):
    names = ("tensor", "grid", "cells", "merge", "boxes")
    if given := [name for name in names if getattr(chosen, name)]:
        raise ValueError(
            f"{', '.join(given)}: {source} is a detector, whose regions are the boxes "
            "that it finds; give top, how many."
        )


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
    written = read_json(
        path,
        _Written,
        missing=f"{folder} does not say what its features were extracted with: it has no "
        "extractor.json. Give the extractor.",
    )
    opened = written.opened_as
    extractor = open_extractor(opened.source, **opened.options.model_dump())
    now = json.loads(json.dumps(extractor.identity))
    differing = [k for k in now if now[k] != written.identity.get(k)]
    if differing:
        raise ValueError(
            f"{opened.source} is not what the features in {folder} were extracted "
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


def _plain(value):
    """What stands in an `extractor.json` for a path or a tuple."""
    if isinstance(value, os.PathLike):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _check_channels(name, values):
    if values is not None and len(values) not in (1, 3):
        raise ValueError(f"{name} takes one number or three; received {values}.")
