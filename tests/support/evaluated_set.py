"""A small set of images and captions, and tiny models, for what evaluates a whole set."""

import numpy as np

from keras_teran.data._caption_set import CaptionSet
from keras_teran.data._memory_store import MemoryRegions
from keras_teran.models._teran import build_model

CAPTIONS = [
    "a red dog",
    "a dog left of a tiny blue cat",
    "two cats",
    "a cat and a dog and a red bird under the blue tree",
    "tree",
    "the bird under a tree",
    "a blue bird",
]
CAPTION_TO_IMAGE = [2, 0, 1, 0, 2, 3, 0]


def random_regions(image_ids):
    """Random regions of some images, of different number."""
    rng = np.random.default_rng(0)
    images = len(image_ids)
    corners = rng.uniform(size=(images, 5, 2, 2))
    mask = np.arange(5) < 1 + np.arange(images)[:, None] % 5
    return MemoryRegions(
        np.array(image_ids),
        rng.normal(size=(images, 5, 64)) * mask[..., None],
        np.sort(corners, axis=2).reshape(images, 5, 4) * mask[..., None],
        mask,
    )


def make_set():
    image_ids = [40, 10, 30, 20]
    captions = CaptionSet(
        image_ids=np.array(image_ids),
        filenames=[""] * 4,
        captions=CAPTIONS,
        caption_ids=np.arange(len(CAPTIONS)),
        caption_to_image=np.array(CAPTION_TO_IMAGE),
    )
    return captions, random_regions(sorted(image_ids))


def make_model(tokenizer, **overrides):
    import keras

    keras.utils.set_random_seed(1)
    size = len(tokenizer.vocabulary)
    return build_model("tiny", vocabulary_size=size, region_dim=64, **overrides)
