"""Ranks of whole sets without the matrix of their scores."""

import numpy as np

from keras_teran.evaluation._recall import check_correspondence
from keras_teran.similarity import BLOCK_BYTES, all_pairs, score_blocks

# Captions whose own scores are computed together, with all of their images.
_OWN = 32


def set_ranks(
    region_embeddings,
    word_embeddings,
    caption_to_image,
    pooling="MrSw",
    padding="exclude",
    dtype="float32",
    block_bytes=BLOCK_BYTES,
    progress=False,
):
    """`evaluation.ranks` of `similarity.all_pairs`, in memory for one block of scores.

    The score of each caption with its own image is computed first; then every block of
    scores is counted and dropped. Own scores come from the same product as the blocks
    and equal them to the bit, so ties are found, and rank against the model.

    Args:
        region_embeddings: NumPy float (images, regions, dim), unit rows, zero where
            masked; may be a memory map.
        word_embeddings: NumPy float (captions, words, dim), likewise.
        caption_to_image: int (captions,), the row of each caption's image.
        pooling, padding, dtype, block_bytes, progress: see `similarity.all_pairs`.

    Returns:
        `(image_to_text, text_to_image)`: int64 (images,) and (captions,), ranks from 0.

    Raises:
        ValueError: as `similarity.all_pairs` and `evaluation.check_correspondence`; a
            score is NaN or infinite.

    Example:
        >>> vectors = np.eye(3, dtype="float32")[:, None]
        >>> set_ranks(vectors, vectors[[0, 2, 1]], [0, 1, 2])
        (array([0, 2, 2]), array([0, 2, 2]))
    """
    owners = check_correspondence(caption_to_image, len(region_embeddings))
    if len(owners) != len(word_embeddings):
        raise ValueError(
            f"caption_to_image has {len(owners)} entries, but there are "
            f"{len(word_embeddings)} captions: one entry a caption."
        )
    rules = (pooling, padding, dtype, block_bytes)
    own = _own_scores(region_embeddings, word_embeddings, owners, rules)
    best = np.full(len(region_embeddings), -np.inf, "float32")
    with np.errstate(invalid="ignore"):  # NaN is refused below, with its block
        np.maximum.at(best, owners, own)
    image_to_text = np.zeros(len(best), np.int64)
    text_to_image = np.zeros(len(own), np.int64)
    for rows, columns, scores in score_blocks(
        region_embeddings, word_embeddings, *rules, progress
    ):
        _check_finite(rows, columns, scores)
        others = owners[columns] != rows[:, None]
        ahead_of_image = others & (scores >= best[rows, None])
        ahead_of_caption = others & (scores >= own[columns])
        image_to_text[rows] += np.count_nonzero(ahead_of_image, axis=1)
        text_to_image[columns] += np.count_nonzero(ahead_of_caption, axis=0)
    return image_to_text, text_to_image


def _own_scores(regions, words, owners, rules):
    """float32 (captions,): each caption's score with its own image."""
    own = np.empty(len(owners), "float32")
    # By their images: five captions of one are scored with one.
    order = np.argsort(owners, kind="stable")
    for start in range(0, len(order), _OWN):
        captions = order[start : start + _OWN]
        images, places = np.unique(owners[captions], return_inverse=True)
        scores = all_pairs(regions[images], words[captions], *rules)
        own[captions] = scores[places, np.arange(len(captions))]
    return own


def _check_finite(rows, columns, scores):
    finite = np.isfinite(scores)
    if not finite.all():
        image, caption = np.argwhere(~finite)[0]
        raise ValueError(
            f"The score of image {rows[image]} and caption {columns[caption]} is "
            f"{scores[image, caption]}: it cannot be ranked. Check the model's weights "
            "(a diverged training?) and the region features."
        )
