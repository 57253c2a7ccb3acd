"""Scores of whole sets: every image with every caption, as fast as the machine multiplies.

`similarity.similarity` says what a score is; this file computes the same numbers for
sets of any size. Only real regions meet real words, in blocks whose cosines stay in the
processor's cache while they are pooled.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_teran._io import progress_bar
from keras_teran.similarity._blocks import (
    caption_blocks,
    evenly,
    groups_of,
    image_blocks,
    real_members,
)
from keras_teran.similarity._pooling import check_rules, check_shapes, similarity

DTYPES = ("float32", "bfloat16")
BLOCK_BYTES = 20_000_000

# Rows of a block's product: enough for a matrix product to run at full speed.
_ROWS = 2304
_FEWEST_COLUMNS = 64
# A product is cut into tiles, and on some processors what is left over at the edges adds
# up in another order. Filled up with zeros every cosine is of a whole tile, so equal
# vectors have equal cosines to the bit wherever they stand, and ties stay ties.
_TILE_ROWS, _TILE_COLUMNS = 48, 64
_BLOCKS_PER_CHUNK = 32
_CORES = os.cpu_count()


def all_pairs(
    region_embeddings,
    word_embeddings,
    pooling="MrSw",
    padding="exclude",
    dtype="float32",
    block_bytes=BLOCK_BYTES,
    out=None,
    progress=False,
):
    """`similarity.similarity` of whole sets, block by block, in bounded memory.

    Images are grouped by their number of real regions and captions by their number of
    real words, so that no product is spent on padding; under `padding="zero"` what
    padding adds to a score, zeros, is accounted for without being multiplied. `sum` and
    `mean` need no cosines at all: they are products of sums. On an accelerator each
    block goes through `similarity` there.

    Args:
        region_embeddings: NumPy float (images, regions, dim), unit rows, zero where
            masked; may be a memory map.
        word_embeddings: NumPy float (captions, words, dim), likewise.
        pooling: str, one of `similarity.POOLINGS`.
        padding: "exclude" or "zero", see `similarity`.
        dtype: "float32", or "bfloat16": the cosines, not their sums, are computed and
            rounded in bfloat16, each off by 0.004 or so.
        block_bytes: int, bytes of the cosines that are worked on at a time; small enough
            for the processor's cache. Besides its arguments and its result the call
            needs some 40 times as much.
        out: NumPy float32 (images, captions) to write to, such as a memory map; None
            for a new array.
        progress: bool, show a bar.

    Returns:
        NumPy float32 (images, captions): `out`. An image or a caption with nothing
        real scores 0.

    Raises:
        ValueError: for an unknown `pooling`, `padding` or `dtype`, or shapes that do
            not fit.

    Example:
        >>> regions = np.eye(3, dtype="float32")[None]
        >>> words = np.array([[[0.6, 0.8, 0], [0, 1, 0]], [[0, 0, 1], [0, 0, 0]]])
        >>> all_pairs(regions, words.astype("float32")).round(3)
        array([[1.8, 1. ]], dtype=float32)
    """
    blocks = score_blocks(
        region_embeddings,
        word_embeddings,
        pooling,
        padding,
        dtype,
        block_bytes,
        progress,
    )
    shape = (len(region_embeddings), len(word_embeddings))
    scores = _result(out, shape)
    for rows, columns, found in blocks:
        scores[np.ix_(rows, columns)] = found
    return scores


def score_blocks(
    region_embeddings,
    word_embeddings,
    pooling="MrSw",
    padding="exclude",
    dtype="float32",
    block_bytes=BLOCK_BYTES,
    progress=False,
):
    """The scores of `all_pairs` as they are computed, for what needs no matrix of them.

    Args and errors are those of `all_pairs`. A score is the same to the bit in whatever
    block it comes.

    Returns:
        Iterator of `(rows, columns, scores)`: int64 (images of a block,), int64
        (captions of a block,) and float32 (images, captions) of these, in no order of
        use; each pair comes once.
    """
    check_rules(pooling, padding)
    check_shapes(region_embeddings, word_embeddings)
    if dtype not in DTYPES:
        raise ValueError(
            f"dtype={dtype!r} is unknown; choose one of {', '.join(DTYPES)}."
        )
    width = word_embeddings.shape[1]
    if padding == "zero":
        word_embeddings = word_embeddings[:, 1:-2]
        width = max(width - 3, 0)
    images = _side(region_embeddings, region_embeddings.shape[1])
    captions = _side(word_embeddings, width)
    rule = _Rule(pooling, padding, images.most, captions.most, dtype)
    return _all_blocks(images, captions, rule, block_bytes, progress)


def _all_blocks(images, captions, rule, block_bytes, progress):
    yield images.bare, np.arange(len(captions.embeddings)), np.float32(0)
    real_images = np.setdiff1d(np.arange(len(images.embeddings)), images.bare)
    yield real_images, captions.bare, np.float32(0)
    if rule.pooling in ("sum", "mean"):
        yield from _blocks_by_sums(images, captions, rule)
    elif rule.pooling == "MwSr":  # is MrSw with the sides exchanged, and faster so
        rule = rule._replace(
            pooling="MrSw", most_regions=rule.most_words, most_words=rule.most_regions
        )
        for rows, columns, found in _blocks(
            captions, images, rule, block_bytes, progress
        ):
            yield columns, rows, found.T
    else:
        yield from _blocks(images, captions, rule, block_bytes, progress)


class _Side(NamedTuple):
    """Sets of one kind, by their number of real members, of `most` with padding.

    `bare` are the rows of those that have no real member.
    """

    embeddings: np.ndarray
    groups: list
    bare: np.ndarray
    most: int


class _Rule(NamedTuple):
    pooling: str
    padding: str
    most_regions: int
    most_words: int
    dtype: str


def _side(embeddings, most):
    groups = groups_of(embeddings)
    bare = np.ones(len(embeddings), bool)
    for group in groups:
        bare[group.rows] = False
    return _Side(embeddings, groups, np.flatnonzero(bare), most)


def _result(out, shape):
    if out is None:
        return np.empty(shape, "float32")
    if out.shape != shape or out.dtype != np.float32:
        raise ValueError(
            f"out must be float32 of shape {shape}; received {out.dtype} {out.shape}."
        )
    return out


def _blocks(left, right, rule, block_bytes, progress):
    """Every image block with every caption block, a chunk of captions at a time.

    Yields `(rows, columns, scores)`.
    """
    itemsize = 4 if rule.dtype == "float32" else 2
    most_columns = max(block_bytes // (_ROWS * itemsize), _FEWEST_COLUMNS)
    images = image_blocks(left.groups, _ROWS)
    captions = caption_blocks(right.embeddings, right.groups, most_columns)
    on_host = rule.pooling != "scan" and _computes_on_host()
    score = _host_scores if on_host else _device_scores
    blocks = len(images) * len(captions)
    with (
        progress_bar(total=blocks, desc="scoring", disable=not progress) as bar,
        ThreadPoolExecutor(_CORES) as threads,
    ):
        for start in range(0, len(captions), _BLOCKS_PER_CHUNK):
            chunk = captions[start : start + _BLOCKS_PER_CHUNK]
            ready = [
                (some, ops.transpose(_tiled(some.vectors(), _TILE_COLUMNS, rule.dtype)))
                for some in chunk
            ]
            for group in images:
                shape = (len(group.rows), group.count)
                members = np.concatenate(real_members(left.embeddings, group))
                vectors = _tiled(members, _TILE_ROWS, rule.dtype)
                for some, columns in ready:
                    found = score(vectors, shape, columns, some.segments, rule, threads)
                    yield group.rows, some.rows, found
                    bar.update()


def _tiled(vectors, tile, dtype):
    """Vectors of the backend, and zeros until their number is a multiple of `tile`."""
    vectors = np.pad(vectors, ((0, -len(vectors) % tile), (0, 0)))
    return ops.cast(ops.convert_to_tensor(vectors), dtype)


def _host_scores(vectors, shape, columns, segments, rule, threads):
    """Scores of one block: one product, then each core pools its share of the images.

    Pooling a block while the next is multiplied was slower: a product is cut into equal
    shares, and waits for the core that came late to it.
    """
    images, regions = shape
    cells = _as_numpy(ops.matmul(vectors, columns))[: images * regions]
    cells = cells.reshape(images, regions, -1)
    pool = partial(_pool, segments=segments, rule=rule)
    first, *rest = np.array_split(cells, min(_CORES, images))
    others = threads.map(pool, rest)
    return np.concatenate([pool(first), *others])


def _pool(cells, segments, rule):
    """Scores (images, captions) of cosines (images, regions, columns)."""
    images, regions, _ = cells.shape
    zero = rule.padding == "zero"
    score = np.empty((images, segments[-1].captions.stop), "float32")
    best = _largest(cells, 1, floor=zero and regions < rule.most_regions)
    for count, captions, columns in segments:
        score[:, captions] = _added(best[:, columns].reshape(images, count, -1))
    if rule.pooling == "Symm":
        for count, captions, columns in segments:
            words = cells[:, :, columns].reshape(images, regions, count, -1)
            best = _largest(words, 2, floor=zero and count < rule.most_words)
            score[:, captions] += _added(best)
    if rule.pooling == "MrAVGw":
        for count, captions, _ in segments:
            score[:, captions] /= count
    return score


def _device_scores(vectors, shape, columns, segments, rule, threads):
    """Scores of one block by `similarity.similarity`, where the backend computes."""
    images, regions = shape
    zero = rule.padding == "zero"
    vectors = ops.reshape(vectors[: images * regions], (images, regions, -1))
    if zero:
        missing = rule.most_regions - regions
        vectors = ops.pad(vectors, ((0, 0), (0, missing), (0, 0)))
    found = []
    for count, captions, part in segments:
        by_word = (-1, count, captions.stop - captions.start)
        words = ops.transpose(ops.reshape(columns[:, part], by_word), (2, 1, 0))
        if zero:
            # The rule takes the first position off, and the last two.
            words = ops.pad(words, ((0, 0), (1, rule.most_words - count + 2), (0, 0)))
        scores = similarity(vectors, words, rule.pooling, rule.padding)
        found.append(ops.convert_to_numpy(scores))
    return np.concatenate(found, axis=1)


def _largest(cells, axis, floor=False):
    """float32 maxima of float32, or of the bits of bfloat16 read as int16.

    `floor`: padding takes part, with a cosine of 0. Floats of one sign are ordered as
    their bits are, and as int16 every float with a sign bit comes before every one
    without; so the integers' maximum is the floats', but where all are negative, whose
    order is reversed: these, which are few, are looked at again.
    """
    best = np.maximum.reduce(cells, axis=axis)
    if cells.dtype != np.float32:
        negative = np.unravel_index(np.flatnonzero(best < 0), best.shape)
        best[negative] = np.moveaxis(cells, axis, -1)[negative].min(axis=-1)
        best = (best.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return np.maximum(best, 0, out=best) if floor else best


def _added(values):
    """The sum over axis 1, from first to last: `sum` has other orders for other shapes."""
    total = values[:, 0].copy()
    for index in range(1, values.shape[1]):
        total += values[:, index]
    return total


def _as_numpy(product):
    """The product without a copy: float32, or the bits of bfloat16 as int16."""
    try:
        array = np.asarray(product)
    except TypeError:  # PyTorch hands out no bfloat16
        array = ops.convert_to_numpy(ops.cast(product, "float32"))
    return array if array.dtype == np.float32 else array.view(np.int16)


def _blocks_by_sums(images, captions, rule):
    """`sum` is the product of summed regions and summed words; `mean` divides it."""
    columns, words, word_counts = _sums(captions)
    rows, regions, region_counts = _sums(images)
    words = ops.transpose(_tiled(words, _TILE_COLUMNS, "float32"))
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        vectors = _tiled(regions[part], _TILE_ROWS, "float32")
        found = ops.convert_to_numpy(ops.matmul(vectors, words))
        found = found[: len(rows[part]), : len(columns)]
        if rule.pooling == "mean":
            padded = float(rule.most_regions * rule.most_words)
            real = region_counts[part, None] * word_counts
            found = found / (padded if rule.padding == "zero" else real)
        yield rows[part], columns, found


def _sums(side):
    """Rows (sets,) that have members, float32 (sets, dim) their sums and (sets,) counts."""
    rows, sums, counts = [np.zeros(0, int)], [], []
    for group in side.groups:
        for some in evenly(group.rows, 1024):
            rows.append(some)
            sums.append(side.embeddings[some].sum(axis=1, dtype="float32"))
            counts.append(np.full(len(some), group.count, "float32"))
    dim = side.embeddings.shape[2]
    return (
        np.concatenate(rows),
        np.concatenate([np.zeros((0, dim), "float32"), *sums]),
        np.concatenate([np.zeros(0, "float32"), *counts]),
    )


def _computes_on_host():
    """Whether the Keras backend multiplies on the processor."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return not tf.config.list_logical_devices("GPU")
    if backend == "torch":
        import torch

        return not torch.cuda.is_available()
    import jax

    return jax.default_backend() == "cpu"
