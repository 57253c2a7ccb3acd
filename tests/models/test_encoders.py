"""What both encoders promise whoever calls them; oracle: `oracle_encoders`."""

import functools

import numpy as np
import pytest
from keras import ops
from support import oracle_encoders as oracle
from support.pairs import SIZES, batch, caption_inputs, image_inputs

from keras_teran.models._teran import build_model


@functools.cache
def model_of(**changes):
    model = build_model("tiny", **{**SIZES, **changes})
    weights = oracle.drawn_weights(model.trainable_variables)
    oracle.set_weights(model.trainable_variables, weights)
    return model


def outputs_of(encoder, inputs):
    return {name: ops.convert_to_numpy(v) for name, v in encoder(inputs).items()}


def images(**changes):
    return outputs_of(model_of().image_encoder, {**image_inputs(), **changes})


def captions(model=None, **changes):
    encoder = (model or model_of()).caption_encoder
    return outputs_of(encoder, {**caption_inputs(), **changes})


@pytest.mark.seconds
def test_names_shapes_and_types_are_those_of_the_contract():
    model = model_of()
    inputs = [
        {name: (tensor.dtype, tensor.shape) for name, tensor in encoder.input.items()}
        for encoder in (model.image_encoder, model.caption_encoder)
    ]
    assert inputs == [
        {
            "regions": ("float32", (None, None, 6)),
            "boxes": ("float32", (None, None, 4)),
            "region_mask": ("bool", (None, None)),
        },
        {
            "token_ids": ("int32", (None, None)),
            "padding_mask": ("bool", (None, None)),
        },
    ]
    encoded = {**images(), **captions()}
    assert {k: (v.dtype.name, v.shape) for k, v in encoded.items()} == {
        "region_embeddings": ("float32", (6, 5, 12)),
        "image_embedding": ("float32", (6, 12)),
        "word_embeddings": ("float32", (6, 9, 12)),
        "word_mask": ("bool", (6, 9)),
        "caption_embedding": ("float32", (6, 12)),
    }
    assert not set(encoded) & {*inputs[0], *inputs[1]}


@pytest.mark.seconds
def test_outputs_are_float32_under_mixed_bfloat16_too():
    model = model_of(dtype="mixed_bfloat16")
    for name, value in captions(model).items():
        assert value.dtype == (bool if name == "word_mask" else np.float32)
    outputs = outputs_of(model.image_encoder, image_inputs())
    assert {value.dtype.name for value in outputs.values()} == {"float32"}
    lengths = np.linalg.norm(outputs["region_embeddings"], axis=-1)
    np.testing.assert_allclose(lengths, image_inputs()["region_mask"], atol=1e-6)


@pytest.mark.seconds
def test_rows_are_unit_and_zero_where_nothing_is():
    region_lengths = np.linalg.norm(images()["region_embeddings"], axis=-1)
    np.testing.assert_allclose(region_lengths, image_inputs()["region_mask"], atol=1e-6)
    encoded = captions()
    word_lengths = np.linalg.norm(encoded["word_embeddings"], axis=-1)
    np.testing.assert_allclose(word_lengths, encoded["word_mask"], atol=1e-6)
    for vectors in (images()["image_embedding"], encoded["caption_embedding"]):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-6)


def test_the_word_mask_leaves_out_cls_sep_and_padding():
    expected = [
        [0 < position < count - 1 for position in range(9)]
        for count in (9, 4, 3, 6, 5, 7)
    ]
    np.testing.assert_array_equal(captions()["word_mask"], expected)


@pytest.mark.seconds
def test_drop_last_word_leaves_out_one_more_and_changes_no_other_row():
    dropping = build_model("tiny", **SIZES, drop_last_word=True)
    for own, other in zip(
        dropping.trainable_variables, model_of().trainable_variables, strict=True
    ):
        own.assign(other)
    before, after = captions(), captions(dropping)
    expected = [
        [0 < position < count - 2 for position in range(9)]
        for count in (9, 4, 3, 6, 5, 7)
    ]
    np.testing.assert_array_equal(after["word_mask"], expected)
    np.testing.assert_allclose(
        after["word_embeddings"],
        before["word_embeddings"] * after["word_mask"][..., None],
        atol=1e-6,
    )


@pytest.mark.seconds
def test_nothing_that_stands_in_padding_reaches_an_output():
    mask = image_inputs()["region_mask"]
    dirty = np.where(mask[..., None], image_inputs()["regions"], 1e3)
    boxes = np.where(mask[..., None], image_inputs()["boxes"], 7.0)
    for name, value in images(regions=dirty, boxes=boxes).items():
        np.testing.assert_allclose(value, images()[name], atol=1e-5)
    token_ids = np.where(
        caption_inputs()["padding_mask"], caption_inputs()["token_ids"], 9
    )
    for name, value in captions(token_ids=token_ids).items():
        np.testing.assert_allclose(value, captions()[name], atol=1e-5)


