"""Words and regions left out while training: which, how many, and when again."""

import numpy as np
import pytest
from pair_batches import LENGTHS, batches_of

from keras_teran.data.dropping import drop_members

# Widths that differ, and a set with padding before and within it.
MASK = np.arange(12) < np.array([12, 7, 4, 3, 2, 0])[:, None]
MASK = np.vstack([MASK, np.tile([0, 0, 1, 1], 3).astype(bool)])


def generator():
    return np.random.default_rng(0)


@pytest.mark.parametrize("edges", [0, 1])
def test_only_real_members_are_left_out_and_never_an_edge(edges):
    kept = drop_members(MASK, 0.6, generator(), edges)
    assert not (kept & ~MASK).any()
    assert kept.sum() < MASK.sum()
    if edges:
        for real, left in zip(MASK, kept, strict=True):
            places = np.flatnonzero(real)
            assert left[places[:1]].all() and left[places[-1:]].all()


def test_the_share_that_is_left_out_is_the_rate():
    mask = np.ones((2000, 10), bool)
    assert drop_members(mask, 0.3, generator()).mean() == pytest.approx(0.7, abs=0.01)
    # Of ten, the two edges stay: 2 + 0.7 * 8.
    share = drop_members(mask, 0.3, generator(), edges=1).mean()
    assert share == pytest.approx(0.76, abs=0.01)


def test_a_set_that_would_lose_all_loses_none():
    mask = np.arange(5) < np.array([3, 1])[:, None]
    for seed in range(20):
        kept = drop_members(mask, 0.95, np.random.default_rng(seed))
        assert kept.any(axis=1).all()
        # [CLS] word [SEP]: the only word stays.
        assert drop_members(mask, 0.95, np.random.default_rng(seed), 1)[0].sum() == 3


def test_a_rate_of_0_leaves_nothing_out():
    np.testing.assert_array_equal(drop_members(MASK, 0.0, generator()), MASK)


def test_batches_leave_out_by_seed_epoch_and_batch(tmp_path):
    def masks(**settings):
        batches = batches_of(tmp_path, LENGTHS, batch_size=4, seed=3, **settings)
        inputs = batches[1][0]
        return inputs["padding_mask"], inputs["region_mask"]

    dropping = {"drop_words": 0.4, "drop_regions": 0.4}
    whole, again = masks(), masks(**dropping)
    for kept, real in zip(again, whole, strict=True):
        assert not (kept & ~real).any() and kept.sum() < real.sum()
    for one, other in zip(masks(**dropping), again, strict=True):
        np.testing.assert_array_equal(one, other)
    words = masks(drop_words=0.4)
    for kept, real in zip(words[0], whole[0], strict=True):
        # [CLS] and [SEP]
        assert kept[0] and kept[real.sum() - 1]
    assert words[0].sum() < whole[0].sum()
    np.testing.assert_array_equal(words[1], whole[1])
    regions = masks(drop_regions=0.4)
    np.testing.assert_array_equal(regions[0], whole[0])
    assert regions[1].sum() < whole[1].sum()


def test_what_is_left_out_differs_from_epoch_to_epoch_and_batch_to_batch(tmp_path):
    batches = batches_of(
        tmp_path, [9] * 12, [0] * 12, batch_size=4, shuffle=False, drop_words=0.4
    )
    masks = []
    for epoch in (0, 1):
        batches.epoch = epoch
        # The first batch is a token wider.
        masks += [batches[index][0]["padding_mask"] for index in (1, 2)]
    distinct = {mask.tobytes() for mask in masks}
    assert len(distinct) == 4


@pytest.mark.parametrize("name", ["drop_words", "drop_regions"])
@pytest.mark.parametrize("rate", [-0.1, 1, float("nan")])
def test_a_rate_out_of_range_is_named(tmp_path, name, rate):
    with pytest.raises(
        ValueError, match=f"{name}={rate} must be 0 or more and below 1"
    ):
        batches_of(tmp_path, LENGTHS, **{name: rate})
