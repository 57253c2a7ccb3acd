"""A set's vector in each of its members: by hand, by plain NumPy, in every format."""

import keras
import numpy as np
import pytest
from keras import ops
from support import pairs
from support.contexts import CONTEXT, contexts_of, with_drawn_contexts
from support.oracle_encoders import drawn_weights, set_weights
from support.tiny_models import run_keras, tiny, tiny_tokenizer

from keras_teran.conversion._weights import checkpoint_of
from keras_teran.export._export import export
from keras_teran.export._runtime import open_exported
from keras_teran.layers._global_fusion import ContextVector, InContext
from keras_teran.losses._losses import Contrastive
from keras_teran.models._teran import Teran, build_model

ENCODED = (pairs.image_inputs, pairs.caption_inputs)


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


MASK = np.array([[0, 1, 1, 0], [0, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], bool)
# Members of these captions, all alike, and the vectors of the wholes.
MEMBERS = np.zeros((4, 4, 2), "float32") + [0.6, 0.8]
WHOLES = np.ones((4, 1), "float32")


@pytest.mark.parametrize("words", [None, 6.0])
def test_the_whole_stands_behind_each_member_in_its_weight(words):
    layer = InContext(words)
    found = ops.convert_to_numpy(layer(MEMBERS, WHOLES, MASK))
    # 3 beside each region. Captions of 2, 1 and 4 words: so much that times the 3 of
    # the region and the number of words it makes 6.
    weights = (3, 3, 3) if words is None else (6 / 3 / 2, 6 / 3 / 1, 6 / 3 / 4)
    for row, weight in enumerate(weights):
        expected = np.array([0.6, 0.8, weight]) / np.hypot(1, weight)
        expected = MASK[row, :, None] * expected
        np.testing.assert_allclose(found[row], expected, atol=1e-6)
    assert (found[3] == 0).all()
    training = ops.convert_to_numpy(layer(MEMBERS, WHOLES, MASK, training=True))
    np.testing.assert_allclose(
        training, MASK[..., None] * np.array([0.6, 0.8, 0]), atol=1e-6
    )


@pytest.mark.parametrize("pooling", ["MwSr", "Symm", "MrAVGw", "mean", "scan"])
def test_a_word_has_a_tenth_of_the_whole_under_the_other_poolings(pooling):
    found = ops.convert_to_numpy(InContext(6.0, pooling)(MEMBERS, WHOLES, MASK))
    # In each caption 0.2, so that times the 3 of the region it is a tenth of 6.
    expected = MASK[..., None] * np.array([0.6, 0.8, 0.2]) / np.hypot(1, 0.2)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_layer_made_of_its_config_has_its_number_of_words_and_its_pooling():
    again = InContext.from_config(InContext(6.0, "MrAVGw").get_config())
    assert (again.words, again.pooling) == (6, "MrAVGw")


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["MrSw", "sum", "MrAVGw", "MwSr"])
def test_a_score_is_that_of_the_members_and_so_many_times_that_of_the_whole(pooling):
    images, captions = pairs.image_inputs(), pairs.caption_inputs()
    model = build_model("tiny", pooling, **pairs.SIZES, **CONTEXT)
    with_drawn_contexts(model)
    found, said = model.encode(images), model.encode(captions)
    members = found["region_embeddings"][..., :8] * np.sqrt(10)  # of 1 + 3²
    wholes = found["image_embedding"][:, 8:] @ said["caption_embedding"][:, 8:].T
    expected = np.zeros(wholes.shape)
    regions = images["region_mask"].sum(1)
    for row, real in enumerate(said["word_mask"]):
        words = said["word_embeddings"][row, real][:, :8]
        words /= np.linalg.norm(words, axis=-1, keepdims=True)
        products = members @ words.T  # 0 of a masked region
        best = np.where(images["region_mask"][..., None], products, -np.inf).max(1)
        of_members, times, shared_among = {
            "MrSw": (best.sum(1), 3, real.sum()),
            "sum": (products.sum((1, 2)), 3 * regions, real.sum()),
            "MrAVGw": (best.mean(1), 3 / 10, 10),
            "MwSr": (products.max(2).sum(1), 3 / 10 * regions, 10),
        }[pooling]
        expected[:, row] = of_members + times * wholes[:, row]
        expected[:, row] /= np.sqrt(10) * np.hypot(1, 3 / 3 / shared_among)
    scores = ops.convert_to_numpy(model.similarity(found, said))
    np.testing.assert_allclose(scores, expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_embeddings_are_those_of_a_model_without_context_and_the_vector(shared):
    sizes = {**pairs.SIZES, "shared_final_layers": shared}
    model = with_drawn_contexts(build_model("tiny", **sizes, **CONTEXT))
    plain = build_model("tiny", **{**sizes, "embedding_dim": 8})
    weights = {weight.path: weight for weight in model.weights}
    for weight in plain.weights:
        weight.assign(weights[weight.path])
    for inputs, kind, vector in (
        (pairs.image_inputs(), "region", "image"),
        (pairs.caption_inputs(), "word", "caption"),
    ):
        own, found = plain.encode(inputs), model.encode(inputs)
        context = found[f"{vector}_embedding"]
        assert context.shape[1] == 8 + 4
        assert (context[:, :8] == 0).all()
        members = own[f"{kind}_embeddings"]
        real = np.abs(members).max(-1, keepdims=True) > 0
        weight = 3 if kind == "region" else 3 / 3 / real.sum(1, keepdims=True)
        mixed = np.pad(members, ((0, 0), (0, 0), (0, 4))) + weight * context[:, None]
        mixed = real * mixed / np.sqrt(1 + weight**2)
        np.testing.assert_allclose(found[f"{kind}_embeddings"], mixed, atol=1e-5)


@pytest.mark.slow
def test_the_vectors_are_of_the_features_and_of_berts_tokens():
    model = with_drawn_contexts(build_model("tiny", **pairs.SIZES, **CONTEXT))
    images, captions = pairs.image_inputs(), pairs.caption_inputs()
    of_images = {
        w.path: w for w in model.image_encoder.get_layer("image_context").weights
    }
    expected = oracle(of_images, images["regions"][0, :5])
    found = model.encode(images)["image_embedding"]
    np.testing.assert_allclose(found[0, 8:], expected, atol=1e-5)
    bert = keras.Model(
        model.caption_encoder.inputs,
        model.caption_encoder.get_layer("bert_block_1").output,
    )
    tokens = ops.convert_to_numpy(bert(captions))
    layer = model.caption_encoder.get_layer("caption_context")
    expected = oracle({w.path: w for w in layer.weights}, tokens[0, :9])
    found = model.encode(captions)["caption_embedding"]
    np.testing.assert_allclose(found[0, 8:], expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("make", ENCODED)
def test_padding_changes_nothing(make):
    model = with_drawn_contexts(build_model("tiny", **pairs.SIZES, **CONTEXT))
    narrow = make()
    wide = {
        name: np.pad(a, [(0, 0), (0, 3)] + [(0, 0)] * (a.ndim - 2))
        for name, a in narrow.items()
    }
    before, after = model.encode(narrow), model.encode(wide)
    for name, value in before.items():
        cut = after[name][:, : value.shape[1]] if value.ndim > 1 else after[name]
        np.testing.assert_allclose(cut, value, atol=1e-6)


def trained_a_step():
    keras.utils.set_random_seed(0)
    model = build_model("tiny", **pairs.SIZES, **CONTEXT, context_dropout=0.1)
    before = [w for layer in contexts_of(model) for w in layer.get_weights()]
    model.compile("adam", loss=Contrastive(0.5))
    model.train_on_batch(*pairs.batch())
    return model, before


@pytest.mark.slow
def test_training_moves_the_vectors_of_both_sides():
    model, before = trained_a_step()
    after = [w for layer in contexts_of(model) for w in layer.get_weights()]
    assert len(before) == 2 + 4 + 2 + 2  # norm and two dense layers, norm and one
    for old, new in zip(before, after, strict=True):
        assert not np.array_equal(old, new)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [None, 4])
def test_the_zeros_behind_the_members_are_not_multiplied(monkeypatch, chunk):
    model = build_model("tiny", **pairs.SIZES, **CONTEXT)
    model.encode_chunk = chunk
    model.compile("sgd", run_eagerly=True)
    widths = []

    def similarity(regions, words):
        widths.append((regions.shape[-1], words.shape[-1]))
        return regions[:, 0] @ ops.transpose(words[:, 0])

    monkeypatch.setattr(model, "similarity", similarity)
    inputs, image_ids = pairs.batch()
    model.train_on_batch(inputs, image_ids)
    model.test_on_batch(inputs, image_ids)
    assert widths == [(8, 8), (12, 12)]


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [None, 4])
def test_a_pooling_head_does_not_train_beside_a_context(chunk):
    model = build_model("tiny", **pairs.SIZES, **CONTEXT, pooling_head=True)
    model.encode_chunk = chunk
    model.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match="context_dim=4 does not train with a pooling"):
        model.train_on_batch(*pairs.batch())


