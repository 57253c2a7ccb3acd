"""Features that other projects left, each written here in its exact layout."""

import pickle

import numpy as np
import pytest
from support.foreign_files import caption_set, encoded, write_lmdb
from support.hostile_features import npz

from keras_teran.data._pack import pack
from keras_teran.data._region_store import PackedRegions, open_regions
from keras_teran.data.formats import _lmdb as lmdb_regions

WIDTH, HEIGHT = 200, 100
LIMITS = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT], np.float32)
COUNTS = {391895: 2, 9: 3, 522418: 1}
DIM = 6


@pytest.fixture
def images():
    """{id: (features, boxes in pixels)}; corners are quarters, so division is exact."""
    generator = np.random.default_rng(0)
    found = {}
    for image_id, count in COUNTS.items():
        corners = np.sort(generator.integers(0, 5, (count, 2, 2)), axis=1) / 4
        features = generator.standard_normal((count, DIM)).astype(np.float32)
        boxes = (corners * [WIDTH, HEIGHT]).reshape(count, 4).astype(np.float32)
        found[image_id] = features, boxes
    return found


def assert_reads(store, images, ids=None):
    """The store gives the images' features and their boxes divided by the sides."""
    names = dict(zip(images, ids or images, strict=True))
    read = store.read(list(names.values()))
    for row, (features, boxes) in enumerate(images.values()):
        count = len(features)
        assert read["region_mask"][row].tolist() == [n < count for n in range(3)]
        np.testing.assert_array_equal(read["regions"][row, :count], features)
        np.testing.assert_array_equal(read["boxes"][row, :count], boxes / LIMITS)
        assert not read["regions"][row, count:].any()
    store.check(list(names.values()))


def write_tsv(path, images, lxmert=False):
    lines = []
    for image_id, (features, boxes) in images.items():
        count = len(features)
        arrays = [count, encoded(boxes), encoded(features)]
        line = [image_id, WIDTH, HEIGHT, *arrays]
        if lxmert:
            classes = [encoded(np.zeros(count))] * 4
            name = f"COCO_val2014_{image_id:012d}"
            line = [name, HEIGHT, WIDTH, *classes, *arrays]
        lines.append("\t".join(map(str, line)) + "\n")
    path.write_text("".join(lines))
    return path


@pytest.mark.parametrize("lxmert", [False, True])
def test_bottom_up_tsv(tmp_path, images, lxmert):
    path = write_tsv(tmp_path / "trainval.tsv", images, lxmert)
    assert_reads(open_regions(path), images)


def test_captions_choose_the_images_and_their_order(tmp_path, images):
    path = write_tsv(tmp_path / "trainval.tsv", images)
    store = open_regions(path, caption_set([9, 391895]))
    assert store.image_ids.tolist() == [9, 391895]
    np.testing.assert_array_equal(store.read_image(391895)[0], images[391895][0])


def test_file_names_find_images_whose_ids_are_positions(tmp_path, images):
    path = write_tsv(tmp_path / "flickr30k.tsv", images)
    captions = caption_set([0, 1, 2], [f"{image_id}.jpg" for image_id in images])
    assert_reads(open_regions(path, captions), images, [0, 1, 2])


def test_a_tsv_packs_into_arrays(tmp_path, images):
    store = open_regions(write_tsv(tmp_path / "some.tsv", images))
    folder = pack(store, tmp_path / "packed", dtype="float32", progress=False)
    assert_reads(PackedRegions(folder), images)


def cut_last_line(text):
    return text[:-30] + "\n"


TSV_FAULTS = {
    "columns": (lambda t: t.replace("\t", " ", 1), "line 1: expected 6 columns"),
    "count": (lambda t: t.replace("100\t2\t", "100\tx\t"), "line 1: num_boxes must be"),
    "width": (lambda t: t.replace("9\t200", "9\t0", 1), "line 2: width must be"),
    "base64": (cut_last_line, "line 3: 1 boxes do not fit its base64"),
    "twice": (lambda t: t + t.splitlines(True)[1], "names the image '9' 2 times"),
}


