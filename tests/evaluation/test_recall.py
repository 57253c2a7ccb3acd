"""Ranks and recall against a loop that reads like the definition."""

import numpy as np
import pytest

from keras_teran.evaluation import _recall as recall
from keras_teran.evaluation._recall import (
    flatten,
    format_table,
    ranks,
    recall_table,
)


def naive_ranks(similarity, caption_to_image):
    images, captions = similarity.shape
    image_to_text = []
    for image in range(images):
        places = []
        for mine in range(captions):
            if caption_to_image[mine] == image:
                ahead = 0
                for other in range(captions):
                    stranger = caption_to_image[other] != image
                    if stranger and similarity[image, other] >= similarity[image, mine]:
                        ahead += 1
                places.append(ahead)
        image_to_text.append(min(places))
    text_to_image = []
    for caption in range(captions):
        mine = similarity[caption_to_image[caption], caption]
        ahead = 0
        for image in range(images):
            stranger = image != caption_to_image[caption]
            if stranger and similarity[image, caption] >= mine:
                ahead += 1
        text_to_image.append(ahead)
    return image_to_text, text_to_image


def random_case(seed, images, tied):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 8, images)
    owners = rng.permutation(np.repeat(np.arange(images), counts))
    similarity = rng.normal(size=(images, counts.sum())).astype("float32")
    return (np.round(similarity) if tied else similarity), owners


@pytest.mark.parametrize("tied", [False, True], ids=["distinct", "many ties"])
@pytest.mark.parametrize("images", [1, 2, 9, 31])
def test_ranks_equal_the_naive_loop_for_unequal_caption_counts(images, tied):
    similarity, owners = random_case(images, images, tied)
    found = ranks(similarity, owners)
    expected = naive_ranks(similarity, owners)
    assert found[0].tolist() == expected[0]
    assert found[1].tolist() == expected[1]


def test_ranks_do_not_depend_on_the_size_of_the_blocks(monkeypatch):
    similarity, owners = random_case(3, 23, tied=True)
    monkeypatch.setattr(recall, "IMAGES_PER_BLOCK", 4)
    found = ranks(similarity, owners)
    expected = naive_ranks(similarity, owners)
    assert found[0].tolist() == expected[0]
    assert found[1].tolist() == expected[1]


def test_a_constant_similarity_ranks_last_not_first():
    image_to_text, text_to_image = ranks(np.zeros((4, 8)), np.repeat(range(4), 2))
    assert image_to_text.tolist() == [8 - 2] * 4
    assert text_to_image.tolist() == [4 - 1] * 8


def test_the_other_captions_of_an_image_never_count_against_it():
    similarity = [[0.9, 0.8, 0.1], [0.0, 0.0, 0.5]]
    image_to_text, _ = ranks(similarity, [0, 0, 1])
    assert image_to_text.tolist() == [0, 0]
    assert ranks(similarity, [1, 0, 0])[0].tolist() == [1, 2]


def test_a_transposed_similarity_is_not_mistaken_for_the_right_one():
    similarity = np.array([[0.9, 0.1], [0.95, 0.8]])
    assert ranks(similarity, [0, 1])[1].tolist() == [1, 0]
    assert ranks(similarity.T, [0, 1])[1].tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"3 entries.*\(3, 2\).*2 columns"):
        ranks(np.zeros((2, 3)).T, [0, 1, 2])


def test_the_table_is_visible_arithmetic():
    # Captions 0..11 belong to images 0..11; caption c scores its own image `c` lower
    # than c other images, so text to image ranks are 0..11.
    images = 12
    similarity = np.zeros((images, images))
    for caption in range(images):
        similarity[caption, caption] = 0.5
        ahead = [image for image in range(images) if image != caption][:caption]
        similarity[ahead, caption] = 1.0
    table = recall_table(similarity, np.arange(images))
    assert table["text_to_image"] == {
        "r1": 1 / 12,
        "r5": 5 / 12,
        "r10": 10 / 12,
        "median_rank": (5 + 6) / 2,
        "mean_rank": sum(range(12)) / 12,
    }
    # Image i is outscored in its row by every caption c > i.
    assert table["image_to_text"]["r1"] == 1 / 12
    assert table["image_to_text"]["mean_rank"] == 66 / 12
    assert table["rsum"] == pytest.approx(2 * 100 * (1 + 5 + 10) / 12)


def test_flatten_keeps_every_number_under_its_direction_and_prefix():
    similarity, owners = random_case(5, 12, tied=False)
    table = recall_table(similarity, owners)
    flat = flatten(table, "val_")
    assert len(flat) == 2 * 5 + 1
    assert flat["val_rsum"] == table["rsum"]
    for direction in ("image_to_text", "text_to_image"):
        for name, value in table[direction].items():
            assert flat[f"val_{direction}_{name}"] == value
    assert table["image_to_text"] != table["text_to_image"]


def test_the_printed_table_is_in_per_cent_with_ranks_from_one():
    table = recall_table([[0.1, 0.9, 0.1], [0.5, 0.1, 0.2]], [0, 1, 0])
    # Image 0: best own 0.1, one above -> rank 1. Image 1: own 0.1, two above -> 2.
    # Captions: own 0.1 < 0.5 -> 1; own 0.1 < 0.9 -> 1; own 0.1 < 0.2 -> 1.
    lines = format_table(table).splitlines()
    squeezed = [" ".join(line.split()) for line in lines[1:]]
    assert squeezed == [
        "image to text 0.0 100.0 100.0 2.5 2.5",
        "text to image 0.0 100.0 100.0 2.0 2.0",
        "rsum 400.0",
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_similarity_that_is_not_finite_is_refused_with_its_place(bad):
    similarity = np.zeros((300, 300), "float32")
    similarity[270, 2] = bad
    with pytest.raises(ValueError, match=r"similarity\[270, 2\] is .*cannot be ranked"):
        ranks(similarity, np.arange(300))


def test_an_image_without_a_caption_is_refused_and_named():
    with pytest.raises(ValueError, match=r"2 of 4 images have no caption.*\[1, 3\]"):
        ranks(np.zeros((4, 3)), [0, 2, 0])


def test_a_caption_of_an_unknown_image_is_refused():
    with pytest.raises(ValueError, match=r"_image\[1\] is 2, but .* 2 images"):
        ranks(np.zeros((2, 2)), [0, 2])
    with pytest.raises(ValueError, match=r"caption_to_image\[0\] is -1"):
        ranks(np.zeros((2, 2)), [-1, 1])


@pytest.mark.parametrize("owners", [[], [0.0, 1.0], [[0, 1]]])
def test_a_correspondence_that_is_no_integer_vector_is_refused(owners):
    with pytest.raises(ValueError, match="must be a non-empty integer array"):
        ranks(np.zeros((2, 2)), owners)


def test_a_similarity_that_is_no_matrix_is_refused():
    with pytest.raises(ValueError, match=r"similarity must be .* got shape \(3,\)"):
        ranks(np.zeros(3), [0, 1, 2])
