"""The embedded set: same bits, apart by split, regions from the pixels alone."""

import numpy as np
import pytest

from keras_teran.data._batches import PairBatches
from keras_teran.data._memory_store import MemoryRegions
from keras_teran.data.scenes._embedded import embedded, find_regions
from keras_teran.data.scenes._features import REGION_DIM, describe_regions
from keras_teran.data.scenes._proposals import find_foreground, find_patches, propose
from keras_teran.data.scenes._templates import bag_of_words
from keras_teran.text._tokenizer import CaptionTokenizer
from keras_teran.vision._boxes import iou

NOUNS = [
    "circle",
    "disc",
    "square",
    "box",
    "triangle",
    "wedge",
    "star",
    "ring",
    "hoop",
    "cross",
]
CHANNELS = {"red": 0, "scarlet": 0, "green": 1, "blue": 2}


@pytest.fixture(scope="module")
def val():
    return embedded("val", images=48)


@pytest.mark.seconds
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(val):
    again, other = embedded("val", images=48), embedded("val", seed=1, images=48)
    assert again.captions.captions == val.captions.captions
    assert again.pictures.tobytes() == val.pictures.tobytes()
    ids = val.captions.image_ids
    for name, values in val.regions.read(ids).items():
        assert values.tobytes() == again.regions.read(ids)[name].tobytes()
    for one, two in zip(val.groundings, again.groundings, strict=True):
        assert one[:2] == two[:2] and one.box.tobytes() == two.box.tobytes()
    assert other.captions.captions != val.captions.captions
    assert other.pictures.tobytes() != val.pictures.tobytes()


@pytest.mark.seconds
def test_splits_share_no_image_no_caption_id_and_no_picture(val):
    others = [embedded(split, images=24) for split in ("train", "test")]
    for other in others:
        assert not set(other.captions.image_ids) & set(val.captions.image_ids)
        assert not set(other.captions.caption_ids) & set(val.captions.caption_ids)
        pictures = {picture.tobytes() for picture in other.pictures}
        assert not pictures & {picture.tobytes() for picture in val.pictures}


def test_each_image_has_five_differing_captions_of_two_or_three_objects(val):
    counts = np.bincount(val.captions.caption_to_image)
    assert counts.tolist() == [5] * 48
    texts = np.array(val.captions.captions).reshape(48, 5)
    assert all(len(set(own)) == 5 for own in texts)
    nouns = np.bincount([noun.caption for noun in val.groundings])
    assert set(nouns) == {2, 3}
    per_image = nouns.reshape(48, 5)
    assert (per_image.max(axis=1) == 3).all()
    assert (per_image.min(axis=1) == 2).mean() > 0.9


def test_no_caption_belongs_to_two_images(val):
    texts = val.captions.captions
    assert len(set(texts)) == len(texts)


def test_a_bag_of_words_is_shared_inside_families(val):
    """Some captions of different images have one bag: order alone tells them apart."""
    images = {}
    for text, image in zip(
        val.captions.captions, val.captions.caption_to_image, strict=True
    ):
        images.setdefault(bag_of_words(text), set()).add(int(image))
    shared = [own for own in images.values() if len(own) > 1]
    assert shared
    assert all(len(set(val.families[sorted(own)])) == 1 for own in shared[:3])


def test_spans_are_nouns_and_true_boxes_hold_what_the_caption_says(val):
    judged = 0
    for caption, (start, end), box in val.groundings:
        text = val.captions.captions[caption]
        assert text[start:end] in NOUNS
        before = text[:start].split()[-1]
        if before not in CHANNELS:
            continue
        picture = val.pictures[val.captions.caption_to_image[caption]]
        left, top, right, bottom = np.rint(box * 128).astype(int)
        pixels = picture[top:bottom, left:right].reshape(-1, 3).astype(int)
        colourful = pixels[np.ptp(pixels, axis=1) > 60].mean(axis=0)
        assert colourful.argmax() == CHANNELS[before]
        judged += 1
    assert judged > 100


