"""Cells merged by Ward's criterion, against a program that tries every pair."""

import numpy as np

from keras_teran.extract._merging import merge
from keras_teran.vision._areas import cell_boxes


def spread(cells):
    return np.square(cells - cells.mean(0)).sum()


def naive(features, count):
    """Lists of cells; each time the pair that touches and adds the least spread."""
    rows, columns, _ = features.shape
    flat = features.reshape(rows * columns, -1).astype(np.float64)
    regions = [[cell] for cell in range(rows * columns)]

    def touch(one, other):
        return any(
            abs(a // columns - b // columns) + abs(a % columns - b % columns) == 1
            for a in one
            for b in other
        )

    while len(regions) > count:
        _, i, j = min(
            (spread(flat[a + b]) - spread(flat[a]) - spread(flat[b]), i, j)
            for i, a in enumerate(regions)
            for j, b in enumerate(regions)
            if i < j and touch(a, b)
        )
        regions[i] += regions.pop(j)
    return [sorted(region) for region in regions], flat


def test_the_same_cells_are_merged_as_by_trying_every_pair():
    generator = np.random.default_rng(0)
    boxes = cell_boxes(4, 5).reshape(4, 5, 4)
    for count in (1, 3, 7, 19):
        features = generator.standard_normal((4, 5, 6)).astype(np.float32)
        means, places = merge(features, boxes, count)
        regions, flat = naive(features, count)
        expected = np.array([flat[region].mean(0) for region in regions])
        np.testing.assert_allclose(means, expected, rtol=1e-5, atol=1e-6)
        corners = boxes.reshape(-1, 4)
        around = [[*corners[r, :2].min(0), *corners[r, 2:].max(0)] for r in regions]
        np.testing.assert_array_equal(places, np.array(around, np.float32))


def test_no_more_regions_than_cells():
    features = np.random.default_rng(0).random((2, 2, 3), np.float32)
    means, boxes = merge(features, cell_boxes(2, 2).reshape(2, 2, 4), 9)
    np.testing.assert_array_equal(means, features.reshape(4, 3))
    np.testing.assert_array_equal(boxes, cell_boxes(2, 2))


def test_of_equal_costs_the_first_in_the_order_of_the_cells_is_merged():
    features = np.zeros((3, 3, 2), np.float32)
    boxes = cell_boxes(3, 3).reshape(3, 3, 4)
    for count in range(1, 9):
        _, places = merge(features, boxes, count)
        regions, _ = naive(features, count)
        corners = boxes.reshape(-1, 4)
        around = [[*corners[r, :2].min(0), *corners[r, 2:].max(0)] for r in regions]
        np.testing.assert_array_equal(places, np.array(around, np.float32))
