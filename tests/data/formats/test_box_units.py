"""Boxes in pixels or relative, decided once a file: right values by hand."""

import json

import numpy as np
import pytest
from support.foreign_files import (
    bottom_up_row,
    caption_set,
    feature,
    run_pack,
    write_captions,
)

from keras_teran.data._region_store import PackedRegions, open_regions
from keras_teran.data.formats._box_units import (
    PIXELS,
    RELATIVE,
    choose_units,
    to_relative,
)

h5py = pytest.importorskip("h5py")


def test_a_relative_box_a_pixel_over_the_edge_stays_a_box(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(bottom_up_row("1.jpg", [[0.25, 0.1, 641 / 640, 0.5]]))
    captions = write_captions(tmp_path / "d.json", ["1.jpg"])
    assert run_pack(tmp_path, [path], captions, "--dtype", "float32") == 0
    boxes = PackedRegions(tmp_path / "out").read([0])["boxes"][0]
    np.testing.assert_allclose(boxes, [[0.25, 0.1, 1, 0.5]], rtol=1e-6)
    described = json.loads((tmp_path / "out" / "packed.json").read_text())
    assert described == {"version": 1, "box_units": "relative"}


def test_units_are_those_of_the_file_and_not_of_the_image(tmp_path):
    """The second image's boxes reach the middle of its first pixel over the edge."""
    path = tmp_path / "a.tsv"
    path.write_text(
        bottom_up_row("1", [[0.25, 0.1, 0.5, 0.5]])
        + bottom_up_row("2", [[0.25, 0.1, 0.5, 480.5 / 480]])
    )
    read = open_regions(path).read([1, 2])["boxes"]
    np.testing.assert_allclose(read[:, 0], [[0.25, 0.1, 0.5, 0.5], [0.25, 0.1, 0.5, 1]])


def test_pixels_are_divided_and_recorded(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(bottom_up_row("1.jpg", [[160, 48, 641, 240]]))
    captions = write_captions(tmp_path / "d.json", ["1.jpg"])
    assert run_pack(tmp_path, [path], captions, "--dtype", "float32") == 0
    boxes = PackedRegions(tmp_path / "out").read([0])["boxes"][0]
    np.testing.assert_allclose(boxes, [[0.25, 0.1, 1, 0.5]], rtol=1e-6)
    assert PackedRegions(tmp_path / "out").image_ids.tolist() == [0]
    described = json.loads((tmp_path / "out" / "packed.json").read_text())
    assert described == {"version": 1, "box_units": "pixels"}


@pytest.mark.parametrize(
    ("reaches", "message"),
    [
        (
            [[500, 300], [0.5, 0.9]],
            "image 1 reach 500, 300 and look like pixels, those",
        ),
        ([[1.3, 0.5], [1.2, 0.9]], "image 1 reach 1.3, 0.5: more than a pixel over"),
    ],
)
def test_units_that_contradict_each_other_are_refused(reaches, message):
    sizes, named = [(640, 480)] * 2, [False] * 2
    with pytest.raises(ValueError, match=message):
        choose_units("f", [1, 2], np.tile(reaches, 2), sizes, named)


def test_a_relative_box_among_pixels_of_one_image_is_refused(tmp_path):
    """Divided once more, it were the speck [0.00016, 0.00021, 0.00078, 0.00104]."""
    boxes = [[160, 48, 641, 240], [0.1, 0.1, 0.5, 0.5]]
    (tmp_path / "a.tsv").write_text(bottom_up_row("1", boxes))
    told = (
        "image 1 reach 641, 240 and look like pixels, those of image 1 reach 0.5, 0.5"
    )
    with pytest.raises(ValueError, match=told):
        open_regions(tmp_path / "a.tsv")


def test_boxes_at_the_corner_0_are_in_any_units(tmp_path):
    boxes = [[160, 48, 640, 240], [0, 0, 0, 0], [0, 0, 0, 48]]
    (tmp_path / "a.tsv").write_text(bottom_up_row("1", boxes))
    read = open_regions(tmp_path / "a.tsv").read([1])["boxes"][0]
    right = [[0.25, 0.1, 1, 0.5], [0, 0, 0, 0], [0, 0, 0, 0.1]]
    np.testing.assert_allclose(read, right, rtol=1e-6)


@pytest.mark.parametrize(
    ("reach", "size", "named", "units"),
    [
        ([641 / 640, 0.5], (640, 480), False, RELATIVE),
        ([1.0, 481 / 480], (640, 480), False, RELATIVE),
        ([1.01, 1.0], (100, 100), False, RELATIVE),
        ([2.0, 2.0], (640, 480), False, PIXELS),
        ([4, 4], (4, 4), False, PIXELS),
        ([300, 200], None, False, PIXELS),
        ([300, 200], None, True, RELATIVE),  # refused as boxes outside, not divided
    ],
)
def test_units_by_reach_size_and_name(reach, size, named, units):
    assert choose_units("f", [1], np.tile([reach], 2), [size], [named]) == units


def test_boxes_named_relative_are_not_divided(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        for name in ("normalized_boxes", "relative_boxes", "norm_boxes"):
            file[f"{name}/features"] = feature(1)
            file[f"{name}/{name}"] = [[0.25, 0.1, 1.005, 0.5]]
            file[f"{name}/width"], file[f"{name}/height"] = 100, 100
    captions = caption_set(
        [1, 2, 3], ["normalized_boxes", "relative_boxes", "norm_boxes"]
    )
    boxes = open_regions(tmp_path / "f.h5", captions).read([1, 2, 3])["boxes"]
    np.testing.assert_allclose(boxes, [[[0.25, 0.1, 1, 0.5]]] * 3, rtol=1e-6)


def test_a_box_further_out_is_left_to_be_refused():
    assert to_relative([0, 0, 1.2, 1], RELATIVE, (100, 100)).tolist() == [0, 0, 1.2, 1]
    assert to_relative([0, -0.01, 1, 1], RELATIVE, (100, 100)).tolist() == [0, 0, 1, 1]
