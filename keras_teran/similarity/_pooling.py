"""Word–region alignment: the matrix of cosines and its pooling into one score.

Regions and words are sets of unit vectors; an all-zero row is padding. Everything here
works on those two arrays alone, so the same functions serve training, evaluation,
search and explanation (Messina et al. 2021, arXiv 2008.05231, section 4.2).
"""

from keras import ops

POOLINGS = ("MrSw", "MwSr", "Symm", "MrAVGw", "sum", "mean", "scan")
PADDINGS = ("exclude", "zero")

# Cosines lie in [-1, 1]: a masked cell filled with -2 never wins a maximum, and unlike
# the smallest float it survives a cast to bfloat16 and leaves no NaN in a gradient.
_BELOW_ANY_COSINE = -2.0
_BELOW_ANY_LOGIT = -1e9
_TINY = 1e-12


def cosines(region_embeddings, word_embeddings):
    """The alignment: the cosine of every region of every image with every word.

    Args:
        region_embeddings: float (images, regions, dim), unit rows, zero where masked.
        word_embeddings: float (captions, words, dim), unit rows, zero where masked.

    Returns:
        float32 (images, captions, regions, words), in [-1, 1], 0 where either is
        masked.

    Example:
        >>> import numpy as np
        >>> regions = np.eye(3, dtype="float32")[None]
        >>> tuple(cosines(regions, regions[:, 1:]).shape)
        (1, 1, 3, 2)
    """
    return ops.transpose(_cells(region_embeddings, word_embeddings), (0, 2, 1, 3))


def similarity(region_embeddings, word_embeddings, pooling="MrSw", padding="exclude"):
    """The pooled alignment of every image with every caption.

    Written A for the cosines of one image and one caption, r for regions, w for words:

    - `MrSw`: sum over w of max over r of A (MaxSim of late interaction);
    - `MwSr`: sum over r of max over w of A;
    - `Symm`: MrSw + MwSr;
    - `MrAVGw`: MrSw divided by the number of real words;
    - `sum`, `mean`: over all cells;
    - `scan`: each region attends over the words (softmax over w of relu(A), made of
      unit length over the regions), and its cosine with what it attended to is summed
      over the regions (the original's `scan-sentences`, after Lee et al. 2018).

    Args:
        region_embeddings: float (images, regions, dim), unit rows, zero where masked.
        word_embeddings: float (captions, words, dim), unit rows, zero where masked.
        pooling: str, one of `POOLINGS`.
        padding: "exclude", where masked cells take no part and padding never changes
            a score; or "zero", the original's rule: word positions 1 to W-3 of the
            padded width, masked cells count as 0 in every maximum and mean.

    Returns:
        float32 (images, captions). An image or a caption with nothing real scores 0.

    Raises:
        ValueError: when `pooling`, `padding` or a shape is not one of the above.

    Example:
        >>> import numpy as np
        >>> regions = np.eye(3, dtype="float32")[None]
        >>> words = np.array([[[0.6, 0.8, 0], [0, 0, 0]]], "float32")
        >>> float(similarity(regions, words)[0, 0])  # max(0.6, 0.8, 0)
        0.800000011920929
    """
    check_rules(pooling, padding)
    check_shapes(region_embeddings, word_embeddings)
    if padding == "zero":
        word_embeddings = word_embeddings[:, 1:-2]
        if word_embeddings.shape[1] == 0:
            sides = (ops.shape(region_embeddings)[0], ops.shape(word_embeddings)[0])
            return ops.zeros(sides, "float32")
    cells = _cells(region_embeddings, word_embeddings)
    # expand_dims and not `[:, None]`: LiteRT has no such slice of booleans.
    real_regions = ops.expand_dims(_real(region_embeddings), (2, 3))
    real_words = ops.expand_dims(_real(word_embeddings), (0, 1))
    if pooling == "scan":
        return _scan(
            cells,
            real_regions,
            real_words,
            lambda p: _squared_of_all(p, word_embeddings),
        )
    if padding == "zero":
        return _pool_zero(cells, real_words, pooling)
    return _pool(cells, real_regions, real_words, pooling)


