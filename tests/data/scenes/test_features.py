"""Features of crops, against a plain program that goes point by point."""

import numpy as np
from PIL import Image
from support import oracle_pixel_features as oracle

from keras_teran.data.scenes._features import REGION_DIM, describe_regions


def drawn(seed):
    """A picture of smooth colours, and a foreground that covers part of it."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (5, 6, 3), np.uint8)
    picture = np.array(Image.fromarray(coarse).resize((60, 48)))
    picture[:, ::5] //= 2
    y, x = np.mgrid[:48, :60]
    middle = generator.integers(15, 30, 2)
    return picture, ((y - middle[0]) / 14) ** 2 + ((x - middle[1]) / 20) ** 2 < 1


def test_all_eighty_numbers_are_those_of_a_plain_program():
    pictures, foreground = map(
        np.stack, zip(*(drawn(s) for s in range(3)), strict=True)
    )
    boxes = np.array([[0, 0, 60, 48], [10, 5, 50, 29], [3, 20, 20, 47], [40, 0, 60, 9]])
    picture_of = np.array([2, 0, 1, 0])
    found = describe_regions(pictures, foreground, picture_of, boxes)
    assert found.shape == (4, REGION_DIM)
    for features, picture, box in zip(found, picture_of, boxes, strict=True):
        expected = oracle.describe(pictures[picture], foreground[picture], box)
        np.testing.assert_allclose(features, expected, atol=2e-3)


def test_a_region_without_foreground_and_colour_has_finite_features():
    grey = np.full((1, 48, 60, 3), 90, np.uint8)
    nothing = np.zeros((1, 48, 60), bool)
    box = [0, 0, 60, 48]
    (found,) = describe_regions(grey, nothing, np.array([0]), np.array([box]))
    expected = oracle.describe(grey[0], nothing[0], box)
    np.testing.assert_allclose(found, expected, atol=1e-4)