@pytest.mark.seconds
def test_wider_padding_changes_no_output():
    wider = {
        name: np.pad(a, ((0, 0), (0, 3)) + ((0, 0),) * (a.ndim - 2))
        for name, a in {**image_inputs(), **caption_inputs()}.items()
    }
    more_images = images(**{name: wider[name] for name in image_inputs()})
    more_captions = captions(**{name: wider[name] for name in caption_inputs()})
    for name, value in {**images(), **captions()}.items():
        more = {**more_images, **more_captions}[name]
        if "embeddings" in name or name == "word_mask":
            assert not more[:, value.shape[1] :].any()
            more = more[:, : value.shape[1]]
        np.testing.assert_allclose(more, value, atol=1e-5, err_msg=name)


def test_the_image_embedding_sees_the_regions_and_the_order_does_not_matter():
    encoded = images()
    assert np.abs(np.diff(encoded["image_embedding"], axis=0)).max() > 0.01
    flipped = {name: a[:1, ::-1] for name, a in image_inputs().items()}
    again = outputs_of(model_of().image_encoder, flipped)
    np.testing.assert_allclose(
        again["image_embedding"], encoded["image_embedding"][:1], atol=1e-5
    )
    np.testing.assert_allclose(
        again["region_embeddings"][:, ::-1], encoded["region_embeddings"][:1], atol=1e-5
    )


@pytest.mark.seconds
@pytest.mark.parametrize(("first", "second"), [(0, 1), (2, 3), (0, 2), (1, 3)])
def test_exchanged_box_coordinates_change_the_embeddings(first, second):
    order = list(range(4))
    order[first], order[second] = second, first
    moved = images(boxes=image_inputs()["boxes"][..., order])
    difference = moved["region_embeddings"] - images()["region_embeddings"]
    assert np.abs(difference).max() > 0.01


def test_the_order_of_the_words_changes_the_embeddings():
    token_ids = caption_inputs()["token_ids"].copy()
    token_ids[0, [2, 3]] = token_ids[0, [3, 2]]
    moved = captions(token_ids=token_ids)["word_embeddings"][0, [3, 2]]
    assert np.abs(moved - captions()["word_embeddings"][0, [2, 3]]).max() > 0.01


@pytest.mark.seconds
def test_an_image_and_a_caption_with_nothing_real_are_finite_and_score_zero():
    nothing = images(region_mask=np.zeros((6, 5), bool))
    silent = captions(padding_mask=np.zeros((6, 9), bool))
    for value in (*nothing.values(), *silent.values()):
        assert np.isfinite(value).all()
    model = model_of()
    assert not np.any(model.similarity(nothing, captions()))
    assert not np.any(model.similarity(images(), silent))
    assert np.any(model.similarity(images(), captions()))


@pytest.mark.seconds
def test_shared_final_layers_are_the_same_weights_in_both_encoders():
    model = build_model("tiny", **SIZES, shared_final_layers=True)
    own = build_model("tiny", **SIZES)
    sides = [
        {id(v) for v in encoder.trainable_variables if "final_block" in v.path}
        for encoder in (model.image_encoder, model.caption_encoder)
    ]
    assert sides[0] == sides[1] and len(sides[0]) == 12
    finals = sum("final_block" in v.path for v in own.trainable_variables)
    assert finals == 24
    assert len(own.trainable_variables) - len(model.trainable_variables) == 12
    before = outputs_of(model.caption_encoder, caption_inputs())["word_embeddings"]
    block = model.image_encoder.get_layer("final_block_0")
    block.feedforward_output.bias.assign(np.arange(12.0))
    after = outputs_of(model.caption_encoder, caption_inputs())["word_embeddings"]
    assert np.abs(before - after).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_encode_equals_direct_calls_for_sets_of_mixed_size(batch_size):
    model = model_of()
    for inputs, direct in ((image_inputs(), images()), (caption_inputs(), captions())):
        encoded = model.encode(inputs, batch_size)
        assert set(encoded) == set(direct)
        for name, value in encoded.items():
            assert isinstance(value, np.ndarray)
            assert value.dtype == direct[name].dtype
            np.testing.assert_allclose(value, direct[name], atol=1e-5, err_msg=name)


@pytest.mark.seconds
def test_encode_finds_real_members_behind_padding():
    flipped = {name: a[:, ::-1] for name, a in image_inputs().items()}
    direct = outputs_of(model_of().image_encoder, flipped)
    encoded = model_of().encode(flipped, batch_size=2)
    np.testing.assert_allclose(
        encoded["region_embeddings"], direct["region_embeddings"], atol=1e-5
    )


def test_encode_of_nothing_keeps_names_and_widths():
    for inputs, names in (
        (image_inputs(), {"region_embeddings": (0, 5, 12), "image_embedding": (0, 12)}),
        (
            caption_inputs(),
            {
                "word_embeddings": (0, 9, 12),
                "word_mask": (0, 9),
                "caption_embedding": (0, 12),
            },
        ),
    ):
        encoded = model_of().encode({name: a[:0] for name, a in inputs.items()})
        assert {name: a.shape for name, a in encoded.items()} == names


def test_encode_refuses_the_keys_of_neither_encoder():
    inputs, _ = batch()
    message = r"inputs has the keys \['boxes', .*for images or \['padding_mask', "
    with pytest.raises(ValueError, match=message):
        model_of().encode(inputs)
