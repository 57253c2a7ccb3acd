"""Encoding sets of mixed length: `model.encode` against the cost of the real members.

    python benchmarks/encoding.py [--sets 400]

The cost of the real members is measured and not counted: for every length that occurs,
one full batch of sets of exactly that length, with nothing padded, gives the seconds of
a set of that length; their sum over the sets is the limit. `padded` encodes the sets as
they come, padded to the longest (the original pads captions to 88).
"""

import os
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from harness import arguments, report, seconds_in_turns

from keras_teran import build_model


def main():
    """Measures and reports."""
    options = arguments(
        __doc__, sets=512, batch=64, padded=88, preset="coco_mrsw", regions=36
    )
    model = build_model(options.preset)
    generator = np.random.default_rng(0)
    # Real captions: mean 12 words, few beyond 20, and [CLS] and [SEP].
    tokens = np.clip(generator.gamma(12, 1.0, options.sets).round() + 2, 6, 40)
    counts = generator.integers(10, options.regions + 1, options.sets)
    rows = []
    for name, lengths, width, make in (
        ("captions", tokens.astype(int), options.padded, captions_of),
        ("regions", counts, options.regions, regions_of),
    ):
        rows.append(measured(model, name, lengths, width, make, options))
    report(
        "encoding",
        rows,
        options.out,
        sets=options.sets,
        batch=options.batch,
        preset=options.preset,
    )


def measured(model, name, lengths, width, make, options):
    """A row: seconds of each way, and the ratio to the cost of the real members."""
    inputs = make(model, lengths, width)
    started = time.perf_counter()
    model.encode(inputs, options.batch)
    cold = time.perf_counter() - started
    encoder = model.caption_encoder if name == "captions" else model.image_encoder
    values, numbers = np.unique(lengths, return_counts=True)
    full = {
        f"{value}": make(model, np.full(options.batch, value), value)
        for value in values
    }
    tasks = {key: lambda b=b: encoder.predict_on_batch(b) for key, b in full.items()}
    seconds = seconds_in_turns(
        options.repeats,
        encode=lambda: model.encode(inputs, options.batch),
        padded=lambda: in_order(encoder, inputs, options.batch),
        **tasks,
    )
    limit = sum(
        number * seconds[f"{value}"] / options.batch
        for value, number in zip(values, numbers, strict=True)
    )
    return {
        "sets": name,
        "members, mean": float(lengths.mean()),
        "padded to": width,
        "real members, s": limit,
        "encode, s": seconds["encode"],
        "encode/real": seconds["encode"] / limit,
        "padded/real": seconds["padded"] / limit,
        "first call/real": cold / limit,
    }


def in_order(encoder, inputs, batch):
    """Encodes the sets as they come, with all their padding."""
    for start in range(0, len(next(iter(inputs.values()))), batch):
        piece = {name: array[start : start + batch] for name, array in inputs.items()}
        encoder.predict_on_batch(piece)


def captions_of(model, lengths, width):
    """Random captions of so many tokens each, padded at the end."""
    real = np.arange(width) < lengths[:, None]
    size = model.config["vocabulary_size"]
    token_ids = np.random.default_rng(1).integers(1, size, real.shape) * real
    return {"token_ids": token_ids.astype("int32"), "padding_mask": real}


def regions_of(model, lengths, width):
    """Random images of so many regions each, padded at the end."""
    generator = np.random.default_rng(2)
    real = np.arange(width) < lengths[:, None]
    regions = generator.random((*real.shape, model.config["region_dim"]), "float32")
    corners = np.sort(generator.random((*real.shape, 2, 2), "float32"), axis=2)
    return {
        "regions": regions * real[..., None],
        "boxes": corners.reshape(*real.shape, 4) * real[..., None],
        "region_mask": real,
    }


if __name__ == "__main__":
    main()
