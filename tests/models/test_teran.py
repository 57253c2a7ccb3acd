"""Teran as a Keras model: what it scores, how it trains, what a file keeps."""

import keras
import numpy as np
import pytest
from keras import ops
from support import oracle_encoders as oracle
from support import oracle_scores
from support.pairs import SIZES, batch, caption_inputs, image_inputs

from keras_teran.losses._losses import Contrastive, Hinge
from keras_teran.models._teran import Teran, build_model


def drawn_model(**overrides):
    model = build_model("tiny", **{**SIZES, **overrides})
    weights = oracle.drawn_weights(model.trainable_variables)
    oracle.set_weights(model.trainable_variables, weights)
    return model


def compiled(optimizer=None, loss=None, run_eagerly=True, **overrides):
    model = drawn_model(**overrides)
    model.compile(optimizer or keras.optimizers.SGD(1.0), loss, run_eagerly=run_eagerly)
    return model


def weights_of(model):
    return [np.array(v) for v in model.trainable_variables]


def moved(before, model):
    """What the weights have lost since, in one row."""
    pairs = zip(before, weights_of(model), strict=True)
    return np.concatenate([(old - new).ravel() for old, new in pairs])


def assert_same_weights(model, other, atol=1e-6):
    for ours, theirs in zip(model.weights, other.weights, strict=True):
        assert ours.path == theirs.path
        np.testing.assert_allclose(ours, theirs, atol=atol, err_msg=ours.path)


def gradient(inputs, image_ids, **overrides):
    """Of the loss of one batch with the drawn weights, in one row."""
    model = compiled(**overrides)
    before = weights_of(model)
    model.train_on_batch(inputs, image_ids)
    return moved(before, model)


def halves():
    inputs, image_ids = batch()
    for rows in (slice(0, 3), slice(3, 6)):
        yield {name: a[rows] for name, a in inputs.items()}, image_ids[rows]


@pytest.mark.seconds
def test_rows_of_the_similarity_are_images_and_columns_captions():
    model = drawn_model()
    similarity = model({**image_inputs(counts=(5, 2)), **caption_inputs()})
    assert tuple(similarity.shape) == (2, 6)
    assert keras.backend.standardize_dtype(similarity.dtype) == "float32"
    images = model.encode(image_inputs(counts=(5, 2)))
    captions = model.encode(caption_inputs())
    expected = oracle_scores.scores(
        images["region_embeddings"], captions["word_embeddings"], "MrSw"
    )
    np.testing.assert_allclose(similarity, expected, atol=1e-5)


@pytest.mark.seconds
def test_similarity_takes_outputs_of_the_encoders_or_their_sets_alone():
    model = drawn_model(pooling="mean")
    images, captions = model.encode(image_inputs()), model.encode(caption_inputs())
    similarity = model.similarity(images, captions)
    np.testing.assert_allclose(similarity, model(batch()[0]), atol=1e-5)
    np.testing.assert_array_equal(
        similarity,
        model.similarity(images["region_embeddings"], captions["word_embeddings"]),
    )


@pytest.mark.slow
def test_the_padding_rule_of_the_model_is_used():
    images, captions = (
        drawn_model().encode(f()) for f in (image_inputs, caption_inputs)
    )
    for padding in ("exclude", "zero"):
        model = build_model("tiny", **SIZES, pooling="mean", padding=padding)
        expected = oracle_scores.scores(
            images["region_embeddings"],
            captions["word_embeddings"],
            "mean",
            getattr(oracle_scores, padding),
        )
        similarity = model.similarity(images, captions)
        np.testing.assert_allclose(similarity, expected, atol=1e-5)


@pytest.mark.seconds
@pytest.mark.parametrize("method", ["predict", "predict_on_batch"])
def test_predict_raises_and_names_what_to_call(method):
    with pytest.raises(
        NotImplementedError, match=r"model\.encode\(.*model\.similarity"
    ):
        getattr(drawn_model(), method)(batch()[0])


