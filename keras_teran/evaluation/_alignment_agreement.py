"""Alignment agreement: do words keep their regions under another encoder?"""

import numpy as np

_CAPTIONS_PER_BLOCK = 256


def best_regions(region_embeddings, word_embeddings, caption_to_image):
    """The region of each word's highest cosine, in the image of its caption.

    Args:
        region_embeddings: float (images, regions, dim), all-zero where there is none.
        word_embeddings: float (captions, words, dim), all-zero where there is none.
        caption_to_image: int (captions,), rows of `region_embeddings`.

    Returns:
        int64 (captions, words); -1 where there is no word. Ties go to the first region.
    """
    chosen = np.full(word_embeddings.shape[:2], -1, np.int64)
    for start in range(0, len(word_embeddings), _CAPTIONS_PER_BLOCK):
        rows = slice(start, start + _CAPTIONS_PER_BLOCK)
        words, images = word_embeddings[rows], np.asarray(caption_to_image)[rows]
        regions = region_embeddings[images]
        cosines = words @ regions.transpose(0, 2, 1)
        real = regions.any(axis=-1)[:, None]
        best = np.where(real, cosines, -np.inf).argmax(axis=-1)
        chosen[rows] = np.where(words.any(axis=-1), best, -1)
    return chosen


def alignment_agreement(first, second, caption_to_image):
    """The share of words that keep their best region from one encoding to another.

    Such as those of a float32 export and of its int8 files. Recall may stay while words
    choose other regions, and then what is drawn and explained is another thing.

    Args:
        first: `(region_embeddings, word_embeddings)`, float (images, regions, dim) and
            (captions, words, dim), all-zero rows where there is no region or word.
        second: the same of the same images and captions; `dim` may be another.
        caption_to_image: int (captions,), rows of the images.

    Returns:
        float in 0..1, over the words of `first`; ties go to the first region. A word
        that `second` lacks has not kept its region.

    Raises:
        ValueError: if the numbers of images, regions, captions or words differ, or there
            is no word.
    """
    shapes = [[np.shape(each)[:2] for each in both] for both in (first, second)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"The first has regions and words {shapes[0]}, the second {shapes[1]}; encode "
            "the same images and captions, padded to the same numbers."
        )
    before, after = (best_regions(*both, caption_to_image) for both in (first, second))
    words = before >= 0
    if not words.any():
        raise ValueError("There is no word whose region could be compared.")
    return float((before == after)[words].mean())
