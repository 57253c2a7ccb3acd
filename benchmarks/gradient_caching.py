"""One training step at a batch beyond memory, by gradient caching: its peak memory.

    python benchmarks/gradient_caching.py [--batch 1024] [--chunk 32]

One step alone, in a fresh process: the peak is that of the whole process, the weights,
the optimiser's moments and the tracing of the step included.
"""

import os
import resource
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from harness import arguments, report

from keras_teran import build_model

LIMIT_GIB = 24


def main():
    """Measures and reports."""
    options = arguments(
        __doc__,
        batch=1024,
        chunk=32,
        regions=36,
        tokens=20,
        preset="coco_mrsw",
        dtype="float32",
    )
    model = build_model(options.preset, dtype=options.dtype)
    model.encode_chunk = options.chunk or None
    model.compile(keras.optimizers.Adam(1e-5, global_clipnorm=2.0))
    weights = model.count_params()
    pairs = pairs_of(model, options.batch, options.regions, options.tokens)
    built = peak_gib()
    started = time.perf_counter()
    logs = model.train_on_batch(*pairs, return_dict=True)
    seconds = time.perf_counter() - started
    row = {
        "batch": options.batch,
        "encode_chunk": options.chunk or "none",
        "dtype": options.dtype,
        "weights": f"{weights / 1e6:.0f} M",
        "peak before, GiB": built,
        "peak, GiB": peak_gib(),
        "limit, GiB": LIMIT_GIB,
        "first step, s": seconds,
        "loss": float(logs["loss"]),
    }
    report(
        "gradient_caching",
        [row],
        options.out,
        regions=options.regions,
        tokens=options.tokens,
        preset=options.preset,
    )


def pairs_of(model, batch, regions, tokens):
    """Random pairs with captions of 4 to `tokens` tokens, and their image ids."""
    generator = np.random.default_rng(0)
    sizes = model.config
    corners = np.sort(generator.random((batch, regions, 2, 2), "float32"), axis=2)
    lengths = generator.integers(4, tokens + 1, batch)
    lengths[0] = tokens
    real = np.arange(tokens) < lengths[:, None]
    token_ids = generator.integers(1, sizes["vocabulary_size"], real.shape) * real
    inputs = {
        "regions": generator.random((batch, regions, sizes["region_dim"]), "float32"),
        "boxes": corners.reshape(batch, regions, 4),
        "region_mask": np.ones((batch, regions), bool),
        "token_ids": token_ids.astype("int32"),
        "padding_mask": real,
    }
    return inputs, np.arange(batch)


def peak_gib():
    """The most memory the process ever held, in GiB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
