import threading

import keras
import numpy as np
import pytest
from support.pair_batches import LENGTHS, TOKENIZER, batches_of, captions_met
from support.region_files import captions_of, write_packed

from keras_teran.data._batches import PairBatches
from keras_teran.data._region_store import PackedRegions


def test_every_caption_is_met_once_an_epoch_with_its_own_image(tmp_path):
    batches = batches_of(tmp_path, LENGTHS, batch_size=4)
    assert len(batches) == 4
    met = captions_met(batches)
    assert [len(batch) for batch in met] == [4, 4, 4, 1]
    assert sorted(np.concatenate(met)) == list(range(13))
    for batch, (inputs, image_ids) in zip(met, batches, strict=True):
        expected = [caption % 5 for caption in batch]
        assert image_ids.tolist() == expected and image_ids.dtype == np.int64
        features = batches.regions.read(expected)
        for name in ("regions", "boxes", "region_mask"):
            np.testing.assert_array_equal(inputs[name], features[name])


def test_a_batch_has_the_names_and_types_of_the_contract(tmp_path):
    inputs, _ = batches_of(tmp_path, LENGTHS, batch_size=4)[1]
    assert {name: array.dtype.name for name, array in inputs.items()} == {
        "regions": "float32",
        "boxes": "float32",
        "region_mask": "bool",
        "token_ids": "int32",
        "padding_mask": "bool",
    }


def test_padding_is_the_pad_token_and_masked(tmp_path):
    batches = batches_of(tmp_path, [1, 3], shuffle=False, batch_size=2)
    inputs, _ = batches[0]
    ids = TOKENIZER(batches.captions.captions)
    np.testing.assert_array_equal(inputs["token_ids"], ids["token_ids"])
    np.testing.assert_array_equal(inputs["padding_mask"], ids["padding_mask"])
    # [CLS] w0 [SEP], then nothing, in the width of [CLS] w1 w2 w3 [SEP].
    assert inputs["padding_mask"].tolist() == [[True] * 3 + [False] * 2, [True] * 5]
    assert inputs["token_ids"][0].tolist() == [2, 4, 3, 0, 0]


def test_without_shuffling_the_order_is_that_of_the_captions(tmp_path):
    batches = batches_of(tmp_path, LENGTHS, batch_size=5, shuffle=False)
    assert captions_met(batches) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12]]


def test_the_order_is_a_function_of_seed_and_epoch(tmp_path):
    def order(seed, epoch):
        batches = batches_of(tmp_path, LENGTHS, batch_size=4, seed=seed, epoch=epoch)
        return captions_met(batches)

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)
    # Not of their sum, which would make run 1 repeat run 0 an epoch later.
    assert order(0, 1) != order(1, 0)


def test_a_bucket_is_sorted_by_length_and_its_batches_shuffled(tmp_path):
    lengths = [(7 * number) % 24 + 1 for number in range(24)]
    batches = batches_of(tmp_path, lengths, batch_size=4, bucket_batches=3, seed=1)
    tokens = [batches.lengths[batch] for batch in batches.order(0)]
    assert all((np.diff(batch) >= 0).all() for batch in tokens)
    # Six batches of two buckets: in each, no batch reaches into another's range.
    ranges = sorted((batch.min(), batch.max()) for batch in tokens)
    plain = batches_of(tmp_path, lengths, batch_size=4, seed=1)
    pairs = np.concatenate(plain.order(0))
    for bucket in (pairs[:12], pairs[12:]):
        by_length = np.sort(batches.lengths[bucket]).reshape(3, 4)
        assert {(b[0], b[-1]) for b in by_length} <= set(ranges)
    assert sorted(np.concatenate(batches.order(0))) == list(range(24))
    # Unshuffled, the first of three batches would always hold the shortest.
    firsts = [batches.lengths[batches.order(epoch)[0]].min() for epoch in range(8)]
    assert max(firsts) > 24 / 2


def test_bucketing_pads_less(tmp_path):
    lengths = [(7 * number) % 24 + 1 for number in range(24)]

    def padded(bucket_batches):
        batches = batches_of(
            tmp_path, lengths, batch_size=4, bucket_batches=bucket_batches
        )
        return sum((~x["padding_mask"]).sum() for x, _ in batches)

    assert padded(6) < padded(1)


