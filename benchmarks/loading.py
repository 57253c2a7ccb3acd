"""Loading batches of pairs: packed float16 arrays against one file an image.

    python benchmarks/loading.py [--images 2000]

Both layouts hold the same random features, written to a temporary folder and read once,
so that both come from the page cache. Images a second of `PairBatches` as a training
meets them (shuffled, a batch ahead), and of the store's `read` alone.
"""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from harness import arguments, report, seconds_in_turns

from keras_teran.data import CaptionSet, PackedRegions, PairBatches
from keras_teran.data.formats import OriginalRegions
from keras_teran.text import CaptionTokenizer

SIZE = (640, 480)
WORDS = ["a", "man", "dog", "on", "the", "red", "street", "two", "boats", "near"]


def main():
    """Measures and reports."""
    options = arguments(
        __doc__,
        images=2000,
        file_images=400,
        regions=36,
        dim=2048,
        batch=40,
    )
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(Path(folder), options)
    report(
        "loading",
        rows,
        options.out,
        images=options.images,
        regions=options.regions,
        dim=options.dim,
        batch=options.batch,
    )


def measured(folder, options):
    """One row a way to load: images a second, and how many times one file an image."""
    write(folder, options)
    packed = PackedRegions(folder / "packed")
    few = np.arange(options.file_images)
    loaders = {"packed float16": (packed, np.arange(options.images))}
    for kind in ("npz compressed", "npz stored"):
        sizes = {int(i): SIZE for i in few}
        loaders[f"one file an image, {kind}"] = (
            OriginalRegions(folder / kind, few, sizes),
            few,
        )
    tasks, counts = {}, {}
    for name, (store, ids) in loaders.items():
        batches = PairBatches(captions_of(ids), store, tokenizer(), options.batch)
        chosen = batches.order(0)
        tasks[f"{name}: PairBatches"] = lambda b=batches: drop(
            b[i] for i in range(len(b))
        )
        tasks[f"{name}: read"] = lambda s=store, c=chosen: drop(s.read(i) for i in c)
        for kind in ("PairBatches", "read"):
            counts[f"{name}: {kind}"] = len(ids)
    seconds = seconds_in_turns(options.repeats, **tasks)
    rates = {name: counts[name] / seconds[name] for name in tasks}
    slowest = {
        kind: rates[f"one file an image, npz compressed: {kind}"]
        for kind in ("PairBatches", "read")
    }
    return [
        {
            "loading": name,
            "images/s": rate,
            "x one compressed file an image": rate / slowest[name.split(": ")[1]],
            "x one stored file an image": rate
            / rates[f"one file an image, npz stored: {name.split(': ')[1]}"],
        }
        for name, rate in rates.items()
    ]


def drop(batches):
    """Takes batches one by one and keeps none, as a training does."""
    for _ in batches:
        pass


def write(folder, options):
    """The same kind of features in all layouts; half of the numbers 0, as after ReLU."""
    generator = np.random.default_rng(0)
    (folder / "packed").mkdir()
    shape = (options.images, options.regions, options.dim)
    regions = np.lib.format.open_memmap(
        folder / "packed" / "regions.float16.npy", "w+", np.float16, shape
    )
    corners = np.sort(generator.random((*shape[:2], 2, 2), np.float32), axis=2)
    boxes = corners.reshape(*shape[:2], 4)
    np.save(folder / "packed" / "boxes.npy", boxes)
    for row in range(options.images):
        drawn = generator.standard_normal(shape[1:], np.float32)
        regions[row] = np.maximum(drawn, 0)
    for kind, save in (
        ("npz compressed", np.savez_compressed),
        ("npz stored", np.savez),
    ):
        for part in ("bu_att", "bu_box"):
            (folder / kind / part).mkdir(parents=True)
        for row in range(options.file_images):
            features = regions[row].astype(np.float32)
            save(folder / kind / "bu_att" / f"{row}.npz", feat=features)
            pixels = boxes[row] * np.array([*SIZE, *SIZE], np.float32)
            np.save(folder / kind / "bu_box" / f"{row}.npy", pixels)


def captions_of(ids):
    """A `CaptionSet` of one caption an image, 4 to 16 words."""
    generator = np.random.default_rng(1)
    return CaptionSet(
        image_ids=list(ids),
        filenames=[f"{i}.jpg" for i in ids],
        captions=[
            " ".join(generator.choice(WORDS, generator.integers(4, 17))) for _ in ids
        ],
        caption_ids=np.arange(len(ids)),
        caption_to_image=list(range(len(ids))),
    )


def tokenizer():
    """A tokeniser of the words at hand."""
    return CaptionTokenizer.train([" ".join(WORDS)], 60)


if __name__ == "__main__":
    main()