def pair_similarity(
    region_embeddings, word_embeddings, pooling="MrSw", padding="exclude"
):
    """The score of each image with the one caption in its row.

    Args:
        region_embeddings: float (pairs, regions, dim), unit rows, zero where masked.
        word_embeddings: float (pairs, words, dim), likewise.
        pooling: str, one of `POOLINGS`.
        padding: "exclude" or "zero", see `similarity`.

    Returns:
        float32 (pairs,): the diagonal of `similarity`.

    Raises:
        ValueError: as `similarity`.

    Example:
        >>> import numpy as np
        >>> unit = np.eye(3, dtype="float32")
        >>> [float(score) for score in pair_similarity(unit[:, None], unit[:, None])]
        [1.0, 1.0, 1.0]
    """
    check_rules(pooling, padding)
    check_shapes(region_embeddings, word_embeddings)
    if padding == "zero":
        word_embeddings = word_embeddings[:, 1:-2]
        if word_embeddings.shape[1] == 0:
            return ops.zeros(ops.shape(word_embeddings)[:1], "float32")
    left = ops.cast(region_embeddings, "float32")
    right = ops.cast(word_embeddings, "float32")
    cells = ops.matmul(left, ops.transpose(right, (0, 2, 1)))[:, :, None, :]
    real_regions = _real(region_embeddings)[:, :, None, None]
    real_words = _real(word_embeddings)[:, None, None, :]
    if pooling == "scan":
        score = _scan(
            cells, real_regions, real_words, lambda p: _squared_of_pairs(p, right)
        )
    elif padding == "zero":
        score = _pool_zero(cells, real_words, pooling)
    else:
        score = _pool(cells, real_regions, real_words, pooling)
    return score[:, 0]


def check_rules(pooling, padding):
    """Raises ValueError unless both are known.

    Args:
        pooling: str, one of `POOLINGS`.
        padding: str, one of `PADDINGS`.
    """
    for name, value, known in (
        ("pooling", pooling, POOLINGS),
        ("padding", padding, PADDINGS),
    ):
        if value not in known:
            raise ValueError(
                f"{name}={value!r} is unknown; choose one of {', '.join(known)}."
            )


def members_of(side, name, key):
    """The embeddings that one side of a score is made of.

    Args:
        side: the outputs of an encoder, or its embeddings alone.
        name: str, what errors call the side.
        key: str, the name of the embeddings among the outputs.

    Raises:
        ValueError: for the outputs of the other encoder, or no arrays at all.
    """
    if isinstance(side, dict):
        if key not in side:
            raise ValueError(
                f"{name} has the keys {sorted(map(str, side))}; give the outputs of "
                f"encode with {key}."
            )
        side = side[key]
    if not hasattr(side, "shape"):
        raise ValueError(
            f"{name} is a {type(side).__name__}; give the outputs of encode, or "
            f"{key} alone."
        )
    return side


def check_shapes(region_embeddings, word_embeddings):
    """Raises ValueError unless both are (sets, members, dim) of the same dim."""
    left, right = tuple(region_embeddings.shape), tuple(word_embeddings.shape)
    if len(left) != 3 or len(right) != 3 or left[2] != right[2]:
        raise ValueError(
            f"region_embeddings {left} and word_embeddings {right} must be (images, "
            "regions, dim) and (captions, words, dim) of the same dim."
        )


def _cells(region_embeddings, word_embeddings):
    """Cosines as float32 (images, regions, captions, words): one matrix product."""
    images, regions, dim = ops.shape(region_embeddings)
    captions, words, _ = ops.shape(word_embeddings)
    left = ops.reshape(ops.cast(region_embeddings, "float32"), (images * regions, dim))
    right = ops.reshape(ops.cast(word_embeddings, "float32"), (captions * words, dim))
    product = ops.matmul(left, ops.transpose(right))
    return ops.reshape(product, (images, regions, captions, words))


