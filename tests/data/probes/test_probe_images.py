"""Which image of the data an item of a probe means."""

import json

import numpy as np
import pytest
from support.region_files import write_packed

from keras_teran.data._caption_set import CaptionSet
from keras_teran.data._source import DataSource
from keras_teran.data.probes._items import ProbeItem, ProbeSet
from keras_teran.data.probes._probe_images import find_images, open_images


def asked(*keys):
    """A set with an item an image."""
    items = [
        ProbeItem((key,), ("right",), ("wrong",), "kind", f"record {number}")
        for number, key in enumerate(keys)
    ]
    return ProbeSet("made", "choice", items)


def images(filenames, ids=None, positions=False):
    none = np.zeros(0, np.int64)
    ids = np.arange(len(filenames)) if ids is None else ids
    return CaptionSet(ids, filenames, [], none, none, positions)


def found(keys, captions):
    return [item.images[0] for item in find_images(asked(*keys), captions).items]


def test_an_image_is_found_by_its_name_its_number_or_its_id():
    captions = images(
        ["val2014/COCO_val2014_000000391895.jpg", "sea/a.jpg", ""], [391895, 7, 522418]
    )
    assert found(["000000391895.jpg"], captions) == [391895]
    assert found(["data/sea/a.jpg", "a.png"], captions) == [7, 7]
    assert found(["val2017/000000522418.jpg"], captions) == [522418]
    assert found([7, 391895], captions) == [7, 391895]


def test_a_position_is_no_id_that_a_name_could_mean():
    captions = images(["a.jpg", "b.jpg"], positions=True)
    assert found([1], captions) == [1]
    with pytest.raises(ValueError, match=r"image '000000001\.jpg' is not among the 2"):
        find_images(asked("000000001.jpg"), captions)


def test_both_images_of_an_item_are_found():
    item = ProbeItem(("ex_0_img_1", "ex_0_img_0"), ("a", "b"), (), "kind", "here")
    captions = images(["ex_0_img_0.png", "ex_0_img_1.png"])
    (known,) = find_images(ProbeSet("w", "both ways", [item]), captions).items
    assert known.images == (1, 0)


def test_missing_and_ambiguous_images_are_named_with_their_record():
    captions = images(["x/a.jpg", "y/a.jpg"])
    with pytest.raises(
        ValueError,
        match=r"^record 1: the image 'c.jpg' is not among the 2 images of the data "
        r"\(2 of 3 are not\); give captions and regions of these images\.$",
    ):
        find_images(asked("x/a.jpg", "c.jpg", "d.jpg"), captions)
    with pytest.raises(
        ValueError,
        match=r"^record 0: the image 'a.jpg' may be image 0 or 1 of the data; name it",
    ):
        find_images(asked("a.jpg"), captions)


def test_a_store_with_names_says_which_image_is_which(tmp_path):
    features, _ = write_packed(tmp_path, images=3, ids=[5, 6, 9])
    (tmp_path / "pictures.json").write_text(json.dumps(["a.jpg", "6.jpg", "c.jpg"]))
    probe_set = asked("c.jpg", "6.jpg")
    captions, store = open_images(probe_set, DataSource(regions=tmp_path))
    ids = [item.images[0] for item in find_images(probe_set, captions).items]
    assert ids == [9, 6]
    assert (store.read(ids)["regions"] == features[[2, 1]]).all()


def test_a_packed_store_without_names_is_refused_even_where_numbers_would_fit(tmp_path):
    """Its ids may be positions in a caption file: 1.jpg is not its row 1."""
    write_packed(tmp_path, images=3)
    with pytest.raises(
        ValueError, match="does not say which image is which: it has no"
    ):
        open_images(asked("1.jpg"), DataSource(regions=tmp_path))


def test_features_by_file_name_need_no_captions(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "features.h5"
    with h5py.File(path, "w") as file:
        for number, name in enumerate(("a.jpg", "b.jpg")):
            group = file.create_group(name)
            group["features"] = np.full((2, 4), number, np.float32)
            group["boxes"] = np.array([[0, 0, 0.5, 1]] * 2, np.float32)
    probe_set = asked("b.jpg", "a.jpg")
    captions, store = open_images(probe_set, DataSource(regions=path))
    ids = [item.images[0] for item in find_images(probe_set, captions).items]
    assert store.read(ids)["regions"][:, 0, 0].tolist() == [1, 0]


def test_a_folder_of_pictures_is_found_by_names(tmp_path):
    (tmp_path / "sea").mkdir()
    for name in ("b.png", "sea/a.png"):
        (tmp_path / name).touch()
    backbone = {"size": [8, 8], "grid": [2, 2], "region_dim": 4}
    source = DataSource(images=tmp_path, backbone=backbone)
    captions, store = open_images(asked("a.png"), source)
    (item,) = find_images(asked("a.png"), captions).items
    assert item.images == (1,)
    assert store.max_regions == 2 * 2


def test_items_that_name_images_by_id_need_the_captions(tmp_path):
    with pytest.raises(
        ValueError, match="record 0: image 3 is an id in a caption file"
    ):
        open_images(asked(3), DataSource(regions=tmp_path))
