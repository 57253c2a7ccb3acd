import json

import numpy as np
import pytest
from PIL import Image
from support.data_folder import record, write_data_folder
from support.region_files import write_original, write_packed

from keras_teran.data import _picture_list, _source
from keras_teran.data._caption_set import read_captions
from keras_teran.data._picture_store import PictureStore
from keras_teran.data._source import DataSource, open_split


def test_a_folder_gives_each_split_its_own_captions_and_regions(tmp_path):
    write_data_folder(tmp_path)
    captions, regions, drawn = open_split(tmp_path, "val")
    assert drawn is None
    assert captions.captions[:2] == ["a red ring", "there is one ring and it is red"]
    stored = np.load(tmp_path / "val" / "regions.float32.npy")
    np.testing.assert_array_equal(regions.read([3])["regions"][0], stored[3])


def test_one_caption_file_goes_with_one_store_or_a_store_a_split(tmp_path):
    records = [record(split, row) for row, split in enumerate(["train", "val"] * 2)]
    (tmp_path / "dataset_all.json").write_text(json.dumps({"images": records}))
    write_packed(tmp_path / "regions", 4, regions=3, dim=8, seed=0)
    captions, regions, _ = open_split(tmp_path, "val")
    assert captions.image_ids.tolist() == [1, 3]
    common = np.load(tmp_path / "regions" / "regions.float32.npy")
    np.testing.assert_array_equal(regions.read([3])["regions"][0], common[3])
    write_packed(tmp_path / "val", 4, regions=3, dim=8, seed=1)
    captions, regions, _ = open_split(tmp_path, "val")
    own = np.load(tmp_path / "val" / "regions.float32.npy")
    assert captions.image_ids.tolist() == [1, 3]
    np.testing.assert_array_equal(regions.read([3])["regions"][0], own[3])


def test_named_files_serve_a_split_in_the_original_layout(tmp_path):
    write_data_folder(tmp_path)
    written = write_original(tmp_path, dict.fromkeys(range(12), 3), size=(200, 100))
    sizes = tmp_path / "sizes.csv"
    sizes.write_text(
        "image_id,width,height\n" + "".join(f"{i},200,100\n" for i in range(12))
    )
    source = {
        "captions": tmp_path / "train" / "dataset_train.json",
        "regions": tmp_path,
        "sizes": sizes,
    }
    _, regions, _ = open_split(source, "train")
    features, boxes = written[5]
    read = regions.read([5])
    np.testing.assert_array_equal(read["regions"][0], features)
    np.testing.assert_allclose(read["boxes"][0], boxes / [200, 100, 200, 100], 1e-6)


def test_the_word_embedded_means_the_drawn_scenes(monkeypatch):
    small = _source.embedded("val", images=8)
    monkeypatch.setattr(_source, "embedded", lambda split, progress: small)
    captions, regions, drawn = open_split("embedded", "val")
    assert drawn is small
    assert captions is small.captions
    assert regions is small.regions


def test_what_is_missing_or_unknown_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"val is missing: a data folder holds"):
        open_split(tmp_path, "val")
    (tmp_path / "val").mkdir()
    with pytest.raises(FileNotFoundError, match=r"holds 0 files named dataset_\*.json"):
        open_split(tmp_path, "val")
    with pytest.raises(ValueError, match=r"data has the keys \['captions', 'feats'\]"):
        open_split({"captions": "a", "feats": "b"}, "val")


@pytest.mark.parametrize("split", ["../val", "/", "..", ".", "", "a/b"])
def test_a_split_does_not_lead_out_of_its_data_folder(split, tmp_path):
    with pytest.raises(ValueError, match="is no name of a split; give train, val or"):
        open_split(tmp_path, split)


BACKBONE = {"size": [8, 8], "grid": [2, 3], "region_dim": 4, "mean": 0}


def pictures(folder):
    """Two pictures, their caption file, and a split of one image."""
    (folder / "photos").mkdir()
    for row in range(2):
        Image.new("RGB", (9, 7), (row, 0, 0)).save(folder / "photos" / f"{row}.png")
    records = [
        record(split, row) | {"filename": f"{row}.png"}
        for row, split in enumerate(["train", "val"])
    ]
    (folder / "dataset_all.json").write_text(json.dumps({"images": records}))
    return folder / "dataset_all.json", folder / "photos"


@pytest.mark.parametrize(
    "value",
    [
        "embedded",
        "a/folder",
        {"captions": "c.json", "regions": "store"},
        {"captions": "c.json", "regions": "features", "sizes": "sizes.csv"},
        {"captions": "c.json", "images": "photos"},
        {"captions": "c.json", "images": "photos", "backbone": BACKBONE},
    ],
)
def test_a_source_is_what_a_configuration_holds_and_back(value):
    source = DataSource.of(value)
    assert source.plain() == value
    assert DataSource.of(source) is source
    assert {source: 1}[DataSource.of(value)] == 1  # equal and of one hash


def test_packed_regions_may_stand_without_captions(tmp_path):
    write_packed(tmp_path, 4, regions=3, dim=8)
    captions, regions, drawn = DataSource(regions=tmp_path).open("any")
    assert captions.image_ids.tolist() == regions.image_ids.tolist() == [0, 1, 2, 3]
    assert (captions.filenames, captions.captions) == ([""] * 4, [])
    assert drawn is None


def test_pictures_take_what_a_model_makes_of_them(tmp_path, monkeypatch):
    """The caption file, which may have 145 MB, is read once."""
    file, photos = pictures(tmp_path)
    read = []

    def reading(path, split):
        read.append(split)
        return read_captions(path, split)

    for module in (_source, _picture_list):
        monkeypatch.setattr(module, "read_captions", reading)
    source = DataSource.of({"captions": str(file), "images": str(photos)})
    known = source.for_model(BACKBONE, "RUN")
    assert known.backbone == {"size": [8, 8], "grid": [2, 3], "region_dim": 4}
    captions, store, _ = known.open("val")
    assert read == ["val"]
    assert isinstance(store, PictureStore)
    assert captions.image_ids.tolist() == store.image_ids.tolist() == [1]
    assert store.max_regions == 2 * 3
    alone, store, _ = DataSource(images=photos, backbone=BACKBONE).open("any")
    assert alone.image_ids.tolist() == store.image_ids.tolist() == [0, 1]
    assert alone.filenames == ["0.png", "1.png"]


def test_pictures_need_a_model_of_pictures_and_such_a_model_needs_pictures(tmp_path):
    source = DataSource(captions="c.json", images=tmp_path)
    with pytest.raises(
        ValueError, match="^data has the keys .*captions.*images.*are f"
    ):
        source.open("val")
    with pytest.raises(ValueError, match="^--pictures: the model of RUN takes region"):
        source.for_model(None, "RUN", "--pictures")
    regions = DataSource.of("embedded")
    assert regions.for_model(None, "RUN") is regions
    with pytest.raises(ValueError, match="^The model of RUN takes pictures and makes"):
        regions.for_model(BACKBONE, "RUN")


def test_captions_are_read_without_their_regions(tmp_path):
    write_data_folder(tmp_path)
    for path in (tmp_path / "val").glob("*.npy"):
        path.write_bytes(b"damaged")
    whole = read_captions(tmp_path / "val" / "dataset_val.json", "val")
    assert DataSource.of(tmp_path).open_captions("val").captions == whole.captions
    named = DataSource(captions=tmp_path / "val" / "dataset_val.json")
    assert named.open_captions("val").captions == whole.captions
