"""Scores of whole sets: every image with every caption, as fast as the machine multiplies.

`alignment.similarity` says what a score is; this file computes the same numbers for
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
from tqdm import tqdm

from keras_teran.alignment import check_rules, check_shapes, similarity
from keras_teran.packing import (
    caption_blocks,
    evenly,
    groups_of,
    image_blocks,
    real_members,
)

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
    """`alignment.similarity` of whole sets, block by block, in bounded memory.

    Images are grouped by their number of real regions and captions by their number of
    real words, so that no product is spent on padding; under `padding="zero"` what
    padding adds to a score, zeros, is accounted for without being multiplied. `sum` and
    `mean` need no cosines at all: they are products of sums. On an accelerator each
    block goes through `similarity` there.

    Args:
        region_embeddings: NumPy float (images, regions, dim), unit rows, zero where
            masked; may be a memory map.
        word_embeddings: NumPy float (captions, words, dim), likewise.
        pooling: str, one of `alignment.POOLINGS`.
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
    check_rules(pooling, padding)
    check_shapes(region_embeddings, word_embeddings)
    shape = (len(region_embeddings), len(word_embeddings))
    scores = _result(out, shape, dtype)
    width = word_embeddings.shape[1]
    if padding == "zero":
        word_embeddings = word_embeddings[:, 1:-2]
        width = max(width - 3, 0)
    images, captions = groups_of(region_embeddings), groups_of(word_embeddings)
    if pooling in ("sum", "mean"):
        cells = region_embeddings.shape[1] * width if padding == "zero" else None
        _score_by_sums(
            region_embeddings, word_embeddings, images, captions, pooling, cells, scores
        )
        return scores
    left = _Side(region_embeddings, images, region_embeddings.shape[1])
    right = _Side(word_embeddings, captions, width)
    if pooling == "MwSr":  # is MrSw with the sides exchanged, and faster so
        left, right, pooling, scores_of = right, left, "MrSw", scores.T
    else:
        scores_of = scores
    rule = _Rule(pooling, padding, left.most, right.most, dtype)
    for rows, columns, found in _blocks(left, right, rule, block_bytes, progress):
        scores_of[np.ix_(rows, columns)] = found
    return scores


class _Side(NamedTuple):
    """Sets of one kind, by their number of real members, of `most` with padding."""

    embeddings: np.ndarray
    groups: list
    most: int


class _Rule(NamedTuple):
    pooling: str
    padding: str
    most_regions: int
    most_words: int
    dtype: str


def _result(out, shape, dtype):
    if dtype not in DTYPES:
        raise ValueError(
            f"dtype={dtype!r} is unknown; choose one of {', '.join(DTYPES)}."
        )
    if out is None:
        return np.zeros(shape, "float32")
    if out.shape != shape or out.dtype != np.float32:
        raise ValueError(
            f"out must be float32 of shape {shape}; received {out.dtype} {out.shape}."
        )
    out[...] = 0
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
        tqdm(total=blocks, desc="scoring", disable=not progress) as bar,
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
        score[:, captions] = best[:, columns].reshape(images, count, -1).sum(axis=1)
    if rule.pooling == "Symm":
        for count, captions, columns in segments:
            words = cells[:, :, columns].reshape(images, regions, count, -1)
            best = _largest(words, 2, floor=zero and count < rule.most_words)
            score[:, captions] += best.sum(axis=1)
    if rule.pooling == "MrAVGw":
        for count, captions, _ in segments:
            score[:, captions] /= count
    return score


def _device_scores(vectors, shape, columns, segments, rule, threads):
    """Scores of one block by `alignment.similarity`, where the backend computes."""
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
    order is reversed.
    """
    best = np.maximum.reduce(cells, axis=axis)
    if cells.dtype != np.float32:
        if (best < 0).any():
            best = np.where(best < 0, np.minimum.reduce(cells, axis=axis), best)
        best = (best.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return np.maximum(best, 0, out=best) if floor else best


def _as_numpy(product):
    """The product without a copy: float32, or the bits of bfloat16 as int16."""
    try:
        array = np.asarray(product)
    except TypeError:  # PyTorch hands out no bfloat16
        array = ops.convert_to_numpy(ops.cast(product, "float32"))
    return array if array.dtype == np.float32 else array.view(np.int16)


def _score_by_sums(regions, words, images, captions, pooling, cells, scores):
    """`sum` is the product of summed regions and summed words; `mean` divides it."""
    region_sums, word_sums = _sums(regions, images), _sums(words, captions)
    product = ops.matmul(region_sums, np.ascontiguousarray(word_sums.T))
    scores[...] = ops.convert_to_numpy(product)
    if pooling == "mean":
        real = _counts(images, len(regions))[:, None] * _counts(captions, len(words))
        scores /= np.maximum(real if cells is None else cells, 1)


def _sums(embeddings, groups):
    sums = np.zeros((len(embeddings), embeddings.shape[2]), "float32")
    for group in groups:
        for rows in evenly(group.rows, 1024):
            sums[rows] = embeddings[rows].sum(axis=1, dtype="float32")
    return sums


def _counts(groups, sets):
    counts = np.zeros(sets, "float32")
    for group in groups:
        counts[group.rows] = group.count
    return counts


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
