"""The pooling head: against plain NumPy, without effect on scores, in every format."""

import keras
import numpy as np
import pytest
from keras import ops
from support import pairs
from support.oracle_encoders import drawn_weights, set_weights
from support.tiny_models import run_keras, tiny, tiny_tokenizer

from keras_teran.conversion._weights import checkpoint_of, fill
from keras_teran.export._export import export
from keras_teran.export._runtime import open_exported
from keras_teran.layers._pooling_head import PoolingHead
from keras_teran.models._teran import Teran, build_model
from keras_teran.training._distill_head import heads_of, rebuilt


def with_drawn_heads(model):
    """A head on a model, with weights that do something."""
    model = rebuilt(model, pooling_head=True)
    for head in heads_of(model):
        set_weights(head.weights, drawn_weights(head.weights))
    return model


def oracle(weights, members, slot, groups):
    """One set, its real members alone."""
    w = {
        name.split("/", 1)[-1]: np.asarray(v, "float64") for name, v in weights.items()
    }
    logits = members @ w["attention/kernel"] + w["attention/bias"]
    inner = (members @ w["inner/kernel"] + w["inner/bias"]).clip(0)
    share = inner.shape[1] // groups
    attended = []
    for group in range(groups):
        powers = np.exp(logits[:, group])
        part = inner[:, group * share : (group + 1) * share]
        attended.append((powers / powers.sum()) @ part)
    joined = np.concatenate([*attended, slot])
    vector = members.mean(0) + joined @ w["outer/kernel"] + w["outer/bias"]
    return vector / np.linalg.norm(vector)


def sets(counts=(3, 1, 4), dim=6):
    generator = np.random.default_rng(0)
    members = generator.normal(size=(len(counts), max(counts), dim)).astype("float32")
    members[np.arange(max(counts)) >= np.array(counts)[:, None]] = 0
    return members, generator.normal(size=(len(counts), dim)).astype("float32")


def test_the_head_equals_plain_numpy_on_the_real_members_alone():
    members, slot = sets()
    head = PoolingHead(groups=3, name="head")
    head(members, slot)
    weights = drawn_weights(head.weights)
    set_weights(head.weights, weights)
    found = ops.convert_to_numpy(head(members, slot))
    for row, count in enumerate((3, 1, 4)):
        expected = oracle(weights, members[row, :count], slot[row], 3)
        np.testing.assert_allclose(found[row], expected, atol=1e-5)


def test_an_untrained_head_gives_the_mean_of_the_members():
    members, slot = sets()
    found = ops.convert_to_numpy(PoolingHead()(members, slot))
    mean = members[0, :3].mean(0)
    np.testing.assert_allclose(found[0], mean / np.linalg.norm(mean), atol=1e-5)


def test_groups_that_do_not_divide_are_refused_by_name():
    with pytest.raises(ValueError, match="groups=5 does not divide 12"):
        PoolingHead(groups=5)(*sets())


@pytest.mark.slow
@pytest.mark.parametrize("pooling_head", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_a_head_changes_the_pooled_vectors_and_no_score(pooling_head, shared):
    model = build_model("tiny", **pairs.SIZES, shared_final_layers=shared)
    other = with_drawn_heads(model) if pooling_head else rebuilt(model, False)
    before = {
        **model.encode(pairs.image_inputs()),
        **model.encode(pairs.caption_inputs()),
    }
    after = {
        **other.encode(pairs.image_inputs()),
        **other.encode(pairs.caption_inputs()),
    }
    assert set(before) == set(after)
    for name in ("region_embeddings", "word_embeddings", "word_mask"):
        np.testing.assert_array_equal(after[name], before[name])
    for name in ("image_embedding", "caption_embedding"):
        assert np.allclose(after[name], before[name], atol=1e-6) != pooling_head
        np.testing.assert_allclose(np.linalg.norm(after[name], axis=-1), 1, rtol=1e-5)


@pytest.mark.seconds
def test_padding_changes_no_pooled_vector_of_a_head():
    model = with_drawn_heads(build_model("tiny", **pairs.SIZES))
    narrow = model.image_encoder(pairs.image_inputs(width=5), training=False)
    inputs = {
        name: np.pad(a, [(0, 0), (0, 3)] + [(0, 0)] * (a.ndim - 2))
        for name, a in pairs.image_inputs(width=5).items()
    }
    wide = model.image_encoder(inputs, training=False)
    np.testing.assert_allclose(
        ops.convert_to_numpy(wide["image_embedding"]),
        ops.convert_to_numpy(narrow["image_embedding"]),
        atol=1e-6,
    )


@pytest.mark.seconds
def test_a_model_saved_before_there_were_heads_loads_as_it_was(tmp_path):
    model = build_model("tiny", **pairs.SIZES)
    config = model.get_config()
    del config["pooling_head"]  # older files lack it
    assert not Teran.from_config(config).config["pooling_head"]


@pytest.mark.slow
def test_a_model_with_a_head_is_saved_and_loaded_whole(tmp_path):
    model = with_drawn_heads(build_model("tiny", **pairs.SIZES))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    for inputs in (pairs.image_inputs(), pairs.caption_inputs()):
        for name, expected in model.encode(inputs).items():
            np.testing.assert_allclose(again.encode(inputs)[name], expected, atol=1e-6)


@pytest.mark.slow
def test_a_head_goes_out_in_every_format_and_smaller_file(tmp_path):
    model = with_drawn_heads(tiny())
    tokenizer = tiny_tokenizer(["a red disc", "two green rings"])
    folder = tmp_path / "exported"
    variants = ("litert-float16", "onnx-int8")
    export(model, tokenizer, folder, preset="tiny", variants=variants)
    inputs = tokenizer(["a red disc", "two green rings"])
    expected = run_keras(model, "caption_encoder", inputs)
    paths = (
        ("savedmodel/{}", 1e-5),
        ("litert/{}.tflite", 1e-5),
        ("onnx/{}.onnx", 1e-5),
    )
    for path, tolerance in paths:
        found = open_exported(folder / path.format("caption_encoder"))(inputs)
        np.testing.assert_allclose(
            found["caption_embedding"], expected["caption_embedding"], atol=tolerance
        )


@pytest.mark.seconds
def test_the_authors_checkpoint_of_a_model_with_a_head_leaves_the_head_out():
    sizes = {"feedforward_dim": 2048, "heads": 4, "drop_last_word": True}
    model = tiny(**sizes, padding="zero")
    state = checkpoint_of(model).state
    of_headed = checkpoint_of(with_drawn_heads(model)).state
    assert state.keys() == of_headed.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(of_headed[name], value)
    fill(model, checkpoint_of(with_drawn_heads(model)))
