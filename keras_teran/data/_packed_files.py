"""The files of a packed store while it is written: rows, progress, room on the disk."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pydantic

from keras_teran import _io
from keras_teran._io import check_folder, map_npy, read_json
from keras_teran.data._checks import remedied

PROGRESS = "progress.json"
DESCRIPTION = "packed.json"
PICTURES = "pictures.json"


class Description(pydantic.BaseModel, extra="forbid"):
    """What `packed.json` says.

    Attributes:
        version: of the format.
        box_units: how the boxes came, before they were divided by width and height.
    """

    version: Literal[1] = 1
    box_units: Literal["relative", "pixels"] = "relative"


class _Progress(pydantic.BaseModel, extra="forbid"):
    """What `progress.json` says; `rows` and `bad` only where images are left out."""

    plan: dict[str, Any]
    images_done: pydantic.NonNegativeInt
    rows: pydantic.NonNegativeInt | None = None
    bad: list[Annotated[list[str], pydantic.Field(min_length=2, max_length=2)]] = []

    @pydantic.model_validator(mode="after")
    def _agree(self):
        if self.rows is not None and self.rows + len(self.bad) != self.images_done:
            raise ValueError("rows and bad are not as many as images_done")
        return self


def new_folder(folder):
    """Refuses a folder that is there, or that cannot be made.

    Returns:
        `pathlib.Path`.

    Raises:
        FileExistsError: if something is there.
        ValueError: if something else than a folder is above it.
    """
    folder = Path(folder)
    if os.path.lexists(folder):
        raise FileExistsError(
            f"{folder} exists already. Use it, give another folder, or remove it."
        )
    return check_folder(folder)


def partial_folder(folder, dtype):
    """The folder in which a store is written until it is whole: `<folder>.partial`.

    Args:
        folder: the new store.
        dtype: of its features.

    Returns:
        `(folder, partial)`: Paths.

    Raises:
        FileExistsError: if the store exists.
        ValueError: for another dtype.
    """
    if dtype not in ("float16", "float32"):
        raise ValueError(f"dtype must be 'float16' or 'float32'; received {dtype!r}.")
    folder = new_folder(folder)
    partial = folder.with_name(folder.name + ".partial")
    partial.mkdir(parents=True, exist_ok=True)
    return folder, partial


def resume(partial, plan):
    """What an earlier run left behind.

    Args:
        partial: Path.
        plan: dict, JSON's kinds: what must be the same for a run to go on where another
            stopped.

    Returns:
        dict: what `save_progress` was last told; `images_done` is 0 at first.

    Raises:
        ValueError: if what was left is of another plan.
    """
    path = partial / PROGRESS
    if not path.is_file():
        save_progress(partial, plan, images_done=0)
        return {"images_done": 0}
    remedy = f"Remove {partial}, or give another folder."
    with remedied(remedy):
        state = read_json(path, _Progress)
    if state.plan != plan:
        differing = [name for name in plan if state.plan.get(name) != plan[name]]
        raise ValueError(
            f"{partial} is an unfinished pack of something else: "
            f"{differing or [*state.plan.keys() - plan.keys()]} differ. {remedy}"
        )
    if state.images_done > plan["images"]:
        raise ValueError(
            f"{path}: images_done is {state.images_done} of {plan['images']}. {remedy}"
        )
    if state.images_done:
        with remedied(remedy):
            _require_allocated(partial, plan, state)
    return state.model_dump(exclude={"plan"}, exclude_none=True)


def _require_allocated(partial, plan, state):
    rows = state.images_done if state.rows is None else state.rows
    for name, last in (
        (f"regions.{plan['dtype']}.npy", plan["region_dim"]),
        ("boxes.npy", 4),
    ):
        found = map_npy(partial / name).shape
        # A run that stopped at its end has cut the rows that it did not need.
        if found[1:] != (plan["max_regions"], last) or found[0] < rows:
            raise ValueError(f"{partial / name} has another shape, {found}.")


def save_progress(partial, plan, **state):
    """Records that all that is told in `state` is on the disk."""
    _io.write_json(partial / PROGRESS, {"plan": plan, **state})


def allocate(partial, images, max_regions, region_dim, dtype):
    """Creates the files at full size; the system fills what is unwritten with 0.

    Raises:
        OSError: if the disk has too little room; nothing is created then.
    """
    _require_space(partial, images, max_regions, region_dim, dtype)
    for name, file_dtype, last in (
        (f"regions.{dtype}.npy", dtype, region_dim),
        ("boxes.npy", "float32", 4),
    ):
        np.lib.format.open_memmap(
            partial / name,
            mode="w+",
            dtype=file_dtype,
            shape=(images, max_regions, last),
        )


def write_rows(partial, start, image_ids, images, dtype):
    """Writes the features and boxes of some images to the disk.

    Args:
        partial: Path.
        start: int, the row of the first.
        image_ids: their ids, for the error.
        images: list of `(features, boxes)`, float32 (regions, dim) and (regions, 4).
        dtype: of the file.

    Raises:
        ValueError: if a feature is too large for `dtype`.
    """
    # Mapped anew each step: what a map has touched stays in its process's memory.
    regions = np.load(partial / f"regions.{dtype}.npy", mmap_mode="r+")
    boxes = np.load(partial / "boxes.npy", mmap_mode="r+")
    for row, (image_id, (features, places)) in enumerate(
        zip(image_ids, images, strict=True), start=start
    ):
        if np.abs(features).max() > np.finfo(dtype).max:
            raise ValueError(
                f"The features of image {image_id} reach {np.abs(features).max():.4g}, "
                f"too large for {dtype}. Pack as float32."
            )
        regions[row, : len(features)] = features
        boxes[row, : len(places)] = places
    regions.flush()
    boxes.flush()


def shrink(path, rows):
    """Cuts an `.npy` file to its first rows, in place; twice is as good as once.

    NumPy leaves room in a file's header for any number of rows, so the header is
    written over and what follows stays where it is.

    Args:
        path: Path of the file, of version 1.0 of the format.
        rows: int, at most as many as it has.
    """
    array = np.load(path, mmap_mode="r")
    shape, dtype = (rows, *array.shape[1:]), array.dtype
    header = np.lib.format.header_data_from_array_1_0(array) | {"shape": shape}
    with open(path, "r+b") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + int(np.prod(shape)) * dtype.itemsize)


def describe(partial, box_units):
    """Writes `packed.json`.

    Args:
        partial: Path.
        box_units: str, "relative" or "pixels": how the boxes came.
    """
    _io.write_json(partial / DESCRIPTION, Description(box_units=box_units).model_dump())


@contextlib.contextmanager
def discarded_if_refused(partial):
    """Removes what was begun where input is refused before any of it is done.

    What a longer run has done is kept: the same command goes on once the input is
    mended.
    """
    try:
        yield
    except (ValueError, OSError):
        with contextlib.suppress(ValueError, OSError):
            if not read_json(partial / PROGRESS, _Progress).images_done:
                shutil.rmtree(partial)
        raise


def publish(partial, folder):
    """Makes a store visible: it appears whole, under its name."""
    _io.put_in_place(partial, folder)
    # Last: a kill before the renaming must not lose count of what is done.
    (folder / PROGRESS).unlink()


def _require_space(partial, images, max_regions, region_dim, dtype):
    """Refuses before starting: a full disk kills a process that writes to a map."""
    size = images * max_regions * (region_dim * np.dtype(dtype).itemsize + 4 * 4)
    free = shutil.disk_usage(partial).free
    if size > free:
        raise OSError(
            f"{partial} needs {size / 1e9:.1f} GB, its disk has "
            f"{free / 1e9:.1f} GB free. Free some, or give a folder on another disk."
        )
