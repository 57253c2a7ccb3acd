"""ROUGE-L of a caption against each image's captions, as TERAN's evaluation has it."""

from array import array

import numpy as np
from rapidfuzz.distance import LCSseq
from rapidfuzz.process import cdist

from keras_teran.evaluation._recall import check_correspondence

BETA = 1.2


def split_words(sentence):
    """Lower-cased and split on single spaces: two spaces leave an empty word between.

    >>> split_words("A  dog. ")
    ['a', '', 'dog.', '']
    """
    return sentence.lower().split(" ")


class RougeL:
    """ROUGE-L (Lin 2004) of any caption against the captions of many images.

    With the longest common subsequence of the caption and each of an image's captions,
    P is the best share of the caption's words that is common and R the best share of a
    reference's; the score is `(1 + b²) P R / (R + b² P)` with b = 1.2, and 0 where
    nothing is common. P and R may come from different references, as in the evaluation
    code of COCO captions (Chen et al. 2015), which TERAN uses.

    Args:
        captions: list of str.
        caption_to_image: int, (captions,). The row of each caption's image.
        images: int, how many there are; each needs a caption.

    Raises:
        ValueError: the correspondence does not fit (see `check_correspondence`).

    Example:
        >>> RougeL(["a red ring", "a ring", "stars"], [0, 0, 1], 2).rows(["a red ring"])
        array([[1., 0.]], dtype=float32)
    """

    def __init__(self, captions, caption_to_image, images):
        owners = check_correspondence(caption_to_image, images)
        order = np.argsort(owners, kind="stable")
        self._vocabulary = {}
        self._references = [self._numbers(captions[caption]) for caption in order]
        self._lengths = np.array([len(each) for each in self._references], np.float64)
        self._starts = np.searchsorted(owners[order], np.arange(images))

    def rows(self, captions):
        """Scores of captions against every image.

        Args:
            captions: list of str.

        Returns:
            float32, (captions, images), in 0..1.
        """
        words = [self._numbers(caption) for caption in captions]
        common = cdist(
            words,
            self._references,
            scorer=LCSseq.similarity,
            dtype=np.int32,
            workers=-1,
        )
        lengths = np.array([len(each) for each in words])[:, None]
        precision = np.maximum.reduceat(common, self._starts, axis=1) / lengths
        recall = np.maximum.reduceat(common / self._lengths, self._starts, axis=1)
        above = (1 + BETA**2) * precision * recall
        below = recall + BETA**2 * precision
        return (above / np.where(below > 0, below, 1)).astype(np.float32)

    def _numbers(self, caption):
        """The words as numbers: rapidfuzz compares arrays without a Python object."""
        known = self._vocabulary
        words = split_words(caption)
        return array("I", [known.setdefault(word, len(known)) for word in words])
