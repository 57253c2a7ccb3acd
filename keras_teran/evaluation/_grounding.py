"""Grounding: does the region that a noun chooses hold the object it means?"""

import numpy as np

from keras_teran.evaluation._evaluate import encode_images
from keras_teran.vision import iou

LEAST_OVERLAP = 0.5
_CAPTIONS_PER_BLOCK = 1024


def grounding_accuracy(model, tokenizer, embedded_set, progress=False):
    """How often the region that a noun chooses holds the true object.

    A noun chooses, in its own image, the region of the highest cosine with its word
    piece (the mean over its pieces where it has several). The choice is right where
    region and true box overlap by an intersection over union of at least 0.5.

    Args:
        model: `Teran`.
        tokenizer: `CaptionTokenizer`.
        embedded_set: `EmbeddedSet`, or anything with its `captions`, `regions` and
            `groundings`.
        progress: bool, show a bar over images.

    Returns:
        dict: `accuracy`, a fraction of the nouns; `chance`, the share of the image's
        regions that would be right, averaged over nouns; `nouns`, how many there are.

    Raises:
        ValueError: where there is no noun, or the tokeniser cut one off.
    """
    captions, groundings = embedded_set.captions, embedded_set.groundings
    if not groundings:
        raise ValueError("embedded_set.groundings is empty: there is no noun to judge.")
    inputs = embedded_set.regions.read(captions.image_ids)
    regions = encode_images(
        model, embedded_set.regions, captions.image_ids, progress=progress
    )
    nouns = _noun_embeddings(model, tokenizer, captions.captions, groundings)
    image = captions.caption_to_image[[noun.caption for noun in groundings]]
    region_mask = inputs["region_mask"][image]
    cosines = np.einsum("nrd,nd->nr", regions[image], nouns)
    chosen = np.where(region_mask, cosines, -np.inf).argmax(axis=1)
    truth = np.stack([noun.box for noun in groundings])
    right = iou(inputs["boxes"][image], truth[:, None]) >= LEAST_OVERLAP
    right &= region_mask
    return {
        "accuracy": float(right[np.arange(len(chosen)), chosen].mean()),
        "chance": float((right.sum(axis=1) / region_mask.sum(axis=1)).mean()),
        "nouns": len(groundings),
    }


def _noun_embeddings(model, tokenizer, captions, groundings):
    """float32 (nouns, dim): the mean of the word embeddings of each noun's pieces."""
    wanted = [[] for _ in captions]
    for index, noun in enumerate(groundings):
        wanted[noun.caption].append(index)
    rows = [row for row, indices in enumerate(wanted) if indices]
    found = [None] * len(groundings)
    for start in range(0, len(rows), _CAPTIONS_PER_BLOCK):
        block = rows[start : start + _CAPTIONS_PER_BLOCK]
        words = model.encode(tokenizer([captions[row] for row in block]))
        for row, embeddings, mask in zip(
            block, words["word_embeddings"], words["word_mask"], strict=True
        ):
            spans = tokenizer.encode(captions[row]).spans
            for index in wanted[row]:
                pieces = _pieces(spans, groundings[index].span, mask, captions[row])
                found[index] = embeddings[pieces].mean(axis=0)
    return np.stack(found)


def _pieces(spans, noun, mask, caption):
    """Positions of the word pieces inside a noun that take part in the score."""
    start, end = noun
    pieces = [
        position
        for position, (first, last) in enumerate(spans)
        if first < end and last > start and mask[position]
    ]
    if not pieces:
        raise ValueError(
            f"The noun {caption[start:end]!r} of caption {caption!r} has no word piece "
            "in the score: raise the tokeniser's max_length, or check the span."
        )
    return pieces