@pytest.mark.slow
@pytest.mark.parametrize("negatives", ["hardest", "sum"])
def test_the_loss_of_a_batch_is_the_hinge_of_its_similarity(negatives):
    """With two pairs of one image, so that a wrong row of ids would show."""
    inputs, image_ids = batch()
    model = compiled(loss=Hinge(0.3, negatives))
    similarity = np.asarray(model(inputs))
    expected = oracle_scores.hinge(similarity, image_ids, 0.3, negatives)
    loss = model.train_on_batch(inputs, image_ids, return_dict=True)["loss"]
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert expected != oracle_scores.hinge(similarity, range(6), 0.3, negatives)


@pytest.mark.slow
def test_without_a_loss_it_is_the_hinge_with_hardest_negatives():
    inputs, image_ids = batch()
    losses = [
        compiled(loss=loss).evaluate(inputs, image_ids, verbose=0, return_dict=True)
        for loss in (None, Hinge(0.2, "hardest"), lambda scores, ids: ops.sum(scores))
    ]
    assert losses[0] == losses[1]
    total = float(ops.sum(drawn_model()(inputs)))
    assert losses[2]["loss"] == pytest.approx(total, rel=1e-5)


@pytest.mark.seconds
@pytest.mark.parametrize("loss", ["mse", keras.losses.CategoricalHinge()])
def test_a_loss_that_compares_pair_by_pair_is_refused(loss):
    with pytest.raises(
        ValueError, match=r"give a function of \(similarity, image_ids\)"
    ):
        compiled(loss=loss).train_on_batch(*batch())


@pytest.mark.seconds
def test_sample_weights_are_refused():
    inputs, image_ids = batch()
    with pytest.raises(ValueError, match="sample_weight is not used by a ranking loss"):
        compiled().train_on_batch(inputs, image_ids, sample_weight=np.ones(6))


@pytest.mark.seconds
def test_in_batch_recall_by_hand():
    model = compiled()
    scores = np.array(
        [
            [0.1, 0.2, 0.9, 0.0],  # the best caption is the other one of image 5
            [0.3, 0.3, 0.2, 0.1],  # a tie of its own with a negative ranks against it
            [0.2, 0.4, 0.3, 0.1],  # a negative is best
            [0.1, 0.1, 0.1, 0.7],  # its own is best
        ],
        "float32",
    )
    # Columns: 0: 0.3 of a negative; 1: 0.4 of a negative; 2: 0.9 of the other pair of
    # image 5; 3: 0.7 its own.
    logs = model.compute_metrics(None, np.array([5, 6, 5, 7]), scores)
    assert float(logs["batch_image_to_text_r1"]) == pytest.approx(2 / 4)
    assert float(logs["batch_text_to_image_r1"]) == pytest.approx(2 / 4)
    # A second batch of two pairs, both right for images and one for captions.
    second = np.array([[0.9, 0.8], [0.1, 0.7]], "float32")
    logs = model.compute_metrics(None, np.array([1, 2]), second)
    assert float(logs["batch_image_to_text_r1"]) == pytest.approx((2 + 2) / 6)
    assert float(logs["batch_text_to_image_r1"]) == pytest.approx((2 + 1) / 6)


@pytest.mark.seconds
def test_fit_logs_loss_and_recall_of_each_epoch_anew():
    model = compiled(keras.optimizers.SGD(0.0))
    inputs, image_ids = batch()
    history = model.fit(
        inputs, image_ids, batch_size=6, epochs=2, shuffle=False, verbose=0
    ).history
    assert set(history) == {"loss", "batch_image_to_text_r1", "batch_text_to_image_r1"}
    for values in history.values():
        assert values[0] == pytest.approx(values[1])


