"""Score a whole set: encode everything once, compare every image with every caption."""

import numpy as np
from tqdm import tqdm

from keras_teran.alignment import all_pairs
from keras_teran.evaluation.recall import check_correspondence, recall_table

IMAGES_PER_BLOCK = 256
CAPTIONS_PER_BLOCK = 2048


def evaluate(model, captions, regions, tokenizer, progress=False):
    """Retrieval both ways over all images and all captions of a set.

    Args:
        model: `Teran`.
        captions: `CaptionSet`. Every image needs at least one caption.
        regions: a `RegionStore` that holds the images of `captions`.
        tokenizer: `CaptionTokenizer`.
        progress: bool, show bars over images and captions.

    Returns:
        `(table, similarity)`: the dict of `recall_table`, and float32
        (images, captions) in the order of `captions`.

    Raises:
        ValueError: an image has no caption, `regions` lacks an image, or a score is
            NaN (see `ranks`).
    """
    check_correspondence(captions.caption_to_image, len(captions.image_ids))
    region_embeddings = encode_images(model, regions, captions.image_ids, progress)
    similarity = score_captions(
        model, region_embeddings, captions.captions, tokenizer, progress
    )
    return recall_table(similarity, captions.caption_to_image), similarity


def encode_images(model, regions, image_ids, progress=False):
    """Encode images of a store, reading no more than a block of features at a time.

    Args:
        model: `Teran`.
        regions: a `RegionStore`.
        image_ids: int64, (images,).
        progress: bool, show a bar.

    Returns:
        float32, (images, regions, dim): unit rows, all-zero where there is no region.

    Raises:
        ValueError: `regions` lacks an image.
    """
    image_ids = np.asarray(image_ids, np.int64)
    regions.rows(image_ids)
    starts = range(0, len(image_ids), IMAGES_PER_BLOCK)
    blocks = [
        model.encode(regions.read(image_ids[start : start + IMAGES_PER_BLOCK]))
        for start in tqdm(starts, "images", leave=False, disable=not progress)
    ]
    return np.concatenate([block["region_embeddings"] for block in blocks])


def score_captions(model, region_embeddings, captions, tokenizer, progress=False):
    """Score captions against encoded images.

    Captions are encoded and scored in blocks of similar length, so memory does not grow
    with their number times the longest. Under `padding="zero"`, where the padded width
    is part of the score, all go in one block as wide as the longest caption.

    Args:
        model: `Teran`.
        region_embeddings: float32, (images, regions, dim), from `encode_images`.
        captions: list of str.
        tokenizer: `CaptionTokenizer`.
        progress: bool, show a bar.

    Returns:
        float32, (images, captions), columns in the order of `captions`.
    """
    pooling, padding = model.pooling, model.padding
    order = np.argsort(-tokenizer.lengths(captions), kind="stable")
    step = len(order) if padding == "zero" else CAPTIONS_PER_BLOCK
    similarity = np.empty((len(region_embeddings), len(captions)), np.float32)
    starts = range(0, len(order), step)
    for start in tqdm(starts, "captions", leave=False, disable=not progress):
        columns = order[start : start + step]
        block = model.encode(tokenizer([captions[column] for column in columns]))
        similarity[:, columns] = all_pairs(
            region_embeddings, block["word_embeddings"], pooling, padding
        )
    return similarity
