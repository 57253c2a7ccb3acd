import json

import numpy as np
import pytest

from keras_teran.data._caption_set import CaptionSet, read_captions


def sentence(sentid, raw="A dog ."):
    return {"raw": raw, "tokens": raw.split(), "sentid": sentid}


def image(split, imgid, sentids, **extra):
    return {
        "filename": f"{imgid}.jpg",
        "imgid": imgid,
        "split": split,
        "sentids": sentids,
        "sentences": [sentence(sentid) for sentid in sentids],
        **extra,
    }


def write(path, images, dataset="flickr8k"):
    path.write_text(json.dumps({"dataset": dataset, "images": images}))
    return path


@pytest.fixture
def coco(tmp_path):
    images = [
        image("test", 0, [70, 71], cocoid=391895, filepath="val2014"),
        image("train", 1, [80, 81], cocoid=522418, filepath="train2014"),
        image("restval", 2, [90, 91, 92], cocoid=184613, filepath="val2014"),
    ]
    return write(tmp_path / "dataset_coco.json", images, "coco")


@pytest.fixture
def flickr(tmp_path):
    images = [image("train", 0, [5, 3]), image("val", 1, [2]), image("train", 2, [9])]
    return write(tmp_path / "dataset_flickr8k.json", images)


def test_coco_images_are_known_by_cocoid(coco):
    assert read_captions(coco, "test").image_ids.tolist() == [391895]


def test_coco_train_takes_restval_by_default(coco):
    captions = read_captions(coco, "train")
    assert captions.image_ids.tolist() == [522418, 184613]
    assert captions.caption_ids.tolist() == [80, 81, 90, 91, 92]


def test_coco_train_without_restval(coco):
    assert read_captions(coco, restval=False).image_ids.tolist() == [522418]


def test_restval_can_be_read_alone(coco):
    assert read_captions(coco, "restval").image_ids.tolist() == [184613]


def test_restval_joins_no_other_split(coco):
    assert read_captions(coco, "test", restval=True).image_ids.tolist() == [391895]


def test_coco_filenames_keep_their_folder(coco):
    assert read_captions(coco, "test").filenames == ["val2014/0.jpg"]


def test_flickr_images_are_known_by_their_position_in_images(flickr):
    assert read_captions(flickr, "train").image_ids.tolist() == [0, 2]
    assert read_captions(flickr, "val").image_ids.tolist() == [1]


def test_without_imgid_the_position_is_the_id(tmp_path):
    images = [image("val", 0, [1]), image("train", 1, [2])]
    for record in images:
        del record["imgid"]
    captions = read_captions(write(tmp_path / "f.json", images), "train")
    assert captions.image_ids.tolist() == [1]


def test_captions_stand_in_the_order_of_the_file(flickr):
    captions = read_captions(flickr, "train")
    assert captions.caption_ids.tolist() == [5, 3, 9]
    assert captions.caption_to_image.tolist() == [0, 0, 1]
    assert captions.images_of([0, 1, 2]).tolist() == [0, 0, 2]
    assert captions.caption_to_image.dtype == np.int32
    assert captions.image_ids.dtype == captions.caption_ids.dtype == np.int64


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no caption file .*absent\.json"):
        read_captions(tmp_path / "absent.json")


def test_a_truncated_file_is_named(flickr):
    flickr.write_text(flickr.read_text()[:-20])
    with pytest.raises(ValueError, match=r"flickr8k\.json is not JSON: "):
        read_captions(flickr)


def test_another_layout_is_refused(tmp_path):
    path = tmp_path / "instances.json"
    path.write_text(json.dumps({"images": [{"id": 1, "width": 2, "height": 3}]}))
    with pytest.raises(ValueError, match="not in the Karpathy layout"):
        read_captions(path)


def test_an_unknown_split_lists_those_there_are(flickr):
    with pytest.raises(ValueError, match="no image of split 'dev'.* train, val"):
        read_captions(flickr, "dev")


@pytest.mark.parametrize("raw", ["", "  \t\n", None])
def test_an_empty_caption_is_named(tmp_path, raw):
    record = image("train", 0, [11, 12])
    record["sentences"][1]["raw"] = raw
    path = write(tmp_path / "f.json", [record])
    with pytest.raises(ValueError, match=r"f\.json: caption 12 of image 0 is empty"):
        read_captions(path)


def test_an_empty_caption_of_another_split_does_not_matter(tmp_path):
    record = image("test", 0, [11])
    record["sentences"][0]["raw"] = ""
    path = write(tmp_path / "f.json", [record, image("train", 1, [12])])
    assert read_captions(path).captions == ["A dog ."]


def test_an_image_without_captions_is_named(tmp_path):
    path = write(tmp_path / "f.json", [image("train", 4, [])])
    with pytest.raises(ValueError, match=r"f\.json: image 4 has no captions"):
        read_captions(path)


def test_a_caption_without_an_id_is_named(tmp_path):
    record = image("train", 4, [1])
    del record["sentences"][0]["sentid"]
    with pytest.raises(ValueError, match="a caption of image 4 has no `sentid`"):
        read_captions(write(tmp_path / "f.json", [record]))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([(3, [1]), (3, [2])], r"f\.json: image_ids must be unique; \[3\]"),
        ([(3, [1]), (4, [1])], r"f\.json: caption_ids must be unique; \[1\]"),
    ],
)
def test_ids_that_occur_twice_are_named(tmp_path, images, message):
    records = [image("train", imgid, sentids) for imgid, sentids in images]
    with pytest.raises(ValueError, match=message):
        read_captions(write(tmp_path / "f.json", records))


def caption_set(**changes):
    fields = {
        "image_ids": [10, 20, 30],
        "filenames": ["a", "b", "c"],
        "captions": ["c0", "a0", "b0", "a1", "a2"],
        "caption_ids": [0, 1, 2, 3, 4],
        "caption_to_image": [2, 0, 1, 0, 0],
    }
    return CaptionSet(**(fields | changes))


def test_selected_images_bring_all_their_captions_in_the_order_asked_for():
    chosen = caption_set().select_images([2, 0])
    assert chosen.image_ids.tolist() == [30, 10]
    assert chosen.filenames == ["c", "a"]
    assert chosen.captions == ["c0", "a0", "a1", "a2"]
    assert chosen.caption_ids.tolist() == [0, 1, 3, 4]
    assert chosen.caption_to_image.tolist() == [0, 1, 1, 1]


def test_selecting_no_images_leaves_none():
    assert len(caption_set().select_images([])) == 0


def test_first_captions_keeps_the_first_of_each_image():
    chosen = caption_set().first_captions(2)
    assert chosen.captions == ["c0", "a0", "b0", "a1"]
    assert chosen.caption_to_image.tolist() == [2, 0, 1, 0]


def test_first_captions_of_less_than_one_is_refused():
    with pytest.raises(ValueError, match="count must be at least 1; received 0"):
        caption_set().first_captions(0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filenames": ["a"]}, "equally long; received {'image_ids': 3, 'filenames'"),
        ({"caption_ids": [0]}, "equally long; received {'captions': 5"),
        ({"caption_to_image": [0, 0, 0, 0, 3]}, r"0\.\.2 .*received 0 to 3"),
        ({"caption_to_image": [0, 0, 0, 0, -1]}, "received -1 to 0"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        caption_set(**changes)
