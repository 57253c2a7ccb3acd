import numpy as np
import pytest
from support.region_files import write_original

from keras_teran.data.formats._original import OriginalRegions

SIZE = (200, 100)


def sizes_of(image_ids):
    return dict.fromkeys(image_ids, SIZE)


def original(folder, counts):
    written = write_original(folder, counts, size=SIZE)
    return OriginalRegions(folder, list(counts), sizes_of(counts)), written


def test_original_boxes_are_divided_by_width_and_height(tmp_path):
    write_original(tmp_path, {7: 1})
    np.save(tmp_path / "bu_box" / "7.npy", np.float32([[20, 10, 150, 40]]))
    store = OriginalRegions(tmp_path, [7], {7: (200, 100)})
    expected = [[[20 / 200, 10 / 100, 150 / 200, 40 / 100]]]
    np.testing.assert_allclose(store.read([7])["boxes"], expected, rtol=1e-6)


def test_original_features_are_padded_and_masked(tmp_path):
    store, written = original(tmp_path, {7: 2, 9: 3})
    batch = store.read([9, 7])
    assert batch["regions"].shape == (2, 3, 6)
    assert batch["region_mask"].tolist() == [[True, True, True], [True, True, False]]
    np.testing.assert_array_equal(batch["regions"][0], written[9][0])
    np.testing.assert_array_equal(batch["regions"][1, :2], written[7][0])
    assert not batch["regions"][1, 2:].any() and not batch["boxes"][1, 2:].any()
    assert {name: array.dtype.name for name, array in batch.items()} == {
        "regions": "float32",
        "boxes": "float32",
        "region_mask": "bool",
    }


def test_original_width_is_that_of_the_store_not_of_the_images_read(tmp_path):
    store, _ = original(tmp_path, {7: 2, 9: 3})
    assert store.read([7])["regions"].shape == (1, 3, 6)


def test_a_box_may_reach_over_the_edge_by_a_pixel(tmp_path):
    write_original(tmp_path, {7: 1})
    np.save(tmp_path / "bu_box" / "7.npy", np.float32([[-0.5, 0, 200.9, 100]]))
    store = OriginalRegions(tmp_path, [7], sizes_of([7]))
    assert store.read([7])["boxes"].tolist() == [[[0, 0, 1, 1]]]


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([0, 0, 202, 50], r"box \(0,\) lies outside 0\.\.1"),
        ([0, 0, 90, 102], "lies outside"),
        ([-2, 0, 90, 50], "lies outside"),
        ([60, 0, 50, 50], "is inverted"),
        ([0, 60, 50, 50], "is inverted"),
        ([0, np.nan, 50, 50], "is not finite"),
    ],
)
def test_original_faulty_boxes_are_named(tmp_path, box, message):
    store, _ = original(tmp_path, {7: 1})
    np.save(tmp_path / "bu_box" / "7.npy", np.float32([box]))
    with pytest.raises(ValueError, match=rf"7\.npy: .*{message}.*200 × 100"):
        store.check([7])


def test_a_swapped_coordinate_is_found_where_it_leaves_the_image(tmp_path):
    store, _ = original(tmp_path, {7: 1})
    x0, y0, x1, y1 = 10, 20, 190, 90
    np.save(tmp_path / "bu_box" / "7.npy", np.float32([[y0, x0, y1, x1]]))
    with pytest.raises(ValueError, match="lies outside"):
        store.check([7])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_original_features_that_are_not_finite_are_named(tmp_path, bad):
    store, written = original(tmp_path, {7: 2, 9: 2})
    features = written[9][0]
    features[1, 3] = bad
    np.savez(tmp_path / "bu_att" / "9.npz", feat=features)
    store.check([7])
    with pytest.raises(ValueError, match=r"9\.npz: a feature is NaN or infinite"):
        store.check([7, 9])


