"""Which features an image gets, and where its boxes lie: right values by hand."""

import numpy as np
import pytest
from support.foreign_files import (
    caption_set,
    feature,
    packed_values,
    run_pack,
    write_captions,
    write_lmdb,
)
from support.hostile_features import npz

from keras_teran.data._caption_set import read_captions
from keras_teran.data._pack import pack
from keras_teran.data._picture_list import list_pictures
from keras_teran.data._region_store import (
    OriginalRegions,
    PackedRegions,
    open_regions,
)
from keras_teran.data.formats._keys import match_entries

h5py = pytest.importorskip("h5py")

BOX = np.float32([[0.25, 0.125, 0.5, 1.0]])


def write_groups(path, values):
    with h5py.File(path, "w") as file:
        for name, value in values.items():
            file[f"{name}/features"], file[f"{name}/boxes"] = feature(value), BOX
    return path


def test_groups_of_file_names_are_not_positions(tmp_path):
    """`20.tif` has the imgid 19, and `19.tif` is another image."""
    names = [f"{k}.tif" for k in range(1, 22)]
    features = write_groups(
        tmp_path / "f.h5", {f"{k}.tif": float(k) for k in range(1, 22)}
    )
    captions = write_captions(tmp_path / "dataset.json", names)
    assert run_pack(tmp_path, [features], captions) == 0
    assert packed_values(tmp_path / "out") == {f"{k}.tif": k for k in range(1, 22)}


COMPOSED, DECOMPOSED = "caf\xe9", "cafe\u0301"


@pytest.mark.parametrize(
    ("name", "keys", "entry"),
    [
        ("20.tif", ["19.tif", "20.tif"], 1),
        ("20.tif", ["19", "20"], 1),
        ("20.tif", ["19.npz", "20.npz"], 1),
        ("20.tif", ["19.tif.npz", "20.tif.npz"], 1),
        ("sea/20.tif", ["19.tif", "20.tif"], 1),
        ("20.tif", ["sea/19.tif", "sea/20.tif"], 1),
        ("a/7.jpg", ["b/7.jpg", "a/7.jpg"], 1),
        ("7.png", ["7.jpg", "7.png"], 1),
        (f"{COMPOSED}.jpg", ["x.jpg", f"{DECOMPOSED}.jpg"], 1),
        (f"{DECOMPOSED}.jpg", ["x.jpg", COMPOSED], 1),
        ("Beach.JPG", ["x.jpg", "beach"], 1),
        ("COCO_val2014_000000391895.jpg", ["9", "391895"], 1),
        ("COCO_val2014_000000391895.jpg", ["9", "coco_val2014_000000391895.npz"], 1),
        ("000000391895.jpg", ["COCO_val2014_000000391895"], 0),
        ("1000092795.jpg", ["flickr30k_000001000092795.npz"], 0),
        ("img_7.jpg", ["img_006", "img_007"], 1),
    ],
)
def test_a_position_is_no_key_and_a_file_name_is(name, keys, entry):
    captions = caption_set([0], [name])
    object.__setattr__(captions, "ids_are_positions", True)
    assert match_entries("f.h5", keys, captions)[1].tolist() == [entry]


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("20.tif", ["scene_20.tif"]),  # the rest of the name differs
        ("a_7.jpg", ["b_7.jpg"]),
        ("a/7.jpg", ["b/7.jpg"]),
        ("a/img_7.jpg", ["b/img_007.jpg"]),
        ("x.jpg", ["0", "0.jpg"]),  # 0 is its position
        ("COCO_val2014_000000391895.jpg", ["COCO_train2014_000000391895"]),
        ("3a.jpg", ["3"]),
    ],
)
def test_another_name_is_not_found(name, keys):
    captions = caption_set([0], [name])
    object.__setattr__(captions, "ids_are_positions", True)
    with pytest.raises(ValueError, match="has no features of 1 of 1 images"):
        match_entries("f.h5", keys, captions)


@pytest.mark.parametrize(
    ("ids", "names", "keys", "message"),
    [
        (
            [5],
            ["7.jpg"],
            ["5", "7"],
            r"image 5 \(7.jpg\) is '7' by its .* '5' by its id",
        ),
        ([5], ["7.gif"], ["7.jpg", "7.png"], "may be '7.jpg' or '7.png' by its file"),
        ([391895], [""], ["391895", "000391895"], "may be '391895' or '000391895' by"),
        (
            [1, 2],
            ["a/1.jpg", "b/1.jpg"],
            ["1"],
            "'?a/1.jpg.* and .*b/1.jpg.* both mean",
        ),
        ([1], ["a.jpg"], [f"{COMPOSED}", f"{DECOMPOSED}", "a", "a"], "'a' 2 times"),
    ],
)
def test_ways_that_differ_are_an_error_that_shows_both(ids, names, keys, message):
    with pytest.raises(ValueError, match=message):
        match_entries("f.h5", keys, caption_set(ids, names))