@pytest.mark.slow
def test_evaluate_and_validation_use_the_same_loss_and_train_nothing():
    model = compiled(keras.optimizers.SGD(0.0), dropout=0.3)
    before = weights_of(model)
    inputs, image_ids = batch()
    expected = oracle_scores.hinge(np.asarray(model(inputs)), image_ids)
    logs = model.evaluate(inputs, image_ids, verbose=0, return_dict=True)
    history = model.fit(
        inputs, image_ids, validation_data=(inputs, image_ids), verbose=0
    ).history
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    assert history["val_loss"] == [pytest.approx(expected, rel=1e-5)]
    assert not moved(before, model).any()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_eager_steps_equal_compiled_ones(dtype):
    inputs, image_ids = batch()
    trained = []
    for eager in (True, False):
        model = compiled(keras.optimizers.SGD(0.01), run_eagerly=eager, dtype=dtype)
        for _ in range(2):
            loss = model.train_on_batch(inputs, image_ids, return_dict=True)["loss"]
        trained.append((model, float(loss)))
    tolerance = 1e-5 if dtype == "float32" else 2e-2
    assert trained[0][1] == pytest.approx(trained[1][1], rel=tolerance)
    assert_same_weights(trained[0][0], trained[1][0], atol=tolerance)


@pytest.mark.slow
def test_bfloat16_computes_near_float32_and_keeps_float32_weights():
    inputs, image_ids = batch()
    exact = gradient(inputs, image_ids)
    rounded = gradient(inputs, image_ids, dtype="mixed_bfloat16")
    cosine = exact @ rounded / np.linalg.norm(exact) / np.linalg.norm(rounded)
    assert 0.98 < cosine < 1 - 1e-7
    model = drawn_model(dtype="mixed_bfloat16")
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    assert model.image_encoder.get_layer("image_block_0").compute_dtype == "bfloat16"


@pytest.mark.slow
def test_clipping_scales_the_whole_gradient_to_the_norm():
    """No token stands twice: TensorFlow's norm takes each occurrence by itself."""
    inputs, image_ids = batch()
    inputs["token_ids"] = np.arange(6 * 9, dtype="int32").reshape(6, 9)
    full = gradient(inputs, image_ids, vocabulary_size=60)
    norm = np.linalg.norm(full)
    assert norm > 1
    clipping = keras.optimizers.SGD(1.0, global_clipnorm=0.5)
    clipped = gradient(inputs, image_ids, optimizer=clipping, vocabulary_size=60)
    np.testing.assert_allclose(clipped, full * 0.5 / norm, atol=1e-5)


@pytest.mark.slow
def test_accumulating_two_half_batches_steps_down_their_mean_gradient():
    expected = sum(gradient(*half) for half in halves()) / 2
    model = compiled(keras.optimizers.SGD(1.0, gradient_accumulation_steps=2))
    before = weights_of(model)
    first, second = halves()
    model.train_on_batch(*first)
    assert not moved(before, model).any()
    model.train_on_batch(*second)
    np.testing.assert_allclose(moved(before, model), expected, atol=1e-5)


@pytest.mark.seconds
def test_every_weight_has_a_gradient():
    inputs, image_ids = batch()
    model = compiled(loss=Hinge(0.2, "sum"))
    before = weights_of(model)
    model.train_on_batch(inputs, image_ids)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert np.abs(np.array(variable) - old).max() > 0, variable.path
        assert np.isfinite(np.array(variable)).all(), variable.path


