"""No image is in two splits, and which is where depends on the seed alone."""

from collections import Counter

import numpy as np
import pytest

from keras_teran.data.prepare._split import read_share, split_images

NAMES = [f"{n:03}.jpg" for n in range(100)]
ALONE = np.arange(100)
NONE = [None] * 100
SHARES = {"val": 10, "test": 5}


def split(groups=ALONE, given=NONE, wanted=SHARES, seed=0, names=NAMES):
    return split_images(names, groups, given, wanted, seed)


def test_splits_hold_as_many_as_asked_for():
    splits, torn = split()
    assert Counter(splits) == {"train": 85, "val": 10, "test": 5}
    assert torn == []


def test_images_that_belong_together_are_in_one_split():
    groups = np.arange(100) // 4 * 4
    splits, torn = split(groups)
    for start in range(0, 100, 4):
        assert len(set(splits[start : start + 4])) == 1
    # Two groups of four fit into 10, one into 5.
    assert Counter(splits) == {"train": 88, "val": 8, "test": 4}
    assert torn == []


def test_a_group_that_is_too_large_goes_into_training():
    groups = np.where(ALONE < 60, 0, ALONE)
    splits, _ = split(groups)
    assert set(splits[:60]) == {"train"}
    assert Counter(splits) == {"train": 85, "val": 10, "test": 5}


def test_the_order_of_the_images_changes_nothing_and_the_seed_all():
    splits, _ = split()
    backwards, _ = split(names=NAMES[::-1])
    assert backwards[::-1] == splits
    other, _ = split(seed=1)
    assert Counter(other) == Counter(splits)
    assert other != splits


def test_most_images_stay_where_they_were_when_others_come():
    splits, _ = split(wanted={"val": 20, "test": 0})
    names = [*NAMES, *(f"new{n}.jpg" for n in range(10))]
    more, _ = split_images(
        names, np.arange(110), [None] * 110, {"val": 22, "test": 0}, 0
    )
    moved = sum(a != b for a, b in zip(splits, more[:100], strict=True))
    assert moved <= 2 + 10


def test_given_splits_are_kept_and_count():
    given = ["test", "restval", *["val"] * 4, *[None] * 94]
    splits, torn = split(given=given)
    assert splits[:6] == given[:6]
    assert Counter(splits) == {"train": 84, "restval": 1, "val": 10, "test": 5}
    assert torn == []


def test_who_is_like_an_image_of_a_split_joins_it():
    groups = np.where(ALONE < 10, ALONE % 2, ALONE)
    given = ["test", "val", *[None] * 98]
    splits, torn = split(groups, given)
    assert splits[:10] == ["test", "val"] * 5
    assert torn == []


def test_given_splits_that_tear_a_group_are_kept_and_told():
    groups = np.where(ALONE < 3, 0, np.where(ALONE < 6, 3, ALONE))
    given = ["test", "train", None, "restval", "train", None, *[None] * 94]
    splits, torn = split(groups, given)
    assert splits[:3] == ["test", "train", "train"]
    # restval trains, so nothing is torn there.
    assert splits[3:6] == ["restval", "train", "train"]
    assert torn == [0]


@pytest.mark.parametrize(
    ("wanted", "groups", "message"),
    [
        ({"val": 100, "test": 0}, ALONE, "none is left for train .*val 100, test 0"),
        ({"val": 10, "test": 10}, ALONE * 0, "left for val and test .* look alike"),
    ],
)
def test_a_split_that_stays_empty_is_refused(wanted, groups, message):
    with pytest.raises(ValueError, match=message):
        split(groups, wanted=wanted)


def test_a_share_is_a_fraction_or_a_count():
    assert [read_share(t, 200) for t in ("0.1", "7", "0", "0.0", ".004")] == [
        *(20, 7, 0, 0),
        1,  # 0.8, rounded
    ]
    assert read_share("0.001", 200) == 1  # not none
    for text in ("1.5", "-1", "nan", "ten", "1e9", ""):
        with pytest.raises(ValueError, match="neither a fraction .* nor a count"):
            read_share(text, 200)
