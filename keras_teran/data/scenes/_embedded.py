"""The embedded set: scenes, captions, regions and the truth about nouns.

Drawn by this package, so that training, evaluation and tests need no download.
"""

import dataclasses
import typing

import numpy as np

from keras_teran import _io
from keras_teran._io import progress_bar
from keras_teran.data._caption_set import CaptionSet
from keras_teran.data._memory_store import MemoryRegions
from keras_teran.data.scenes._caption_writer import CAPTIONS_PER_SCENE, write_captions
from keras_teran.data.scenes._drawing import draw
from keras_teran.data.scenes._facts import SceneTable
from keras_teran.data.scenes._features import REGION_DIM, describe_regions
from keras_teran.data.scenes._proposals import (
    MOST_REGIONS,
    find_foreground,
    find_patches,
    propose,
)
from keras_teran.data.scenes._scenes import (
    FAMILY_SIZE,
    PICTURE_SIZE,
    SPLITS,
    draw_family,
)

IMAGES = {"train": 2000, "val": 240, "test": 240}

_IDS_A_SPLIT = 1_000_000
_PICTURES_A_BLOCK = 40
# Families drawn for each one kept: a few admit too few captions of their own.
_SURPLUS = 1.2
_DRAW, _PROPOSE, _WRITE = range(3)


class Grounding(typing.NamedTuple):
    """The truth about one noun, for measuring only.

    Attributes:
        caption: index into `EmbeddedSet.captions.captions`.
        span: (start, end), the characters of the noun in that caption.
        box: float32 (4,), the object's box, relative x0 y0 x1 y1.
    """

    caption: int
    span: tuple
    box: np.ndarray


@dataclasses.dataclass(frozen=True)
class EmbeddedSet:
    """One split of the embedded set.

    Attributes:
        captions: `CaptionSet`, five captions an image.
        regions: `MemoryRegions`, computed from the pictures alone.
        pictures: uint8 (images, 128, 128, 3), RGB.
        groundings: list of `Grounding`, each noun of each caption. Kept aside: nothing
            in training reads it.
        families: int64 (images,). Images of one family hold the same attribute values,
            bound or placed differently.
    """

    captions: CaptionSet
    regions: MemoryRegions
    pictures: np.ndarray
    groundings: list
    families: np.ndarray


def embedded(split, seed=0, images=None, progress=False):
    """Draws a split of the embedded set.

    The same arguments give the same bits. No scene is in two splits, whatever their
    seeds: a scene's attribute values decide its split (`_scenes.split_of`). No caption
    is true of a second image of its split.

    Args:
        split: "train", "val" or "test".
        seed: int, 0 or more.
        images: how many; None for 2,000 (train) or 240 (val, test). Another number
            gives other captions, since fewer images are to be told apart.
        progress: whether to show a bar.

    Returns:
        `EmbeddedSet`.

    Raises:
        ValueError: for an unknown split, or a seed or number of images out of range.

    Example:
        >>> small = embedded("val", images=8)
        >>> small.pictures.shape, len(small.captions)
        ((8, 128, 128, 3), 40)
    """
    images = check_split(split, seed, images)
    scenes, captions = write_scenes(split, seed, images, progress)
    image_ids = image_ids_of(split, images)
    pictures, truths, regions = _draw(scenes, image_ids, split, seed, progress)
    return EmbeddedSet(
        captions=_caption_set(split, image_ids, captions),
        regions=regions,
        pictures=pictures,
        groundings=_groundings(captions, truths),
        families=np.array([scene.family for scene in scenes]),
    )


def image_ids_of(split, images):
    """Ids of the first images of a split: int64 (images,)."""
    return SPLITS.index(split) * _IDS_A_SPLIT + np.arange(images)


def check_split(split, seed, images):
    """The arguments of `embedded`, checked; returns the number of images."""
    if split not in SPLITS:
        raise ValueError(
            f"split={_io.shown(split)} is unknown; choose one of {SPLITS}."
        )
    _io.whole("seed", seed)
    if images is None:
        return IMAGES[split]
    return _io.whole("images", images, least=1, most=_IDS_A_SPLIT)


