"""Packs the original layout, two files an image, into memory-mapped arrays."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_teran._io.bars import progress_bar
from keras_teran.data.packed_files import (
    allocate,
    partial_folder,
    publish,
    resume,
    save_progress,
    write_rows,
)

_THREADS = 4
_IMAGES_PER_STEP = 64


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
    folder, partial = partial_folder(folder, dtype)
    plan = _plan(source, dtype)
    done = resume(partial, plan)["images_done"]
    if done == 0:
        allocate(partial, len(source), source.max_regions, source.region_dim, dtype)
        np.save(partial / "ids.npy", source.image_ids)
        if (source.counts < source.max_regions).any():
            np.save(partial / "counts.npy", source.counts)
    _write_all(partial, source, plan, done, progress)
    publish(partial, folder)
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


def _write_all(partial, source, plan, done, progress):
    with (
        ThreadPoolExecutor(_THREADS) as threads,
        progress_bar(
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
            write_rows(partial, start, image_ids, images, plan["dtype"])
            save_progress(partial, plan, images_done=start + len(images))
            bar.update(len(images))
