"""Clustered synthetic sets, of any size, the same in every process: for speed alone.

An image shows a few of many topics; each of its regions is a topic's centre and noise, a
unit vector. A sentence's words are drawn the same way from topics of their own. What an
index finds among them says nothing of photos; how long it takes does, since vectors lie
in heaps, as a model's do, and a graph over them is as crooked.
"""

import numpy as np

BLOCK = 256  # images that one seed draws
_TOPICS = 1_000
_TOPICS_OF_AN_IMAGE = 6
_NOISE = 0.7  # members of one topic then have a cosine of some 1 / (1 + 0.7²) = 0.67
_IMAGES, _SENTENCES, _CENTRES = 0, 1, 2  # streams of random numbers


def image_block(number, regions, dim):
    """float32 (BLOCK, regions, dim): the images from number * BLOCK on."""
    return _members(_IMAGES, number, BLOCK, regions, dim)


def sentences(count, words, dim):
    """float32 (count, words, dim)."""
    return _members(_SENTENCES, 0, count, words, dim)


def pooled(members):
    """float32 (sets, dim): the unit mean of each set."""
    return unit(members.sum(axis=1))


def unit(rows):
    """Rows of length 1, zeros where they were."""
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def _members(stream, number, count, members, dim):
    centres = np.random.default_rng(_CENTRES).standard_normal((_TOPICS, dim), "float32")
    generator = np.random.default_rng([stream, number])
    topics = generator.integers(0, _TOPICS, (count, _TOPICS_OF_AN_IMAGE))
    chosen = generator.integers(0, _TOPICS_OF_AN_IMAGE, (count, members))
    noise = generator.standard_normal((count, members, dim), "float32")
    return unit(centres[np.take_along_axis(topics, chosen, 1)] + _NOISE * noise)
