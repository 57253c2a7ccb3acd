"""All-pairs scoring for evaluation, every pooling, against a plain matrix product.

    python benchmarks/all_pairs_scoring.py --dim 1024
    python benchmarks/all_pairs_scoring.py --dim 256 --dtype bfloat16

*limit* is one plain product of as many multiplications as real regions and real words
need, by TensorFlow, in the block shape in which it runs fastest here; *expanded* is the
published formulation, one image at a time (and, for the other direction, the captions
of one image at a time, captions padded to 88), measured on a slice of the images and
extrapolated.
"""

import numpy as np
import tensorflow as tf
from expanded import expanded_similarity
from harness import arguments, report, seconds_in_turns
from sets import encoded_captions, encoded_images

from keras_teran.similarity import POOLINGS, all_pairs

SLICE = 2
ORIGINAL_WIDTH = 88


def main():
    """Times every pooling beside the limit and the published formulation."""
    args = arguments(
        __doc__,
        images=1000,
        captions=5000,
        regions=36,
        words=12,
        dim=1024,
        dtype="float32",
        poolings=",".join(POOLINGS),
    )
    regions = encoded_images(args.images, args.regions, args.dim)
    words, counts = encoded_captions(args.captions, 40, args.words, args.dim)
    cells = args.images * args.regions * int(counts.sum())
    gigaflop = 2 * cells * args.dim / 1e9

    def scores_of(pooling):
        return lambda: all_pairs(regions, words, pooling, dtype=args.dtype)

    contenders = {p: scores_of(p) for p in args.poolings.split(",")}
    shape = fastest_shape(args.dim, args.dtype)
    contenders["limit"] = plain_product(cells, args.dim, args.dtype, shape)
    seconds = seconds_in_turns(args.repeats, **contenders)
    # That of the published formulation is extrapolated from a few images.
    seconds["expanded (extrapolated)"] = expanded_seconds(regions, words, counts)
    rows = [_row(name, seconds, gigaflop) for name in seconds]
    report(
        f"scoring_{args.dim}_{args.dtype}",
        rows,
        args.out,
        images=args.images,
        captions=args.captions,
        regions=args.regions,
        real_words=int(counts.sum()),
        dim=args.dim,
        dtype=args.dtype,
        limit_block=list(shape),
    )


def _row(name, seconds, gigaflop):
    value = seconds[name]
    return {
        "what": name,
        "seconds": value,
        "GFLOP/s": gigaflop / value,
        "share of limit": seconds["limit"] / value,
        "times expanded": seconds["expanded (extrapolated)"] / value,
    }


def fastest_shape(dim, dtype):
    """(rows, columns) of the product that this machine multiplies fastest."""
    shapes = [(m, n) for m in (1152, 2304, 4608) for n in (1024, 2048, 4096, 12288)]
    work = max(m * n for m, n in shapes)
    seconds = seconds_in_turns(
        2, **{f"{m}x{n}": plain_product(work, dim, dtype, (m, n)) for m, n in shapes}
    )
    return min(shapes, key=lambda shape: seconds["{}x{}".format(*shape)])


def plain_product(cells, dim, dtype, shape):
    """A function that multiplies matrices until that many cells are computed.

    The last product is cut to what is left, so the work is the same to a row.
    """
    rows, columns = shape
    left = tf.cast(encoded_images(1, rows, dim)[0], dtype)
    right = tf.transpose(tf.cast(encoded_images(1, columns, dim)[0], dtype))
    whole, rest = divmod(cells, rows * columns)
    rest_rows = round(rest / columns)

    def multiply():
        for _ in range(whole):
            product = tf.matmul(left, right)
        if rest_rows:
            product = tf.matmul(left[:rest_rows], right)
        return product

    return multiply


def expanded_seconds(regions, words, counts):
    """Both directions in the published way, extrapolated from a few images."""
    padded = np.zeros((len(words), ORIGINAL_WIDTH, words.shape[2]), "float32")
    padded[:, : words.shape[1]] = words
    five = len(words) // len(regions)
    region_counts = np.full(len(regions), regions.shape[1], "int32")
    part = slice(0, len(regions) // 5)

    def images_to_text():
        for i in range(SLICE):
            some = slice(i, i + 1)
            caption_part = slice(0, len(words) // 5)
            expanded_similarity(
                regions[some],
                padded[caption_part],
                region_counts[some],
                counts[caption_part],
            )

    def text_to_images():
        for i in range(SLICE):
            some = slice(five * i, five * i + five)
            expanded_similarity(
                regions[part], padded[some], region_counts[part], counts[some]
            )

    seconds = seconds_in_turns(
        1, images_to_text=images_to_text, text_to_images=text_to_images
    )
    # A fifth of the other side each, for SLICE images.
    return sum(seconds.values()) * 5 * len(regions) / SLICE


if __name__ == "__main__":
    main()
