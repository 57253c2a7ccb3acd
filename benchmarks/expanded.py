"""The published formulation, written plainly: the baseline of the scoring benchmarks.

Messina et al. 2021 expand both sides to (images, captions, members, dim), take one
product a pair, mask, take the maximum and the sum.
"""

import tensorflow as tf


def expanded_similarity(regions, words, region_counts, word_counts):
    """MrSw of every image with every caption.

    Args:
        regions: float32 (images, regions, dim).
        words: float32 (captions, words, dim).
        region_counts: int32 (images,), real regions.
        word_counts: int32 (captions,), real words.

    Returns:
        float32 (images, captions).
    """
    images, captions = tf.shape(regions)[0], tf.shape(words)[0]
    left = tf.tile(regions[:, None], (1, captions, 1, 1))
    right = tf.tile(words[None], (images, 1, 1, 1))
    alignments = tf.matmul(left, right, transpose_b=True)
    real_regions = tf.sequence_mask(region_counts, tf.shape(regions)[1])
    real_words = tf.sequence_mask(word_counts, tf.shape(words)[1])
    real = real_regions[:, None, :, None] & real_words[None, :, None, :]
    alignments = tf.where(real, alignments, 0.0)
    return tf.reduce_sum(tf.reduce_max(alignments, axis=2), axis=2)
