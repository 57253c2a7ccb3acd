"""A set's vector in each of its members: by hand, by plain NumPy, in every format."""

import keras
import numpy as np
import pairs
import pytest
from keras import ops
from oracle_encoders import drawn_weights, set_weights
from tiny_models import run_keras, tiny

from keras_teran.context import ContextVector, InContext, region_weight
from keras_teran.conversion.weights import checkpoint_of
from keras_teran.export import export
from keras_teran.exported import open_exported
from keras_teran.losses import Contrastive
from keras_teran.model import Teran, build_model
from keras_teran.tokenizer import CaptionTokenizer

ENCODED = (pairs.image_inputs, pairs.caption_inputs)


def with_drawn_contexts(model):
    """The two context vectors of a model, with weights that do something."""
    for layer in contexts_of(model):
        set_weights(layer.weights, drawn_weights(layer.weights))
    return model


def oracle(weights, members):
    """The vector of one set, of its real members alone."""
    w = {
        name.split("/", 1)[-1]: np.asarray(v, "float64") for name, v in weights.items()
    }
    mean = members.astype("float64").mean(0)
    mean = (mean - mean.mean()) / np.sqrt(mean.var() + 1e-5)
    vector = mean * w["norm/gamma"] + w["norm/beta"]
    if "inner/kernel" in w:
        vector = (vector @ w["inner/kernel"] + w["inner/bias"]).clip(0)
    vector = vector @ w["outer/kernel"] + w["outer/bias"]
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("hidden_dim", [None, 10])
def test_the_vector_equals_plain_numpy_on_the_real_members_alone(hidden_dim):
    inputs = pairs.image_inputs()
    members = inputs["regions"] + 9.0 * ~inputs["region_mask"][..., None]
    layer = ContextVector(4, hidden_dim, name="context")
    layer(members, inputs["region_mask"])
    weights = drawn_weights(layer.weights)
    set_weights(layer.weights, weights)
    found = ops.convert_to_numpy(layer(members, inputs["region_mask"]))
    for row, count in enumerate(pairs.REGION_COUNTS):
        expected = oracle(weights, members[row, :count])
        np.testing.assert_allclose(found[row], expected, atol=1e-5)


@pytest.mark.parametrize(("hidden_dim", "widths"), [(None, [6]), (40, [6, 40])])
def test_dropout_takes_the_mean_and_the_hidden_layer_in_training_alone(
    hidden_dim, widths
):
    inputs = pairs.image_inputs()
    members, mask = inputs["regions"], inputs["region_mask"]
    keras.utils.set_random_seed(0)  # a row with all of it dropped has no length
    layer = ContextVector(4, hidden_dim, dropout=0.25)
    outside, again = (ops.convert_to_numpy(layer(members, mask)) for _ in range(2))
    np.testing.assert_array_equal(outside, again)
    inside = ops.convert_to_numpy(layer(members, mask, training=True))
    assert not np.allclose(inside, outside, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(inside, axis=-1), 1, rtol=1e-5)
    seen = []
    layer.drop.call = lambda vector, training: seen.append(vector.shape[1]) or vector
    layer(members, mask, training=True)
    assert seen == widths


def test_a_set_without_a_real_member_has_a_finite_vector():
    layer = ContextVector(4, 10)
    found = layer(np.zeros((1, 3, 6), "float32"), np.zeros((1, 3), bool))
    assert np.isfinite(ops.convert_to_numpy(found)).all()


def test_a_weight_mixes_two_unit_vectors_and_leaves_masked_members_zero():
    own = np.array([[[1.0, 0.0], [0.6, 0.8], [0.0, 0.0]]], "float32")
    context = np.array([[0.0, 1.0]], "float32")
    mask = np.array([[True, True, False]])
    layer = InContext(0.75)
    found = ops.convert_to_numpy(layer(own, context, mask))
    # [1, 0.75] / 1.25 and [0.6, 0.8 + 0.75] by its length
    expected = [[0.8, 0.6], np.array([0.6, 1.55]) / np.hypot(0.6, 1.55), [0, 0]]
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
    alone = ops.convert_to_numpy(layer(own, context, mask, training=True))
    np.testing.assert_array_equal(alone, own)  # as they are while training


def test_the_images_share_is_a_part_of_the_squared_length():
    for share, expected in ((0, 0), (0.5, 1), (0.8, 2), (0.9, 3)):  # 4 of 5, 9 of 10
        assert region_weight(share) == pytest.approx(expected)