@pytest.mark.parametrize("folder,name", [("bu_att", "9.npz"), ("bu_box", "9.npy")])
def test_missing_original_files_are_named_on_opening(tmp_path, folder, name):
    write_original(tmp_path, {7: 2, 9: 2})
    (tmp_path / folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{folder} lacks 1 of 2 .*{name}"):
        OriginalRegions(tmp_path, [7, 9], sizes_of([7, 9]))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*bu_att"):
        OriginalRegions(tmp_path, [7], sizes_of([7]))


def test_images_without_a_size_are_named(tmp_path):
    write_original(tmp_path, {7: 2, 9: 2})
    with pytest.raises(ValueError, match=r"sizes lacks 1 of 2 images.*\[9\]"):
        OriginalRegions(tmp_path, [7, 9], sizes_of([7]))


def test_no_images_are_refused(tmp_path):
    with pytest.raises(ValueError, match="image_ids is empty"):
        OriginalRegions(tmp_path, [], {})


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_truncated_original_features_are_named(tmp_path, keep):
    store, _ = original(tmp_path, {7: 2, 9: 2})
    path = tmp_path / "bu_att" / "9.npz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"9\.npz is no \.npz file, or a damaged one"):
        store.check([7, 9])


# A bit flipped in the values (a checksum tells) or in the first byte of the
# compressed stream (which then is none). The local file header is 30 bytes and the
# name; NumPy adds 20 for sizes of 64 bits.
@pytest.mark.parametrize(
    "place", [lambda size: size // 2, lambda size: 30 + len("feat.npy") + 20]
)
def test_damaged_original_features_are_named(tmp_path, place):
    store, _ = original(tmp_path, {7: 2, 9: 20})
    path = tmp_path / "bu_att" / "9.npz"
    content = bytearray(path.read_bytes())
    content[place(len(content))] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"9\.npz is damaged"):
        store.check([7, 9])


@pytest.mark.parametrize("keep", [0, 60, 140])
def test_truncated_original_boxes_are_named_on_opening(tmp_path, keep):
    write_original(tmp_path, {7: 2, 9: 2})
    path = tmp_path / "bu_box" / "9.npy"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"9\.npy is truncated or no plain"):
        OriginalRegions(tmp_path, [7, 9], sizes_of([7, 9]))


def test_pickled_original_features_are_refused(tmp_path):
    store, _ = original(tmp_path, {7: 1, 9: 1})
    np.savez(tmp_path / "bu_att" / "9.npz", feat=np.array([{}], object))
    with pytest.raises(ValueError, match=r"9\.npz: feat must hold .* received obj"):
        store.check([9])


def test_features_under_another_name_are_refused(tmp_path):
    store, written = original(tmp_path, {7: 1, 9: 1})
    np.savez(tmp_path / "bu_att" / "9.npz", features=written[9][0])
    with pytest.raises(
        ValueError, match=r"9\.npz lacks the arrays feat; it holds \['fea"
    ):
        store.check([9])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros((2, 5), np.float32), "`feat` has 5 numbers a region, .* has 6"),
        (np.zeros((3, 6), np.float32), r"9\.npz has 3 regions but .*9\.npy has 2"),
        (np.zeros((2, 6), np.int32), "must hold floats"),
        (np.zeros((14, 14, 6), np.float32), r"received float32 \(14, 14, 6\)"),
        (np.zeros((0, 6), np.float32), "at least one region"),
    ],
)
def test_original_features_of_a_wrong_shape_are_named(tmp_path, features, message):
    store, _ = original(tmp_path, {7: 2, 9: 2})
    np.savez(tmp_path / "bu_att" / "9.npz", feat=features)
    with pytest.raises(ValueError, match=message):
        store.check([9])


def test_original_boxes_of_a_wrong_shape_are_named(tmp_path):
    write_original(tmp_path, {9: 2})
    np.save(tmp_path / "bu_box" / "9.npy", np.zeros((2, 5), np.float32))
    with pytest.raises(ValueError, match=r"9\.npy must hold .*\(regions, 4\)"):
        OriginalRegions(tmp_path, [9], sizes_of([9]))


def test_images_that_were_not_opened_are_unknown(tmp_path):
    store, _ = original(tmp_path, {7: 2})
    for ask in (store.read, store.check, store.rows):
        with pytest.raises(ValueError, match=r"has no features of 1 .*first ids \[8\]"):
            ask([7, 8])