def test_groups_in_groups_are_folders(tmp_path):
    features = write_groups(
        tmp_path / "f.h5", {"train/1.jpg": 1.0, "val/1.jpg": 2.0, "val/2.jpg": 3.0}
    )
    captions = caption_set([5, 6], ["val/1.jpg", "2.jpg"])
    read = open_regions(features, captions).read([5, 6])["regions"]
    assert read[:, 0, 0].tolist() == [2.0, 3.0]
    with pytest.raises(ValueError, match="may be 'train/1.jpg' or 'val/1.jpg' by its"):
        open_regions(features, caption_set([5], ["1.jpg"]))


def test_a_store_of_another_version_is_refused(tmp_path):
    features = write_groups(tmp_path / "f.h5", {"a": 1.0})
    captions = write_captions(tmp_path / "d.json", ["a.jpg"])
    assert run_pack(tmp_path, [features], captions) == 0
    described = tmp_path / "out" / "packed.json"
    for content, message in {
        '{"version": 2, "box_units": "relative"}': "packed.json: version should be 1",
        "[]": "packed.json should be",
        '{"box_units": "miles"}': "packed.json: box_units should be",
    }.items():
        described.write_text(content)
        with pytest.raises(ValueError, match=message):
            PackedRegions(tmp_path / "out")


def test_a_cocoid_is_an_id(tmp_path):
    features = write_groups(tmp_path / "f.h5", {"7": 7.0, "9": 9.0})
    captions = write_captions(tmp_path / "d.json", ["x.jpg", "y.jpg"], cocoids=[9, 7])
    store = open_regions(features, read_captions(captions, "test"))
    assert store.read([9, 7])["regions"][:, 0, 0].tolist() == [9.0, 7.0]


def test_packed_captions_find_the_features_they_were_packed_from(tmp_path):
    features = write_groups(tmp_path / "f.h5", {"7": 7.0, "9": 9.0})
    captions = write_captions(tmp_path / "d.json", ["x.jpg", "y.jpg"], cocoids=[9, 7])
    assert run_pack(tmp_path, [features], captions) == 0
    again = read_captions(tmp_path / "out" / "dataset_test.json", "test")
    assert open_regions(features, again).image_ids.tolist() == [9, 7]


