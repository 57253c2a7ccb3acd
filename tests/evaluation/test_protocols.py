"""The protocols choose the images and captions that the papers score."""

import numpy as np
import pytest

from keras_teran.data._caption_set import CaptionSet
from keras_teran.evaluation._protocols import (
    PROTOCOLS,
    Protocol,
    captions_of,
    find_protocol,
)


def caption_set(counts, interleaved=False):
    owners = np.repeat(np.arange(len(counts)), counts)
    if interleaved:
        owners = np.random.default_rng(0).permutation(owners)
    images = len(counts)
    return CaptionSet(
        image_ids=100 + np.arange(images),
        filenames=[""] * images,
        captions=[f"caption {k} of {i}" for k, i in enumerate(owners)],
        caption_ids=np.arange(len(owners)),
        caption_to_image=owners,
    )


def test_the_published_protocols_are_those_of_the_papers():
    assert {name: (p.images, p.folds) for name, p in PROTOCOLS.items()} == {
        "coco-1k": (5000, 5),
        "coco-5k": (5000, 1),
        "f30k": (1000, 1),
        "f8k": (1000, 1),
    }
    slices = find_protocol("coco-1k").slices(5000)
    assert [(s.start, s.stop) for s in slices] == [
        (0, 1000),
        (1000, 2000),
        (2000, 3000),
        (3000, 4000),
        (4000, 5000),
    ]
    assert captions_of(slices[4]) == slice(20000, 25000)


@pytest.mark.parametrize("interleaved", [False, True])
def test_the_first_five_captions_of_each_image_are_scored_in_the_order_of_the_file(
    interleaved,
):
    captions = caption_set([5, 7, 6, 5], interleaved)
    chosen = Protocol("mine", images=4).select(captions)
    assert chosen.image_ids.tolist() == [100, 101, 102, 103]
    assert chosen.caption_to_image.tolist() == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5
    expected = []
    for image in range(4):
        expected += captions.captions_of(image)[:5]
    assert chosen.captions == expected


def test_too_few_images_or_too_many_for_coco_are_refused():
    coco = Protocol("coco", images=4, folds=2)
    for count in (3, 5):
        with pytest.raises(ValueError, match=f"on 4 images, the split has {count}: "):
            coco.select(caption_set([5] * count))
    flickr = Protocol("flickr", images=4, or_more=True)
    assert len(flickr.select(caption_set([5] * 6)).image_ids) == 6
    with pytest.raises(ValueError, match="flickr is defined on 4 images"):
        flickr.select(caption_set([5] * 3))


def test_an_image_with_four_captions_is_named():
    with pytest.raises(ValueError, match="image 102 has 4: complete the caption file"):
        Protocol("mine", images=4).select(caption_set([5, 6, 4, 5]))


def test_the_head_says_what_was_averaged():
    assert "mean over 5 folds of 1,000 images" in PROTOCOLS["coco-1k"].describe(5000)
    assert "all 1,014 images" in PROTOCOLS["f30k"].describe(1014)


def test_an_unknown_protocol_names_those_there_are():
    with pytest.raises(ValueError, match="protocol='coco': .*coco-1k, coco-5k, f30k"):
        find_protocol("coco")