@pytest.mark.parametrize("fault", TSV_FAULTS)
def test_a_damaged_tsv_is_named_by_line(tmp_path, images, fault):
    change, message = TSV_FAULTS[fault]
    path = write_tsv(tmp_path / "some.tsv", images)
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match=message):
        open_regions(path, caption_set(list(images))).check(list(images))


def test_an_image_that_is_missing_is_named(tmp_path, images):
    path = write_tsv(tmp_path / "some.tsv", images)
    captions = caption_set([9, 77], ["9.jpg", "77.jpg"])
    with pytest.raises(ValueError, match=r"1 of 2 images, first ids \[77\] \(77.jpg\)"):
        open_regions(path, captions)


def test_an_empty_file_and_an_unknown_kind_are_refused(tmp_path):
    (tmp_path / "empty.tsv").write_text("")
    with pytest.raises(ValueError, match="holds no image features"):
        open_regions(tmp_path / "empty.tsv")
    (tmp_path / "features.pkl").write_text("")
    with pytest.raises(ValueError, match="a file must be a bottom-up .tsv"):
        open_regions(tmp_path / "features.pkl")


def write_precomp(folder, rows, captions, boxes=None):
    np.save(folder / "dev_ims.npy", rows)
    lines = "".join(f"caption {number}\n" for number in range(captions))
    (folder / "dev_caps.txt").write_text(lines)
    if boxes is not None:
        np.save(folder / "dev_boxes.npy", boxes)
    return folder / "dev_ims.npy"


@pytest.fixture
def rows():
    """Of three images with two regions each, as SCAN keeps them."""
    return np.random.default_rng(1).standard_normal((3, 2, DIM)).astype(np.float32)


@pytest.mark.parametrize("repeats", [1, 5])
def test_precomp_rows_are_images_or_repeat_for_each_caption(tmp_path, rows, repeats):
    path = write_precomp(tmp_path, np.repeat(rows, repeats, axis=0), 15)
    store = open_regions(path)
    assert store.image_ids.tolist() == [0, 1, 2]
    read = store.read([0, 1, 2])
    np.testing.assert_array_equal(read["regions"], rows)
    assert (read["boxes"] == [0, 0, 1, 1]).all()
    assert not store.has_boxes


def test_precomp_of_one_vector_an_image_is_one_region(tmp_path, rows):
    store = open_regions(write_precomp(tmp_path, rows[:, 0], 15))
    np.testing.assert_array_equal(store.read([2])["regions"], rows[2:, :1])


def test_precomp_boxes_beside_the_features_are_read(tmp_path, rows):
    boxes = np.tile(np.array([0, 0.25, 0.5, 1], np.float32), (3, 2, 1))
    store = open_regions(write_precomp(tmp_path, rows, 15, boxes * LIMITS), sizes=SIZES)
    assert store.has_boxes
    np.testing.assert_array_equal(store.read([1])["boxes"], boxes[1:2])


SIZES = dict.fromkeys(range(3), (WIDTH, HEIGHT))


def test_precomp_of_another_number_of_captions_is_refused(tmp_path, rows):
    with pytest.raises(ValueError, match="3 rows and its captions 14 lines"):
        open_regions(write_precomp(tmp_path, rows, 14))
    uneven = np.repeat(rows, [5, 4, 6], axis=0)
    with pytest.raises(ValueError, match="repeats some images more often"):
        open_regions(write_precomp(tmp_path, uneven, 15))


@pytest.fixture
def h5py():
    """The package; without it only the tests of HDF5 are skipped."""
    return pytest.importorskip("h5py")


