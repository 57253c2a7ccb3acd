"""The similarity of a batch with a gradient that costs what the loss makes it cost.

A ranking loss on the hardest negatives looks at three scores a pair: of a batch's
images times captions only these have a gradient. So nothing of the forward pass is
kept; going back, the pairs whose score has a gradient are scored once more, alone. Where
most have one (a softmax, the sum over negatives) all pairs are, in blocks. Neither pass
holds more than a block of cosines, and where the maximum is over regions only real words
are multiplied. On other backends than TensorFlow this is `similarity.similarity`, with
the same gradients, but for those of padding.
"""

import keras

from keras_teran.similarity import _pooling as alignment

# Cosines held at a time, and pairs scored again at a time.
_CELLS = 2**24
_PAIRS = 512
# A gradient by pairs multiplies in small pieces: it pays where one in so many has one.
_ONE_IN = 6


def sparse_similarity(
    region_embeddings, word_embeddings, pooling="MrSw", padding="exclude"
):
    """`similarity.similarity`, with the gradient described above.

    Where several members tie for a maximum the gradient is shared among them, as
    TensorFlow shares it. Padding has none.

    Args:
        region_embeddings: float (images, regions, dim).
        word_embeddings: float (captions, words, dim).
        pooling: str, one of `similarity.POOLINGS`.
        padding: "exclude" or "zero".

    Returns:
        float32 (images, captions).

    Raises:
        ValueError: as `similarity.similarity`.
    """

    if keras.backend.backend() != "tensorflow":
        return alignment.similarity(
            region_embeddings, word_embeddings, pooling, padding
        )
    import tensorflow as tf

    def score(regions, words):
        of_real = pooling in ("MrSw", "MrAVGw")
        score_all = _best_regions if of_real else alignment.similarity
        return score_all(regions, words, pooling, padding)

    def score_pairs(regions, words):
        return alignment.pair_similarity(regions, words, pooling, padding)

    @tf.custom_gradient
    def scored(regions, words):
        def backward(upstream):
            pairs = tf.where(tf.not_equal(upstream, 0))
            few = tf.shape(pairs)[0] * _ONE_IN <= tf.size(upstream)
            of_regions, of_words = tf.cond(
                few,
                lambda: _gradient_of_pairs(
                    score_pairs, regions, words, pairs, tf.gather_nd(upstream, pairs)
                ),
                lambda: _gradient_of_all(score, regions, words, upstream),
            )
            return _of_real(of_regions, regions), _of_real(of_words, words)

        return _score_in_blocks(score, regions, words), backward

    regions = tf.convert_to_tensor(region_embeddings)
    words = tf.convert_to_tensor(word_embeddings)
    alignment.check_shapes(regions, words)
    return scored(regions, words)


def _best_regions(regions, words, pooling, padding):
    """MrSw and MrAVGw without products of padded words."""
    import tensorflow as tf

    if padding == "zero":
        words = words[:, 1:-2]
    else:
        regions = _without_padding(regions)
    real = _real(words)[..., 0]
    packed = tf.cast(tf.boolean_mask(words, real), "float32")
    owners = tf.one_hot(tf.where(real)[:, 0], tf.shape(words)[0])
    shape = tf.shape(regions)
    flat = tf.cast(tf.reshape(regions, (-1, shape[2])), "float32")
    cells = tf.matmul(flat, packed, transpose_b=True)
    best = tf.reduce_max(
        tf.reshape(cells, (shape[0], shape[1], tf.shape(packed)[0])), axis=1
    )
    score = tf.matmul(best, owners)
    if pooling == "MrSw":
        return score
    return score / tf.maximum(tf.reduce_sum(owners, axis=0), 1.0)


def _without_padding(regions):
    """A real region of the same image in place of each padded one: no maximum changes.

    An image with no real region keeps its zeros, and scores 0.
    """
    import tensorflow as tf

    real = _real(regions)
    first = tf.argmax(tf.cast(real[..., 0], "int32"), axis=1)
    return tf.where(real, regions, tf.gather(regions, first[:, None], batch_dims=1))


def _score_in_blocks(score, regions, words):
    import tensorflow as tf

    step = _images_per_block(regions, words)
    images = tf.shape(regions)[0]

    def body(start, scores):
        block = score(regions[start : start + step], words)
        return start + step, tf.concat([scores, block], axis=0)

    _, scores = tf.while_loop(
        lambda start, _: start < images,
        body,
        (0, tf.zeros((0, tf.shape(words)[0]))),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None])),
        parallel_iterations=1,
    )
    return tf.ensure_shape(scores, (regions.shape[0], words.shape[0]))


def _gradient_of_all(score, regions, words, upstream):
    """Both gradients, scoring blocks of images with all captions once more."""
    import tensorflow as tf

    step = _images_per_block(regions, words)

    def body(start, of_regions, of_words):
        part = slice(start, start + step)
        block = regions[part]
        with tf.GradientTape() as tape:
            tape.watch((block, words))
            scores = score(block, words)
        left, right = tape.gradient(scores, (block, words), upstream[part])
        return start + step, tf.concat([of_regions, left], axis=0), of_words + right

    return tf.while_loop(
        lambda start, *_: start < tf.shape(regions)[0],
        body,
        (0, regions[:0], tf.zeros_like(words)),
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape([None, *regions.shape[1:]]),
            words.shape,
        ),
        parallel_iterations=1,
    )[1:]


def _gradient_of_pairs(score_pairs, regions, words, pairs, upstream):
    """Both gradients from (image, caption) pairs and the gradient of their scores."""
    import tensorflow as tf

    def body(start, of_regions, of_words):
        part = slice(start, start + _PAIRS)
        images, captions = pairs[part, 0], pairs[part, 1]
        left, right = tf.gather(regions, images), tf.gather(words, captions)
        with tf.GradientTape() as tape:
            tape.watch((left, right))
            scores = score_pairs(left, right)
        left, right = tape.gradient(scores, (left, right), upstream[part])
        return (
            start + _PAIRS,
            tf.tensor_scatter_nd_add(of_regions, images[:, None], left),
            tf.tensor_scatter_nd_add(of_words, captions[:, None], right),
        )

    return tf.while_loop(
        lambda start, *_: start < tf.shape(pairs)[0],
        body,
        (0, tf.zeros_like(regions), tf.zeros_like(words)),
        parallel_iterations=1,
    )[1:]


def _of_real(gradient, members):
    import tensorflow as tf

    return tf.where(_real(members), gradient, 0.0)


def _real(members):
    """Bool (sets, members, 1): False where a row is all zeros, which means padding."""
    import tensorflow as tf

    return tf.reduce_any(members != 0, axis=-1, keepdims=True)


def _images_per_block(regions, words):
    import tensorflow as tf

    shape, others = tf.shape(regions), tf.shape(words)
    cells = tf.cast(shape[1], tf.int64) * tf.cast(others[0] * others[1], tf.int64)
    return tf.cast(tf.maximum(_CELLS // tf.maximum(cells, 1), 1), tf.int32)
