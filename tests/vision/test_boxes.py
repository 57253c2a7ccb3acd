"""How far boxes overlap, against arithmetic by hand."""

import numpy as np
import pytest

from keras_teran.vision._boxes import box_fault, iou


def test_overlap_is_the_shared_area_over_the_joint_area():
    # Shared 1 x 2, areas 4 and 4: 2 / (4 + 4 - 2).
    assert iou([0, 0, 2, 2], [1, 0, 3, 2]) == pytest.approx(2 / 6)
    assert iou([0, 0, 2, 2], [0, 0, 2, 2]) == 1
    assert iou([0, 0, 1, 1], [2, 2, 3, 3]) == 0
    assert iou([0, 0, 0, 0], [0, 0, 0, 0]) == 0


def test_overlap_tells_x_from_y():
    # A wide box over a tall one: shared 1 x 1, areas 4 and 4.
    assert iou([0, 0, 4, 1], [0, 0, 1, 4]) == pytest.approx(1 / 7)


def test_small_boxes_overlap_exactly():
    box = np.array([0.1, 0.1, 0.11, 0.11], "float32")
    assert iou(box, box) == 1


def test_many_boxes_equal_the_naive_loop():
    drawn = np.random.default_rng(0).integers(0, 8, (40, 4))
    boxes = np.sort(drawn.reshape(40, 2, 2), axis=1).reshape(40, 4)  # some are empty
    found = iou(boxes[:, None], boxes[None])
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        for j, (u0, v0, u1, v1) in enumerate(boxes):
            one = {(x, y) for x in range(x0, x1) for y in range(y0, y1)}
            other = {(x, y) for x in range(u0, u1) for y in range(v0, v1)}
            union = len(one | other)
            assert found[i, j] == (len(one & other) / union if union else 0)


def test_a_box_without_area_is_no_fault():
    assert box_fault(np.array([[0.5, 0.5, 0.5, 0.5]])) is None