def write_vqa(h5py, path, images, adaptive=False, **fields):
    """The arrays of the bottom-up-attention VQA code, 36 or 10 to 100 regions."""
    features = [features for features, _ in images.values()]
    relative = [boxes / LIMITS for _, boxes in images.values()]
    spatial = [np.c_[b, b[:, 2:] - b[:, :2]] for b in relative]
    with h5py.File(path, "w") as file:
        if adaptive:
            ends = np.cumsum([len(each) for each in features])
            file["pos_boxes"] = np.c_[np.r_[0, ends[:-1]], ends]
            file["image_features"] = np.concatenate(features)
            file["spatial_features"] = np.concatenate(spatial)
        else:
            file["image_features"] = np.stack([each[:1] for each in features])
            file["spatial_features"] = np.stack([each[:1] for each in spatial])
        for name, value in fields.items():
            file[name] = value
    return path


def test_hdf5_of_all_regions_below_each_other(h5py, tmp_path, images):
    path = write_vqa(
        h5py, tmp_path / "train.hdf5", images, True, image_ids=list(images)
    )
    assert_reads(open_regions(path), images)


def test_hdf5_of_equally_many_regions_with_ids_beside_it(h5py, tmp_path, images):
    path = write_vqa(h5py, tmp_path / "train36.hdf5", images)
    with pytest.raises(ValueError, match="write the ids, one a line .*train36_ids.txt"):
        open_regions(path)
    (tmp_path / "train36_ids.txt").write_text("\n".join(map(str, images)) + "\n")
    read = open_regions(path).read([9])
    np.testing.assert_array_equal(read["regions"][0], images[9][0][:1])
    np.testing.assert_array_equal(read["boxes"][0], images[9][1][:1] / LIMITS)
    (tmp_path / "train36_ids.txt").write_text("1\n2\n")
    with pytest.raises(ValueError, match="holds 3 images and 2 ids"):
        open_regions(path)


def test_hdf5_of_two_data_sets_an_image(h5py, tmp_path, images):
    path = tmp_path / "coco_detections.hdf5"
    with h5py.File(path, "w") as file:
        for image_id, (features, boxes) in images.items():
            file[f"{image_id}_features"] = features
            file[f"{image_id}_boxes"] = boxes
            file[f"{image_id}_cls_prob"] = np.zeros((len(boxes), 3))
    sizes = dict.fromkeys(images, (WIDTH, HEIGHT))
    assert_reads(open_regions(path, sizes=sizes), images)
    with pytest.raises(ValueError, match="boxes in pixels and no image sizes"):
        open_regions(path).read([9])


def test_hdf5_of_a_group_an_image(h5py, tmp_path, images):
    path = tmp_path / "groups.h5"
    with h5py.File(path, "w") as file:
        for image_id, (features, boxes) in images.items():
            group = file.create_group(f"{image_id}.jpg")
            group["features"], group["bbox"] = features, boxes
            group["image_w"], group["image_h"] = WIDTH, HEIGHT
    assert_reads(open_regions(path), images)


def test_hdf5_boxes_that_are_relative_stay_so_where_the_size_is_known(
    h5py, tmp_path, images
):
    path = tmp_path / "relative.h5"
    with h5py.File(path, "w") as file:
        for image_id, (features, boxes) in images.items():
            group = file.create_group(f"{image_id}.jpg")
            group["features"], group["boxes"] = features, boxes / LIMITS
            group["width"], group["height"] = WIDTH, HEIGHT
    assert_reads(open_regions(path), images)


def test_hdf5_groups_may_be_called_like_features(h5py, tmp_path, images):
    path = tmp_path / "groups.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("x")
        group["features"], group["boxes"] = images[9][0], images[9][1] / LIMITS
    store = open_regions(path, caption_set([4], ["x.jpg"]))
    np.testing.assert_array_equal(store.read([4])["regions"][0], images[9][0])


