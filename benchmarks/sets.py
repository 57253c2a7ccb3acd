"""Random encoded images and captions, as the encoders would give them."""

import numpy as np


def encoded_images(images, regions, dim, seed=0):
    """float32 (images, regions, dim), unit rows."""
    return _unit(np.random.default_rng(seed), (images, regions, dim))


def encoded_captions(captions, width, mean, dim, seed=1):
    """float32 (captions, width, dim) and int64 (captions,): the real words of each.

    Their numbers are binomial around the mean, as captions' are.
    """
    generator = np.random.default_rng(seed)
    counts = np.clip(generator.binomial(4 * mean, 0.25, captions), 1, width)
    words = _unit(generator, (captions, width, dim))
    words[np.arange(width) >= counts[:, None]] = 0
    return words, counts


def _unit(generator, shape):
    rows = generator.standard_normal(shape, dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows
