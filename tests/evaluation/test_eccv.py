"""The figures of `eccv_caption`, on a cut of its own answers."""

import sys

import numpy as np
import pytest

from keras_teran.data._caption_set import CaptionSet
from keras_teran.evaluation._eccv import eccv_figures, open_eccv
from keras_teran.evaluation._recall import recall_table

pytestmark = pytest.mark.seconds

eccv_caption = pytest.importorskip("eccv_caption")
IMAGES = 50


@pytest.fixture(scope="module")
def whole():
    """COCO's Karpathy test split by its ids, in the order of the Karpathy file."""
    metrics = eccv_caption.Metrics()
    owner_ids = [metrics.coco_gts["t2i"][c][0] for c in metrics.coco_ids.tolist()]
    image_ids = list(dict.fromkeys(owner_ids))
    row = {image: i for i, image in enumerate(image_ids)}
    return CaptionSet(
        image_ids=image_ids,
        filenames=[""] * len(image_ids),
        captions=["x"] * len(owner_ids),
        caption_ids=metrics.coco_ids,
        caption_to_image=[row[image] for image in owner_ids],
    )


def cut(metrics, captions):
    """Leaves of the right answers those about some images."""
    images, texts = set(captions.image_ids.tolist()), set(captions.caption_ids.tolist())
    sides = {"i2t": (images, texts), "t2i": (texts, images)}
    for name in ("coco_gts", "cxc_gts", "eccv_gts"):
        kept = {
            way: {
                query: list(sides[way][1].intersection(right))
                for query, right in answers.items()
                if query in sides[way][0] and sides[way][1].intersection(right)
            }
            for way, answers in getattr(metrics, name).items()
        }
        setattr(metrics, name, kept)
    metrics.coco_ids = captions.caption_ids
    return metrics


@pytest.mark.slow
@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "many ties"])
def test_coco_figures_equal_our_own(whole, ties):
    captions = whole.select_images(range(IMAGES))
    rng = np.random.default_rng(0)
    right = captions.caption_to_image == np.arange(IMAGES)[:, None]
    similarity = (right + rng.normal(0, 0.6, right.shape)).astype("float32")
    similarity = np.round(similarity) if ties else similarity
    found = eccv_figures(cut(eccv_caption.Metrics(), captions), similarity, captions)
    table = recall_table(similarity, captions.caption_to_image)
    folds = [
        recall_table(
            similarity[i : i + 10, 5 * i : 5 * i + 50], np.repeat(np.arange(10), 5)
        )
        for i in range(0, IMAGES, 10)
    ]
    for way in ("image_to_text", "text_to_image"):
        for k in (1, 5, 10):
            assert found[f"coco_5k_r{k}"][way] == pytest.approx(table[way][f"r{k}"])
            mean = np.mean([fold[way][f"r{k}"] for fold in folds])
            assert found[f"coco_1k_r{k}"][way] == pytest.approx(mean)
    assert {"cxc_r1", "eccv_r1", "eccv_map_at_r", "eccv_rprecision"} <= set(found)
    assert all(0 <= value <= 1 for both in found.values() for value in both.values())


@pytest.mark.seconds
def test_cocos_test_split_is_taken_in_any_order(whole):
    open_eccv(whole)
    open_eccv(whole.select_images(np.arange(5000)[::-1]))


@pytest.mark.seconds
def test_other_captions_are_refused(whole):
    with pytest.raises(ValueError, match="knows COCO's Karpathy test split only"):
        open_eccv(whole.select_images(range(4999)))


def test_a_missing_package_is_named(whole, monkeypatch):
    monkeypatch.setitem(sys.modules, "eccv_caption", None)
    with pytest.raises(ValueError, match="need the package eccv_caption: pip install"):
        open_eccv(whole)