def test_widths_are_those_of_the_longest_caption(tmp_path):
    batches = batches_of(tmp_path, [2, 3, 7, 1, 4, 5], batch_size=2, shuffle=False)
    # Words + [CLS] + [SEP]: 3 + 2, 7 + 2, 5 + 2.
    assert [x["token_ids"].shape[1] for x, _ in batches] == [5, 9, 7]


def test_the_first_batch_is_one_wider_where_it_would_equal_the_second(tmp_path):
    batches = batches_of(tmp_path, [3, 1, 3, 2, 3, 3], batch_size=2, shuffle=False)
    assert [x["token_ids"].shape[1] for x, _ in batches] == [6, 5, 5]
    inputs, _ = batches[0]
    assert not inputs["padding_mask"][:, 5].any()
    assert (inputs["token_ids"][:, 5] == TOKENIZER.pad_id).all()


def test_a_single_batch_is_not_widened(tmp_path):
    batches = batches_of(tmp_path, [3, 3], batch_size=2, shuffle=False)
    assert [x["token_ids"].shape[1] for x, _ in batches] == [5]


def test_widths_can_be_rounded_up(tmp_path):
    batches = batches_of(
        tmp_path, [3, 6, 14], batch_size=1, shuffle=False, width_multiple=8
    )
    # 5, 8 and 16 tokens; the first, as wide as the second, goes to the next multiple.
    assert [x["token_ids"].shape[1] for x, _ in batches] == [16, 8, 16]


@pytest.mark.parametrize("read_ahead", [0, 1, 3, 50])
def test_reading_ahead_changes_no_batch(tmp_path, read_ahead):
    plain = batches_of(tmp_path, LENGTHS, batch_size=2, read_ahead=0)
    ahead = batches_of(tmp_path, LENGTHS, batch_size=2, read_ahead=read_ahead)
    # In order and not; each epoch ends with 2 prepared, which the next asks first.
    asked = [2, 0, 1, 2, 5, 3, 4, 6, 6, 0, 1]
    for epoch in (0, 3, 1):
        plain.epoch = ahead.epoch = epoch
        for index in asked:
            expected, received = plain[index][0], ahead[index][0]
            for name, values in expected.items():
                np.testing.assert_array_equal(received[name], values)


def test_the_next_batches_are_prepared_while_one_is_used(tmp_path):
    write_packed(tmp_path, images=5)
    store = PackedRegions(tmp_path)
    read, ahead, prepared = store.read, [], threading.Event()

    def watched(image_ids):
        if threading.current_thread() is not threading.main_thread():
            ahead.append(image_ids.tolist())
            if len(ahead) == 2:
                prepared.set()
        return read(image_ids)

    store.read = watched
    batches = batches_of(
        tmp_path, [3] * 10, regions=store, batch_size=2, shuffle=False, read_ahead=2
    )
    batches[0]
    assert prepared.wait(timeout=60)
    # Captions 2 to 5, whose images are the caption's number modulo 5.
    assert ahead == [[2, 3], [4, 0]]


def test_an_error_while_reading_ahead_reaches_the_caller(tmp_path):
    write_packed(tmp_path, images=5)
    store = PackedRegions(tmp_path)
    read = store.read

    def failing(image_ids):
        if 4 in image_ids:
            raise OSError("the disk went away")
        return read(image_ids)

    store.read = failing
    batches = batches_of(tmp_path, [3] * 5, regions=store, batch_size=2, shuffle=False)
    batches[0], batches[1]
    with pytest.raises(OSError, match="the disk went away"):
        batches[2]


def test_negative_indices_count_from_the_end_and_others_are_refused(tmp_path):
    batches = batches_of(tmp_path, LENGTHS, batch_size=4)
    np.testing.assert_array_equal(batches[-1][1], batches[3][1])
    for index in (4, -5):
        with pytest.raises(
            IndexError, match=f"There are 4 batches; received .*{index}"
        ):
            batches[index]


# What stops before training


def test_a_faulty_feature_stops_before_training(tmp_path):
    features, _ = write_packed(tmp_path, images=5)
    features[3, 0, 0] = np.nan
    np.save(tmp_path / "regions.float32.npy", features)
    store = PackedRegions(tmp_path)
    with pytest.raises(ValueError, match="row 3 .* NaN"):
        batches_of(tmp_path, LENGTHS, regions=store)
    # An image that no caption asks for may be faulty.
    batches_of(tmp_path, [3, 3], image_ids=[0, 4], regions=store)


