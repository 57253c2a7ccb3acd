"""Pointing, R@k and their baselines for the phrases of one image, by hand."""

import numpy as np
import pytest
from support.oracle_grounding import chance_of

from keras_teran.evaluation._pointing import drawn_hits, inside, point_at

LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)
WHOLE, CORNER = (0.0, 0.0, 1.0, 1.0), (0.9, 0.9, 1.0, 1.0)
BOXES = np.array([LEFT, RIGHT, WHOLE, CORNER])


def pointed(cosines, *truths, boxes=BOXES):
    return point_at(
        np.array(cosines), boxes, [np.array(t).reshape(-1, 4) for t in truths]
    )


def test_a_point_on_the_edge_is_inside():
    points = np.array([[0.5, 1.0], [0.51, 0.5], [0.2, 0.2]])
    assert inside(points, np.array(LEFT)).tolist() == [True, False, True]


def test_the_center_of_the_best_region_points():
    found = pointed([[0.9, 0, 0, 0], [0, 0.9, 0, 0]], LEFT, LEFT)
    np.testing.assert_allclose(found["point"], [[0.25, 0.5], [0.75, 0.5]])
    assert found["pointing"].tolist() == [True, False]
    assert found["region"].tolist() == [0, 1]
    # From x = 0.75 to the edge at 0.5.
    np.testing.assert_allclose(found["distance"], [0, 0.25])
    np.testing.assert_allclose(found["overlap"], [1, 0])


def test_ties_go_to_the_first_region():
    assert pointed([[0.2, 0.7, 0.7, 0.1]], LEFT)["region"].tolist() == [1]


def test_r_at_k_asks_the_k_best_regions_for_an_overlap_of_a_half():
    # The whole image shares 0.5 of itself with the left half; the corner 0.01.
    order = [[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.4, 0.3]]
    found = pointed(order, LEFT, LEFT)
    assert found["r1"].tolist() == [False, True]
    assert found["r5"].tolist() == found["r10"].tolist() == [True, True]
    eight = np.concatenate([np.tile(CORNER, (5, 1)), BOXES])
    found = pointed([np.linspace(1, 0, 9)], LEFT, boxes=eight)
    # Five corners are before it.
    assert [found[name][0] for name in ("r1", "r5", "r10")] == [False, False, True]


def test_any_of_several_boxes_will_do():
    # The best region is the right half.
    cosines = [[0, 0.9, 0, 0]] * 2
    found = pointed(cosines, [LEFT, (0.6, 0.2, 0.9, 0.8)], [LEFT, RIGHT])
    assert found["pointing"].tolist() == [True, True]
    assert found["r1"].tolist() == [False, True]
    # The small box has 0.3 x 0.6 of 0.5 x 1.
    np.testing.assert_allclose(found["overlap"], [0.18 / 0.5, 1])
    assert found["distance"].tolist() == [0, 0]


def test_the_heat_map_points_on_its_own():
    # Left and whole together: the left half is the hottest, and its middle is at 0.25.
    found = pointed([[0.5, 0, 0.51, 0]], (0.1, 0.4, 0.3, 0.6))
    np.testing.assert_allclose(found["heat_point"], [[0.25, 0.5]])
    assert (found["pointing"][0], found["heat_map"][0]) == (False, True)


def test_center_chance_and_best_possible_stand_beside():
    # Centers: 0.25, 0.75, 0.5 and 0.95; overlaps with the right half 0, 1, 0.5, 0.02.
    found = pointed([[0.9, 0, 0, 0], [0.9, 0, 0, 0]], RIGHT, (0.4, 0.4, 0.45, 0.45))
    assert found["center"].tolist() == [True, False]
    assert found["chance"].tolist() == [3 / 4, 0]
    assert found["best"].tolist() == [True, False]
    assert found["chance_r1"].tolist() == [2 / 4, 0]
    assert found["best_r"].tolist() == [True, False]
    assert found["chance_r5"].tolist() == [1, 0]


@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_the_chance_of_several_regions_is_that_of_all_their_sets(count):
    right = np.random.default_rng(count).uniform(size=(6, 8)) < 0.2
    expected = [chance_of(row, count) for row in right]
    np.testing.assert_allclose(drawn_hits(right, count), expected)
