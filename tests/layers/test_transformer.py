"""The layers, each by what it promises; their sums are held by `oracle_encoders`."""

import keras
import numpy as np
import pytest
from keras import ops
from support import oracle_encoders as oracle

from keras_teran.layers._transformer import (
    BertEmbedding,
    BoxFusion,
    TransformerBlock,
    exact_gelu,
    linear_initializer,
    prepend_slot,
    unit_rows,
    word_positions,
)

GENERATOR = np.random.default_rng(0)
ROWS = GENERATOR.normal(size=(3, 5, 8)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], bool)


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def drawn(layer):
    """The layer with NumPy's weights, and these by path within it."""
    weights = oracle.drawn_weights(layer.trainable_variables)
    oracle.set_weights(layer.trainable_variables, weights)
    return {path: value.astype(float) for path, value in weights.items()}


def block(**changes):
    layer = TransformerBlock(2, 16, **{"dropout": 0.0, "name": "block", **changes})
    layer(ROWS, MASK)
    return layer


@pytest.mark.parametrize("bert", [False, True])
def test_a_block_equals_plain_numpy_over_the_real_rows_alone(bert):
    changes = {"activation": "gelu", "epsilon": 1e-12} if bert else {}
    layer = block(**changes)
    weights = drawn(layer)
    output = numpy(layer(ROWS, MASK))
    for row in range(2):
        real = ROWS[row, MASK[row]].astype(float)
        expected = oracle.block(weights, "block", real, heads=2, bert=bert)
        np.testing.assert_allclose(output[row, MASK[row]], expected, atol=1e-5)


@pytest.mark.seconds
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_block_is_finite_where_nothing_is_real(dtype):
    assert np.isfinite(numpy(ops.cast(block(dtype=dtype)(ROWS, MASK), "float32"))).all()


def test_a_block_drops_in_training_only():
    layer = block(dropout=0.5, feedforward_dropout=0.5)
    still = numpy(layer(ROWS, MASK))
    np.testing.assert_array_equal(still, numpy(layer(ROWS, MASK, training=False)))
    assert np.abs(still - numpy(layer(ROWS, MASK, training=True))).max() > 0.01


@pytest.mark.parametrize("part", ["dropout", "feedforward_dropout"])
def test_each_dropout_rate_has_its_effect(part):
    layer = block(**{"dropout": 0.0, "feedforward_dropout": 0.0, part: 0.5})
    moved = numpy(layer(ROWS, MASK, training=True)) - numpy(layer(ROWS, MASK))
    assert np.abs(moved).max() > 0.01


@pytest.mark.parametrize(
    "layer",
    [
        TransformerBlock(2, 16, "gelu", 0.2, 0.3, 1e-9, "he_normal", name="b"),
        TransformerBlock(4, 8),
        BertEmbedding(7, 8, 9, dropout=0.4, name="e"),
        BoxFusion(name="f", dtype="mixed_bfloat16"),
    ],
)
def test_a_layer_comes_back_from_its_config(layer):
    config = layer.get_config()
    assert type(layer).from_config(config).get_config() == config


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="heads=3 does not divide the width 8"):
        TransformerBlock(3, 16)(ROWS, MASK)


def test_the_gelu_is_the_exact_one():
    values = np.linspace(-6, 6, 101)
    expected = values * (1 + oracle.erf(values / 2**0.5)) / 2
    output = numpy(exact_gelu(ops.convert_to_tensor(values.astype("float32"))))
    np.testing.assert_allclose(output, expected, atol=1e-6)
    tanh = numpy(keras.activations.gelu(values.astype("float32"), approximate=True))
    assert np.abs(tanh - output).max() > 1e-4


def test_a_box_is_told_by_its_corners_and_its_area_in_this_order():
    layer = BoxFusion(name="box_fusion")
    boxes = np.array([[[0.1, 0.2, 0.5, 0.9], [0, 0, 1, 1]]], "float32")
    regions = ROWS[:1, :2]
    layer(regions, boxes)
    kernel = np.zeros((13, 8), "float32")
    kernel[8:, :5] = np.eye(5)  # what follows the region goes through as it is
    layer.inner.kernel.assign(kernel)
    layer.outer.kernel.assign(np.eye(8))
    output = numpy(layer(regions, boxes))[0, :, :5]
    # x0 y0 x1 y1 and (0.5 - 0.1) * (0.9 - 0.2)
    expected = [[0.1, 0.2, 0.5, 0.9, 0.4 * 0.7], [0, 0, 1, 1, 1]]
    np.testing.assert_allclose(output, expected, atol=1e-6)