@pytest.mark.slow
def test_an_image_and_a_caption_with_nothing_real_leave_training_finite():
    inputs, image_ids = batch()
    inputs["region_mask"] = inputs["region_mask"] & (np.arange(6) != 2)[:, None]
    inputs["padding_mask"] = inputs["padding_mask"] & (np.arange(6) != 4)[:, None]
    for pooling in ("Symm", "scan"):
        model = compiled(loss=Hinge(0.2, "sum"), pooling=pooling)
        model.train_on_batch(inputs, image_ids)
        for variable in model.trainable_variables:
            assert np.isfinite(np.array(variable)).all(), variable.path


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"pooling": "Symm", "dtype": "mixed_bfloat16"},
        {"shared_final_layers": True, "padding": "zero", "drop_last_word": True},
    ],
)
def test_a_saved_model_comes_back_whole(tmp_path, changes):
    inputs, image_ids = batch()
    model = compiled(keras.optimizers.Adam(1e-3), Hinge(0.3, "sum"), **changes)
    model.train_on_batch(inputs, image_ids)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, Teran)
    assert loaded.config == model.config
    assert loaded.dtype_policy.name == model.dtype_policy.name
    assert loaded.count_params() == model.count_params()
    np.testing.assert_array_equal(model(inputs), loaded(inputs))
    assert (loaded.loss.margin, loaded.loss.negatives) == (0.3, "sum")
    assert int(loaded.optimizer.iterations) == 1
    for training in (model, loaded):
        training.train_on_batch(inputs, image_ids)
    assert_same_weights(model, loaded)


@pytest.mark.slow
def test_a_training_that_goes_on_from_a_file_reaches_the_unbroken_weights(tmp_path):
    """Dropout too: its random state is part of the file."""
    inputs, image_ids = batch()
    changes = {"dropout": 0.3}
    unbroken = compiled(keras.optimizers.Adam(1e-2), **changes)
    broken = compiled(keras.optimizers.Adam(1e-2), **changes)
    for variable, state in zip(
        broken.non_trainable_variables, unbroken.non_trainable_variables, strict=True
    ):
        variable.assign(state)
    broken.train_on_batch(inputs, image_ids)
    broken.save(tmp_path / "last.keras")
    keras.utils.set_random_seed(99)
    resumed = keras.saving.load_model(tmp_path / "last.keras")
    resumed.train_on_batch(inputs, image_ids)
    for _ in range(2):
        unbroken.train_on_batch(inputs, image_ids)
    assert_same_weights(resumed, unbroken)


@pytest.mark.seconds
def test_config_gives_the_same_architecture_again():
    model = drawn_model(pooling="scan", name="matcher", drop_last_word=True)
    again = Teran.from_config(model.get_config())
    assert again.config == model.config
    assert (again.name, again.pooling) == ("matcher", "scan")
    again.config["pooling"] = "sum"
    assert again.config["pooling"] == "scan"
    assert [v.path for v in again.weights] == [v.path for v in model.weights]


@pytest.mark.slow
@pytest.mark.parametrize("loss", [None, Contrastive()])
def test_an_image_given_once_for_its_captions_trains_as_if_given_with_each(loss):
    images, captions = image_inputs(counts=(5, 2, 3)), caption_inputs()
    image_ids = np.array([4, 4, 9, 9, 6, 6])
    repeated = {name: np.repeat(a, 2, axis=0) for name, a in images.items()}
    once, each = (
        gradient({**side, **captions}, image_ids, loss=loss)
        for side in (images, repeated)
    )
    assert np.abs(each).max() > 0.01
    np.testing.assert_allclose(once, each, atol=1e-5)


@pytest.mark.seconds
def test_recall_of_a_batch_counts_an_image_given_once_for_each_of_its_captions():
    inputs = {**image_inputs(counts=(5, 2, 3)), **caption_inputs()}
    image_ids = np.array([4, 4, 9, 9, 6, 6])
    logs = compiled().test_on_batch(inputs, image_ids, return_dict=True)
    scores = np.array(drawn_model()(inputs))
    own = np.repeat(np.eye(3, dtype=bool), 2, axis=1)
    best, of_others = (np.where(cells, scores, -np.inf) for cells in (own, ~own))
    for axis, name in ((1, "batch_image_to_text_r1"), (0, "batch_text_to_image_r1")):
        expected = (best.max(axis) > of_others.max(axis)).mean()
        assert logs[name] == pytest.approx(expected)
