"""Heat maps against arithmetic by hand and against cells one by one."""

import numpy as np
import pytest
from support.oracle_grounding import heat_of

from keras_teran.pipeline._heat_map import heat_maps, heat_points, stretched


def random_boxes(rng, count):
    return np.sort(rng.uniform(size=(count, 2, 2)), axis=1).reshape(count, 4)


def test_each_region_spreads_its_share_over_the_cells_it_covers():
    # The left half and the upper right quarter; cosines differ by 0.05 ln 3: 3 to 1.
    cosines = [[0.05 * np.log(3), 0.0]]
    heat = heat_maps(cosines, [[0, 0, 0.5, 1], [0.5, 0, 1, 0.5]], grid=2)[0]
    np.testing.assert_allclose(heat, [[3 / 4 / 2, 1 / 4], [3 / 4 / 2, 0]])


def test_heat_maps_of_many_phrases_equal_cells_one_by_one():
    rng = np.random.default_rng(0)
    boxes = random_boxes(rng, 9).astype(np.float32)
    cosines = rng.normal(size=(5, 9)).astype(np.float32) * 0.2
    found = heat_maps(cosines, boxes)
    for heat, own in zip(found, cosines.astype(float), strict=True):
        np.testing.assert_allclose(heat, heat_of(own, boxes), atol=1e-14)


def test_a_region_thinner_than_a_cell_heats_nothing():
    boxes = [[0.01, 0, 0.02, 1], [0, 0, 1, 1]]
    heat = heat_maps([[1.0, 0.0]], boxes)
    assert heat.sum() == pytest.approx(1 / (1 + np.exp(1 / 0.05)))


def test_large_cosines_do_not_overflow():
    heat = heat_maps([[900.0, -900.0]], [[0, 0, 0.5, 1], [0.5, 0, 1, 1]], grid=2)
    np.testing.assert_allclose(heat[0], [[0.5, 0], [0.5, 0]])


def test_a_heat_map_points_at_the_middle_of_its_hottest_cells():
    heat = np.zeros((2, 4, 4))
    heat[0, 1, 2:] = 0.3
    heat[0, 1, 3] += 1e-13  # rounding
    heat[1, 0, 0], heat[1, 3, 3] = 0.2, 0.2 - 1e-6
    # Columns 2 and 3 of 4 have their centers at 2.5/4 and 3.5/4; row 1 at 1.5/4.
    np.testing.assert_allclose(
        heat_points(heat), [[3 / 4, 1.5 / 4], [0.5 / 4, 0.5 / 4]]
    )


def test_without_heat_the_middle_is_pointed_at():
    np.testing.assert_allclose(heat_points(np.zeros((1, 14, 14))), [[0.5, 0.5]])


def test_a_heat_map_is_stretched_to_a_picture_whose_maximum_is_1():
    heat = np.array([[0.1, 0.4], [0.0, 0.2]])
    rows = [[0.25, 0.25, 1, 1], [0, 0, 0.5, 0.5], [0, 0, 0.5, 0.5]]
    # Of three rows, the middle one has its center at 0.5, where the second cell begins.
    np.testing.assert_allclose(stretched(heat, 3, 4), rows)
    assert not stretched(np.zeros((2, 2)), 3, 3).any()