def _pool(cells, real_regions, real_words, pooling):
    if pooling == "Symm":
        return _pool(cells, real_regions, real_words, "MrSw") + _pool(
            cells, real_regions, real_words, "MwSr"
        )
    if pooling in ("MrSw", "MrAVGw"):
        score = _sum_of_best(cells, real_regions, best_over=1)
        return _per_word(score, real_words) if pooling == "MrAVGw" else score
    if pooling == "MwSr":
        return _sum_of_best(cells, real_words, best_over=3)
    total = ops.sum(cells, axis=(1, 3))
    if pooling == "sum":
        return total
    return total / ops.maximum(_count(real_regions) * _count(real_words), 1.0)


def _sum_of_best(cells, real, best_over):
    """Sum over one side of the maximum over the other, over real cells only.

    A masked member of the side that is summed has zeros in all its cells, and so adds
    nothing.
    """
    best = ops.max(
        ops.where(real, cells, _BELOW_ANY_COSINE), axis=best_over, keepdims=True
    )
    anything = ops.any(real, axis=best_over, keepdims=True)
    return ops.sum(ops.where(anything, best, 0.0), axis=(1, 3))


def _pool_zero(cells, real_words, pooling):
    """The original's rule: masked cells are zeros like any other."""
    if pooling == "Symm":
        return _pool_zero(cells, real_words, "MrSw") + _pool_zero(
            cells, real_words, "MwSr"
        )
    if pooling in ("MrSw", "MrAVGw"):
        score = ops.sum(ops.max(cells, axis=1), axis=-1)
        return _per_word(score, real_words) if pooling == "MrAVGw" else score
    if pooling == "MwSr":
        return ops.sum(ops.max(cells, axis=3), axis=1)
    return (ops.sum if pooling == "sum" else ops.mean)(cells, axis=(1, 3))


def _scan(cells, real_regions, real_words, squared_length):
    """Regions attend to words; the attended vector is never formed.

    With p the attention of a region over the words, its attended vector is the sum of
    p_w times word w, so the dot product with the region is sum(p * A) and the squared
    length is p G p, with G the products of the caption's words among themselves;
    `squared_length` gives it, (images, regions, captions), for p like `cells`.
    """
    positive = ops.relu(cells)
    length = ops.sqrt(ops.sum(ops.square(positive), axis=1, keepdims=True) + _TINY**2)
    logits = positive / ops.maximum(length, _TINY)
    attention = ops.softmax(ops.where(real_words, logits, _BELOW_ANY_LOGIT), axis=-1)
    squared = squared_length(attention)
    dot = ops.sum(attention * cells, axis=-1)
    attended = dot / ops.sqrt(ops.maximum(squared, _TINY))
    real = ops.logical_and(ops.squeeze(real_regions, -1), ops.any(real_words, axis=-1))
    return ops.sum(ops.where(real, attended, 0.0), axis=1)


def _squared_of_all(attention, words):
    by_caption = ops.transpose(attention, (2, 0, 1, 3))
    captions, images, regions, width = ops.shape(by_caption)
    flat = ops.reshape(by_caption, (captions, images * regions, width))
    squared = ops.sum(ops.matmul(flat, _products(words)) * flat, axis=-1)
    return ops.transpose(ops.reshape(squared, (captions, images, regions)), (1, 2, 0))


def _squared_of_pairs(attention, words):
    flat = ops.squeeze(attention, 2)
    return ops.sum(ops.matmul(flat, _products(words)) * flat, axis=-1)[..., None]


def _products(words):
    """Of each caption's words among themselves: (captions, words, words)."""
    words = ops.cast(words, "float32")
    return ops.matmul(words, ops.transpose(words, (0, 2, 1)))


def _real(embeddings):
    """Bool (sets, members): False where a row is all zeros, which means padding."""
    return ops.any(ops.not_equal(embeddings, 0), axis=-1)


def _count(real):
    return ops.sum(ops.cast(real, "float32"), axis=(1, 3))


def _per_word(score, real_words):
    return score / ops.maximum(_count(real_words), 1.0)
