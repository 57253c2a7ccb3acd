"""A sentence or an image as a query."""

from typing import NamedTuple

import numpy as np

from keras_teran._io import shown
from keras_teran.models import image_for, number_array
from keras_teran.pipeline import merge_pieces
from keras_teran.search._merge_regions import merge
from keras_teran.search._plan import Query, pad
from keras_teran.search._schema import CAPTIONS, IMAGES

MOST_WORDS = 1_000


class QueryWord(NamedTuple):
    """A word: its text, its characters, its rows among the pieces, its weight."""

    text: str
    span: tuple
    pieces: list
    weight: float


class Sentence(NamedTuple):
    """An encoded sentence.

    Attributes:
        words: list of `QueryWord`.
        pieces: float32 (pieces, dim), without weights.
        query: `Query`, with them.
    """

    words: list
    pieces: np.ndarray
    query: Query


def encode_sentence(matcher, text, weights=None):
    """A sentence as a query for images.

    Args:
        matcher: `Matcher`.
        text: str.
        weights: floats of 0 or more, one a word; only under MrSw.

    Returns:
        `Sentence`.

    Raises:
        ValueError: when the sentence is refused by `CaptionTokenizer.asked` or has over
            1,000 words, or the weights do not fit it or the model's pooling.
    """
    _check_words(matcher.tokenizer.asked(text))
    outputs = matcher.encode([text])
    encoded = matcher.tokenizer.encode(text)
    real = np.flatnonzero(outputs["word_mask"][0])
    groups = merge_pieces(encoded.tokens, encoded.spans, list(real))
    weights = _check_weights(weights, len(groups), matcher.model.pooling)
    row_of = {int(place): row for row, place in enumerate(real)}
    words, scale = [], np.ones(outputs["word_mask"].shape[1], "float32")
    for group, weight in zip(groups, weights, strict=True):
        span = (encoded.spans[group[0]][0], encoded.spans[group[-1]][1])
        pieces = [row_of[int(place)] for place in group]
        words.append(QueryWord(text[slice(*span)], span, pieces, weight))
        scale[group] = weight
    embeddings = outputs["word_embeddings"][0]
    weighted = embeddings * scale[:, None]
    query = Query(IMAGES, pooled(outputs)[0], weighted[real], weighted)
    return Sentence(words, embeddings[real], query)


def encode_image(matcher, image, regions_per_image=None):
    """An image, a dict of `regions`, `boxes` and maybe `region_mask`, as a query.

    Its regions are merged as those of the index were, so an image finds the same
    captions whether it is indexed or not.
    """
    image = image_for(matcher.model, image)
    outputs = matcher.encode(image)
    padded = outputs["region_embeddings"][0]
    real = padded[image["region_mask"][0]]
    if regions_per_image:
        real, _ = merge(real, regions_per_image)
        padded = pad([real], min(len(padded), regions_per_image))[0]
    return Query(CAPTIONS, pooled(outputs)[0], real, padded)


def stored_image(point, width):
    """An indexed image as a query: a `Point` with vectors, the images' padded width."""
    members = point.members[point.members.any(axis=1)]
    return Query(CAPTIONS, point.pooled, members, pad([point.members], width)[0])


def pooled(outputs):
    """The vectors of the first stage, of images or of captions: float32 (sets, dim)."""
    images = "image_embedding" in outputs
    return outputs["image_embedding" if images else "caption_embedding"]


def _check_words(text):
    if (words := len(text.split())) > MOST_WORDS:
        raise ValueError(
            f"The sentence has {words:,} words; give at most {MOST_WORDS:,}."
        )


def _check_weights(weights, words, pooling):
    if weights is None:
        return [1.0] * words
    if pooling != "MrSw":
        raise ValueError(
            f"word_weights need a model of pooling MrSw; this one has {pooling}."
        )
    try:
        weights = number_array(weights, "word_weights").astype("float64")
    except ValueError:
        raise ValueError(
            f"word_weights must be {words} numbers, one a word; received "
            f"{shown(weights)}."
        ) from None
    if weights.shape != (words,):
        raise ValueError(
            f"word_weights has shape {weights.shape}; give {words}, one a word."
        )
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError(
            f"word_weights must be finite, 0 or more, and one above 0; received "
            f"{weights[:20].tolist()}."
        )
    return weights.tolist()