def test_lmdb_keys_are_file_names(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    values = {f"{k}.tif": npz(features=feature(k), norm_bb=BOX) for k in range(1, 22)}
    features = write_lmdb(lmdb, tmp_path / "db", values)
    names = [f"{k}.tif" for k in range(1, 22)]
    captions = write_captions(tmp_path / "dataset.json", names)
    assert run_pack(tmp_path, [features], captions) == 0
    assert packed_values(tmp_path / "out")["20.tif"] == 20


def write_original(folder, numbers):
    for name in ("bu_att", "bu_box"):
        (folder / name).mkdir(parents=True)
    for k in numbers:
        np.savez(folder / "bu_att" / f"{k}.npz", feat=feature(k))
        np.save(folder / "bu_box" / f"{k}.npy", BOX * [640, 480, 640, 480])
    return folder


def original_of(folder, captions):
    sizes = dict.fromkeys(captions.image_ids.tolist(), (640, 480))
    return OriginalRegions(folder, captions.image_ids, sizes, captions=captions)


def test_the_original_layout_has_positions_for_flickr(tmp_path):
    folder = write_original(tmp_path / "o", range(3))
    names = ["1000092795.jpg", "10002456.jpg", "1000268201.jpg"]
    captions = read_captions(write_captions(tmp_path / "d.json", names), "test")
    assert original_of(folder, captions).read([2])["regions"][0, 0, 0] == 2


def test_original_files_of_two_namings_are_refused(tmp_path):
    folder = write_original(tmp_path / "o", range(1, 22))
    names = [f"{k}.tif" for k in range(1, 22)]
    captions = read_captions(write_captions(tmp_path / "d.json", names), "test")
    with pytest.raises(
        ValueError, match=r"image 1 \(2\.tif\) is bu_att/2\.npz by .* bu_att/1\.npz by"
    ):
        original_of(folder, captions)


def test_original_files_by_file_name_are_found(tmp_path):
    folder = write_original(tmp_path / "o", [101, 102])
    names = ["101.tif", "102.tif"]
    captions = read_captions(write_captions(tmp_path / "d.json", names), "test")
    read = original_of(folder, captions).read([0, 1])
    assert read["regions"][:, 0, 0].tolist() == [101, 102]


def test_a_packed_store_knows_whose_rows_it_holds(tmp_path):
    features = write_groups(tmp_path / "f.h5", {"a": 1.0, "b": 2.0})
    captions = write_captions(tmp_path / "d.json", ["a.jpg", "b.jpg"])
    assert run_pack(tmp_path, [features], captions) == 0
    other = write_captions(tmp_path / "other.json", ["b.jpg", "a.jpg"])
    with pytest.raises(
        ValueError, match=r"image 0 is 'a\.jpg' there and 'b\.jpg' in the captions"
    ):
        open_regions(tmp_path / "out", read_captions(other, "test"))
    open_regions(tmp_path / "out", read_captions(captions, "test"))


def test_precomp_rows_belong_to_their_own_captions(tmp_path):
    np.save(tmp_path / "test_ims.npy", np.arange(8, dtype=np.float32).reshape(2, 1, 4))
    texts = ["caption of a.jpg", "caption of b.jpg"]
    (tmp_path / "test_caps.txt").write_text("\n".join(texts) + "\n")
    own = write_captions(tmp_path / "d.json", ["a.jpg", "b.jpg"])
    open_regions(tmp_path / "test_ims.npy", read_captions(own, "test"))
    other = write_captions(tmp_path / "other.json", ["b.jpg", "a.jpg"])
    with pytest.raises(
        ValueError, match="names no images: its 2 rows are in the order"
    ):
        open_regions(tmp_path / "test_ims.npy", read_captions(other, "test"))


def test_pictures_are_found_composed_or_decomposed(tmp_path):
    (tmp_path / "pics").mkdir()
    for name in (DECOMPOSED, "b"):
        (tmp_path / "pics" / f"{name}.jpg").write_bytes(b"x")
    captions = write_captions(tmp_path / "d.json", [f"{COMPOSED}.jpg", "B"])
    listed = list_pictures(tmp_path / "pics", captions, "test")
    assert [path.name for path in listed.paths] == [f"{DECOMPOSED}.jpg", "b.jpg"]


def test_no_picture_lies_outside_its_folder(tmp_path):
    (tmp_path / "pics").mkdir()
    for name in ("secret", "hidden"):
        (tmp_path / f"{name}.jpg").write_bytes(b"x")
    names = ["../secret.jpg", str(tmp_path / "hidden.jpg")]
    captions = write_captions(tmp_path / "d.json", names)
    listed = list_pictures(tmp_path / "pics", captions, "test")
    assert listed.paths == [
        tmp_path / "pics" / name for name in ("secret.jpg", "hidden.jpg")
    ]


@pytest.mark.parametrize("name", ["progress", "captions", "pictures", "rename"])
def test_a_store_appears_with_its_captions_or_not_at_all(tmp_path, monkeypatch, name):
    """Stopped at any write, the same command goes on to the same files."""
    from keras_teran.data import _pack as module

    features = write_groups(tmp_path / "f.h5", {"a": 1.0, "b": 2.0})
    captions = write_captions(tmp_path / "d.json", ["a.jpg", "b.jpg"])
    where = {
        "progress": "save_progress",
        "captions": "write_karpathy",
        "pictures": "write_json",
        "rename": "publish",
    }[name]

    class Killed(BaseException):
        pass

    def kill(*arguments, **more):
        raise Killed

    read = read_captions(captions, "test")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(module, where, kill)
        store = open_regions(features, read)
        pack(store, tmp_path / "out", progress=False, captions=read, split="test")
    assert not (tmp_path / "out").exists()
    assert run_pack(tmp_path, [features], captions) == 0
    assert packed_values(tmp_path / "out") == {"a.jpg": 1.0, "b.jpg": 2.0}
    assert not (tmp_path / "out" / "progress.json").exists()


def test_features_of_another_file_do_not_go_on_where_one_stopped(
    tmp_path, monkeypatch, capsys
):
    from keras_teran.data import _pack as module

    captions = write_captions(tmp_path / "d.json", ["a.jpg", "b.jpg"])
    read = read_captions(captions, "test")
    one = write_groups(tmp_path / "one.h5", {"a": 1.0, "b": 2.0})
    two = write_groups(tmp_path / "two.h5", {"a": 3.0, "b": 4.0})
    monkeypatch.setattr(module, "_IMAGES_PER_STEP", 1)
    steps, write = [], module.write_rows

    def stop(*arguments):
        steps.append(1)
        if len(steps) > 1:
            raise KeyboardInterrupt
        write(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "write_rows", stop)
        pack(open_regions(one, read), tmp_path / "out", progress=False)
    assert run_pack(tmp_path, [two], captions) == 2
    assert "unfinished pack of something else: ['source']" in capsys.readouterr().err
