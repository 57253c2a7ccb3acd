"""The recall of each epoch reaches the callbacks that decide by it."""

import keras
import numpy as np
import pytest
from support.evaluated_set import CAPTION_TO_IMAGE, make_model, make_set

from keras_teran.data._phrases import Phrase
from keras_teran.evaluation._callback import RetrievalEvaluation, check_order
from keras_teran.evaluation._evaluate import evaluate
from keras_teran.evaluation._grounding import evaluate_grounding
from keras_teran.evaluation._recall import flatten
from keras_teran.text._tokenizer import CaptionTokenizer


@pytest.fixture(scope="module")
def data():
    captions, regions = make_set()
    tokenizer = CaptionTokenizer.train(captions.captions, 80, max_length=32)
    return captions, regions, tokenizer


@pytest.fixture(scope="module")
def model(data):
    """A tiny model, compiled once for the whole file: the tests need no fresh one."""
    model = make_model(data[2])
    model.compile(keras.optimizers.Adam(1e-3))
    return model


@pytest.fixture
def batches(data):
    captions, regions, tokenizer = data
    image_ids = captions.images_of(np.arange(len(captions)))
    inputs = {**regions.read(image_ids), **tokenizer(captions.captions)}

    class OneBatch(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return inputs, image_ids

    return OneBatch()


class Improving(RetrievalEvaluation):
    """Stands for a training whose rsum goes as listed."""

    def __init__(self, *args, rsums):
        super().__init__(*args)
        self.rsums = rsums

    def on_epoch_end(self, epoch, logs=None):
        logs["val_rsum"] = self.rsums[epoch]


@pytest.mark.slow
def test_each_epoch_logs_what_evaluate_finds_then(model, batches, data):
    seen = []

    class Seen(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            table, _ = evaluate(self.model, *data)
            seen.append((flatten(table, "val_"), dict(logs)))

    history = model.fit(
        batches, epochs=2, verbose=0, callbacks=[RetrievalEvaluation(*data), Seen()]
    ).history
    assert len(CAPTION_TO_IMAGE) == 7
    for epoch, (expected, logs) in enumerate(seen):
        assert len(expected) == 11
        for name, value in expected.items():
            assert logs[name] == value
            assert history[name][epoch] == value


def phrases_of(captions, image=None):
    """The first word of each caption, in the left half of its image."""
    return [
        Phrase(
            "a.jpg",
            text,
            0,
            len(text.split()[0]),
            ((0.0, 0.0, 0.5, 1.0),),
            image_id=own,
        )
        if image is None
        else Phrase(image, text, 0, 1, ((0.0, 0.0, 0.5, 1.0),))
        for text, own in zip(
            captions.captions, captions.images_of(range(len(captions))), strict=True
        )
    ]


@pytest.mark.seconds
def test_phrases_add_their_pointing_to_each_epochs_logs(model, data):
    captions, regions, tokenizer = data
    phrases = phrases_of(captions)
    evaluation = RetrievalEvaluation(*data, phrases=phrases)
    evaluation.set_model(model)
    logs = {}
    evaluation.on_epoch_end(0, logs)
    found = evaluate_grounding(model, tokenizer, phrases, regions, captions)
    assert logs["val_pointing"] == found.figures["figures"]["pointing"]["value"]
    assert 0 < logs["val_pointing"] < 1
    assert "val_rsum" in logs


def test_a_phrase_of_an_unknown_image_is_refused_before_training(data):
    with pytest.raises(ValueError, match=r"The regions lack 1 of .* first 'x\.jpg'"):
        RetrievalEvaluation(*data, phrases=phrases_of(data[0], "x.jpg"))


@pytest.mark.slow
def test_a_checkpoint_keeps_the_epoch_of_the_highest_rsum(
    model, batches, data, tmp_path
):
    path = tmp_path / "best.keras"
    weights = []

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            weights.append(self.model.get_weights())

    checkpoint = keras.callbacks.ModelCheckpoint(
        path, monitor="val_rsum", mode="max", save_best_only=True
    )
    evaluation = Improving(*data, rsums=[100.0, 300.0, 200.0])
    model.fit(batches, epochs=3, verbose=0, callbacks=[evaluation, Keep(), checkpoint])
    best = keras.models.load_model(path).get_weights()
    for kept, second in zip(best, weights[1], strict=True):
        np.testing.assert_array_equal(kept, second)
    assert any((b != c).any() for b, c in zip(weights[1], weights[2], strict=True))


@pytest.mark.slow
def test_early_stopping_stops_when_rsum_no_longer_rises(model, batches, data):
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_rsum", mode="max", patience=2, restore_best_weights=True
    )
    evaluation = Improving(*data, rsums=[100.0, 200.0, 150.0, 200.0, 500.0])
    history = model.fit(batches, epochs=5, verbose=0, callbacks=[evaluation, stopping])
    assert history.history["val_rsum"] == [100.0, 200.0, 150.0, 200.0]
    assert stopping.best_epoch == 1


@pytest.mark.seconds
def test_another_prefix_names_the_logs(model, batches, data):
    evaluation = RetrievalEvaluation(*data, prefix="flickr_")
    history = model.fit(batches, verbose=0, callbacks=[evaluation]).history
    assert "flickr_rsum" in history and "flickr_text_to_image_r5" in history
    assert not any(name.startswith("val_") for name in history)


def test_an_image_without_captions_is_refused_before_training(data):
    captions, regions, tokenizer = data
    bare = type(captions)(
        image_ids=captions.image_ids,
        filenames=captions.filenames,
        captions=captions.captions,
        caption_ids=captions.caption_ids,
        caption_to_image=np.zeros(7, "int32"),
    )
    with pytest.raises(ValueError, match="3 of 4 images have no caption"):
        RetrievalEvaluation(bare, regions, tokenizer)


@pytest.mark.parametrize(
    "reader",
    [
        keras.callbacks.ModelCheckpoint("x.keras", monitor="val_rsum", mode="max"),
        keras.callbacks.EarlyStopping(monitor="val_text_to_image_r1", mode="max"),
        keras.callbacks.EarlyStopping(monitor="val_pointing", mode="max"),
        keras.callbacks.TensorBoard("logs"),
        keras.callbacks.CSVLogger("log.csv"),
    ],
    ids=lambda reader: type(reader).__name__,
)
def test_a_reader_before_the_evaluation_is_refused(data, reader):
    evaluation = RetrievalEvaluation(*data)
    with pytest.raises(ValueError, match=f"{type(reader).__name__} stands before"):
        check_order([reader, evaluation])
    assert check_order([evaluation, reader]) == [evaluation, reader]


def test_callbacks_that_read_other_logs_may_stand_before(data):
    evaluation = RetrievalEvaluation(*data)
    stopping = keras.callbacks.EarlyStopping(monitor="loss")
    assert check_order([stopping, evaluation]) == [stopping, evaluation]
