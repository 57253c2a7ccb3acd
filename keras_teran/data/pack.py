"""Packs the original layout, two files an image, into memory-mapped arrays."""

import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

_THREADS = 4
_IMAGES_PER_STEP = 64
_PROGRESS = "progress.json"


def pack(source, folder, dtype="float16", progress=True):
    """Writes region features as packed arrays, which ``PackedRegions`` reads.

    Everything is written to ``<folder>.partial`` and renamed at the end, so that a
    reader never sees half a store. A killed run, called again, goes on where it
    stopped. Every feature and box is checked on the way. Memory stays that of 64
    images, whatever their number.

    Args:
        source: an ``OriginalRegions``: the images to pack, in the order wanted.
        folder: the new folder.
        dtype: ``"float16"`` (half the disk; an error of 5e-4 of a value at most) or
            ``"float32"``.
        progress: whether to show a bar.

    Returns:
        ``pathlib.Path`` of the folder: ``regions.<dtype>.npy``, ``boxes.npy``,
        ``ids.npy`` and, where images differ in their number of regions,
        ``counts.npy``; the rest of a shorter row is 0.

    Raises:
        FileExistsError: if the folder exists.
        OSError: if the disk has too little room.
        ValueError: if a file is unusable (names it), a feature overflows ``dtype``, or
            the unfinished pack beside it is one of other images or of another shape.
    """
    if dtype not in ("float16", "float32"):
        raise ValueError(f"dtype must be 'float16' or 'float32'; received {dtype!r}.")
    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(
            f"{folder} exists already. Use it, give another folder, or remove it."
        )
    partial = folder.with_name(folder.name + ".partial")
    partial.mkdir(parents=True, exist_ok=True)
    plan = _plan(source, dtype)
    done = _resume(partial, plan)
    if done == 0:
        _require_space(partial, plan)
        _allocate(partial, source, dtype)
    _write_rows(partial, source, plan, done, progress)
    os.replace(partial, folder)
    # Last: a kill before the renaming must not lose count of what is done.
    (folder / _PROGRESS).unlink()
    return folder


def _plan(source, dtype):
    """What must be the same for a run to go on where another stopped."""
    per_image = np.stack([source.image_ids, source.counts])
    return {
        "images": len(source),
        "max_regions": source.max_regions,
        "region_dim": source.region_dim,
        "dtype": dtype,
        "ids_and_counts_sha256": hashlib.sha256(per_image.tobytes()).hexdigest(),
    }


def _resume(partial, plan):
    path = partial / _PROGRESS
    if not path.is_file():
        _save_progress(partial, plan, 0)
        return 0
    state = json.loads(path.read_text(encoding="utf-8"))
    if state["plan"] != plan:
        differing = [name for name in plan if state["plan"].get(name) != plan[name]]
        raise ValueError(
            f"{partial} is an unfinished pack of something else: {differing} differ. "
            "Remove it, or give another folder."
        )
    return state["images_done"]


def _save_progress(partial, plan, images_done):
    aside = partial / f"{_PROGRESS}.new"
    state = {"plan": plan, "images_done": images_done}
    aside.write_text(json.dumps(state, indent=1), encoding="utf-8")
    os.replace(aside, partial / _PROGRESS)


def _require_space(partial, plan):
    """Refuses before starting: a full disk kills a process that writes to a map."""
    regions = plan["images"] * plan["max_regions"]
    row = plan["region_dim"] * np.dtype(plan["dtype"]).itemsize + 4 * 4
    free = shutil.disk_usage(partial).free
    if regions * row > free:
        raise OSError(
            f"{partial} needs {regions * row / 1e9:.1f} GB, its disk has "
            f"{free / 1e9:.1f} GB free. Free some, or give a folder on another disk."
        )


def _allocate(partial, source, dtype):
    """Creates the files at full size; the system fills what is unwritten with 0."""
    shape = (len(source), source.max_regions)
    for name, file_dtype, last in (
        (f"regions.{dtype}.npy", dtype, source.region_dim),
        ("boxes.npy", "float32", 4),
    ):
        np.lib.format.open_memmap(
            partial / name, mode="w+", dtype=file_dtype, shape=(*shape, last)
        )
    np.save(partial / "ids.npy", source.image_ids)
    if (source.counts < source.max_regions).any():
        np.save(partial / "counts.npy", source.counts)


def _write_rows(partial, source, plan, done, progress):
    with (
        ThreadPoolExecutor(_THREADS) as threads,
        tqdm(
            total=len(source),
            initial=done,
            desc=f"packing {source.folder.name}",
            unit="image",
            disable=not progress,
        ) as bar,
    ):
        for start in range(done, len(source), _IMAGES_PER_STEP):
            image_ids = source.image_ids[start : start + _IMAGES_PER_STEP]
            images = list(threads.map(source.read_image, image_ids))
            _write_step(partial, start, image_ids, images, plan["dtype"])
            _save_progress(partial, plan, start + len(images))
            bar.update(len(images))


def _write_step(partial, start, image_ids, images, dtype):
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
