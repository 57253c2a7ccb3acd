"""Score a whole set: encode everything once, compare every image with every caption."""

import numpy as np

from keras_teran._io import progress_bar
from keras_teran.evaluation._recall import check_correspondence, recall_table
from keras_teran.similarity import all_pairs

IMAGES_PER_BLOCK = 256
CAPTIONS_PER_BLOCK = 2048


def evaluate(model, captions, regions, tokenizer, progress=False, caption_width=None):
    """Retrieval both ways over all images and all captions of a set.

    Args:
        model: `Teran`.
        captions: `CaptionSet`. Every image needs at least one caption.
        regions: a `RegionStore` that holds the images of `captions`.
        tokenizer: `CaptionTokenizer`.
        progress: bool, show bars over images and captions.
        caption_width: int, see `score_captions`.

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
        model, region_embeddings, captions.captions, tokenizer, progress, caption_width
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
        for start in progress_bar(starts, "images", leave=False, disable=not progress)
    ]
    return np.concatenate([block["region_embeddings"] for block in blocks])


def score_captions(
    model, region_embeddings, captions, tokenizer, progress=False, caption_width=None
):
    """Score captions against encoded images.

    Captions are encoded and scored in blocks of similar length, so memory does not grow
    with their number times the longest.

    Args:
        model: `Teran`.
        region_embeddings: float32, (images, regions, dim), from `encode_images`.
        captions: list of str.
        tokenizer: `CaptionTokenizer`.
        progress: bool, show a bar.
        caption_width: int, tokens that every caption is padded to where that is part
            of the score (`padding="zero"`); the authors' evaluation pads to 88. None
            for the longest of `captions`.

    Returns:
        float32, (images, captions), columns in the order of `captions`.

    Raises:
        ValueError: a caption is longer than a `caption_width` that is part of the
            score.
    """
    pooling, padding = model.pooling, model.padding
    lengths = tokenizer.lengths(captions)
    width = None
    if padding == "zero" and _width_counts(model):
        width = caption_width or int(lengths.max())
    order = np.argsort(-lengths, kind="stable")
    similarity = np.empty((len(region_embeddings), len(captions)), np.float32)
    starts = range(0, len(order), CAPTIONS_PER_BLOCK)
    for start in progress_bar(starts, "captions", leave=False, disable=not progress):
        columns = order[start : start + CAPTIONS_PER_BLOCK]
        inputs = tokenizer([captions[column] for column in columns], width)
        similarity[:, columns] = all_pairs(
            region_embeddings,
            model.encode(inputs)["word_embeddings"],
            pooling,
            padding,
        )
    return similarity


def _width_counts(model):
    """Whether under `padding="zero"` the width that captions are padded to matters.

    In the other poolings a padded word adds nothing. The rule takes the last two
    positions of the width off, which hold a word unless the model leaves it out.
    """
    return (
        model.pooling in ("MwSr", "Symm", "mean")
        or not (model.config["drop_last_word"])
    )