def write_scenes(split, seed, images, progress):
    """The scenes of `embedded` and their captions, whole families but for the last.

    Returns:
        `(scenes, captions)`: list of `Scene`, and for each a list of five `Caption`.
    """
    families = -(-images // FAMILY_SIZE)
    drawn = [
        scene
        for family in range(int(np.ceil(families * _SURPLUS)) + 4)
        for scene in draw_family(split, seed, family)
    ]
    table = SceneTable(drawn)
    kept, captions = [], []
    bar = progress_bar(total=images, desc=f"writing {split}", disable=not progress)
    for start in range(0, len(drawn), FAMILY_SIZE):
        rows = range(start, start + FAMILY_SIZE)
        written = [
            write_captions(table, row, _generator(split, seed, row, _WRITE))
            for row in rows
        ]
        if None not in written:
            kept += [drawn[row] for row in rows]
            captions += written
            bar.update(min(FAMILY_SIZE, images - bar.n))
        if len(kept) >= images:
            break
    bar.close()
    if len(kept) < images:
        raise RuntimeError(
            f"Only {len(kept)} of {images} scenes have five captions of their own; ask "
            "for fewer images."
        )
    return kept[:images], captions[:images]


def _draw(scenes, image_ids, split, seed, progress):
    """Pictures, the objects' true boxes, and regions from the pictures."""
    pictures = np.zeros((len(scenes), PICTURE_SIZE, PICTURE_SIZE, 3), np.uint8)
    truths, features, boxes = [], [], []
    bar = progress_bar(total=len(scenes), desc=f"drawing {split}", disable=not progress)
    for start in range(0, len(scenes), _PICTURES_A_BLOCK):
        rows = range(start, min(start + _PICTURES_A_BLOCK, len(scenes)))
        for row in rows:
            generator = _generator(split, seed, row, _DRAW)
            pictures[row], truth = draw(scenes[row], generator)
            truths.append(truth)
        generators = [_generator(split, seed, row, _PROPOSE) for row in rows]
        found = find_regions(pictures[rows.start : rows.stop], generators)
        boxes += found[0]
        features += found[1]
        bar.update(len(rows))
    bar.close()
    return pictures, truths, _store(image_ids, boxes, features)


def find_regions(pictures, generators):
    """Proposes and describes the regions of pictures, from their pixels alone.

    Args:
        pictures: uint8 (pictures, 128, 128, 3), RGB.
        generators: one numpy Generator a picture, for its windows.

    Returns:
        boxes: list of float32 (regions, 4), relative x0 y0 x1 y1, one a picture.
        features: list of float32 (regions, 80).
    """
    foreground = find_foreground(pictures)
    patches = find_patches(foreground)
    boxes = [
        propose(own, PICTURE_SIZE, generator)
        for own, generator in zip(patches, generators, strict=True)
    ]
    counts = [len(own) for own in boxes]
    picture_of = np.repeat(np.arange(len(boxes)), counts)
    features = describe_regions(pictures, foreground, picture_of, np.concatenate(boxes))
    relative = [(own / PICTURE_SIZE).astype(np.float32) for own in boxes]
    return relative, np.split(features, np.cumsum(counts)[:-1])


def _store(image_ids, boxes, features):
    shape = len(boxes), MOST_REGIONS
    padded_features = np.zeros((*shape, REGION_DIM), np.float32)
    padded_boxes = np.zeros((*shape, 4), np.float32)
    region_mask = np.zeros(shape, bool)
    for row, (own_boxes, own_features) in enumerate(zip(boxes, features, strict=True)):
        padded_features[row, : len(own_boxes)] = own_features
        padded_boxes[row, : len(own_boxes)] = own_boxes
        region_mask[row, : len(own_boxes)] = True
    return MemoryRegions(image_ids, padded_features, padded_boxes, region_mask)


def _caption_set(split, image_ids, captions):
    count = len(captions) * CAPTIONS_PER_SCENE
    return CaptionSet(
        image_ids=image_ids,
        filenames=[f"{split}_{row:04d}.png" for row in range(len(image_ids))],
        captions=[caption.text for own in captions for caption in own],
        caption_ids=image_ids[0] * CAPTIONS_PER_SCENE + np.arange(count),
        caption_to_image=np.repeat(np.arange(len(captions)), CAPTIONS_PER_SCENE),
    )


def _groundings(captions, truths):
    return [
        Grounding(row * CAPTIONS_PER_SCENE + place, span, truth[thing])
        for row, (own, truth) in enumerate(zip(captions, truths, strict=True))
        for place, caption in enumerate(own)
        for thing, span in caption.nouns
    ]


def _generator(split, seed, row, purpose):
    return np.random.default_rng([seed, SPLITS.index(split), row, purpose])
