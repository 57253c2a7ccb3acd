"""Export: what is written equals Keras, stands alone, and is whole or not there."""

import hashlib
import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from support.tiny_models import run_keras, tiny, tiny_tokenizer

from keras_teran.export import _export as export_module
from keras_teran.export._check_export import ExportError, check_inputs
from keras_teran.export._export import (
    FORMATS,
    export,
    format_manifest,
    in_float32,
)
from keras_teran.export._runtime import open_exported
from keras_teran.text import vocabulary_sha256
from keras_teran.text._tokenizer import CaptionTokenizer

pytestmark = pytest.mark.seconds

CAPTIONS = ["a red square left of a blue disc", "two green rings", "a striped bar"]
NAMES = {
    "image_encoder": (
        {"regions", "boxes", "region_mask"},
        {"region_embeddings", "image_embedding"},
    ),
    "caption_encoder": (
        {"token_ids", "padding_mask"},
        {"word_embeddings", "word_mask", "caption_embedding"},
    ),
}
PATHS = {
    "savedmodel": "savedmodel/{}",
    "litert": "litert/{}.tflite",
    "onnx": "onnx/{}.onnx",
}


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer(CAPTIONS, 120)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return tiny()


@pytest.fixture(scope="module")
def exported(model, tokenizer, tmp_path_factory):
    """(folder, manifest) of an export in all formats."""
    folder = tmp_path_factory.mktemp("export") / "exported"
    return folder, export(model, tokenizer, folder, preset="tiny")


@pytest.fixture
def converted_by(monkeypatch):
    """Puts a function of (encoder, path) in the place of the SavedModel converter."""

    def put(function):
        converter = export_module.CONVERTERS["savedmodel"]
        changed = type(converter)(
            lambda encoder, path: function(converter.convert, encoder, path), "", {}
        )
        monkeypatch.setitem(export_module.CONVERTERS, "savedmodel", changed)

    return put


def copy_of(exported):
    """A converter that is quick: it copies the SavedModel made before."""

    def copy(convert, encoder, path):
        shutil.copytree(exported[0] / "savedmodel" / encoder.name, path)

    return copy


def each_encoder(test):
    test = pytest.mark.parametrize("encoder", NAMES)(test)
    return pytest.mark.parametrize("format_name", FORMATS)(test)


ALONE = """
import sys
for name in ("keras", "keras_hub", "keras_teran"):
    sys.modules[name] = None  # importing it raises
import numpy as np

path, inputs_path, outputs_path = sys.argv[1:]
inputs = dict(np.load(inputs_path))
if path.endswith(".tflite"):
    from ai_edge_litert.interpreter import Interpreter
    runner = Interpreter(path).get_signature_runner("serving_default")
    assert set(runner.get_input_details()) == set(inputs)
    outputs = runner(**inputs)
elif path.endswith(".onnx"):
    import onnxruntime
    session = onnxruntime.InferenceSession(path)
    assert {entry.name for entry in session.get_inputs()} == set(inputs)
    names = [entry.name for entry in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, inputs)))
else:
    import tensorflow as tf
    loaded = tf.saved_model.load(path)
    function = loaded.signatures["serving_default"]
    assert set(function.structured_input_signature[1]) == set(inputs)
    outputs = {
        name: value.numpy()
        for name, value in function(
            **{name: tf.constant(value) for name, value in inputs.items()}
        ).items()
    }
np.savez(outputs_path, **outputs)
"""


@pytest.mark.process
@pytest.mark.slow
@each_encoder
def test_a_file_runs_where_neither_keras_nor_this_package_is_to_be_had(
    format_name, encoder, model, exported, tmp_path
):
    inputs = check_inputs(getattr(model, encoder), seed=5)[-1]
    assert set(inputs) == NAMES[encoder][0]
    np.savez(tmp_path / "inputs.npz", **inputs)
    subprocess.run(
        [
            *(sys.executable, "-c", ALONE),
            exported[0] / PATHS[format_name].format(encoder),
            *(tmp_path / "inputs.npz", tmp_path / "outputs.npz"),
        ],
        check=True,
        cwd=tmp_path,
    )
    outputs = np.load(tmp_path / "outputs.npz", allow_pickle=False)
    assert set(outputs) == NAMES[encoder][1]
    for name, expected in run_keras(model, encoder, inputs).items():
        np.testing.assert_allclose(outputs[name], expected, atol=1e-5, err_msg=name)


@pytest.mark.slow
@each_encoder
@pytest.mark.parametrize(("batch", "length"), [(1, 1), (5, 3), (2, 50)])
def test_batch_and_length_are_free(
    format_name, encoder, batch, length, model, exported
):
    draw = np.random.default_rng(batch)
    inputs = {
        "region_mask": draw.random((batch, length)) < 0.7,
        "regions": draw.standard_normal((batch, length, 8)).astype("float32"),
        "boxes": draw.random((batch, length, 4)).astype("float32"),
        "token_ids": draw.integers(0, 100, (batch, length), "int32"),
        "padding_mask": np.arange(length) < draw.integers(0, length + 1, (batch, 1)),
    }
    inputs = {name: inputs[name] for name in NAMES[encoder][0]}
    run = open_exported(exported[0] / PATHS[format_name].format(encoder))
    expected = run_keras(model, encoder, inputs)
    for name, value in run(inputs).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5, err_msg=name)


