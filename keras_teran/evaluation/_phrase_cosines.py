"""Cosines of phrases with the regions of their images: what grounding is measured by."""

from dataclasses import dataclass

import numpy as np

from keras_teran._io import progress_bar
from keras_teran.evaluation._evaluate import IMAGES_PER_BLOCK


@dataclass(frozen=True)
class PhraseCosines:
    """What a model says of phrases and the regions of their images.

    Attributes:
        image_ids: int64 (images,), each image once.
        boxes: float32 (images, regions, 4), relative x0 y0 x1 y1.
        region_mask: bool (images, regions), True where there is a region.
        region_cosine: float64 (images,), the mean cosine of two of an image's regions;
            NaN where it has one alone.
        kept: int64 (kept,), positions of the phrases that are measured.
        image: int64 (kept,), rows in `image_ids`.
        cosines: float32 (kept, regions); of padding 0.
        cut: list of int, positions of phrases that the tokenizer cut off.
        unscored: list of int, positions of phrases none of whose pieces is a word.
    """

    image_ids: np.ndarray
    boxes: np.ndarray
    region_mask: np.ndarray
    region_cosine: np.ndarray
    kept: np.ndarray
    image: np.ndarray
    cosines: np.ndarray
    cut: list
    unscored: list


def phrase_cosines(
    model, tokenizer, phrases, image_ids, regions, pieces="max", progress=False
):
    """Encodes the images and captions of phrases, and compares them.

    An image is encoded once, a caption once for each block of images.

    Args:
        model: `Teran`.
        tokenizer: `CaptionTokenizer`.
        phrases: list of `Phrase`.
        image_ids: int64 (phrases,), see `match_images`.
        regions: a `RegionStore` that holds the images.
        pieces: "max" or "mean", what the cosine of a phrase of several word pieces is.
        progress: bool, show a bar over images.

    Returns:
        `PhraseCosines`.
    """
    unique, row_of = np.unique(image_ids, return_inverse=True)
    by_image = np.argsort(row_of, kind="stable")
    bounds = np.searchsorted(row_of[by_image], np.arange(len(unique) + 1))
    found = {name: [] for name in ("boxes", "region_mask", "region_cosine", "cosines")}
    kept, faults = [], {"cut": [], "unscored": []}
    starts = range(0, len(unique), IMAGES_PER_BLOCK)
    for start in progress_bar(starts, "phrases", leave=False, disable=not progress):
        rows = range(start, min(start + IMAGES_PER_BLOCK, len(unique)))
        inputs = regions.read(unique[rows])
        embeddings = model.encode(inputs)["region_embeddings"]
        block = by_image[bounds[rows.start] : bounds[rows.stop]]
        words = _Words(model, tokenizer, [phrases[position] for position in block])
        found["boxes"].append(inputs["boxes"])
        found["region_mask"].append(inputs["region_mask"])
        found["region_cosine"].append(_region_cosine(embeddings, inputs["region_mask"]))
        for row, of_image in zip(rows, embeddings, strict=True):
            own = []
            for position in by_image[bounds[row] : bounds[row + 1]]:
                vectors, fault = words.of(phrases[position])
                if fault:
                    faults[fault].append(int(position))
                else:
                    own.append(vectors)
                    kept.append(position)
            if own:
                found["cosines"].append(_together(own, of_image, pieces))
    kept = np.array(kept, np.int64)
    arrays = {n: np.concatenate(v) if v else np.zeros((0, 0)) for n, v in found.items()}
    return PhraseCosines(
        image_ids=unique, kept=kept, image=row_of[kept], **arrays, **faults
    )


class _Words:
    """The word embeddings of the captions of some phrases, and where each piece stands."""

    def __init__(self, model, tokenizer, phrases):
        captions = list(dict.fromkeys(phrase.caption for phrase in phrases))
        encoded = model.encode(tokenizer(captions))
        self._embeddings = encoded["word_embeddings"]
        self._mask = encoded["word_mask"]
        self._rows = {caption: row for row, caption in enumerate(captions)}
        self._spans = [tokenizer.encode(caption).spans for caption in captions]
        self._most = tokenizer.max_length

    def of(self, phrase):
        """`(float32 (pieces, dim), None)`, or None and why there is none."""
        row = self._rows[phrase.caption]
        spans, mask = self._spans[row], self._mask[row]
        end = max(last for _, last in spans)
        # A caption that fills all positions may go on behind its last piece.
        if len(spans) >= self._most and phrase.caption[end : phrase.end].strip():
            return None, "cut"
        pieces = [
            position
            for position, (first, last) in enumerate(spans)
            if first < phrase.end and last > phrase.start and mask[position]
        ]
        if not pieces:
            return None, "unscored"
        return self._embeddings[row, pieces], None


def _together(phrases, regions, pieces):
    """float32 (phrases, regions) of one image, from the pieces of each phrase."""
    counts = np.array([len(vectors) for vectors in phrases])
    cosines = np.concatenate(phrases) @ regions.T
    starts = np.cumsum(counts) - counts
    if pieces == "max":
        return np.maximum.reduceat(cosines, starts, axis=0)
    return np.add.reduceat(cosines, starts, axis=0) / counts[:, None]


def _region_cosine(embeddings, mask):
    """float64 (images,): over all pairs of different regions; NaN where there is none."""
    embeddings = np.where(mask[..., None], embeddings, 0).astype(np.float64)
    norms = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    units = embeddings / np.where(norms > 0, norms, 1)
    count = mask.sum(axis=1)
    total = (units.sum(axis=1) ** 2).sum(axis=-1) - (units**2).sum(axis=(1, 2))
    pairs = count * (count - 1)
    return np.where(pairs > 0, total / np.maximum(pairs, 1), np.nan)
