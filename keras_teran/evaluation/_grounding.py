"""Grounding: does a phrase point where people say the thing is?"""

from dataclasses import dataclass, field

import numpy as np

from keras_teran._io import whole
from keras_teran.data import drawn_phrases, match_images
from keras_teran.evaluation._grounding_figures import grounding_figures
from keras_teran.evaluation._phrase_cosines import phrase_cosines
from keras_teran.evaluation._pointing import BOXES, point_at


@dataclass(frozen=True)
class GroundingResult:
    """Where phrases pointed.

    Attributes:
        figures: dict of plain values, see `evaluate_grounding`.
        phrases: list of `Phrase`, those that were measured.
        image_ids: int64 (phrases,), of their images in the store.
        cosines: list of float32 (regions,), one a phrase, of real regions.
        boxes: list of float32 (regions, 4), one a phrase; phrases of one image share it.
        found: dict of arrays (phrases, ...), see `point_at`.
    """

    figures: dict
    phrases: list = field(repr=False)
    image_ids: np.ndarray = field(repr=False)
    cosines: list = field(repr=False)
    boxes: list = field(repr=False)
    found: dict = field(repr=False)


def evaluate_grounding(
    model,
    tokenizer,
    phrases,
    regions,
    captions=None,
    boxes="merged",
    seed=0,
    progress=False,
):
    """Measures the place: whether phrases find the regions that people boxed.

    A phrase's cosine with a region is the maximum over its word pieces (as in InfoGround,
    Gupta et al. 2020, arXiv 2006.09920). Its best region is that of the highest cosine;
    ties go to the first.

    Args:
        model: `Teran`.
        tokenizer: `CaptionTokenizer`.
        phrases: list of `Phrase`, see `read_phrases`.
        regions: a `RegionStore` that holds their images.
        captions: `CaptionSet` of the images in the store, by whose file names images are
            found; None for the names of the store, or ids.
        boxes: "merged", the smallest box around all boxes of a phrase, as the public
            splits have it; or "separate", where any box of a phrase will do.
        seed: int, of the bootstrap.
        progress: bool, show a bar.

    Returns:
        `GroundingResult`. Its `figures` hold `phrases` and `images`, how many; `boxes`;
        `left_out`, how many phrases were `cut` off by the tokenizer and how many
        `unscored`, without a word that takes part in the score; `max_length`; `seed`;
        `figures`, `center` (the photo's center in place of a region) and
        `minus_center`, each name to `value` and `interval`, 95 % by bootstrap over
        images; `chance`, of a region drawn at random, and `best_possible`, of the region
        set; `region_cosine`, the mean cosine of two regions of an image (None where all
        images have one region); `types`, the figures by type of phrase. Names are
        `pointing`, `heat_map` and, at an IoU of 0.5, `r1`, `r5`, `r10`; values are
        fractions.

    Raises:
        ValueError: if an image is not in the store (see `match_images`), no phrase is left
            to measure, or an argument is out of range.
    """
    whole("seed", seed)
    if boxes not in BOXES:
        raise ValueError(f"boxes={boxes!r} must be one of {', '.join(BOXES)}.")
    cosines, found = _measured(
        model, tokenizer, phrases, regions, captions, boxes, progress
    )
    kept = [phrases[position] for position in cosines.kept]
    real = [cosines.region_mask[row] for row in cosines.image]
    by_image = {
        row: cosines.boxes[row][cosines.region_mask[row]]
        for row in {*cosines.image.tolist()}
    }
    figures = {
        "phrases": len(kept),
        "images": len(by_image),
        "boxes": boxes,
        "left_out": {"cut": len(cosines.cut), "unscored": len(cosines.unscored)},
        "max_length": tokenizer.max_length,
        "seed": seed,
        **grounding_figures(cosines, found, [p.type for p in kept], seed),
    }
    return GroundingResult(
        figures=figures,
        phrases=kept,
        image_ids=cosines.image_ids[cosines.image],
        cosines=[row[mask] for row, mask in zip(cosines.cosines, real, strict=True)],
        boxes=[by_image[row] for row in cosines.image.tolist()],
        found=found,
    )


def pointing_accuracy(model, tokenizer, phrases, regions, captions=None):
    """The share of phrases whose best region has its center in their merged box.

    The figure `pointing` of `evaluate_grounding` without its interval: a float, 0..1.
    """
    _, found = _measured(model, tokenizer, phrases, regions, captions, "merged", False)
    return float(found["pointing"].mean())


def _measured(model, tokenizer, phrases, regions, captions, boxes, progress):
    """The `PhraseCosines` of phrases, and what they point at."""
    ids = match_images(phrases, regions, captions)
    cosines = phrase_cosines(model, tokenizer, phrases, ids, regions, progress=progress)
    if not len(cosines.kept):
        raise ValueError(
            f"No phrase is left to measure: of {len(phrases)} the tokenizer cut off "
            f"{len(cosines.cut)} (max_length {tokenizer.max_length}), and "
            f"{len(cosines.unscored)} have no word in the score."
        )
    kept = [phrases[position] for position in cosines.kept]
    truths = [p.boxes if boxes == "separate" else (p.merged,) for p in kept]
    return cosines, _pointed(cosines, truths)


def _pointed(cosines, truths):
    """See `point_at`, of all images; phrases of one image stand together."""
    starts = np.flatnonzero(np.diff(cosines.image, prepend=-1))
    found = []
    for start, end in zip(starts, [*starts[1:], len(cosines.image)], strict=True):
        row = cosines.image[start]
        real = cosines.region_mask[row]
        found.append(
            point_at(
                cosines.cosines[start:end, real],
                cosines.boxes[row][real],
                [np.array(truth) for truth in truths[start:end]],
            )
        )
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


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
    if not embedded_set.groundings:
        raise ValueError("embedded_set.groundings is empty: there is no noun to judge.")
    nouns = drawn_phrases(embedded_set)
    cosines = phrase_cosines(
        model,
        tokenizer,
        nouns,
        np.array([noun.image_id for noun in nouns]),
        embedded_set.regions,
        pieces="mean",
        progress=progress,
    )
    if lost := sorted(cosines.cut + cosines.unscored):
        noun = nouns[lost[0]]
        raise ValueError(
            f"The noun {noun.phrase!r} of caption {noun.caption!r} has no word piece "
            "in the score: raise the tokeniser's max_length, or check the span."
        )
    found = _pointed(cosines, [nouns[position].boxes for position in cosines.kept])
    return {
        "accuracy": float(found["r1"].mean()),
        "chance": float(found["chance_r1"].mean()),
        "nouns": len(nouns),
    }