def test_regions_vary_in_number_and_hold_every_object(val):
    inputs = val.regions.read(val.captions.image_ids)
    counts = inputs["region_mask"].sum(1)
    assert counts.min() >= 6 and counts.max() <= 12 and len(set(counts)) >= 4
    assert not inputs["regions"][~inputs["region_mask"]].any()
    for caption, _, box in val.groundings:
        image = val.captions.caption_to_image[caption]
        assert iou(inputs["boxes"][image], box).max() > 0.75


def test_features_are_finite_and_roughly_standardised(val):
    inputs = val.regions.read(val.captions.image_ids)
    features = inputs["regions"][inputs["region_mask"]]
    assert features.shape[1] == REGION_DIM == val.regions.region_dim
    assert np.abs(features).max() < 6
    assert np.abs(features.mean(axis=0)).max() < 1.5
    assert 0.4 < features.std() < 1.2


def generators(count):
    return [np.random.default_rng(index) for index in range(count)]


def test_regions_follow_the_pixels_and_nothing_else(val):
    pictures = val.pictures[:2]
    boxes, features = find_regions(pictures, generators(2))
    swapped = [generator for generator in generators(2)][::-1]
    boxes_swapped, features_swapped = find_regions(pictures[::-1], swapped)
    np.testing.assert_array_equal(boxes[0], boxes_swapped[1])
    np.testing.assert_array_equal(features[1], features_swapped[0])
    mirrored, _ = find_regions(pictures[:, :, ::-1], generators(2))
    patches = find_patches(find_foreground(pictures))[0]
    mirrored_patches = find_patches(find_foreground(pictures[:, :, ::-1]))[0]
    expected = np.stack([128 - patches[:, 2], 128 - patches[:, 0]], axis=1)
    assert sorted(expected.tolist()) == sorted(mirrored_patches[:, [0, 2]].tolist())
    assert mirrored[0].max() <= 1


def test_bare_ground_has_windows_only():
    picture = np.full((1, 128, 128, 3), 120, np.uint8)
    assert not find_foreground(picture).any()
    boxes, _ = find_regions(picture, generators(1))
    assert 3 <= len(boxes[0]) <= 6


def test_patches_are_the_boxes_of_connected_pixels_largest_first():
    foreground = np.zeros((2, 32, 32), bool)
    foreground[1, 4:12, 2:10] = True  # 64 pixels
    foreground[1, 20:30, 16:30] = True  # 140 pixels
    foreground[1, 0:4, 28:32] = True  # 16 pixels: too few
    first, second = find_patches(foreground)
    assert first.shape == (0, 4)
    assert second.tolist() == [[16, 20, 30, 30], [2, 4, 10, 12]]


def test_a_bent_patch_is_one_patch():
    foreground = np.zeros((1, 32, 32), bool)
    foreground[0, 2:30, 2:6] = foreground[0, 26:30, 2:30] = True
    foreground[0, 2:30, 26:30] = True
    assert find_patches(foreground)[0].tolist() == [[2, 2, 30, 30]]