def test_the_caption_counts_as_so_many_words_however_long_it_is():
    mask = np.array([[0, 1, 1, 0], [0, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], bool)
    own = np.zeros((4, 4, 2), "float32") + [1, 0]
    context = np.zeros((4, 2), "float32") + [0, 1]
    found = ops.convert_to_numpy(InContext(6.0, in_all=True)(own, context, mask))
    # 2, 1 and 4 words: 3, 6 and 1.5 of each, six in all; of no word nothing.
    for row, weight in enumerate((3, 6, 1.5)):
        expected = mask[row, :, None] * np.array([1, weight]) / np.hypot(1, weight)
        np.testing.assert_allclose(found[row], expected, atol=1e-6)
    assert (found[3] == 0).all()


@pytest.mark.parametrize("shared", [False, True])
def test_embeddings_are_those_of_a_model_without_context_and_the_vector(shared):
    sizes = {**pairs.SIZES, "shared_final_layers": shared}
    shares = {"context": 0.8, "context_words": 3.0}
    model = with_drawn_contexts(build_model("tiny", **sizes, **shares))
    plain = build_model("tiny", **sizes)
    weights = {weight.path: weight for weight in model.weights}
    for weight in plain.weights:
        weight.assign(weights[weight.path])
    for inputs, kind, vector in (
        (pairs.image_inputs(), "region", "image"),
        (pairs.caption_inputs(), "word", "caption"),
    ):
        own, found = plain.encode(inputs), model.encode(inputs)
        context = found[f"{vector}_embedding"]
        assert not np.allclose(context, own[f"{vector}_embedding"], atol=0.1)
        members = own[f"{kind}_embeddings"]
        real = np.abs(members).max(-1, keepdims=True) > 0
        # Of regions the image is 0.8, four to one; a caption counts as 3 words.
        weight = 2 if kind == "region" else 3 / real.sum(1, keepdims=True)
        mixed = members + weight * context[:, None]
        mixed = real * mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)
        np.testing.assert_allclose(found[f"{kind}_embeddings"], mixed, atol=1e-5)


def test_the_vectors_are_of_the_features_and_of_berts_tokens():
    model = with_drawn_contexts(build_model("tiny", **pairs.SIZES, context=0.4))
    images, captions = pairs.image_inputs(), pairs.caption_inputs()
    of_images = {
        w.path: w for w in model.image_encoder.get_layer("image_context").weights
    }
    expected = oracle(of_images, images["regions"][0, :5])
    found = model.encode(images)["image_embedding"]
    np.testing.assert_allclose(found[0], expected, atol=1e-5)
    bert = keras.Model(
        model.caption_encoder.inputs,
        model.caption_encoder.get_layer("bert_block_1").output,
    )
    tokens = ops.convert_to_numpy(bert(captions))
    layer = model.caption_encoder.get_layer("caption_context")
    expected = oracle({w.path: w for w in layer.weights}, tokens[0, :9])
    found = model.encode(captions)["caption_embedding"]
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


@pytest.mark.parametrize("make", ENCODED)
def test_padding_changes_nothing(make):
    model = with_drawn_contexts(build_model("tiny", **pairs.SIZES, context=0.4))
    narrow = make()
    wide = {
        name: np.pad(a, [(0, 0), (0, 3)] + [(0, 0)] * (a.ndim - 2))
        for name, a in narrow.items()
    }
    before, after = model.encode(narrow), model.encode(wide)
    for name, value in before.items():
        cut = after[name][:, : value.shape[1]] if value.ndim > 1 else after[name]
        np.testing.assert_allclose(cut, value, atol=1e-6)


def contexts_of(model):
    return [
        model.image_encoder.get_layer("image_context"),
        model.caption_encoder.get_layer("caption_context"),
    ]


def trained_a_step():
    keras.utils.set_random_seed(0)
    model = build_model("tiny", **pairs.SIZES, context=0.5, context_dropout=0.1)
    before = [w for layer in contexts_of(model) for w in layer.get_weights()]
    model.compile("adam", loss=Contrastive(0.5))
    model.train_on_batch(*pairs.batch())
    return model, before


def test_training_moves_the_vectors_of_both_sides():
    model, before = trained_a_step()
    after = [w for layer in contexts_of(model) for w in layer.get_weights()]
    assert len(before) == 2 + 4 + 2 + 2  # norm and two dense layers, norm and one
    for old, new in zip(before, after, strict=True):
        assert not np.array_equal(old, new)


