"""One image as anybody gives it, and what is told of one that is none."""

import numpy as np
import pytest

from keras_teran.models._image_input import one_image

GOOD = {
    "regions": np.arange(6, dtype="float64").reshape(3, 2),
    "boxes": [[0, 0, 1, 1], [0.2, 0.3, 0.4, 0.5], [0, 0, 0, 0]],
}


def test_it_becomes_a_batch_of_one_with_all_regions_real():
    found = one_image(GOOD)
    assert {k: (v.shape, v.dtype.name) for k, v in found.items()} == {
        "regions": ((1, 3, 2), "float32"),
        "boxes": ((1, 3, 4), "float32"),
        "region_mask": ((1, 3), "bool"),
    }
    assert found["region_mask"].all()


def test_a_leading_axis_and_a_mask_stay_what_they_are():
    mask = [True, False, True]
    batch = {k: np.asarray(v)[None] for k, v in {**GOOD, "region_mask": mask}.items()}
    found, flat = one_image(batch), one_image({**GOOD, "region_mask": mask})
    assert found["region_mask"].tolist() == [mask]
    assert all((found[name] == flat[name]).all() for name in found)


def test_boxes_of_padding_are_nobodys():
    wild = [[0, 0, 1, 1], [9, 9, 1, 1], [0, 0, 1, 1]]
    one_image({**GOOD, "boxes": wild, "region_mask": [True, False, True]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": None}, r"image lacks \['boxes'\]; give regions and boxes of one"),
        ({"regions": np.zeros((3, 4))}, r"regions \(n, 2\), boxes .* \(1, 3, 4\)"),
        ({"regions": np.zeros((2, 3, 2))}, r"must be one image: .* \(2, 3, 2\)"),
        ({"regions": np.zeros(2)}, r"must be one image: .* \(2,\)"),
        ({"boxes": np.zeros((3, 3))}, r"boxes \(n, 4\).* \(1, 3, 3\)"),
        ({"boxes": np.zeros((2, 4))}, r"received \(1, 3, 2\), \(1, 2, 4\), \(1, 3\)"),
        ({"region_mask": [True]}, r"region_mask \(n,\); .* \(1, 1\)"),
        ({"regions": np.full((3, 2), np.nan)}, "regions hold a number that is NaN"),
        ({"regions": np.full((3, 2), 1e300)}, "NaN or infinite"),
        ({"boxes": np.full((3, 4), np.nan)}, r"box \(0,\) is not finite"),
        ({"boxes": np.tile([0, 0, 64, 48], (3, 1))}, "outside 0..1.*divide x by"),
        ({"boxes": np.tile([0.5, 0, 0.4, 1], (3, 1))}, "is inverted"),
    ],
)
def test_what_is_no_image_is_told_so(change, message):
    image = {name: v for name, v in {**GOOD, **change}.items() if v is not None}
    with pytest.raises(ValueError, match=message):
        one_image(image, region_dim=2)


def test_errors_call_it_by_the_name_of_the_argument():
    with pytest.raises(ValueError, match="inputs lacks"):
        one_image({}, name="inputs")