def test_an_image_without_features_stops_before_training(tmp_path):
    with pytest.raises(ValueError, match=r"no features of 1 .*\[77\]"):
        batches_of(tmp_path, [3, 3], image_ids=[0, 77])


@pytest.mark.parametrize("text", ["", " \t", "\u200b\x00"])
def test_a_caption_without_tokens_stops_before_training(tmp_path, text):
    write_packed(tmp_path, images=5)
    captions = captions_of(["w1", text], [0, 4])
    with pytest.raises(ValueError, match="Caption 101 of image 4 has no token"):
        PairBatches(captions, PackedRegions(tmp_path), TOKENIZER)


def test_no_captions_are_refused(tmp_path):
    with pytest.raises(ValueError, match="captions is empty"):
        batches_of(tmp_path, [])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size must be an int of at least 1; received 0"),
        ({"batch_size": 2.5}, "batch_size must be an int .* received 2.5"),
        ({"bucket_batches": 0}, "bucket_batches must be"),
        ({"width_multiple": 0}, "width_multiple must be"),
        ({"seed": -1}, "seed must be an int of at least 0"),
        ({"epoch": -1}, "epoch must be"),
        ({"read_ahead": True}, "read_ahead must be an int"),
    ],
)
def test_settings_out_of_range_are_named(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        batches_of(tmp_path, [3, 3], **settings)


# Under fit


class Recorder(keras.Model):
    """Takes batches, does next to nothing with them."""

    def __init__(self):
        super().__init__()
        self.weight = self.add_weight(shape=(), initializer="ones")

    def call(self, inputs):
        words = keras.ops.cast(inputs["padding_mask"], "float32")
        mean = keras.ops.mean(inputs["regions"], axis=(1, 2))
        return (mean + keras.ops.sum(words, axis=1)) * self.weight


class Watched(PairBatches):
    """Notes which batches were asked for: ``(epoch, index)``."""

    asked = None

    def __getitem__(self, index):
        if self.asked:
            self.asked[-1].add((self.epoch, index))
        return super().__getitem__(index)


def asked_by_fit(batches, **settings):
    """Trains; returns which batches each epoch asked for, as Keras counts epochs."""
    batches.__class__, batches.asked = Watched, []
    model = Recorder()
    model.compile("sgd", loss=lambda true, predicted: keras.ops.mean(predicted))
    noting = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: batches.asked.append(set())
    )
    model.fit(batches, verbose=0, shuffle=False, callbacks=[noting], **settings)
    return batches.asked


@pytest.mark.seconds
@pytest.mark.parametrize("start", [0, 2])
def test_fit_meets_every_batch_of_one_epoch_after_the_other(tmp_path, start):
    batches = batches_of(tmp_path, LENGTHS, batch_size=4, epoch=start)
    epochs = asked_by_fit(batches, epochs=start + 3, initial_epoch=start)
    expected = [
        {(epoch, index) for index in range(4)} for epoch in range(start, start + 3)
    ]
    assert epochs == expected
    assert batches.epoch == start + 3


def test_fit_takes_widths_that_differ_only_after_the_second_batch(tmp_path):
    batches = batches_of(tmp_path, [3, 3, 8, 1], batch_size=1, shuffle=False)
    asked_by_fit(batches, epochs=1)


@pytest.mark.seconds
def test_a_second_fit_goes_on_with_the_next_epoch(tmp_path):
    batches = batches_of(tmp_path, LENGTHS, batch_size=4)
    asked_by_fit(batches, epochs=2)
    assert asked_by_fit(batches, epochs=1)[0] == {(2, index) for index in range(4)}


def test_an_epoch_that_was_only_looked_at_does_not_count(tmp_path):
    batches = batches_of(tmp_path, LENGTHS, batch_size=4)
    batches.on_epoch_end()
    assert batches.epoch == 0
    batches.on_epoch_begin()
    batches[0]
    batches.on_epoch_end()
    assert batches.epoch == 0
    batches.on_epoch_begin()
    list(batches)
    batches.on_epoch_end()
    batches.on_epoch_end()
    assert batches.epoch == 1
