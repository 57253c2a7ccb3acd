"""The captions of an image together: what a batch of them holds, and in what order."""

import numpy as np
import pytest
from support.pair_batches import LENGTHS, batches_of, captions_met

from keras_teran.data._grouping import caption_groups


def test_captions_of_an_image_stand_together_with_its_regions_once(tmp_path):
    image_ids = [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    batches = batches_of(
        tmp_path, range(1, 16), image_ids, batch_size=6, captions_per_image=3
    )
    assert len(batches) == 3  # five images, two a batch
    met = captions_met(batches)
    assert sorted(np.concatenate(met)) == list(range(15))
    for batch, (inputs, ids) in zip(met, batches, strict=True):
        assert ids.tolist() == [caption % 5 for caption in batch]
        assert (ids.reshape(-1, 3) == ids[::3, None]).all()
        features = batches.regions.read(ids[::3])
        for name in ("regions", "boxes", "region_mask"):
            np.testing.assert_array_equal(inputs[name], features[name])


def test_groups_that_are_not_filled_repeat_captions_and_every_caption_is_met(tmp_path):
    # Image 0 has four captions, image 1 one: groups of 0 twice, of 1 with it twice.
    batches = batches_of(
        tmp_path, [1, 2, 3, 4, 5], [0, 0, 0, 0, 1], batch_size=4, captions_per_image=2
    )
    assert len(batches) == 2
    met = np.concatenate(captions_met(batches))
    assert sorted(met) == [0, 1, 2, 3, 4, 4]


def test_groups_and_their_captions_are_shuffled_by_seed_and_epoch(tmp_path):
    def order(seed, epoch):
        batches = batches_of(
            tmp_path, LENGTHS, batch_size=4, captions_per_image=2, seed=seed
        )
        return np.concatenate(batches.order(epoch)).tolist()

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)
    plain = batches_of(
        tmp_path, LENGTHS, batch_size=4, captions_per_image=2, shuffle=False
    )
    # 13 captions of images 0 to 4 in turns: three each, but two of images 3 and 4.
    expected = [0, 5, 10, 0, 1, 6, 11, 1, 2, 7, 12, 2, 3, 8, 4, 9]
    assert np.concatenate(plain.order(0)).tolist() == expected


def test_both_the_groups_and_the_captions_within_them_are_shuffled():
    images = np.repeat(np.arange(6), 3)
    groups = caption_groups(images, 3, np.random.default_rng(0))
    assert (images[groups] == images[groups[:, :1]]).all()
    assert (np.diff(images[groups[:, 0]]) < 0).any()
    assert (np.diff(groups, axis=1) < 0).any()


def test_an_epoch_is_as_many_batches_as_its_groups_fill(tmp_path):
    # Each of three images has one caption, and so a group of two: six pairs.
    batches = batches_of(
        tmp_path, [1, 2, 3], [0, 1, 2], batch_size=2, captions_per_image=2
    )
    assert len(batches) == len(batches.order(0)) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 5}, "captions_per_image=2 must divide batch_size=5"),
        (
            {"batch_size": 4, "bucket_batches": 3},
            "captions_per_image=2 does not go with bucket_batches=3; leave one at 1",
        ),
    ],
)
def test_groups_that_cannot_be_are_named(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        batches_of(tmp_path, LENGTHS, captions_per_image=2, **settings)
