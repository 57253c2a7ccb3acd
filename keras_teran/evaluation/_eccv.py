"""COCO, CxC and ECCV Caption figures by the package `eccv_caption`, if installed.

COCO has many right answers that it does not know of. CxC (Parekh et al. 2021) and ECCV
Caption (Chun et al. 2022, arXiv 2204.03359) add those that people confirmed. Queries
and documents are COCO's own ids: the Karpathy file's `cocoid` and `sentid` are these.
"""

import warnings

import numpy as np

from keras_teran.evaluation._protocols import Protocol, captions_of
from keras_teran.evaluation._recall import DIRECTIONS, RECALL_AT
from keras_teran.evaluation._topk import first_documents

_TARGETS = ("coco_5k_recalls", "cxc_recalls", "eccv_r1", "eccv_map_at_r")
_WAYS = dict(zip(("i2t", "t2i"), DIRECTIONS, strict=True))


def open_eccv(captions):
    """The metrics of `eccv_caption`, checked to be about these captions.

    Args:
        captions: `CaptionSet` that the similarity will be of.

    Returns:
        `eccv_caption.Metrics`.

    Raises:
        ValueError: the package is not installed; or these are not the 5,000 images and
            25,000 captions of COCO's Karpathy test split, by their ids.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # it would like ujson better
            import eccv_caption
    except ImportError as error:
        raise ValueError(
            "the figures of CxC and ECCV Caption need the package eccv_caption: "
            "pip install eccv_caption, or leave --eccv out."
        ) from error
    metrics = eccv_caption.Metrics()
    same_captions = set(captions.caption_ids.tolist()) == set(metrics.coco_ids.tolist())
    same_images = set(captions.image_ids.tolist()) == set(metrics.coco_gts["i2t"])
    if not (same_captions and same_images):
        raise ValueError(
            "eccv_caption knows COCO's Karpathy test split only, by COCO's ids; this "
            "split has other ids: give dataset_coco.json and --split test, or leave "
            "--eccv out."
        )
    return metrics


def eccv_figures(metrics, similarity, captions):
    """COCO 1K and 5K, CxC and ECCV Caption figures.

    Args:
        metrics: from `open_eccv`.
        similarity: float32, (images, captions), COCO's whole test split.
        captions: `CaptionSet`, five captions an image, grouped by image.

    Returns:
        dict, name of a figure (`coco_1k_r1`, `cxc_r5`, `eccv_map_at_r`, ...) to a dict,
        direction to a fraction.
    """
    whole = slice(0, len(similarity))
    found = metrics.compute_all_metrics(
        *_retrieved(similarity, captions, [whole], _depths(metrics)),
        target_metrics=(*_TARGETS, "eccv_rprecision"),
        Ks=RECALL_AT,
        verbose=False,
    )
    # The package looks at a fold's own documents only; so only these are given.
    folds = Protocol("coco-1k", images=len(similarity), folds=5).slices(len(similarity))
    depths = (max(RECALL_AT), max(RECALL_AT))
    found |= metrics.compute_all_metrics(
        *_retrieved(similarity, captions, folds, depths),
        target_metrics=("coco_1k_recalls",),
        Ks=RECALL_AT,
        verbose=False,
    )
    return {
        name: {_WAYS[way]: float(value) for way, value in both.items()}
        for name, both in sorted(found.items())
    }


def _depths(metrics):
    """How many documents a query needs, both ways: R-precision looks as far as R."""
    return [
        max(max(RECALL_AT), *(len(right) for right in metrics.eccv_gts[way].values()))
        for way in _WAYS
    ]


def _retrieved(similarity, captions, folds, depths):
    image_to_text, text_to_image = {}, {}
    for images in folds:
        texts = captions_of(images)
        block = np.ascontiguousarray(similarity[images, texts])
        image_ids = captions.image_ids[images]
        caption_ids = captions.caption_ids[texts]
        own = (
            captions.images_of(np.arange(texts.start, texts.stop)) == image_ids[:, None]
        )
        first = first_documents(block, own, depths[0])
        image_to_text |= _lists(image_ids, caption_ids, first)
        turned = np.ascontiguousarray(block.T), np.ascontiguousarray(own.T)
        first = first_documents(*turned, depths[1])
        text_to_image |= _lists(caption_ids, image_ids, first)
    return image_to_text, text_to_image


def _lists(queries, documents, first):
    found = documents[first].tolist()
    return dict(zip(queries.tolist(), found, strict=True))
