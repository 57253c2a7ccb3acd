"""Checkpoints in the authors' layout, in memory: no PyTorch is needed here."""

import sys

import keras
import numpy as np
import pytest
from support.original_layout import BERT, ROOT, config_with, drawn_checkpoint

from keras_teran.conversion import _to_run as to_run
from keras_teran.conversion import from_checkpoint, from_original
from keras_teran.conversion._settings import teran_arguments
from keras_teran.conversion._weight_names import pairs
from keras_teran.conversion._weights import checkpoint_of
from keras_teran.models._teran import build_model
from keras_teran.text._vocabulary import vocabulary_sha256

SHARED = ("model", "shared-transformer", True)
SECOND = ROOT + "transformer_encoder_2."


def arguments_of(checkpoint):
    return teran_arguments(checkpoint.config, checkpoint.state)


def assert_same(found, expected):
    """The same tensors to the bit, in the same order, and the same words beside."""
    assert list(found.state) == list(expected.state)
    for name, tensor in expected.state.items():
        assert found.state[name].dtype == tensor.dtype, name
        np.testing.assert_array_equal(found.state[name], tensor, err_msg=name)
    assert (found.config, found.about) == (expected.config, expected.about)


def with_second_stack(checkpoint):
    """As a checkpoint with shared layers that holds them under both names."""
    first = {n: t for n, t in checkpoint.state.items() if "transformer_encoder_1" in n}
    for name, tensor in first.items():
        checkpoint.state[name.replace("encoder_1", "encoder_2")] = tensor
    return checkpoint


@pytest.mark.slow
@pytest.mark.parametrize("form", ["two stacks", "shared", "aliased"])
def test_the_round_trip_is_exact_through_a_saved_model(form, tmp_path):
    config = config_with() if form == "two stacks" else config_with(*SHARED)
    checkpoint = drawn_checkpoint(config)
    if form == "aliased":
        checkpoint = with_second_stack(checkpoint)
    assert any(SECOND in name for name in checkpoint.state) == (form != "shared")
    model = from_checkpoint(checkpoint)
    assert_same(checkpoint_of(model), checkpoint)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_same(checkpoint_of(loaded), checkpoint)


@pytest.mark.seconds
def test_training_on_after_conversion_changes_what_comes_back_and_its_aliases():
    model = from_checkpoint(drawn_checkpoint())
    (tokens,) = (
        w for w in model.weights if w.path == "bert_embedding/token/embeddings"
    )
    tokens.assign(tokens + 1.0)
    state = checkpoint_of(model).state
    for name in (f"{BERT}embeddings.word_embeddings", f"{ROOT}txt_enc.word_embeddings"):
        np.testing.assert_array_equal(state[f"{name}.weight"], np.asarray(tokens))


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_every_weight_is_set_once(shared):
    config = config_with(*SHARED) if shared else config_with()
    first, second = (from_checkpoint(drawn_checkpoint(config, s)) for s in (0, 1))
    targets = [pair.ours for pair in pairs(first.config)]
    assert sorted(targets) == sorted({weight.path for weight in first.weights})
    for one, other in zip(first.weights, second.weights, strict=True):
        assert np.all(np.asarray(one) != np.asarray(other)), one.path


def test_the_configuration_decides_the_architecture():
    assert arguments_of(drawn_checkpoint()) == {
        "region_dim": 12,
        "embedding_dim": 8,
        "image_layers": 2,
        "final_layers": 1,
        "heads": 4,
        "feedforward_dim": 2048,
        "dropout": 0.2,
        "vocabulary_size": 30,
        "caption_dim": 16,
        "caption_layers": 2,
        "caption_heads": 4,
        "caption_feedforward_dim": 24,
        "caption_max_length": 20,
        "shared_final_layers": False,
        "pooling": "MrSw",
        "padding": "zero",
        "drop_last_word": True,
    }


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("MwSr", "MwSr"), ("symm", "Symm"), ("scan-sentences", "scan"), ("mean", "mean")],
)
def test_the_alignment_mode_becomes_the_pooling(theirs, ours):
    config = config_with("training", "alignment-mode", theirs)
    assert arguments_of(drawn_checkpoint(config))["pooling"] == ours


@pytest.mark.seconds
def test_the_caption_heads_are_asked_for_where_the_width_does_not_tell():
    wide = drawn_checkpoint(config_with("text-model", "word-dim", 768))
    assert arguments_of(wide)["caption_heads"] == 12
    narrow = drawn_checkpoint()
    assert arguments_of(narrow)["caption_heads"] == 4
    assert from_checkpoint(narrow, caption_heads=8).config["caption_heads"] == 8
    with pytest.raises(ValueError, match="caption_heads=3 does not divide .* 16"):
        from_checkpoint(narrow, caption_heads=3)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("image-model", "pos-encoding", "project-and-sum"),
        ("image-model", "name", "gcn"),
        ("text-model", "name", "gru"),
        ("text-model", "layers", 2),
        ("text-model", "pre-extracted", True),
        ("dataset", "pre-extracted-features", True),
        ("model", "text-aggregation", "sum"),
        ("model", "image-aggregation", "gated"),
        ("model", "exclude-stopwords", True),
        ("training", "measure", "order"),
        ("training", "loss-type", "matching"),
        ("training", "alignment-mode", "max"),
    ],
)
def test_what_is_not_implemented_is_refused_by_key_and_value(section, key, value):
    checkpoint = drawn_checkpoint(config_with(section, key, value))
    message = f"config has {section}: {key}: {value!r}, which is not implemented"
    with pytest.raises(ValueError, match=message):
        from_checkpoint(checkpoint)


