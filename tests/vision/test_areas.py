"""Pictures fitted into a model's input, and features pooled over areas."""

import numpy as np
import pytest

from keras_teran.vision._areas import cell_boxes, grid_boxes, pool
from keras_teran.vision._fitting import fit


def sampled(features, box, steps=400):
    """The mean of many points inside the box: the oracle."""
    rows, columns, _ = features.shape
    points = (np.arange(steps) + 0.5) / steps
    x = ((box[0] + (box[2] - box[0]) * points) * columns).astype(int)
    y = ((box[1] + (box[3] - box[1]) * points) * rows).astype(int)
    return features[y][:, x].mean((0, 1))


def test_pooling_is_the_mean_over_the_covered_area():
    generator = np.random.default_rng(0)
    features = generator.standard_normal((5, 7, 3)).astype(np.float32)
    corners = np.sort(generator.random((20, 2, 2)), axis=1).reshape(20, 4)
    pooled = pool(features, corners)
    assert pooled.dtype == np.float32
    expected = [sampled(features, box) for box in corners]
    np.testing.assert_allclose(pooled, expected, atol=0.02)


def test_the_cells_pool_to_their_own_features():
    features = np.random.default_rng(0).random((3, 4, 2), np.float32)
    pooled = pool(features, cell_boxes(3, 4))
    np.testing.assert_allclose(pooled, features.reshape(12, 2), rtol=1e-5)


def test_a_box_without_area_takes_its_cell():
    features = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
    boxes = np.array([[0.5, 0.2, 0.5, 0.2], [0, 0, 0, 0], [1, 1, 1, 1]])
    # column 1 of row 0; the first; the last
    assert pool(features, boxes).ravel().tolist() == [1, 0, 5]
    # From just before the edge of two columns of three to further behind it.
    thin = np.array([[2 / 3 - 1e-5, 0.2, 2 / 3 + 2e-5, 0.2]])
    assert pool(features, thin).ravel().tolist() == [2]


def test_a_grid_splits_the_picture_for_each_size():
    boxes = grid_boxes([1, 3])
    assert boxes.shape == (10, 4)
    assert boxes[0].tolist() == [0, 0, 1, 1]
    sides = boxes[1:, 2:] - boxes[1:, :2]
    np.testing.assert_allclose(sides, 1 / 3, rtol=1e-6)


@pytest.mark.parametrize("sizes", [[], [2, 0]])
def test_a_grid_without_parts_is_refused(sizes):
    with pytest.raises(ValueError, match=r"sizes of at least 1; received \["):
        grid_boxes(sizes)


@pytest.mark.parametrize(
    ("shape", "inner"),
    [((100, 50), (64, 32)), ((30, 60), (32, 64)), ((7, 7), (64, 64)), ((1, 900), None)],
)
def test_fitting_keeps_the_aspect_ratio(shape, inner):
    fitted = fit(np.full((*shape, 3), 200, np.uint8), 64, 64)
    high, wide = inner or (1, 64)
    assert fitted.pixels.shape == (64, 64, 3)
    assert (fitted.pixels[:high, :wide] == 200).all()
    assert (fitted.pixels[high:] == 128).all()
    assert (fitted.pixels[:, wide:] == 128).all()
    assert fitted.content.tolist() == [0, 0, wide / 64, high / 64]


def test_boxes_go_to_the_input_and_back():
    fitted = fit(np.zeros((100, 50, 3), np.uint8), 64, 64)
    boxes = np.array([[0, 0, 1, 1], [0.2, 0.5, 0.6, 0.75]], np.float32)
    inside = fitted.to_input(boxes)
    # half the input's width, all of its height
    assert inside[0].tolist() == [0, 0, 0.5, 1]
    np.testing.assert_allclose(fitted.to_picture(inside), boxes, atol=1e-6)


def test_a_box_that_reaches_into_the_padding_is_cut():
    fitted = fit(np.zeros((100, 50, 3), np.uint8), 64, 64)
    boxes = np.array([[0.25, 0, 0.75, 1], [0.6, 0, 0.9, 1]], np.float32)
    assert fitted.to_picture(boxes).tolist() == [[0.5, 0, 1, 1], [1, 0, 1, 1]]
