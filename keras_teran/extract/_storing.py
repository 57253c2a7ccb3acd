"""Regions of many pictures into a packed store, at any moment as good as resumable."""

import hashlib
import json
import os
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_teran import _io
from keras_teran._io import (
    all_finite,
    progress_bar,
)
from keras_teran.data import (
    PICTURES,
    allocate,
    describe,
    discarded_if_refused,
    partial_folder,
    publish,
    resume,
    save_progress,
    shrink,
    write_rows,
)
from keras_teran.vision import MOST_THREADS, BadImage, box_fault, decode, fit

EXTRACTOR_FILE = "extractor.json"
BAD_FILE = "bad.json"


def store_regions(
    extractor, pictures, folder, dtype="float16", batch_size=32, threads=None, bar=True
):
    """Extracts the regions of pictures and writes them as packed arrays.

    All is written to `<folder>.partial` and renamed at the end. A killed run, called
    again, goes on behind its last whole batch. While one batch is extracted the next is
    decoded; in memory are those two, at the size that the extractor takes, and what
    each thread is decoding (of pictures over 16 million pixels one at a time).

    A picture that cannot be used has no row; it is listed.

    Args:
        extractor: an `Extractor`.
        pictures: `Pictures`.
        folder: the new store.
        dtype: "float16" or "float32", of the features.
        batch_size: int, pictures extracted together; what a kill can lose.
        threads: int, that decode; None for one a core.
        bar: bool, show one.

    Returns:
        list of `(name, fault)`: the pictures that are not in the store. It stands in
        the store's `bad.json` too; `extractor.json` has the extractor's identity,
        `pictures.json` the names in the order of the rows.

    Raises:
        FileExistsError: if the folder exists.
        OSError: if the disk has too little room.
        ValueError: if a number is out of range, no picture can be used, the extractor
            gives features that are not finite or too large for `dtype`, or what was left
            is of another run.
    """
    _io.whole("batch_size", batch_size, least=1)
    if threads is not None:
        _io.whole("threads", threads, least=1, most=MOST_THREADS)
    folder, partial = partial_folder(folder, dtype)
    plan = _plan(extractor, pictures, dtype)
    state = {"rows": 0, "bad": []} | resume(partial, plan)
    with discarded_if_refused(partial), warnings.catch_warnings():
        if state["images_done"] == 0:
            _begin(partial, len(pictures.names), extractor, dtype)
        # What is too large is refused, with a line of its own.
        warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
        _store_all(extractor, pictures, partial, plan, state, batch_size, threads, bar)
    if not state["rows"]:
        name, fault = state["bad"][0]
        # It would only say so again.
        shutil.rmtree(partial)
        raise ValueError(
            f"None of the {len(pictures.names)} pictures can be used; {name}: {fault}."
        )
    _end(partial, extractor, pictures, state)
    publish(partial, folder)
    return [tuple(each) for each in state["bad"]]


def _plan(extractor, pictures, dtype):
    """What must be the same for a run to go on where another stopped."""
    listed = json.dumps([pictures.image_ids.tolist(), pictures.names])
    plan = {
        "images": len(pictures.names),
        "ids_and_names_sha256": hashlib.sha256(listed.encode()).hexdigest(),
        "max_regions": extractor.max_regions,
        "region_dim": extractor.region_dim,
        "dtype": dtype,
        "extractor": extractor.identity,
    }
    # As it will be read again: no tuples.
    return json.loads(json.dumps(plan))


def _begin(partial, images, extractor, dtype):
    allocate(partial, images, extractor.max_regions, extractor.region_dim, dtype)
    np.save(partial / "ids.npy", np.zeros(images, np.int64))
    np.save(partial / "counts.npy", np.zeros(images, np.int64))


def _store_all(extractor, pictures, partial, plan, state, batch_size, threads, bar):
    total = len(pictures.names)
    starts = range(state["images_done"], total, batch_size)
    height, width = extractor.input_size

    def load(path):
        try:
            return fit(decode(path, max(height, width)), height, width)
        except BadImage as error:
            return error

    with (
        ThreadPoolExecutor(threads or os.cpu_count()) as pool,
        progress_bar(
            total=total,
            initial=state["images_done"],
            desc="extracting regions",
            unit="image",
            disable=not bar,
        ) as shown,
    ):
        pieces = (pictures.paths[start : start + batch_size] for start in starts)
        for start, loaded in zip(starts, _ahead(pool, load, pieces), strict=True):
            _store_batch(extractor, pictures, partial, plan, state, start, loaded)
            shown.update(len(loaded))


def _ahead(pool, load, pieces):
    """Lists of what was loaded; the next piece is begun before one is given out."""
    waiting = None
    for piece in pieces:
        begun = [pool.submit(load, path) for path in piece]
        if waiting is not None:
            yield [each.result() for each in waiting]
        waiting = begun
    if waiting is not None:
        yield [each.result() for each in waiting]


def _store_batch(extractor, pictures, partial, plan, state, start, loaded):
    good = [start + k for k, e in enumerate(loaded) if not isinstance(e, BadImage)]
    ids = pictures.image_ids[good]
    if good:
        found = extractor.extract([loaded[k - start] for k in good], ids)
        _check(found, [pictures.names[k] for k in good])
        row = state["rows"]
        write_rows(partial, row, ids, found, plan["dtype"])
        _write(partial / "ids.npy", row, ids)
        _write(partial / "counts.npy", row, [len(boxes) for _, boxes in found])
    bad = [
        [pictures.names[start + k], str(each)]
        for k, each in enumerate(loaded)
        if isinstance(each, BadImage)
    ]
    state |= {
        "images_done": start + len(loaded),
        "rows": state["rows"] + len(good),
        "bad": state["bad"] + bad,
    }
    save_progress(partial, plan, **state)


def _write(path, row, values):
    array = np.load(path, mmap_mode="r+")
    array[row : row + len(values)] = values
    array.flush()


def _check(found, names):
    for name, (features, boxes) in zip(names, found, strict=True):
        fault = box_fault(boxes)
        if not all_finite(features):
            fault = "a feature is NaN or infinite"
        if fault:
            raise ValueError(
                f"What the extractor gave for {name} is unusable: {fault}."
            )


def _end(partial, extractor, pictures, state):
    """Cuts the files to the rows there are, and says what they are."""
    rows, bad = state["rows"], dict(state["bad"])
    for path in partial.glob("*.npy"):
        shrink(path, rows)
    counts = partial / "counts.npy"
    if counts.exists() and (np.load(counts) == extractor.max_regions).all():
        counts.unlink()
    names = [name for name in pictures.names if name not in bad]
    described = {"opened_as": extractor.opened_as, "identity": extractor.identity}
    describe(partial, "relative")
    _io.write_json(partial / EXTRACTOR_FILE, described)
    _io.write_json(partial / PICTURES, names)
    _io.write_json(partial / BAD_FILE, state["bad"])