def test_an_empty_slot_becomes_the_same_learned_vector_everywhere():
    layer = BoxFusion(name="box_fusion")
    empty = np.zeros((2, 1, 8), "float32"), np.zeros((2, 1, 4), "float32")
    layer(*empty)
    weights = drawn(layer)
    inner = weights["box_fusion/inner/bias"].clip(0)
    expected = oracle.dense(weights, "box_fusion/outer", inner)
    np.testing.assert_allclose(numpy(layer(*empty))[:, 0], [expected] * 2, atol=1e-6)


def test_a_slot_of_zeros_comes_first():
    output = numpy(prepend_slot(ROWS))
    assert output.shape == (3, 6, 8) and not output[:, 0].any()
    np.testing.assert_array_equal(output[:, 1:], ROWS)
    mask = numpy(prepend_slot(MASK))
    assert mask.dtype == bool and not mask[:, 0].any()
    np.testing.assert_array_equal(mask[:, 1:], MASK)


def test_rows_are_of_unit_length_and_zero_where_masked():
    rows = ROWS * 1e-3
    output = numpy(unit_rows(rows, MASK))
    np.testing.assert_allclose(np.linalg.norm(output, axis=-1), MASK, atol=1e-6)
    expected = rows[0] / np.linalg.norm(rows[0], axis=-1, keepdims=True)
    np.testing.assert_allclose(output[0], expected, atol=1e-6)
    without_mask = np.linalg.norm(numpy(unit_rows(rows)), axis=-1)
    np.testing.assert_allclose(without_mask, 1, atol=1e-6)


def test_unit_rows_are_float32_and_finite_for_a_row_of_zeros():
    output = unit_rows(ops.zeros((2, 3), "bfloat16"))
    assert keras.backend.standardize_dtype(output.dtype) == "float32"
    assert not numpy(output).any()


@pytest.mark.parametrize(
    ("real", "drop_last_word", "words"),
    [
        ("11111", False, "01110"),
        ("11110", False, "01100"),
        ("11100", False, "01000"),
        ("11000", False, "00000"),  # [CLS] and [SEP] alone
        ("10000", False, "00000"),
        ("00000", False, "00000"),
        ("11111", True, "01100"),
        ("11110", True, "01000"),
        ("11100", True, "00000"),
        ("11000", True, "00000"),
        ("00000", True, "00000"),
        ("01101", False, "00100"),  # by position among the real ones
    ],
)
def test_words_are_the_real_positions_without_first_and_last(
    real, drop_last_word, words
):
    mask = np.array([[c == "1" for c in real]])
    output = numpy(word_positions(mask, drop_last_word))
    assert output.dtype == bool
    assert "".join("01"[int(c)] for c in output[0]) == words


def test_token_position_and_segment_are_added_and_normalised():
    layer = BertEmbedding(7, 8, max_length=6, name="bert_embedding")
    token_ids = np.array([[2, 5, 0, 1], [6, 6, 6, 6]])
    layer(token_ids)
    weights = drawn(layer)
    output = numpy(layer(token_ids))
    config = {"caption_layers": 0}
    for row in range(2):
        expected = oracle.bert(weights, config, token_ids[row])
        np.testing.assert_allclose(output[row], expected, atol=1e-5)


def test_more_tokens_than_positions_are_refused():
    layer = BertEmbedding(7, 8, max_length=4)
    message = r"shape \(1, 5\) are longer than the 4 positions .*max_length=4"
    with pytest.raises(ValueError, match=message):
        layer(np.zeros((1, 5), "int32"))


def test_linear_layers_start_as_those_of_pytorch():
    drawn_values = numpy(linear_initializer()((400, 100)))
    # uniform in +-1/sqrt(400), whose deviation is that over sqrt(3)
    assert 0.0499 < np.abs(drawn_values).max() <= 0.05
    assert drawn_values.std() == pytest.approx(0.05 / 3**0.5, rel=0.02)
