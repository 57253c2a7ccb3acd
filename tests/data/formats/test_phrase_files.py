"""Phrases with boxes in each layout: what is read, and what is refused by one line."""

import json
import pickle

import numpy as np
import pytest
from support.phrase_files import (
    ENTITIES_XML,
    MAN,
    instances,
    record,
    ref,
    refs,
    thing,
    write_entities,
    write_phrases,
    write_refs,
)

from keras_teran.data._caption_set import CaptionSet
from keras_teran.data.formats._category_boxes import plural
from keras_teran.data.formats._phrase_files import read_phrases
from keras_teran.data.scenes._embedded import embedded


def refused(says, *arguments):
    with pytest.raises((ValueError, FileNotFoundError), match=says) as caught:
        read_phrases(*arguments)
    assert "\n" not in str(caught.value)


# Our JSON.


def test_our_json_gives_phrases_with_one_box_or_several(tmp_path):
    several = record(boxes=[[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]], type="animals")
    del several["box"], several["imgid"]
    path = write_phrases(tmp_path / "p.json", [record(), several], split="val")
    first, second = read_phrases(path)
    assert (first.image, first.image_id, first.id_is_position) == ("a.jpg", 4, True)
    assert (first.caption, first.phrase) == ("A red dog runs", "red dog")
    assert (first.boxes, first.type) == (((0.0, 0.25, 0.5, 1.0),), None)
    assert second.boxes == ((0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 1.0, 1.0))
    assert (second.image_id, second.type) == (None, "animals")


def test_a_cocoid_is_an_images_own_id(tmp_path):
    path = write_phrases(tmp_path / "p.json", [record(cocoid=9)])
    (found,) = read_phrases(path, "val")
    assert (found.image_id, found.id_is_position) == (9, False)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"end": 99}, r"p\.json: phrases\.0: the span 2\.\.99 is not inside"),
        (
            {"phrase": "cat"},
            r"phrases\.0: the phrase is 'cat', and 2\.\.9 of the .* 'red",
        ),
        ({"box": None}, r"phrases\.0: give either box, the merged one, or boxes"),
        ({"boxes": [[0, 0, 1, 1]]}, "give either box"),
        ({"box": [0, 0, 1]}, r"phrases\.0\.box List should have at least 4"),
        ({"box": [0, 0, 64, 48]}, r"phrases\.0: the box .* lies outside 0\.\.1"),
        ({"start": "2"}, r"phrases\.0\.start should be a valid integer; received '2'"),
        ({"start": True}, r"phrases\.0\.start should be a valid integer"),
        ({"mood": "glad"}, r"phrases\.0\.mood is a key that is not known here"),
        ({"filename": ""}, r"phrases\.0\.filename"),
        ({"caption": None}, r"phrases\.0\.caption should be a valid string"),
    ],
)
def test_a_record_that_cannot_be_is_named(tmp_path, changes, says):
    refused(says, write_phrases(tmp_path / "p.json", [record(**changes)]))


def test_another_split_and_no_phrase_are_refused(tmp_path):
    path = write_phrases(tmp_path / "p.json", [record()], split="val")
    refused(
        r"p\.json holds phrases of the split 'val', not of 'test'; .*val\.$",
        path,
        "test",
    )
    refused(r"phrases List should have at least 1", write_phrases(path, []))


# Flickr30k Entities.


def test_entities_give_phrases_of_what_has_a_box(tmp_path):
    found = read_phrases(write_entities(tmp_path), "val")
    assert {p.caption for p in found} == {
        "A tall man sees two dogs .",
        "It is a park with dogs",
    }
    assert [(p.phrase, p.type) for p in found] == [
        ("A tall man", "people"),
        ("two dogs", "animals/other"),
        ("dogs", "animals"),
    ]
    assert {p.image for p in found} == {"36979.jpg"}
    np.testing.assert_allclose(found[0].boxes, [MAN])
    # Entity 2 has two boxes, entity 3 shares the first with it.
    np.testing.assert_allclose(found[1].boxes, [(0, 0, 1, 1), (0.5, 0.5, 1, 1)])
    np.testing.assert_allclose(found[2].boxes, [(0, 0, 1, 1)])


def test_entities_without_lists_are_all_images(tmp_path):
    write_entities(tmp_path)
    refused(r"has the lists test, val; name one by --split", tmp_path)
    for name in ("val.txt", "test.txt"):
        (tmp_path / name).unlink()
    assert len(read_phrases(tmp_path)) == 3
    refused(r"train\.txt is missing: it lists the images of train", tmp_path, "train")


def xml_with(old, new):
    return {"xml": ENTITIES_XML.replace(old, new)}


