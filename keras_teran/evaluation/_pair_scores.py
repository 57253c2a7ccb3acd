"""Scores of chosen pairs of images and captions: each image is encoded once."""

import numpy as np

from keras_teran._io import progress_bar
from keras_teran.evaluation._evaluate import (
    IMAGES_PER_BLOCK,
    encode_images,
    score_captions,
)
from keras_teran.evaluation._run_protocol import ORIGINAL_WIDTH

# Captions that are encoded and scored at a time, with the images that they are asked
# of. Few, since each is scored with each of these images.
_CAPTIONS_PER_BLOCK = 512


def score_pairs(model, tokenizer, regions, pairs, progress=False):
    """The model's similarity of pairs of one image and one caption.

    Captions of one image that the tokenizer makes equal get one score, so that what is
    equal to the model is equal here to the last bit.

    Args:
        model: `Teran`.
        tokenizer: `CaptionTokenizer`.
        regions: a `RegionStore` that holds the images.
        pairs: list of (image id, caption), repetitions allowed.
        progress: bool, show a bar over images.

    Returns:
        float32, (pairs,).

    Raises:
        ValueError: `regions` lacks an image, or a score is NaN or infinite.
    """
    tokens = _token_keys(tokenizer, {caption for _, caption in pairs})
    # image id -> {token ids: a caption with these}
    asked = {}
    for image, caption in pairs:
        asked.setdefault(image, {}).setdefault(tokens[caption], caption)
    scores = {}
    bar = progress_bar(total=len(asked), desc="images", disable=not progress)
    for images in _image_blocks(asked):
        texts = {key: text for image in images for key, text in asked[image].items()}
        found = score_captions(
            model,
            encode_images(model, regions, images),
            [*texts.values()],
            tokenizer,
            caption_width=ORIGINAL_WIDTH,
        )
        column = {key: number for number, key in enumerate(texts)}
        for row, image in enumerate(images):
            for key in asked[image]:
                scores[image, key] = found[row, column[key]]
        bar.update(len(images))
    bar.close()
    result = np.array([scores[image, tokens[text]] for image, text in pairs])
    if not np.isfinite(result).all():
        image, text = pairs[int(np.isfinite(result).argmin())]
        raise ValueError(f"The score of image {image} and {text!r} is not finite.")
    return result


def _token_keys(tokenizer, captions):
    """Each caption's token ids, as something that can be looked up: dict."""
    captions = sorted(captions)
    found = tokenizer(captions)
    rows = zip(found["token_ids"], found["padding_mask"], strict=True)
    return {
        caption: ids[mask].tobytes()
        for caption, (ids, mask) in zip(captions, rows, strict=True)
    }


def _image_blocks(asked):
    """Yields lists of image ids of few enough captions together."""
    block, captions = [], 0
    for image, texts in asked.items():
        if block and (
            captions + len(texts) > _CAPTIONS_PER_BLOCK
            or len(block) == IMAGES_PER_BLOCK
        ):
            yield block
            block, captions = [], 0
        block.append(image)
        captions += len(texts)
    yield block
