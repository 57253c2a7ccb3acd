"""float16 to float32 by shifts; the oracle is NumPy's own conversion."""

import numpy as np
import pytest

from keras_teran.data._packed_store import widen

EVERY_HALF = np.arange(2**16, dtype=np.uint16).view(np.float16)


def widened(halves):
    out = np.full(halves.shape, 7, np.float32)
    widen(halves, out)
    return out


def test_every_finite_half_bit_for_bit_zeros_of_both_signs_and_subnormals_too():
    halves = EVERY_HALF[np.isfinite(EVERY_HALF)]
    expected = halves.astype(np.float32)
    np.testing.assert_array_equal(
        widened(halves).view(np.int32), expected.view(np.int32)
    )


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, -np.nan])
def test_one_that_is_not_finite_stays_so_among_finite_ones(value):
    halves = np.array([1, value, -2], np.float16)
    np.testing.assert_array_equal(widened(halves), halves.astype(np.float32))


@pytest.mark.parametrize("value", [65504.0, -65504.0])
def test_the_largest_half_is_finite(value):
    assert widened(np.array([value], np.float16)).tolist() == [value]


def test_any_shape_also_none_at_all():
    halves = EVERY_HALF[:24].reshape(2, 3, 4)
    np.testing.assert_array_equal(widened(halves), halves.astype(np.float32))
    assert widened(np.empty((0, 3), np.float16)).shape == (0, 3)
