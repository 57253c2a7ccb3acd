import os
from pathlib import Path

import numpy as np
import pytest
from support.paths import ROOT
from support.region_files import captions_of, write_original, write_packed

from keras_teran._io import (
    all_finite,
)
from keras_teran.data._region_store import (
    OriginalRegions,
    PackedRegions,
    open_regions,
)

SIZE = (200, 100)
SHARED = Path(os.environ.get("KERAS_TERAN_SHARED", ROOT.parent / "shared"))


# Packed arrays


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_packed_rows_are_read_in_the_order_asked_for(tmp_path, dtype):
    features, boxes = write_packed(tmp_path, dtype=dtype)
    batch = PackedRegions(tmp_path).read([4, 0, 4])
    assert batch["regions"].dtype == np.float32
    np.testing.assert_array_equal(batch["regions"], features[[4, 0, 4]])
    np.testing.assert_array_equal(batch["boxes"], boxes[[4, 0, 4]])
    assert batch["region_mask"].shape == (3, 3) and batch["region_mask"].all()


def test_int8_features_are_multiplied_by_the_scale(tmp_path):
    scale = np.float32([0.5, 1, 2, 0.01])
    features, _ = write_packed(tmp_path, dtype="int8", scale=scale)
    expected = features[[1, 3]].astype(np.float32) * scale
    np.testing.assert_array_equal(
        PackedRegions(tmp_path).read([1, 3])["regions"], expected
    )


def test_ids_say_which_row_an_image_has(tmp_path):
    features, _ = write_packed(tmp_path, ids=[50, 10, 40, 20, 30])
    store = PackedRegions(tmp_path)
    assert store.rows([10, 50]).tolist() == [1, 0]
    np.testing.assert_array_equal(store.read([20])["regions"][0], features[3])
    assert store.image_ids.tolist() == [50, 10, 40, 20, 30]


def test_counts_mask_what_is_beyond_them(tmp_path):
    write_packed(tmp_path, counts=[3, 1, 2, 3, 3])
    mask = PackedRegions(tmp_path).read([1, 2, 0])["region_mask"]
    assert mask.tolist() == [[True, False, False], [True, True, False], [True] * 3]


def test_reading_leaves_the_file_alone(tmp_path):
    features, _ = write_packed(tmp_path)
    store = PackedRegions(tmp_path)
    store.read([0])["regions"][:] = 9
    np.testing.assert_array_equal(store.read([0])["regions"][0], features[0])


@pytest.mark.parametrize("unknown", [-1, 5, 2**40])
def test_unknown_images_are_named(tmp_path, unknown):
    write_packed(tmp_path)
    with pytest.raises(
        ValueError, match=rf"no features of 1 .*\[{unknown}\].*5 images"
    ):
        PackedRegions(tmp_path).check([0, unknown])


def test_ids_that_occur_twice_are_refused(tmp_path):
    write_packed(tmp_path, ids=[1, 2, 3, 2, 5])
    with pytest.raises(ValueError, match=r"must be unique; \[2\]"):
        PackedRegions(tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_packed_features_that_are_not_finite_are_named(tmp_path, dtype, bad):
    features, _ = write_packed(tmp_path, dtype=dtype, ids=[50, 10, 40, 20, 30])
    features[3, 1, 2] = bad
    np.save(tmp_path / f"regions.{dtype}.npy", features)
    store = PackedRegions(tmp_path)
    store.check([50, 10, 40, 30])
    with pytest.raises(
        ValueError,
        match=rf"regions\.{dtype}\.npy, row 3 \(image 20\): a feature is NaN",
    ):
        store.check([10, 20])


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([0, 0, 1.01, 1], "outside"),
        ([-0.01, 0, 1, 1], "outside"),
        ([0.6, 0, 0.5, 1], "inverted"),
        ([0, 0.6, 1, 0.5], "inverted"),
        ([0, 0, np.nan, 1], "not finite"),
    ],
)
def test_packed_faulty_boxes_are_named(tmp_path, box, message):
    _, boxes = write_packed(tmp_path, ids=[50, 10, 40, 20, 30])
    boxes[2, 1] = box
    np.save(tmp_path / "boxes.npy", boxes)
    store = PackedRegions(tmp_path)
    store.check([50, 10, 20, 30])
    with pytest.raises(
        ValueError, match=rf"boxes\.npy, row 2 \(image 40\): box \(1,\) .*{message}"
    ):
        store.check([40])


