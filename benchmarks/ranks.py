"""Ranks of a set as large as COCO's 5K, in wall time, against the published formulation.

    python benchmarks/ranks.py
    python benchmarks/ranks.py --dtype bfloat16
    python benchmarks/ranks.py --images 1000 --captions 5000

Both directions from one pass over blocks of scores, none of which is kept. *limit* is one
plain product of as many multiplications as real regions and real words need, measured on
a fiftieth of it; *expanded* is extrapolated from two images and the captions of two, each
against a fifth of the other side. `peak MiB` is how far resident memory rose above the
embeddings.
"""

import time

import numpy as np
from all_pairs_scoring import expanded_seconds, fastest_shape, plain_product
from harness import arguments, report, resident
from sets import encoded_captions, encoded_images

from keras_teran.evaluation import set_ranks
from keras_teran.similarity import all_pairs

LIMIT_SHARE = 50


def main():
    """Measures and reports."""
    args = arguments(
        __doc__, images=5000, captions=25000, words=12, dim=1024, dtype="float32"
    )
    regions = encoded_images(args.images, 36, args.dim)
    words, counts = encoded_captions(args.captions, 28, args.words, args.dim)
    owners = np.arange(args.captions) * args.images // args.captions
    all_pairs(regions[:64], words[:256], dtype=args.dtype)
    shape = fastest_shape(args.dim, args.dtype)
    before = resident("VmRSS")
    seconds = timed(
        lambda: set_ranks(regions, words, owners, dtype=args.dtype, progress=True)
    )
    peak = (resident("VmHWM") - before) / 1024
    cells = args.images * 36 * int(counts.sum())
    part = plain_product(cells // LIMIT_SHARE, args.dim, args.dtype, shape)
    rows = {
        "ranks": seconds,
        "limit": LIMIT_SHARE * timed(part),
        "expanded (extrapolated)": expanded_seconds(regions, words, counts),
    }
    report(
        f"ranks_{args.images}_{args.dtype}",
        [
            {
                "what": name,
                "seconds": value,
                "share of limit": rows["limit"] / value,
                "times expanded": rows["expanded (extrapolated)"] / value,
                "peak MiB": peak if name == "ranks" else "",
            }
            for name, value in rows.items()
        ],
        args.out,
        images=args.images,
        captions=args.captions,
        real_words=int(counts.sum()),
        dim=args.dim,
        dtype=args.dtype,
    )


def timed(function):
    """Seconds of one call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
