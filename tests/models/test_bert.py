"""Pretrained BERT weights: each copied once, to the hidden states of KerasHub."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from support.pairs import SIZES, caption_inputs

from keras_teran.models._bert import (
    copy_weights,
    load_backbone,
    vocabulary_of,
)
from keras_teran.models._teran import build_model
from keras_teran.text._tokenizer import CaptionTokenizer

keras_hub = pytest.importorskip("keras_hub")

BERT = {
    "vocabulary_size": 30,
    "num_layers": 3,
    "num_heads": 4,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "max_sequence_length": 16,
}


def backbone(seed=0, **changes):
    """A small BERT with random numbers everywhere, biases and norms too."""
    bert = keras_hub.models.BertBackbone(**{**BERT, **changes})
    generator = np.random.default_rng(seed)
    for variable in bert.weights:
        drawn = generator.normal(size=variable.shape) * 0.3
        variable.assign(drawn + ("gamma" in variable.path))
    return bert


def model_with(bert, **changes):
    changes = {"caption_layers": 3, **changes}
    widths = {name: SIZES[name] for name in ("region_dim", "embedding_dim", "heads")}
    return build_model("tiny", caption_backbone=bert, **widths, **changes)


def hidden_states(model, inputs, layer):
    """Those of the caption encoder after a BERT layer."""
    encoder = model.caption_encoder
    outputs = encoder.get_layer(f"bert_block_{layer}").output
    return keras.Model(encoder.inputs, outputs)(inputs)


def hub_states(bert, inputs):
    mask = inputs["padding_mask"]
    return bert(
        {
            "token_ids": inputs["token_ids"],
            "padding_mask": mask.astype("int32"),
            "segment_ids": np.zeros(mask.shape, "int32"),
        }
    )["sequence_output"]


def exact_gelu(bert):
    """KerasHub's BERT with the exact GELU, which it has no argument for."""
    for index in range(bert.num_layers):
        layer = bert.get_layer(f"transformer_layer_{index}")
        dense = layer._feedforward_intermediate_dense
        assert "gelu" in dense.activation.__name__
        dense.activation = lambda x: keras.activations.gelu(x, approximate=False)
    return bert


def difference(ours, theirs, inputs):
    real = inputs["padding_mask"]
    return np.abs(np.asarray(ours)[real] - np.asarray(theirs)[real]).max()


@pytest.mark.seconds
def test_hidden_states_equal_those_of_kerashub_with_the_exact_gelu():
    bert, inputs = exact_gelu(backbone()), caption_inputs()
    ours = hidden_states(model_with(bert), inputs, layer=2)
    assert difference(ours, hub_states(bert, inputs), inputs) < 5e-6


@pytest.mark.seconds
def test_kerashub_itself_is_off_by_its_approximate_gelu_and_no_more():
    bert, inputs = backbone(), caption_inputs()
    ours = hidden_states(model_with(bert), inputs, layer=2)
    assert 1e-5 < difference(ours, hub_states(bert, inputs), inputs) < 2e-2


@pytest.mark.seconds
def test_a_cut_backbone_gives_the_hidden_states_of_its_first_layers():
    deep, inputs = exact_gelu(backbone()), caption_inputs()
    cut = exact_gelu(backbone(num_layers=2))
    for variable, source in zip(
        cut.weights,
        [v for v in deep.weights if "transformer_layer_2" not in v.path],
        strict=True,
    ):
        assert variable.path == source.path
        variable.assign(source)
    model = model_with(deep, caption_layers=2)
    assert model.config["caption_layers"] == 2
    ours = hidden_states(model, inputs, layer=1)
    assert difference(ours, hub_states(cut, inputs), inputs) < 5e-6


@pytest.mark.seconds
def test_sizes_come_from_the_backbone_and_depth_from_the_preset():
    config = build_model("tiny", caption_backbone=backbone()).config
    assert config["caption_layers"] == 2  # the preset's, of the backbone's three
    assert config["vocabulary_size"] == 30
    assert (config["caption_dim"], config["caption_heads"]) == (8, 4)
    assert config["caption_feedforward_dim"] == config["caption_max_length"] == 16


@pytest.mark.seconds
def test_a_backbone_shallower_than_the_preset_is_taken_whole():
    model = build_model("tiny", caption_backbone=backbone(num_layers=1))
    assert model.config["caption_layers"] == 1


