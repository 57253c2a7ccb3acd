"""`model.keras` files that are damaged, swapped or made to harm."""

import copy
from pathlib import Path

import keras
import numpy as np
import pytest
from support.hostile_rows import Row, check_row, parametrize
from support.model_files import (
    RUNS,
    added,
    argument,
    compressed,
    dropped,
    elsewhere,
    filled,
    flat_fill,
    inside,
    linked,
    looped,
    members,
    named,
    packed_zeros,
    reshaped,
    run_of,
    sequential,
    set_token,
    texts,
    whole,
    with_config,
    with_weights,
    without,
)
from support.search_index import write_run
from support.tiny_models import SIZES, tiny

from keras_teran.models._model_file import _Sizes, least_weights, load_model
from keras_teran.run import LAST_FILE, MODEL_FILE, save_model


@pytest.fixture(scope="module", autouse=True)
def runs(tmp_path_factory):
    """One RUN for all rows; what a row damages is a copy of its model's file."""
    RUNS[:] = [write_run(tmp_path_factory.mktemp("run") / "run")]
    members.cache_clear()


FOREIGN = "which no model of this package holds; nothing was loaded"
ABSENT = "is no model of Keras, or damaged: it has no"
LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {"function": {"class_name": "__lambda__", "config": {"value": "4wE="}}},
}
ROWS = [
    Row("model: config.json missing", dropped("config.json"), f"{ABSENT} config.json"),
    Row(
        "model: weights missing", dropped("model.weights.h5"), f"{ABSENT} model.weights"
    ),
    Row(
        "model: config.json a list", with_config(lambda _: [1, 2]), "describes no model"
    ),
    Row(
        "model: config.json a text",
        with_config(lambda _: "Teran"),
        "describes no model",
    ),
    Row(
        "model: config a list",
        with_config(lambda described: described.update(config=[])),
        "describes no model",
    ),
    Row(
        "model: config.json empty",
        added("config.json", b""),
        "holds 'config.json' twice",
    ),
    Row(
        "model: config.json no JSON",
        lambda folder: run_of(folder, members() | {"config.json": b"{'a': 1}"}),
        "config.json is not JSON",
    ),
    Row(
        "model: config.json not UTF-8",
        lambda folder: run_of(folder, members() | {"config.json": b"\xff{}"}),
        "config.json is not UTF-8",
    ),
    Row(
        "model: config.json deep",
        lambda folder: run_of(folder, members() | {"config.json": b"[" * 10**5}),
        "nested too deep",
    ),
    Row(
        "model: module os, class system",
        named("os", "system", "touch PWNED_os"),
        "describes no model",
    ),
    Row(
        "model: module os, class system, a dict",
        named("os", "system", {"command": "touch PWNED_os"}),
        f"names 'os' 'system', {FOREIGN}",
    ),
    Row(
        "model: module subprocess Popen",
        named("subprocess", "Popen", {"args": ["touch", "PWNED"]}),
        f"names 'subprocess' 'Popen', {FOREIGN}",
    ),
    Row(
        "model: builtins eval function",
        named("builtins", "function", {}, registered_name="eval"),
        f"names 'builtins' 'function', {FOREIGN}",
    ),
    Row(
        "model: eval inside",
        inside({"module": "builtins", "class_name": "function", "config": "eval"}),
        f"names 'builtins' 'function', {FOREIGN}",
    ),
    Row(
        "model: a Lambda inside", inside(LAMBDA), f"'keras.layers' 'Lambda', {FOREIGN}"
    ),
    Row(
        "model: a lambda inside",
        inside(LAMBDA["config"]["function"]),
        f"names None '__lambda__', {FOREIGN}",
    ),
    Row(
        "model: a SavedModel inside",
        inside({"module": "keras.layers", "class_name": "TFSMLayer", "config": {}}),
        f"'TFSMLayer', {FOREIGN}",
    ),
    Row(
        "model: a class that is a list",
        named("keras", ["Dense"], {}),
        f"names 'keras' \\['Dense'\\], {FOREIGN}",
    ),
    Row(
        "model: an ordinary Sequential, no Teran",
        with_config(sequential),
        "holds a 'Sequential', not a Teran; give a file that `keras-teran train` wrote",
    ),
    Row(
        "model: unknown class",
        named(
            "keras_teran.models._teran", "Nope", {}, registered_name="keras_teran>Nope"
        ),
        "holds a 'Nope', not a Teran",
    ),
    Row(
        "model: unknown class inside",
        inside({"module": "keras.nowhere", "class_name": "Nope", "config": {}}),
        "cannot be loaded: ",
    ),
    Row("model: an unknown argument", argument("foo", 1), "cannot be loaded: .*'foo'"),
    Row(
        "model: layers 1000000",
        argument("caption_layers", 10**6),
        "caption_layers .*10000",
    ),
    Row(
        "model: layers 5000",
        argument("caption_layers", 5000),
        "config.json asks for 5,002 layers: they do not belong",
    ),
    Row(
        "model: width 10**9",
        argument("embedding_dim", 10**9),
        "embedding_dim .*received",
    ),
    Row("model: width 100000", argument("embedding_dim", 10**5), "asks for .* or more"),
    Row(
        "model: width negative", argument("region_dim", -8), "region_dim .*received -8"
    ),
    Row(
        "model: width a text", argument("region_dim", "8"), "region_dim .*received '8'"
    ),
    Row(
        "model: width true", argument("region_dim", True), "region_dim .*received True"
    ),
    Row(
        "model: width null",
        argument("caption_dim", None),
        "caption_dim .*received None",
    ),
    Row(
        "model: a backbone of a million layers",
        argument("image_backbone", {"encoder": {"config": {"num_layers": 10**6}}}),
        "image_backbone asks for num_layers=1000000, which the",
    ),
    Row(
        "model: a backbone 10**9 wide",
        argument("image_backbone", {"encoder": {"config": {"hidden_dim": 10**9}}}),
        "image_backbone asks for hidden_dim=1000000000",
    ),
    Row(
        "model: a backbone without parts",
        argument("image_backbone", {}),
        "cannot be loaded",
    ),
    Row(
        "model: a backbone a text",
        argument("image_backbone", "vit"),
        "image_backbone .*'vit'",
    ),
    Row(
        "weights: NaN",
        set_token(np.nan),
        "bert_embedding/token/embeddings holds a number",
    ),
    Row(
        "weights: infinite",
        set_token(-np.inf),
        "token/embeddings holds a number that is N",
    ),
    Row(
        "weights: 4 TB of fill value",
        with_weights(filled),
        "declares 4,000,000,000,000 byt",
    ),
    Row(
        "weights: a few bytes of fill value",
        with_weights(flat_fill),
        "6,400 bytes and holds 0",
    ),
    Row(
        "weights: compressed",
        with_weights(compressed),
        "declares 64,000,000 bytes and holds",
    ),
    Row("weights: in another file", with_weights(linked), "is a link to elsewhere"),
    Row("weights: a loop", with_weights(looped), "is a link to elsewhere"),
    Row(
        "weights: of a file of the system",
        with_weights(elsewhere),
        "lies in another file",
    ),
    Row("weights: texts", with_weights(texts), "holds .S1, no plain numbers"),
    Row(
        "weights: of another shape", with_weights(reshaped), "cannot be loaded: .*token"
    ),
    Row(
        "weights: a weight of the model missing (retest)",
        without("caption_encoder/layers/transformer_block/attention_output/vars/1"),
        "cannot be loaded: .*attention_output.*expected 2 variables, but received 1",
    ),
    Row(
        "weights: a layer missing",
        without("image_encoder/layers/box_fusion"),
        "cannot be l",
    ),
    Row(
        "weights: an encoder missing",
        without("image_encoder"),
        "cannot be loaded: it lacks a part of its model: .*image_encoder",
    ),
    Row(
        "weights: not HDF5",
        lambda folder: run_of(folder, members() | {"model.weights.h5": b"abc"}),
        "model.weights.h5 is damaged",
    ),
    Row(
        "weights: truncated HDF5",
        lambda folder: run_of(
            folder,
            members() | {"model.weights.h5": members()["model.weights.h5"][:50_000]},
        ),
        "model.weights.h5 is damaged",
    ),
    Row(
        "archive: truncated",
        whole(lambda content: content[:60_000]),
        "or damaged: File is",
    ),
    Row(
        "archive: empty", whole(lambda content: b""), "is no model of Keras, or damaged"
    ),
    Row(
        "archive: an HDF5 file",
        whole(lambda content: members()["model.weights.h5"]),
        "is no model of Keras, or damaged",
    ),
    Row(
        "archive: a stranger",
        added("../evil.py", b"1"),
        "'../evil.py', which is no part",
    ),
    Row(
        "archive: weights twice",
        added("model.weights.h5", b""),
        "model.weights.h5' twice",
    ),
    Row(
        "archive: a bomb", packed_zeros, "weights.h5 unpacks to 134,217,728 bytes, over"
    ),
    Row(
        "archive: a long config.json",
        lambda folder: run_of(folder, members() | {"config.json": b" " * 2**24}),
        "config.json unpacks to 16,777,216 bytes",
    ),
    Row(
        "archive: a pickle beside the weights",
        added("assets/carried.npz", b"\x80\x04."),
        "cannot be loaded: .*carried.npz is no .npz file",
    ),
]


