"""Packs the original layout, two files an image, into memory-mapped arrays."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_teran._io import progress_bar, write_json
from keras_teran.data._packed_files import (
    PICTURES,
    allocate,
    describe,
    discarded_if_refused,
    partial_folder,
    publish,
    resume,
    save_progress,
    write_rows,
)
from keras_teran.data.formats._karpathy import write_karpathy

_THREADS = 4
_IMAGES_PER_STEP = 64
_BYTES_PER_STEP = 2**28


def pack(source, folder, dtype="float16", progress=True, captions=None, split="train"):
    """Writes region features as packed arrays, which ``PackedRegions`` reads.

    Everything is written to ``<folder>.partial`` and renamed at the end, so that a
    reader never sees half a store. A killed run, called again, goes on where it
    stopped. Every feature and box is checked on the way. Memory stays that of 64
    images, whatever their number. Input that is refused before any image is written
    leaves nothing behind.

    Args:
        source: an ``OriginalRegions``: the images to pack, in the order wanted.
        folder: the new folder.
        dtype: ``"float16"`` (half the disk; an error of 5e-4 of a value at most) or
            ``"float32"``.
        progress: whether to show a bar.
        captions: the ``CaptionSet`` of these images, to be written with them.
        split: str, theirs.

    Returns:
        ``pathlib.Path`` of the folder: ``regions.<dtype>.npy``, ``boxes.npy``,
        ``ids.npy``, ``packed.json`` and, where images differ in their number of
        regions, ``counts.npy``; the rest of a shorter row is 0. With captions
        ``dataset_<split>.json`` and, where they have file names, ``pictures.json``.

    Raises:
        FileExistsError: if the folder exists.
        OSError: if the disk has too little room.
        ValueError: if a file is unusable (names it), a feature overflows ``dtype``, or
            the unfinished pack beside it is one of other images or of another shape.
    """
    folder, partial = partial_folder(folder, dtype)
    plan = _plan(source, dtype)
    done = resume(partial, plan)["images_done"]
    with discarded_if_refused(partial):
        if done == 0:
            allocate(partial, len(source), source.max_regions, source.region_dim, dtype)
            np.save(partial / "ids.npy", source.image_ids)
            if (source.counts < source.max_regions).any():
                np.save(partial / "counts.npy", source.counts)
        _write_all(partial, source, plan, done, progress)
    # Before the store appears: it has its captions, or is not there.
    describe(partial, source.box_units)
    if captions is not None:
        write_karpathy(partial / f"dataset_{split}.json", captions, split)
        if all(captions.filenames):
            write_json(partial / PICTURES, captions.filenames)
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
        "box_units": source.box_units,
        "source": hashlib.sha256(os.fsencode(source.folder.resolve())).hexdigest(),
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
        size = source.max_regions * source.region_dim * 4
        step = max(1, min(_IMAGES_PER_STEP, _BYTES_PER_STEP // size))
        for start in range(done, len(source), step):
            image_ids = source.image_ids[start : start + step]
            images = list(threads.map(source.read_image, image_ids))
            write_rows(partial, start, image_ids, images, plan["dtype"])
            save_progress(partial, plan, images_done=start + len(images))
            bar.update(len(images))
