"""What a search answers with."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Word:
    """A word of a sentence and the region it chose.

    Attributes:
        text: str, as it stands in the sentence.
        span: (start, end), its characters.
        region: int, row of the hit's boxes.
        cosine: float, the mean over the word's pieces, in [-1, 1].
        weight: float, 0 or more; 1 where none was given.
    """

    text: str
    span: tuple
    region: int
    cosine: float
    weight: float


@dataclass(frozen=True)
class Hit:
    """An image or a caption that was found.

    Attributes:
        id: int.
        score: float, the model's similarity.
        payload: dict of JSON values, plain data that nothing has escaped.
        boxes: list of [x0, y0, x1, y1], relative; empty for captions.
        words: tuple of `Word`, for images found by a sentence.
    """

    id: int
    score: float
    payload: dict
    boxes: list
    words: tuple = ()


class Hits(list):
    """The hits of a search, best first.

    Args:
        hits: iterable of `Hit`.
        note: str, where there are none, why: a sentence.
    """

    def __init__(self, hits=(), note=""):
        super().__init__(hits)
        self.note = note


def choose_regions(query, members):
    """The region that each word of a sentence chooses.

    Args:
        query: `Sentence`.
        members: float (regions, dim), an image's region embeddings.

    Returns:
        Tuple of `Word`; of none where the image has no region.
    """
    if not members.any():
        return ()
    by_piece = np.asarray(members, "float32") @ query.pieces.T
    words = []
    for word in query.words:
        cosines = by_piece[:, word.pieces].mean(axis=1)
        region = int(cosines.argmax())
        words.append(
            Word(word.text, word.span, region, float(cosines[region]), word.weight)
        )
    return tuple(words)
