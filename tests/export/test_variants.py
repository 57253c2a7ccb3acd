"""Variants: smaller, of LiteRT's own ops, close to Keras, and refused in time."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.tiny_models import run_keras, tiny, tiny_tokenizer

from keras_teran.export._check_export import ExportError, check_inputs
from keras_teran.export._export import export
from keras_teran.export._runtime import open_exported
from keras_teran.export._variants import (
    VARIANTS,
    check_variants,
    foreign_operators,
)

pytestmark = pytest.mark.slow

SETS = {"image_encoder": "region_embeddings", "caption_encoder": "word_embeddings"}


@pytest.fixture(scope="module")
def model():
    """Wide enough that the weights and not the graph make the size of a file."""
    keras.utils.set_random_seed(0)
    return tiny(
        region_dim=128,
        embedding_dim=128,
        feedforward_dim=512,
        caption_dim=128,
        caption_feedforward_dim=512,
        vocabulary_size=4000,
    )


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """(folder, {(format, variant, encoder): artifact}) of an export in all variants."""
    tokenizer = tiny_tokenizer(["a red square", "two blue rings"], rows=4000)
    calibration = {
        name: check_inputs(getattr(model, name), seed=9)[:4] for name in SETS
    }
    folder = tmp_path_factory.mktemp("variants") / "out"
    manifest = export(
        model,
        tokenizer,
        folder,
        ("litert", "onnx"),
        variants=tuple(VARIANTS),
        calibration=calibration,
    )
    return folder, {
        (a["format"], a["variant"], a["encoder"]): a for a in manifest["artifacts"]
    }


@pytest.mark.parametrize("encoder", SETS)
@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_smaller_and_points_where_keras_does(
    name, encoder, model, exported
):
    folder, artifacts = exported
    variant = VARIANTS[name]
    artifact = artifacts[variant.format, variant.name, encoder]
    plain = artifacts[variant.format, "float32", encoder]
    most = 0.55 if variant.name == "float16" else 0.35
    assert artifact["bytes"] < most * plain["bytes"]
    inputs = check_inputs(getattr(model, encoder), seed=3)[2]
    found = open_exported(folder / artifact["path"])(inputs)[SETS[encoder]]
    expected = run_keras(model, encoder, inputs)[SETS[encoder]]
    real = expected.any(-1)
    least = {"float16": 0.99999, "int8": 0.99, "full-int8": 0.9}[variant.name]
    assert (found * expected).sum(-1)[real].min() > least
    assert not found[~real].any()


@pytest.mark.slow
@pytest.mark.parametrize("encoder", SETS)
@pytest.mark.parametrize("variant", ["float32", "float16", "int8", "full-int8"])
def test_a_litert_file_holds_no_op_of_another_runtime(variant, encoder, exported):
    folder, artifacts = exported
    path = folder / artifacts["litert", variant, encoder]["path"]
    assert foreign_operators(path) == []


def test_an_op_of_another_runtime_is_seen_and_refused(
    model, exported, tmp_path, monkeypatch
):
    function = tf.function(
        lambda x: tf.linalg.svd(tf.reshape(x, (2, 4)), compute_uv=False),
        input_signature=[tf.TensorSpec((8,), tf.float32)],
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], tf.Module()
    )
    converter.allow_custom_ops = True
    path = tmp_path / "custom.tflite"
    path.write_bytes(converter.convert())
    assert foreign_operators(path) == ["Svd"]
    monkeypatch.setattr(
        "keras_teran.export._export.foreign_operators", lambda path: ["Svd"]
    )
    tokenizer = tiny_tokenizer(["a red square"], rows=4000)
    with pytest.raises(ExportError, match="image_encoder.tflite holds Svd"):
        export(model, tokenizer, tmp_path / "out", ("litert",))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("variants", "formats", "calibration", "message"),
    [
        (["int4"], ("litert",), None, "has 'int4': choose from litert-float16"),
        (["onnx-int8"], ("litert",), None, "onnx-int8 is made beside .* add onnx"),
        (["litert-full-int8"], ("litert",), None, "needs a calibration set"),
    ],
)
def test_variants_that_cannot_be_made_are_refused(
    variants, formats, calibration, message
):
    with pytest.raises(ValueError, match=message):
        check_variants(variants, formats, calibration)


def test_what_refuses_a_whole_export_leaves_nothing(model, tmp_path):
    def refuse(folder):
        assert (folder / "manifest.json").is_file()
        raise ExportError("recall falls")

    tokenizer = tiny_tokenizer(["a red square"], rows=4000)
    with pytest.raises(ExportError, match="recall falls"):
        export(model, tokenizer, tmp_path / "out", ("savedmodel",), accept=refuse)
    assert list(tmp_path.iterdir()) == []


def test_a_mask_stays_exact_in_eight_bits(model, exported):
    folder, artifacts = exported
    for name in ("litert-int8", "litert-full-int8", "onnx-int8"):
        variant = VARIANTS[name]
        artifact = artifacts[variant.format, variant.name, "caption_encoder"]
        assert artifact["errors"]["word_mask"] == 0
        inputs = check_inputs(model.caption_encoder, seed=4)[3]
        found = open_exported(folder / artifact["path"])(inputs)
        np.testing.assert_array_equal(
            found["word_embeddings"].any(-1), found["word_mask"]
        )


def test_queries_keys_and_values_of_bert_are_reckoned_in_float(exported):
    """By LiteRT's int8 file: all other products take weights of eight bits."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    folder, artifacts = exported
    path = folder / artifacts["litert", "int8", "caption_encoder"]["path"]
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    file = Interpreter(str(path), experimental_op_resolver_type=plain)
    tensors = {tensor["index"]: tensor for tensor in file.get_tensor_details()}
    weights = {np.int8: [], np.float32: []}
    for op in file._get_ops_details():
        if op["op_name"] == "FULLY_CONNECTED":
            name = tensors[op["outputs"][0]]["name"]
            weights[tensors[op["inputs"][1]]["dtype"]].append(name)
    (name,) = weights[np.float32]
    assert "bert_block_0" in name and "query_key_value" in name
    assert len(weights[np.int8]) == 3 + 4 + 1  # of its block, a final one, projection
    held = [tensor["name"] for tensor in tensors.values() if tensor["dtype"] == np.int8]
    assert sum("query_key_value" in name for name in held) == 2