@pytest.mark.slow
def test_a_resumed_training_drops_what_the_unbroken_one_would(tmp_path):
    model, _ = trained_a_step()
    model.save(tmp_path / "last.keras")
    again = keras.saving.load_model(tmp_path / "last.keras")
    whole, *drawn = (
        ops.convert_to_numpy(
            one.image_encoder(pairs.image_inputs(), training=training)[
                "image_embedding"
            ]
        )
        for one, training in ((model, False), (model, True), (again, True))
    )
    np.testing.assert_allclose(*drawn, atol=1e-6)
    assert np.abs(drawn[0] - whole).max() > 1e-3


@pytest.mark.parametrize("dim", [12, 13])
def test_a_context_that_leaves_the_members_nothing_is_refused_by_name(dim):
    with pytest.raises(
        ValueError, match=f"context_dim={dim} must be 0 or more and bel"
    ):
        build_model("tiny", **pairs.SIZES, context_dim=dim)


@pytest.mark.parametrize("words", [-1, 0, "six"])
def test_a_number_of_words_out_of_range_is_refused_by_name(words):
    with pytest.raises(
        ValueError, match=f"Teran: context_words should .* received {words!r}"
    ):
        build_model("tiny", **pairs.SIZES, context_dim=4, context_words=words)


@pytest.mark.seconds
def test_a_model_saved_before_there_was_a_context_loads_as_it_was():
    config = build_model("tiny", **pairs.SIZES).get_config()
    for name in ("context_dim", "context_words", "context_dropout"):
        del config[name]  # older files lack them
    assert Teran.from_config(config).config["context_dim"] == 0


@pytest.mark.slow
def test_a_model_in_context_is_saved_and_loaded_whole(tmp_path):
    model = with_drawn_contexts(
        build_model("tiny", **pairs.SIZES, **CONTEXT, context_dropout=0.2)
    )
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert again.config == model.config
    for make in ENCODED:
        for name, expected in model.encode(make()).items():
            np.testing.assert_allclose(again.encode(make())[name], expected, atol=1e-6)


@pytest.mark.slow
def test_a_context_goes_out_in_every_format_and_smaller_file(tmp_path):
    model = with_drawn_contexts(tiny(**CONTEXT, context_dropout=0.2))
    tokenizer = tiny_tokenizer(["a red disc", "two green rings"])
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


@pytest.mark.seconds
def test_the_authors_code_cannot_be_told_of_a_context():
    model = tiny(feedforward_dim=2048, heads=4, drop_last_word=True, context_dim=4)
    with pytest.raises(
        ValueError, match="context_dim=4 cannot be written for the authors'"
    ):
        checkpoint_of(model)