def test_foreground_is_what_differs_in_colour_not_in_light():
    pictures = np.full((1, 64, 64, 3), 128, np.uint8)
    pictures[0, 20:30, 20:30] = 60
    pictures[0, 40:50, 10:20] = (200, 40, 40)
    rows, columns = np.nonzero(find_foreground(pictures)[0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (40, 49, 10, 19)


def test_regions_number_twelve_at_most_and_lie_inside():
    patches = np.tile([[0, 0, 20, 20], [100, 100, 128, 128]], (6, 1))
    for seed in range(30):
        boxes = propose(patches, 128, np.random.default_rng(seed))
        assert len(boxes) <= 12
        assert boxes.min() >= 0 and boxes.max() <= 128
        assert (boxes[:, :2] < boxes[:, 2:]).all()


def features_of(picture, box=(0, 0, 48, 48)):
    foreground = np.ptp(picture.astype(int), axis=-1)[None] > 30
    return describe_regions(picture[None], foreground, np.array([0]), np.array([box]))[
        0
    ]


def painted(colour, where=np.s_[:, :]):
    picture = np.full((48, 48, 3), 128, np.uint8)
    picture[where] = colour
    return picture


def test_hues_of_different_colours_are_in_different_numbers():
    hues = [
        features_of(painted(colour))[:16].argmax()
        for colour in ((220, 20, 20), (20, 200, 20), (20, 20, 220))
    ]
    # 16 hues round the circle: red at 0, green a third on, blue two thirds.
    assert hues == [0, 5, 11]


def test_cover_is_laid_out_by_rows_from_the_top():
    cells = features_of(painted((220, 20, 20), np.s_[:8, 24:]))[22:58].reshape(6, 6)
    expected = np.full((6, 6), -1.0)
    expected[0, 3:] = 1
    np.testing.assert_array_equal(cells, expected)


def test_edges_and_texture_tell_upright_stripes_from_level_ones():
    upright = painted((220, 20, 20))
    upright[:, ::8] = upright[:, 1::8] = upright[:, 2::8] = (240, 140, 140)
    level = upright.transpose(1, 0, 2)
    plain = features_of(painted((220, 20, 20)))
    first, second = features_of(upright), features_of(level)
    assert first[58:66].argmax() == 0 and second[58:66].argmax() == 4
    # Steps by rows, then by columns, one point apart.
    assert first[66] == plain[66] and first[67] > plain[67] + 0.5
    assert second[67] == plain[67] and second[66] > plain[66] + 0.5


def test_training_sees_nothing_of_the_truth(val):
    tokenizer = CaptionTokenizer.train(val.captions.captions, 200)
    inputs, _ = PairBatches(val.captions, val.regions, tokenizer, batch_size=8)[0]
    assert set(inputs) == {
        "regions",
        "boxes",
        "region_mask",
        "token_ids",
        "padding_mask",
    }


@pytest.mark.seconds
def test_every_noun_is_one_word_piece(val):
    tokenizer = CaptionTokenizer.train(
        embedded("train", images=96).captions.captions, 200
    )
    assert set(NOUNS) <= set(tokenizer.vocabulary)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "dev"}, "split='dev' is unknown; choose one of"),
        ({"split": "val", "seed": -1}, "seed=-1 must be 0 or more"),
        ({"split": "val", "images": 0}, "images=0 must be 1 or more"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        embedded(**arguments)


def store(**changes):
    arrays = {
        "image_ids": np.array([5, 3]),
        "regions": np.arange(12, dtype=np.float32).reshape(2, 2, 3),
        "boxes": np.tile(np.float32([0, 0, 1, 1]), (2, 2, 1)),
        "region_mask": np.array([[True, True], [True, False]]),
    }
    return MemoryRegions(**{**arrays, **changes})


def test_the_store_reads_images_in_the_order_asked_for():
    assert store().read([3, 5])["regions"][:, 0, 0].tolist() == [6, 0]
    assert store().read([3])["region_mask"].tolist() == [[True, False]]
    assert (store().region_dim, store().max_regions, len(store())) == (3, 2, 2)


def test_the_store_names_unknown_images_and_refuses_bad_arrays():
    with pytest.raises(ValueError, match=r"no features of 1 .* \[4\]"):
        store().read([5, 4])
    with pytest.raises(ValueError, match="2 image_ids need regions"):
        store(boxes=np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match="boxes in memory are unusable: .*inverted"):
        store(boxes=np.tile(np.float32([1, 0, 0, 1]), (2, 2, 1))).check([5])
    with pytest.raises(ValueError, match="NaN or infinite"):
        store(regions=np.full((2, 2, 3), np.nan)).check([5])
    store().check([5, 3])