def test_while_training_scores_are_the_members_and_the_vectors_have_their_own_loss():
    keras.utils.set_random_seed(0)
    model = with_drawn_contexts(
        build_model("tiny", **pairs.SIZES, dropout=0.0, context=0.8)
    )
    plain = build_model("tiny", **pairs.SIZES, dropout=0.0)
    weights = {weight.path: weight for weight in model.weights}
    for weight in plain.weights:
        weight.assign(weights[weight.path])
    inputs, image_ids = pairs.batch()
    scores, members = (
        ops.convert_to_numpy(one(inputs, training=True)) for one in (model, plain)
    )
    np.testing.assert_allclose(scores, members, atol=1e-5)
    vectors = [
        model.encode(inputs)[name]
        for inputs, name in (
            (pairs.image_inputs(), "image_embedding"),
            (pairs.caption_inputs(), "caption_embedding"),
        )
    ]
    own = float(Contrastive(0.05)(vectors[0] @ vectors[1].T, image_ids))
    of_members = float(Contrastive(0.5)(members, image_ids))
    model.compile(keras.optimizers.SGD(0.0), loss=Contrastive(0.5))
    logs = model.train_on_batch(inputs, image_ids, return_dict=True)
    assert float(logs["loss"]) == pytest.approx(of_members + own, rel=1e-4)


def test_a_pooling_head_meets_the_context_while_training_too():
    model = with_drawn_contexts(
        build_model("tiny", **pairs.SIZES, dropout=0.0, context=0.8, pooling_head=True)
    )
    for encoder, name in (
        (model.image_encoder, "image"),
        (model.caption_encoder, "caption"),
    ):
        head = encoder.get_layer(f"{name}_pooling_head")
        set_weights(head.weights, drawn_weights(head.weights))
    for encoder, make, name in (
        (model.image_encoder, pairs.image_inputs, "image_embedding"),
        (model.caption_encoder, pairs.caption_inputs, "caption_embedding"),
    ):
        training, alone = (
            ops.convert_to_numpy(encoder(make(), training=flag)[name])
            for flag in (True, False)
        )
        np.testing.assert_allclose(training, alone, atol=1e-5)


def test_a_resumed_training_drops_what_the_unbroken_one_would(tmp_path):
    model, _ = trained_a_step()
    model.save(tmp_path / "last.keras")
    again = keras.saving.load_model(tmp_path / "last.keras")
    inputs, _ = pairs.batch()
    drawn = [ops.convert_to_numpy(one(inputs, training=True)) for one in (model, again)]
    np.testing.assert_allclose(*drawn, atol=1e-6)


@pytest.mark.parametrize("share", [-0.1, 1, "half"])
def test_a_share_out_of_range_is_refused_by_name(share):
    with pytest.raises(ValueError, match=f"context={share!r} must be a number of 0 or"):
        build_model("tiny", **pairs.SIZES, context=share)


@pytest.mark.parametrize("words", [-1, 0, "six"])
def test_a_number_of_words_out_of_range_is_refused_by_name(words):
    with pytest.raises(
        ValueError, match=f"context_words={words!r} must be a number ab"
    ):
        build_model("tiny", **pairs.SIZES, context=0.5, context_words=words)


def test_a_model_saved_before_there_was_a_context_loads_as_it_was():
    config = build_model("tiny", **pairs.SIZES).get_config()
    for name in ("context", "context_words", "context_dropout"):
        del config[name]  # older files lack them
    assert Teran.from_config(config).config["context"] == 0


def test_a_model_in_context_is_saved_and_loaded_whole(tmp_path):
    model = with_drawn_contexts(
        build_model("tiny", **pairs.SIZES, context=0.4, context_dropout=0.2)
    )
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert again.config == model.config
    for make in ENCODED:
        for name, expected in model.encode(make()).items():
            np.testing.assert_allclose(again.encode(make())[name], expected, atol=1e-6)


def test_a_context_goes_out_in_every_format_and_smaller_file(tmp_path):
    model = with_drawn_contexts(tiny(context=0.4, context_dropout=0.2))
    tokenizer = CaptionTokenizer.train(["a red disc", "two green rings"], 60)
    folder = tmp_path / "exported"
    export(
        model,
        tokenizer,
        folder,
        preset="tiny",
        variants=("litert-float16", "onnx-int8"),
    )
    sides = {
        "image_encoder": pairs.image_inputs(dim=8),
        "caption_encoder": tokenizer(["a red disc", "two green rings"]),
    }
    for encoder, inputs in sides.items():
        expected = run_keras(model, encoder, inputs)
        for path in ("savedmodel/{}", "litert/{}.tflite", "onnx/{}.onnx"):
            found = open_exported(folder / path.format(encoder))(inputs)
            for name in expected:
                np.testing.assert_allclose(found[name], expected[name], atol=1e-5)
        for path in ("litert/{}.float16.tflite", "onnx/{}.int8.onnx"):
            assert (folder / path.format(encoder)).is_file()


def test_the_authors_code_cannot_be_told_of_a_context():
    model = tiny(feedforward_dim=2048, heads=4, drop_last_word=True, context=0.4)
    with pytest.raises(
        ValueError, match="context=0.4 cannot be written for the authors'"
    ):
        checkpoint_of(model)
