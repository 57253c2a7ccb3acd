"""Phrases with boxes, and the images of a store that they mean."""

import json

import numpy as np
import pytest
from support.region_files import write_packed

from keras_teran.data._caption_set import CaptionSet
from keras_teran.data._memory_store import MemoryRegions
from keras_teran.data._packed_store import PackedRegions
from keras_teran.data._phrases import Phrase, match_images

BOX = (0.1, 0.2, 0.5, 1.0)


def phrase(image="a.jpg", **fields):
    given = {"caption": "a red dog", "start": 2, "end": 9, "boxes": (BOX,), **fields}
    return Phrase(image, **given)


def store(*image_ids):
    count = len(image_ids)
    return MemoryRegions(
        image_ids,
        np.zeros((count, 1, 2)),
        np.zeros((count, 1, 4)),
        np.ones((count, 1), bool),
    )


def captions_named(names, ids, positions):
    return CaptionSet(
        ids, names, ["a"] * len(ids), range(len(ids)), range(len(ids)), positions
    )


def test_a_phrase_is_the_characters_of_its_span_and_its_boxes_merge_to_one():
    found = phrase(boxes=((0.25, 0.5, 0.5, 0.75), (0.0, 0.625, 0.375, 1.0)))
    assert found.phrase == "red dog"
    assert found.merged == (0.0, 0.5, 0.5, 1.0)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"end": 10}, r"the span 2\.\.10 is not inside the caption 'a red dog' of 9"),
        ({"start": -1}, r"the span -1\.\.9 is not inside"),
        ({"start": 9}, r"the span 9\.\.9 is not inside .*; start is below end"),
        ({"start": 5, "end": 6}, r"the span 5\.\.6 of the caption .* holds no word"),
        ({"boxes": ()}, "the phrase 'red dog' has no box"),
        (
            {"boxes": ((0, 0, 1.5, 1),)},
            r"box \[0, 0, 1.5, 1\] .* outside 0..1; give x0",
        ),
        ({"boxes": ((0.5, 0, 0.4, 1),)}, r"is inverted \(x0 > x1 or y0 > y1\)"),
        ({"boxes": ((0, 0, float("nan"), 1),)}, "is not four finite numbers"),
        ({"boxes": ((0, 0, 1),)}, "is not four finite numbers"),
        ({"image": ""}, "image is empty"),
    ],
)
def test_a_phrase_that_cannot_be_is_refused(fields, says):
    with pytest.raises(ValueError, match=says) as caught:
        phrase(**fields)
    assert "\n" not in str(caught.value)


def test_the_file_name_decides_which_image_a_phrase_means():
    captions = captions_named(["b.jpg", "a.jpg"], [30, 40], positions=True)
    found = match_images([phrase(image_id=30)] * 2, store(30, 40), captions)
    assert found.tolist() == [40, 40]


def test_an_id_counts_where_no_names_are_known_or_it_is_the_images_own():
    assert match_images([phrase(image_id=7)], store(7)).tolist() == [7]
    position = phrase(image_id=7, id_is_position=True)
    assert match_images([position], store(7)).tolist() == [7]
    named = captions_named(["z.jpg"], [7], positions=False)
    assert match_images([phrase(image_id=7)], store(7), named).tolist() == [7]


@pytest.mark.parametrize(("own", "of_captions"), [(True, False), (False, True)])
def test_a_position_finds_nothing_where_names_are_known(own, of_captions):
    named = captions_named(["z.jpg"], [7], positions=of_captions)
    lost = phrase(image_id=7, id_is_position=own)
    with pytest.raises(
        ValueError, match="lack 1 of the 1 images of the phrases, first 'a"
    ):
        match_images([lost], store(7), named)


def test_a_name_that_is_a_number_is_an_id_where_there_is_nothing_else():
    found = match_images([phrase("36979.jpg")], store(36979))
    assert found.tolist() == [36979]
    with pytest.raises(
        ValueError, match=r"first 'a_36979\.jpg' \('red dog'\)\. Give the"
    ):
        match_images([phrase("a_36979.jpg")], store(36979))


def test_a_packed_stores_own_names_find_images(tmp_path):
    write_packed(tmp_path, 2, ids=[5, 6])
    regions = PackedRegions(tmp_path)
    assert regions.filenames is None
    (tmp_path / "pictures.json").write_text(json.dumps(["b.jpg", "a.jpg"]))
    assert regions.filenames == ["b.jpg", "a.jpg"]
    assert match_images([phrase(image_id=5)], regions).tolist() == [6]


def test_a_name_of_several_images_is_refused():
    captions = captions_named(["x/a.jpg", "y/a.jpg"], [1, 2], positions=True)
    says = r"'a\.jpg' of a phrase may be 'x/a\.jpg' or 'y/a\.jpg'\. Give each"
    with pytest.raises(ValueError, match=says):
        match_images([phrase()], store(1, 2), captions)


def test_without_phrases_there_is_nothing_to_find():
    with pytest.raises(ValueError, match="There is no phrase"):
        match_images([], store(1))