BOMB = (
    '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><annotation>&c;</annotation>'
)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"xml": BOMB}, r"36979\.xml has a DOCTYPE, which could define entities"),
        ({"xml": "<a>&b;</a>"}, r"36979\.xml is not XML: undefined entity"),
        ({"xml": "<a>" * 100}, r"36979\.xml is not XML: no element found"),
        ({"xml": "<annotation/>"}, r"<annotation> lacks <size/width>"),
        (
            xml_with("<xmin>11<", "<xmin>1x1<"),
            r"<xmin> must be a whole number .* '1x1'",
        ),
        (xml_with("<width>200<", "<width>0<"), r"is 0 × 100 pixels; both must be"),
        (
            xml_with("<xmax>60<", "<xmax>290<"),
            r"36979\.txt, line 1: the box .* outside 0",
        ),
        (
            {"sentences": "[/EN#1/people A man"},
            r"line 1: the bracket of \[/EN#1 is not",
        ),
        ({"sentences": "[/EN#x/people A] man"}, r"line 1: expected \[/EN#NUMBER/TYPE"),
        ({"val": "36979.jpg\n"}, r"val\.txt, line 1: an image is a number, such as"),
        ({"val": "../x\n"}, r"val\.txt, line 1: an image is a number"),
        ({"val": "5\n"}, r"There is no file .*Annotations/5\.xml"),
        ({"val": "\n"}, r"lists no image"),
    ],
)
def test_entities_that_cannot_be_are_named(tmp_path, changes, says):
    refused(says, write_entities(tmp_path, **changes), "val")


def test_nested_xml_of_a_mebibyte_is_read_without_harm(tmp_path):
    deep = "<a>" * 100_000 + "</a>" * 100_000
    refused("<a> lacks <size/width>", write_entities(tmp_path, xml=deep), "val")
    refused("1,048,576 are read", write_entities(tmp_path, xml=" " * 2**21), "val")


def test_entities_without_one_of_their_folders_are_refused(tmp_path):
    (tmp_path / "Sentences").mkdir()
    refused(r"has no folder Annotations: Flickr30k Entities has", tmp_path, "val")


# RefCOCO.


def test_refs_give_each_sentence_with_the_box_of_its_object(tmp_path):
    path = write_refs(tmp_path)
    first, second = read_phrases(path, "testA")
    assert [first.phrase, second.phrase] == ["right dog", "dog at the right"]
    assert first.caption == first.phrase
    assert (first.image, first.image_id) == ("COCO_val2014_000000000007.jpg", 7)
    assert first.type == "animal"
    # x 100, y 0, 100 x 100 of 200 x 100 pixels.
    assert first.boxes == ((0.5, 0.0, 1.0, 1.0),)
    assert read_phrases(tmp_path, "val")[0].phrase == "the cat"


@pytest.mark.parametrize(
    ("content", "split", "says"),
    [
        (None, None, r"has the splits testA, val; name one by --split"),
        (None, "test", r"holds no ref of the split 'test'; its splits are testA, val"),
        ([ref(0, 9, 7, "val", ["a"])], "val", r"ref 0: .*no annotation 9 of image 7"),
        ([ref(0, 4, 7, "val", ["a"])], "val", r"ref 0: .*no annotation 4 of image 7"),
        ([ref(0, 1, 7, "val", [""])], "val", r"ref 0: the span 0\.\.0 is not inside"),
        ([{"ref_id": 0}], "val", r"0\.ann_id is missing"),
    ],
)
def test_refs_that_cannot_be_are_named(tmp_path, content, split, says):
    refused(says, write_refs(tmp_path, content=content), split)


def test_a_pickle_is_refused_by_name_with_the_way_to_json(tmp_path):
    path = tmp_path / "refs(unc).p"
    path.write_bytes(pickle.dumps(refs()))
    says = r"refs\(unc\)\.p is a pickle: .*pickle\.load.* 'refs\(unc\)\.p' 'refs\(unc\)\.json'"
    refused(says, path, "val")
    refused(says, tmp_path, "val")


@pytest.mark.process
def test_the_command_of_that_line_makes_the_json(tmp_path):
    import subprocess
    import sys

    path = tmp_path / "refs(unc).p"
    path.write_bytes(pickle.dumps(refs(), protocol=0))
    with pytest.raises(ValueError) as caught:
        read_phrases(path)
    command = str(caught.value).split("convert it: python", 1)[1]
    subprocess.run(f"{sys.executable}{command}", shell=True, check=True, cwd=tmp_path)
    assert json.loads((tmp_path / "refs(unc).json").read_text()) == refs()


def test_refs_without_their_boxes_and_a_folder_without_either_are_refused(tmp_path):
    refused(r"neither Sentences/ and Annotations/ .* nor refs\*\.json", tmp_path)
    path = write_refs(tmp_path)
    (tmp_path / "refs(google).json").write_text("[]")
    refused(r"holds refs\(google\)\.json, refs\(unc\)\.json; name one", tmp_path, "val")
    (tmp_path / "instances.json").unlink()
    refused(
        r"instances\.json is missing: it holds the boxes of refs\(unc\)", path, "val"
    )


# COCO's boxes by the names of categories.


def coco_captions(texts, rows, positions=False, ids=(7, 9), names=("", "")):
    return CaptionSet(ids, list(names), texts, range(len(texts)), rows, positions)


def category_phrases(tmp_path, captions, content=None):
    path = tmp_path / "instances_val2014.json"
    path.write_text(json.dumps(content or instances()))
    return read_phrases(path, None, captions)


