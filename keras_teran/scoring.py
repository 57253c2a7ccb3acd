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

DTYPES = ("float32", "bfloat16")
BLOCK_BYTES = 20_000_000

# Rows of a block's product: enough for a matrix product to run at full speed.
_ROWS = 2304
_FEWEST_COLUMNS = 64
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
    images = _groups(region_embeddings)
    captions = _groups(word_embeddings)
    if pooling in ("sum", "mean"):
        cells = region_embeddings.shape[1] * width if padding == "zero" else None
        _score_by_sums(
            region_embeddings, word_embeddings, images, captions, pooling, cells, scores
        )
        return scores
    rule = _Rule(pooling, padding, region_embeddings.shape[1], width, dtype)
    on_host = pooling != "scan" and _computes_on_host()
    _score_in_blocks(
        _image_blocks(region_embeddings, images),
        _caption_blocks(word_embeddings, captions, block_bytes, dtype),
        _host_scores if on_host else _device_scores,
        rule,
        scores,
        progress,
    )
    return scores


class _Rule(NamedTuple):
    pooling: str
    padding: str
    most_regions: int
    most_words: int
    dtype: str


class _Group(NamedTuple):
    """Sets with the same number of real members."""

    rows: np.ndarray
    count: int


class _Block(NamedTuple):
    """Some sets of one group: `vectors()` gives them, (sets, count, dim)."""

    rows: np.ndarray
    count: int
    source: np.ndarray

    def vectors(self):
        chosen = self.source[self.rows]
        packed = chosen[:, : self.count]
        if np.any(packed, axis=-1).all():
            return packed
        real = np.any(chosen, axis=-1)
        return chosen[real].reshape(len(self.rows), self.count, -1)


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


def _groups(embeddings, step=1024):
    """Non-empty sets by their number of real members, fewest first."""
    counts = np.concatenate(
        [
            np.any(embeddings[start : start + step], axis=-1).sum(axis=-1)
            for start in range(0, len(embeddings), step)
        ]
        or [np.zeros(0, int)]
    )
    return [
        _Group(np.flatnonzero(counts == count), int(count))
        for count in np.unique(counts[counts > 0])
    ]


def _image_blocks(embeddings, groups):
    return [
        _Block(rows, group.count, embeddings)
        for group in groups
        for rows in _evenly(group.rows, max(1, _ROWS // group.count))
    ]


def _caption_blocks(embeddings, groups, block_bytes, dtype):
    itemsize = 4 if dtype == "float32" else 2
    columns = max(block_bytes // (_ROWS * itemsize), _FEWEST_COLUMNS)
    return [
        _Block(rows, group.count, embeddings)
        for group in groups
        for rows in _evenly(group.rows, max(1, columns // group.count))
    ]


def _evenly(rows, most):
    """Cut into as few pieces as `most` allows, of nearly equal length."""
    return np.array_split(rows, -(-len(rows) // most))


def _score_in_blocks(images, captions, block_scores, rule, scores, progress):
    """Every image block with every caption block, a chunk of captions at a time."""
    blocks = len(images) * len(captions)
    with (
        tqdm(total=blocks, desc="scoring", disable=not progress) as bar,
        ThreadPoolExecutor(_CORES) as threads,
    ):
        for start in range(0, len(captions), _BLOCKS_PER_CHUNK):
            chunk = captions[start : start + _BLOCKS_PER_CHUNK]
            ready = [(some, _columns(some, rule.dtype)) for some in chunk]
            for image_block in images:
                vectors = _to_backend(image_block.vectors(), rule.dtype)
                for some, columns in ready:
                    cells = np.ix_(image_block.rows, some.rows)
                    scores[cells] = block_scores(vectors, columns, some, rule, threads)
                    bar.update()


def _to_backend(vectors, dtype):
    return ops.cast(ops.convert_to_tensor(vectors), dtype)


def _columns(captions, dtype):
    """The words of a block as columns, (dim, words * captions), word by word.

    With the captions innermost, pooling over words runs along whole vectors.
    """
    vectors = ops.transpose(_to_backend(captions.vectors(), dtype), (2, 1, 0))
    return ops.reshape(vectors, (vectors.shape[0], -1))


def _host_scores(vectors, columns, captions, rule, threads):
    """Scores of one block: one product, then each core pools its share of the images.

    Pooling a block while the next is multiplied was slower: a product is cut into equal
    shares, and waits for the core that came late to it.
    """
    images, regions, dim = vectors.shape
    cells = _as_numpy(ops.matmul(ops.reshape(vectors, (-1, dim)), columns)).reshape(
        images, regions, captions.count, len(captions.rows)
    )
    shares = np.array_split(cells, min(_CORES, images))
    return np.concatenate(list(threads.map(partial(_pool, rule=rule), shares)))


def _pool(cells, rule):
    """Scores (images, captions) of cosines (images, regions, words, captions)."""
    images, regions, words, captions = cells.shape
    zero = rule.padding == "zero"
    score = np.zeros((images, captions), "float32")
    if rule.pooling in ("MrSw", "MrAVGw", "Symm"):
        score += _sum_of_best(cells, 1, floor=zero and regions < rule.most_regions)
    if rule.pooling in ("MwSr", "Symm"):
        score += _sum_of_best(cells, 2, floor=zero and words < rule.most_words)
    return score / words if rule.pooling == "MrAVGw" else score


def _device_scores(vectors, columns, captions, rule, threads):
    """Scores of one block by `alignment.similarity`, where the backend computes."""
    shape = (-1, captions.count, len(captions.rows))
    words = ops.transpose(ops.reshape(columns, shape), (2, 1, 0))
    if rule.padding == "zero":
        left, right = (1, 2)
        words = ops.pad(
            words,
            ((0, 0), (left, rule.most_words - captions.count + right), (0, 0)),
        )
        vectors = ops.pad(
            vectors, ((0, 0), (0, rule.most_regions - vectors.shape[1]), (0, 0))
        )
    return ops.convert_to_numpy(similarity(vectors, words, rule.pooling, rule.padding))


def _sum_of_best(cells, axis, floor):
    """Sum over one side of the maximum over the other (`axis`), float32.

    `floor`: padding takes part in the maximum, with a cosine of 0.
    """
    best = _largest(cells, axis)
    if floor:
        np.maximum(best, 0, out=best)
    return best.sum(axis=1)


def _largest(cells, axis):
    """float32 maxima of float32, or of the bits of bfloat16 read as int16.

    Floats of one sign are ordered as their bits are, and as int16 every float with a
    sign bit comes before every one without; so the integers' maximum is the floats',
    but where all are negative, whose order is reversed.
    """
    best = np.maximum.reduce(cells, axis=axis)
    if cells.dtype == np.float32:
        return best
    if (best < 0).any():
        best = np.where(best < 0, np.minimum.reduce(cells, axis=axis), best)
    return (best.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


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
        for rows in _evenly(group.rows, 1024):
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