@pytest.mark.slow
@each_encoder
def test_padding_and_masked_rows_change_nothing_in_an_exported_file(
    format_name, encoder, model, exported
):
    run = open_exported(exported[0] / PATHS[format_name].format(encoder))
    inputs = check_inputs(getattr(model, encoder))[0]
    wider = {
        name: np.concatenate([value, np.ones_like(value)], axis=1)
        for name, value in inputs.items()
    }
    mask = "region_mask" if encoder == "image_encoder" else "padding_mask"
    wider[mask][:, inputs[mask].shape[1] :] = False
    sets = "region_embeddings" if encoder == "image_encoder" else "word_embeddings"
    alone, padded = run(inputs)[sets], run(wider)[sets]
    np.testing.assert_allclose(padded[:, : alone.shape[1]], alone, atol=1e-6)
    assert not padded[:, alone.shape[1] :].any()


@pytest.mark.slow
def test_the_manifest_says_what_was_written(exported, tokenizer, model):
    folder, manifest = exported
    assert manifest == json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["preset"] == "tiny"
    known = {"vocabulary_sha256": vocabulary_sha256(tokenizer.vocabulary)}
    assert manifest["config"] == {**model.config, **known}
    assert manifest["pooling"] == "MrSw"
    assert manifest["versions"]["keras"] == keras.__version__
    interface = manifest["encoders"]["image_encoder"]
    assert interface["inputs"]["boxes"] == {
        "shape": [None, None, 4],
        "dtype": "float32",
    }
    assert interface["outputs"]["image_embedding"]["shape"] == [None, 8]
    caption = manifest["encoders"]["caption_encoder"]
    assert caption["inputs"]["token_ids"] == {"shape": [None, None], "dtype": "int32"}
    assert caption["outputs"]["word_mask"]["dtype"] == "bool"
    assert [3, 40] in manifest["checked_on"]["image_encoder"]
    assert manifest["tokenizer"]["vocabulary_size"] == len(tokenizer.vocabulary)
    assert {(a["format"], a["encoder"]) for a in manifest["artifacts"]} == {
        (format_name, name)
        for format_name in FORMATS
        for name in (*NAMES, "scorer", "aligner")
    }
    assert {a["variant"] for a in manifest["artifacts"]} == {"float32"}
    assert manifest["scorers"]["scorer"] == {
        "inputs": {
            "region_embeddings": {"shape": [None, None, 8], "dtype": "float32"},
            "word_embeddings": {"shape": [None, None, 8], "dtype": "float32"},
        },
        "outputs": {"similarity": {"shape": [None, None], "dtype": "float32"}},
    }
    assert all(0 <= a["max_abs_error"] < 1e-5 for a in manifest["artifacts"])


def test_sizes_and_hashes_are_those_of_the_files_and_no_file_is_left_out(exported):
    folder, manifest = exported
    listed = dict(manifest["tokenizer"]["files"])
    for artifact in manifest["artifacts"]:
        size = sum((folder / file).stat().st_size for file in artifact["files"])
        assert artifact["bytes"] == size > 1000
        listed |= artifact["files"]
    written = {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes())
        for file in folder.rglob("*")
        if file.is_file() and file.name != "manifest.json"
    }
    assert listed == {name: digest.hexdigest() for name, digest in written.items()}


def test_the_tokeniser_travels_with_the_files(exported, tokenizer):
    beside = CaptionTokenizer.load(exported[0])
    assert beside(CAPTIONS)["token_ids"].tolist() == (
        tokenizer(CAPTIONS)["token_ids"].tolist()
    )


def test_a_saved_model_holds_each_weight_once(exported, model):
    import tensorflow as tf

    weights = exported[0] / "savedmodel/image_encoder/variables/variables"
    shapes = [shape for _, shape in tf.train.list_variables(str(weights)) if shape]
    count = sum(int(np.prod(shape)) for shape in shapes)
    assert count == model.image_encoder.count_params()


def test_onnx_names_its_free_dimensions(exported):
    import onnx

    graph = onnx.load(exported[0] / "onnx/image_encoder.onnx").graph
    regions = next(value for value in graph.input if value.name == "regions")
    sizes = regions.type.tensor_type.shape.dim
    assert [size.dim_param or size.dim_value for size in sizes] == [
        "batch",
        "length",
        8,
    ]