@pytest.mark.seconds
def test_every_weight_of_the_bert_is_set_and_none_of_the_rest():
    model = model_with(backbone(seed=1))
    fresh = model_with(backbone(seed=2))
    variables = zip(model.trainable_variables, fresh.trainable_variables, strict=True)
    for ours, other in variables:
        same_everywhere = np.allclose(ours, other, atol=1e-6)
        constant = ours.path.split("/")[-1] in ("bias", "gamma", "beta")
        if ours.path.startswith("bert_"):
            assert not same_everywhere, ours.path
        else:
            assert same_everywhere == constant or "query_key" in ours.path, ours.path


def renamed(bert, old, new):
    """The backbone, one of whose weights has another path."""

    class Renamed:
        def __init__(self, variable):
            self.path = variable.path.replace(old, new)
            self._variable = variable

        def __array__(self, dtype=None, copy=None):
            return np.asarray(self._variable, dtype)

    return SimpleNamespace(weights=[Renamed(variable) for variable in bert.weights])


@pytest.mark.seconds
def test_a_weight_that_is_missing_and_one_left_over_are_named():
    encoder = model_with(backbone()).caption_encoder
    bert = renamed(backbone(), "layer_1/feedforward_output_dense/bias", "layer_1/odd")
    message = (
        "lacks: transformer_layer_1/feedforward_output_dense/bias; not set, .*"
        r"bert_block_1/feedforward_output/bias \(8,\); "
        "not used: transformer_layer_1/odd"
    )
    with pytest.raises(ValueError, match=message):
        copy_weights(bert, encoder)


@pytest.mark.seconds
def test_a_weight_that_is_left_over_is_refused_even_where_none_is_missing():
    extra = keras.Variable(np.zeros(3), name="adapter")
    source = SimpleNamespace(weights=[*backbone().weights, extra])
    message = "lacks: nothing; not set, .* shape: none; not used: adapter"
    with pytest.raises(ValueError, match=message):
        copy_weights(source, model_with(backbone()).caption_encoder)


@pytest.mark.seconds
def test_a_backbone_with_fewer_layers_than_the_encoder_is_refused_by_name():
    encoder = model_with(backbone()).caption_encoder
    before = [np.asarray(v) for v in encoder.weights]
    message = "lacks: transformer_layer_2/self_attention_layer/query/kernel, .*"
    with pytest.raises(ValueError, match=message):
        copy_weights(backbone(num_layers=2), encoder)
    for value, variable in zip(before, encoder.weights, strict=True):
        np.testing.assert_array_equal(value, variable)


@pytest.mark.seconds
def test_a_weight_of_another_shape_is_named_with_the_shape_it_should_have():
    encoder = model_with(backbone()).caption_encoder
    message = (
        r"of that shape: bert_embedding/token/embeddings \(30, 8\); not used: none"
    )
    with pytest.raises(ValueError, match=message):
        copy_weights(backbone(vocabulary_size=31), encoder)


@pytest.mark.seconds
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"caption_layers": 4}, "caption_layers=4, but the backbone has 3"),
        (
            {"caption_dim": 64},
            "caption_dim=64 contradicts the caption_backbone, .* is 8",
        ),
    ],
)
def test_changes_that_contradict_the_backbone_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        build_model("tiny", caption_backbone=backbone(), **changes)


def test_what_is_no_bert_is_refused(tmp_path):
    with pytest.raises(ValueError, match="caption_backbone is a Sequential; .* a BERT"):
        build_model("tiny", caption_backbone=keras.Sequential())
    missing = tmp_path / "none"
    with pytest.raises(ValueError, match="caption_backbone='.*none' cannot be loaded"):
        load_backbone(missing)


@pytest.mark.seconds
def test_a_saved_backbone_folder_is_loaded_by_its_path(tmp_path):
    bert = exact_gelu(backbone())
    bert.save_to_preset(str(tmp_path))
    inputs = caption_inputs()
    ours = hidden_states(model_with(str(tmp_path)), inputs, layer=2)
    assert difference(ours, hub_states(bert, inputs), inputs) < 5e-6


@pytest.mark.parametrize(
    "source, says",
    [
        ("../../none", "caption_backbone='../../none' cannot be loaded: "),
        (5, "caption_backbone must name a preset or folder; received 5"),
    ],
)
def test_a_vocabulary_that_cannot_be_found_is_named_in_one_line(source, says):
    with pytest.raises(ValueError, match=says) as raised:
        vocabulary_of(source)
    assert "\n" not in str(raised.value)


def test_the_vocabulary_of_a_folder_is_read_with_its_case(tmp_path):
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "Dog"]
    CaptionTokenizer(vocabulary, lowercase=False).save(tmp_path)
    found = vocabulary_of(tmp_path)
    assert (found.vocabulary, found.lowercase) == (vocabulary, False)
