import json

import numpy as np
import pytest
from support.data_folder import record, write_data_folder
from support.region_files import write_original, write_packed

from keras_teran.data import _source
from keras_teran.data._source import open_split


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