def test_hdf5_without_features_or_boxes_says_what_it_has(h5py, tmp_path):
    path = tmp_path / "some.h5"
    with h5py.File(path, "w") as file:
        file["labels"] = [1, 2]
    with pytest.raises(ValueError, match=r"none of the known layouts.*\['labels'\]"):
        open_regions(path)
    with h5py.File(path, "w") as file:
        file["1_features"] = np.ones((2, DIM))
    with pytest.raises(ValueError, match=r"some.h5, 1 needs features .* and boxes"):
        open_regions(path)
    path.write_bytes(b"no HDF5")
    with pytest.raises(ValueError, match="truncated or no HDF5 file"):
        open_regions(path)


@pytest.fixture
def lmdb():
    """The package; without it only the tests of LMDB are skipped."""
    return pytest.importorskip("lmdb")


def uniter_values(images):
    values = {"__keys__": b"[]"}
    for image_id, (features, boxes) in images.items():
        corners = boxes / LIMITS
        sides = corners[:, 2:] - corners[:, :2]
        name = f"coco_val2014_{image_id:012d}.npz"
        values[name] = npz(features=features, norm_bb=np.c_[corners, sides])
    return values


def test_lmdb_of_npz_files(lmdb, tmp_path, images):
    folder = write_lmdb(lmdb, tmp_path / "feat_th0.2", uniter_values(images))
    assert_reads(open_regions(folder), images)
    captions = caption_set(
        [0, 1, 2], [f"coco_val2014_{image_id:012d}.jpg" for image_id in images]
    )
    assert_reads(open_regions(folder, captions), images, [0, 1, 2])


def test_lmdb_opens_without_reading_features(lmdb, tmp_path, images, monkeypatch):
    folder = write_lmdb(lmdb, tmp_path / "many", uniter_values(images))
    read, load = [], lmdb_regions.read_npz

    def note(*arguments):
        found = load(*arguments)
        read.extend(found)
        return found

    monkeypatch.setattr(lmdb_regions, "read_npz", note)
    store = open_regions(folder)
    # The first image's, for their width.
    assert read.count("features") == 1
    assert sorted(store.counts.tolist()) == [1, 2, 3]


def test_lmdb_values_that_are_pickles_or_damaged_are_refused(lmdb, tmp_path, images):
    values = {"9": pickle.dumps({"features": b""})}
    with pytest.raises(ValueError, match="key '9'.* a pickle, which can run any code"):
        open_regions(write_lmdb(lmdb, tmp_path / "pickles", values))
    values = {"9": b"\x82msgpack"}
    with pytest.raises(ValueError, match="must be an .npz file; this one is not that"):
        open_regions(write_lmdb(lmdb, tmp_path / "other", values))
    values = {"9": npz(features=np.ones((2, DIM)))[:50]}
    with pytest.raises(ValueError, match="key '9' is no .npz file, or a damaged"):
        open_regions(write_lmdb(lmdb, tmp_path / "cut", values))


def test_a_key_without_a_number_needs_captions(lmdb, tmp_path, images):
    values = {"beach.jpg": npz(features=images[9][0], boxes=images[9][1] / LIMITS)}
    folder = write_lmdb(lmdb, tmp_path / "names", values)
    with pytest.raises(ValueError, match="'beach.jpg' holds no number"):
        open_regions(folder)
    store = open_regions(folder, caption_set([5], ["beach.jpg"]))
    np.testing.assert_array_equal(store.read([5])["regions"][0], images[9][0])


@pytest.mark.parametrize(
    ("features", "boxes", "message"),
    [
        (np.full((1, DIM), np.nan), [[0, 0, 1, 1]], "image 9: a feature is NaN"),
        (np.ones((1, DIM)), [[0.5, 0, 0.4, 1]], "image 9: box .* is inverted"),
        (np.ones((2, DIM)), [[0, 0, 1, 1]], "image 9: expected features"),
    ],
)
def test_bad_values_are_named_by_image(lmdb, tmp_path, features, boxes, message):
    values = {"9": npz(features=features, boxes=np.array(boxes, float))}
    store = open_regions(write_lmdb(lmdb, tmp_path / "bad", values))
    with pytest.raises(ValueError, match=message):
        store.check([9])