def test_a_check_in_several_pieces_reaches_every_row(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_teran.data._packed_store._CHECK_BYTES", 1)
    features, _ = write_packed(tmp_path)
    features[4, 2, 3] = np.nan
    np.save(tmp_path / "regions.float32.npy", features)
    with pytest.raises(ValueError, match="row 4"):
        PackedRegions(tmp_path).check(range(5))


@pytest.mark.parametrize("keep", [0, 60, 200])
@pytest.mark.parametrize("name", ["regions.float32.npy", "boxes.npy"])
def test_truncated_packed_files_are_named(tmp_path, name, keep):
    write_packed(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=rf"{name} is truncated or no plain .npy"):
        PackedRegions(tmp_path)


def test_pickled_packed_files_are_refused(tmp_path):
    write_packed(tmp_path)
    np.save(tmp_path / "ids.npy", np.array([{}] * 5, object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"ids\.npy is truncated or no plain .npy"):
        PackedRegions(tmp_path)


@pytest.mark.parametrize("name", ["boxes.npy", "scale.npy"])
def test_missing_packed_files_are_named(tmp_path, name):
    write_packed(tmp_path, dtype="int8", scale=np.ones(4, np.float32))
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{name} is missing"):
        PackedRegions(tmp_path)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("boxes", np.zeros((5, 3, 5), "f4"), r"floats of shape \(5, 3, 4\)"),
        ("boxes", np.zeros((4, 3, 4), "f4"), r"received float32 \(4, 3, 4\)"),
        ("boxes", np.zeros((5, 3, 4), "i4"), "must hold floats"),
        ("scale", np.ones(3, "f4"), r"floats of shape \(4,\)"),
        ("scale", np.float32([1, np.nan, 1, 1]), r"scale\.npy: a scale is NaN"),
        ("ids", np.arange(4), r"integers of shape \(5,\)"),
        ("ids", np.arange(5.0), "must hold integers"),
        ("counts", [3, 3, 3, 3, 4], r"counts must lie in 1\.\.3; received 3 to 4"),
        ("counts", [3, 3, 3, 3, 0], "received 0 to 3"),
        ("regions.int8", np.zeros((5, 4), "i1"), "3 dimensions"),
        ("regions.int8", np.zeros((5, 3, 4), "i2"), "one of float32, float16, int8"),
    ],
)
def test_packed_files_that_do_not_fit_are_named(tmp_path, name, values, message):
    write_packed(tmp_path, dtype="int8", scale=np.ones(4, np.float32))
    np.save(tmp_path / f"{name}.npy", values)
    with pytest.raises(ValueError, match=message):
        PackedRegions(tmp_path)


def test_two_files_of_regions_are_refused(tmp_path):
    write_packed(tmp_path)
    write_packed(tmp_path, dtype="float16")
    with pytest.raises(FileNotFoundError, match="must hold one regions"):
        PackedRegions(tmp_path)


# Which store a folder holds


def test_open_regions_takes_packed_arrays(tmp_path):
    write_packed(tmp_path)
    assert isinstance(open_regions(tmp_path), PackedRegions)


def test_open_regions_takes_the_original_layout_with_sizes(tmp_path):
    write_original(tmp_path, {7: 2})
    store = open_regions(tmp_path, captions_of(["a dog"], [7]), {7: SIZE})
    assert isinstance(store, OriginalRegions)
    assert store.image_ids.tolist() == [7]


def test_the_original_layout_without_sizes_says_what_to_give(tmp_path):
    write_original(tmp_path, {7: 2})
    with pytest.raises(ValueError, match="boxes in pixels: give captions .* sizes"):
        open_regions(tmp_path, captions_of(["a dog"], [7]))


def test_a_folder_without_features_is_named(tmp_path):
    with pytest.raises(ValueError, match="holds no region features: expected packed"):
        open_regions(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*absent"):
        open_regions(tmp_path / "absent")


# The checks themselves


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_finiteness_agrees_with_numpy_at_the_limits(dtype):
    limits = [np.finfo(dtype).max, np.finfo(dtype).tiny, -0.0, -np.finfo(dtype).max]
    assert all_finite(np.array(limits, dtype))
    for bad in (np.nan, np.inf, -np.inf):
        assert not all_finite(np.array([*limits, bad], dtype))


def test_nothing_is_finite():
    assert all_finite(np.zeros((0, 3), np.float16))


@pytest.mark.skipif(
    not (SHARED / "flickr8k").is_dir(), reason="needs the Flickr8k features"
)
def test_flickr8k_val_is_usable_as_it_lies():
    from keras_teran.data._caption_set import read_captions

    folder = SHARED / "flickr8k" / "val"
    captions = read_captions(folder / "dataset_flickr8k_val.json", "val")
    store = open_regions(folder)
    store.check(captions.image_ids)
    assert (len(captions.image_ids), len(captions)) == (1000, 5000)
    assert store.read(captions.image_ids[:2])["regions"].shape == (2, 36, 256)