@pytest.mark.slow
@parametrize(ROWS)
def test_a_model_file_that_is_none_is_one_line(row, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where a command would leave its trace
    check_row(row, tmp_path, capsys)


@pytest.mark.seconds
@pytest.mark.parametrize("name", ["a Lambda inside", "module os, class system, a dict"])
def test_other_commands_refuse_it_too_before_they_load_anything(
    name, tmp_path, capsys, monkeypatch
):
    (row,) = (row for row in ROWS if row.input == f"model: {name}")

    def build(folder):
        _, run, *_ = row.build(folder)
        return ["evaluate", run]

    monkeypatch.chdir(tmp_path)
    check_row(Row(row.input, build, row.says), tmp_path, capsys)


def test_a_training_does_not_go_on_from_a_foreign_file(tmp_path):
    path = tmp_path / LAST_FILE
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]).save(path)
    with pytest.raises(ValueError, match="holds a 'Sequential', not a Teran"):
        load_model(path, compile=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [{}, {"shared_final_layers": True}, {"context_dim": 4, "pooling_head": True}],
)
def test_no_model_of_ours_has_fewer_weights_than_its_sizes_say(changes, tmp_path):
    model = tiny(**changes)
    least = least_weights(_Sizes(**model.config))
    assert least <= model.count_params()
    if "context_dim" not in changes:
        assert least == model.count_params()
    save_model(model, tmp_path / "model.keras", include_optimizer=False)
    again = load_model(tmp_path / "model.keras")
    for one, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.slow
def test_a_model_with_an_optimizer_goes_on_where_it_stood(tmp_path):
    model = tiny(dtype="mixed_bfloat16")
    model.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(1e-3, 9))
    )
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(7)
    save_model(model, tmp_path / LAST_FILE, include_optimizer=True)
    again = load_model(tmp_path / LAST_FILE, compile=True)
    assert int(again.optimizer.iterations) == 7
    assert again.config == model.config and Path(tmp_path / LAST_FILE).is_file()


@pytest.mark.seconds
def test_the_rows_start_from_a_model_that_loads():
    assert load_model(RUNS[0] / MODEL_FILE).config["region_dim"] == SIZES["region_dim"]
    assert copy.copy(members()).keys() >= {"config.json", "model.weights.h5"}