def test_a_configuration_that_lacks_a_key_is_refused_by_its_name():
    checkpoint = drawn_checkpoint()
    del checkpoint.config["model"]["embed-size"]
    with pytest.raises(ValueError, match="config lacks model: embed-size"):
        from_checkpoint(checkpoint)


def changed(name, tensor):
    checkpoint = drawn_checkpoint()
    checkpoint.state[name] = tensor
    return checkpoint


def test_missing_and_left_over_tensors_are_listed_by_name():
    checkpoint = changed("img_txt_enc.gate.weight", np.zeros(3, "float32"))
    del checkpoint.state[f"{ROOT}cap_proj.bias"]
    del checkpoint.state[f"{SECOND}layers.0.norm1.weight"]
    message = (
        "lacks: img_txt_enc.cap_proj.bias, "
        "img_txt_enc.transformer_encoder_2.layers.0.norm1.weight; "
        "not used: img_txt_enc.gate.weight"
    )
    with pytest.raises(ValueError, match=message):
        from_checkpoint(checkpoint)


def test_a_second_stack_is_left_over_of_no_layer_that_the_configuration_has():
    name = f"{ROOT}transformer_encoder_1.layers.1.norm1.weight"
    with pytest.raises(ValueError, match=f"lacks: nothing; not used: {name}"):
        from_checkpoint(changed(name, np.zeros(8, "float32")))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tensor", "clash"),
    [
        ("cap_proj.weight", np.zeros((16, 8), "float32"), r"\(16, 8\), not \(8, 16\)"),
        ("img_proj.bias", np.zeros(9, "float32"), r"\(9,\), not \(8,\)"),
        ("img_proj.bias", np.zeros(8, "float16"), "float16, not float32"),
        (
            "txt_enc.bert_model.encoder.layer.0.attention.self.key.bias",
            np.zeros(15, "float32"),
            r"\(15,\), not \(16,\)",
        ),
    ],
)
def test_tensors_of_another_shape_or_type_are_listed_by_name(name, tensor, clash):
    with pytest.raises(ValueError, match=f"{ROOT}{name} is {clash}"):
        from_checkpoint(changed(ROOT + name, tensor))


@pytest.mark.seconds
def test_an_alias_that_is_another_tensor_is_refused():
    name = f"{ROOT}txt_enc.word_embeddings.weight"
    with pytest.raises(ValueError, match=f"{name} differs from {BERT}embeddings.word"):
        from_checkpoint(changed(name, np.zeros((30, 16), "float32")))
    checkpoint = with_second_stack(drawn_checkpoint(config_with(*SHARED)))
    checkpoint.state[f"{SECOND}layers.0.norm1.weight"] = np.zeros(8, "float32")
    with pytest.raises(ValueError, match=f"{SECOND}layers.0.norm1.weight differs from"):
        from_checkpoint(checkpoint)


def test_a_foreign_state_dict_is_refused():
    checkpoint = drawn_checkpoint()
    checkpoint.state.clear()
    checkpoint.state["fc.weight"] = np.zeros((3, 3), "float32")
    with pytest.raises(
        ValueError, match="lacks .*word_embeddings.weight.* not that of"
    ):
        from_checkpoint(checkpoint)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_a_model_that_was_never_a_checkpoint_becomes_one(shared):
    model = build_model(
        "tiny", heads=4, feedforward_dim=2048, shared_final_layers=shared
    )
    checkpoint = checkpoint_of(model)
    again = from_checkpoint(checkpoint)
    for one, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    assert_same(checkpoint_of(again), checkpoint)


@pytest.mark.seconds
def test_an_architecture_that_the_authors_code_cannot_build_is_refused():
    with pytest.raises(ValueError, match="feedforward_dim=128 cannot be written"):
        checkpoint_of(build_model("tiny"))


@pytest.mark.seconds
@pytest.mark.parametrize("missing", [0, 1])
def test_a_run_records_its_vocabulary_which_is_as_large_as_the_table(
    tmp_path, monkeypatch, missing
):
    checkpoint = drawn_checkpoint()
    rows = arguments_of(checkpoint)["vocabulary_size"]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    words = [*special, *(f"word{row}" for row in range(rows - len(special) - missing))]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    (tmp_path / "model.pth").write_bytes(b"read by the stand-in below")
    monkeypatch.setattr(to_run, "read_checkpoint", lambda path: checkpoint)
    arguments = tmp_path / "model.pth", tmp_path / "run"
    if missing:
        says = rf"vocab\.txt .* has {rows - 1} tokens, the model's table {rows} rows"
        with pytest.raises(ValueError, match=says):
            to_run.convert(*arguments)
        assert not (tmp_path / "run").exists()
    else:
        config = to_run.convert(*arguments).config
        assert config["vocabulary_sha256"] == vocabulary_sha256(words)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.pth is missing"):
        from_original(tmp_path / "none.pth")


def test_without_pytorch_the_remedy_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    (tmp_path / "some.pth").write_bytes(b"PK")
    with pytest.raises(ModuleNotFoundError, match=r"pip install keras-teran\[torch\]"):
        from_original(tmp_path / "some.pth")