@pytest.mark.slow
def test_a_model_trained_in_bfloat16_goes_out_in_float32(tokenizer, tmp_path):
    half = tiny(dtype="mixed_bfloat16")
    full = in_float32(half)
    assert full.dtype_policy.name == "float32"
    for before, after in zip(half.get_weights(), full.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    manifest = export(half, tokenizer, tmp_path / "out", formats=["onnx"])
    run = open_exported(tmp_path / "out/onnx/caption_encoder.onnx")
    inputs = check_inputs(half.caption_encoder)[3]
    in_full = run_keras(full, "caption_encoder", inputs)["word_embeddings"]
    in_half = run_keras(half, "caption_encoder", inputs)["word_embeddings"]
    found = run(inputs)["word_embeddings"]
    assert np.abs(found - in_full).max() < 1e-5 < np.abs(found - in_half).max()
    assert {artifact["format"] for artifact in manifest["artifacts"]} == {"onnx"}


def test_a_float32_model_is_not_copied(model):
    assert in_float32(model) is model


@pytest.mark.slow
def test_an_error_over_the_tolerance_names_the_file_and_the_number(
    model, tokenizer, tmp_path, converted_by
):
    def with_other_weights(convert, encoder, path):
        weights = encoder.get_weights()
        encoder.set_weights([weight + 0.01 for weight in weights])
        try:
            convert(encoder, path)
        finally:
            encoder.set_weights(weights)

    converted_by(with_other_weights)
    message = r"savedmodel/image_encoder differs from Keras by 0\.\d+ in .* the 0\.0001"
    with pytest.raises(ExportError, match=message):
        export(model, tokenizer, tmp_path / "out", formats=["savedmodel"])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_interrupted_export_leaves_the_earlier_one(
    model, tokenizer, exported, tmp_path, converted_by
):
    converted_by(copy_of(exported))
    out = tmp_path / "out"
    export(model, tokenizer, out, formats=["savedmodel"])
    before = (out / "manifest.json").read_bytes()

    def interrupted(convert, encoder, path):
        if encoder.name == "caption_encoder":
            raise KeyboardInterrupt
        copy_of(exported)(convert, encoder, path)

    converted_by(interrupted)
    with pytest.raises(KeyboardInterrupt):
        export(model, tokenizer, out, formats=["savedmodel"])
    assert (out / "manifest.json").read_bytes() == before
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.slow
def test_an_earlier_export_is_replaced_whole(
    model, tokenizer, exported, tmp_path, converted_by
):
    converted_by(copy_of(exported))
    out = tmp_path / "out"
    export(model, tokenizer, out, formats=["savedmodel"])
    (out / "left.txt").write_text("of the earlier export")
    export(model, tokenizer, out, formats=["savedmodel"], preset="again")
    assert not (out / "left.txt").exists()
    assert json.loads((out / "manifest.json").read_text("utf-8"))["preset"] == "again"
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_of_something_else_is_not_replaced(model, tokenizer, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"no earlier export .*manifest\.json"):
        export(model, tokenizer, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_wrong_requests_are_refused_before_any_work(
    model, tokenizer, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    with pytest.raises(
        ValueError, match="tflite.*choose from savedmodel, litert, onnx"
    ):
        export(model, tokenizer, out, formats=["tflite"])
    with pytest.raises(ValueError, match=r"formats=\(\)"):
        export(model, tokenizer, out, formats=[])
    fewer = tiny(vocabulary_size=5)
    with pytest.raises(ValueError, match=r"has \d+ tokens, the model's table 5 rows"):
        export(fewer, tokenizer, out)
    with monkeypatch.context() as patch:
        patch.setattr(keras.backend, "backend", lambda: "jax")
        with pytest.raises(RuntimeError, match="runs on jax.*KERAS_BACKEND=tensorflow"):
            export(model, tokenizer, out)
    monkeypatch.setattr(export_module.util, "find_spec", lambda module: None)
    with pytest.raises(ModuleNotFoundError, match=r"tf2onnx.*keras-teran\[export\]"):
        export(model, tokenizer, out, formats=["onnx"])
    assert not out.exists()


@each_encoder
def test_an_exported_encoder_names_the_inputs_it_lacks(format_name, encoder, exported):
    run = open_exported(exported[0] / PATHS[format_name].format(encoder))
    assert set(run.inputs) == NAMES[encoder][0]
    with pytest.raises(ValueError, match=f"{encoder}.* takes the inputs .*received"):
        run({"pixels": np.zeros(1)})


def test_what_is_no_exported_encoder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.onnx does not exist"):
        open_exported(tmp_path / "gone.onnx")
    (tmp_path / "model.pt").touch()
    with pytest.raises(ValueError, match=r"model\.pt is no exported encoder"):
        open_exported(tmp_path / "model.pt")


def test_the_table_shows_every_file(exported):
    lines = format_manifest(exported[1]).splitlines()
    assert len(lines) == 1 + 12
    assert lines[1].startswith("savedmodel/image_encoder ")