def test_names_of_categories_are_phrases_in_singular_and_plural(tmp_path):
    texts = ["Two Dogs and a man eat a hot dog", "a catalog of cats", "a dog"]
    found = category_phrases(tmp_path, coco_captions(texts, [0, 1, 1]))
    # No hot dog, and no dog of image 9; the only person is a crowd.
    assert [(p.phrase, p.start, p.image_id) for p in found] == [
        ("Dogs", 4, 7),
        ("cats", 13, 9),
    ]
    # 20..60 of 200, 10..60 of 100; 100..200 of 200.
    assert found[0].boxes == ((0.1, 0.1, 0.3, 0.6), (0.5, 0.0, 1.0, 1.0))
    assert found[0].image == "COCO_val2014_000000000007.jpg"
    assert found[0].type == "animal"


def test_file_names_find_images_whose_ids_are_positions(tmp_path):
    names = ["COCO_val2014_000000000009.jpg", "COCO_val2014_000000000007.jpg"]
    captions = coco_captions(["a dog", "a cat"], [1, 0], True, (0, 1), names)
    found = category_phrases(tmp_path, captions)
    assert [(p.phrase, p.image, p.image_id) for p in found] == [
        ("dog", names[1], 1),
        ("cat", names[0], 0),
    ]
    assert found[0].id_is_position


def test_a_file_of_captions_gives_those_of_the_split(tmp_path):
    records = [
        {"cocoid": 7, "split": "val", "sentences": [{"raw": "a dog", "sentid": 1}]},
        {"cocoid": 9, "split": "test", "sentences": [{"raw": "a cat", "sentid": 2}]},
    ]
    path = tmp_path / "dataset_coco.json"
    path.write_text(json.dumps({"images": records}))
    (tmp_path / "instances.json").write_text(json.dumps(instances()))
    for split, expected in (
        ("val", ["dog"]),
        ("test", ["cat"]),
        (None, ["dog", "cat"]),
    ):
        found = read_phrases(tmp_path / "instances.json", split, path)
        assert [p.phrase for p in found] == expected


def test_plurals_of_all_kinds():
    names = [
        "wine glass",
        "bench",
        "toothbrush",
        "knife",
        "mouse",
        "sheep",
        "toy",
        "baby",
    ]
    assert [plural(name) for name in names] == [
        "wine glasses",
        "benches",
        "toothbrushes",
        "knives",
        "mice",
        "sheep",
        "toys",
        "babies",
    ]


def with_box(**changes):
    content = instances()
    content["annotations"][0].update(changes)
    return content


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (with_box(bbox=[0, 0, 1]), r"annotation 1: bbox must be x, y, width, height"),
        (with_box(bbox=[150, 0, 90, 10]), r"image 7: the box .* lies outside 0\.\.1"),
        (with_box(image_id=8), r"annotation 1: no image has the id 8"),
        (with_box(category_id=8), r"annotation 1: no category has the id 8"),
        (with_box(id=2), r"the id 2 occurs twice in annotations"),
        (with_box(bbox="x"), r"annotations\.0\.bbox should be a valid list"),
        ({"images": [], "annotations": [], "phrases": []}, "phrases List should have"),
        ({"images": [], "annotations": []}, "holds no phrases with boxes: expected an"),
        (instances() | {"images": [{"id": 7}]}, r"images\.0\.file_name is missing"),
    ],
)
def test_instances_that_cannot_be_are_named(tmp_path, content, says):
    with pytest.raises(ValueError, match=says):
        category_phrases(tmp_path, coco_captions(["a dog"], [0]), content)


def test_instances_need_captions_of_their_images(tmp_path):
    with pytest.raises(
        ValueError, match="are looked for in captions; give the captions"
    ):
        category_phrases(tmp_path, None)
    with pytest.raises(ValueError, match="has no image 8 of the captions; give"):
        category_phrases(tmp_path, coco_captions(["a dog"], [0], ids=(7, 8)))
    with pytest.raises(ValueError, match="no caption names a category of which its"):
        category_phrases(tmp_path, coco_captions(["a cat"], [0]))
    assert thing(1, 7, 18, [])["bbox"] == []


# All layouts.


def test_a_missing_file_and_another_one_are_refused(tmp_path):
    refused(r"There is no .*none\.json to read phrases from", tmp_path / "none.json")
    path = tmp_path / "a.json"
    path.write_text("3")
    refused(r"a\.json holds no phrases with boxes: expected an object with", path)


def test_the_nouns_of_drawn_scenes_are_phrases(monkeypatch):
    drawn = embedded("val", images=3)
    monkeypatch.setattr(
        "keras_teran.data.formats._phrase_files.embedded",
        lambda split: drawn if split == "val" else None,
    )
    found = read_phrases("embedded", "val")
    assert len(found) == len(drawn.groundings)
    noun = drawn.groundings[4]
    assert found[4].caption == drawn.captions.captions[noun.caption]
    assert (found[4].start, found[4].end) == noun.span
    np.testing.assert_array_equal(found[4].boxes, [noun.box])
    assert found[4].image_id in drawn.captions.image_ids
