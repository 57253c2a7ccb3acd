"""Pixels inside the model on every backend, each against the same plain NumPy."""

import keras
import numpy as np
import pytest
from keras import ops
from support import hub_presets, oracle_scores, oracle_vit, pairs
from support import oracle_encoders as oracle

from keras_teran import build_model

pytestmark = pytest.mark.slow

HEIGHT, WIDTH, PATCH = 16, 32, 8
SIZES = {name: value for name, value in pairs.SIZES.items() if name != "region_dim"}


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vit") / "vit"
    return str(hub_presets.write_preset(folder, hub_presets.vit(HEIGHT, WIDTH)))


def batch():
    """Six pairs; of the pictures the second is half padding, the third a quarter."""
    generator = np.random.default_rng(2)
    pictures = generator.integers(0, 256, (6, HEIGHT, WIDTH, 3), np.uint8)
    pictures[1, PATCH:] = 128
    pictures[2, :, 3 * PATCH :] = 128
    return {"images": pictures, **pairs.caption_inputs()}, pairs.IMAGE_IDS


def drawn_model(preset):
    """A small model with NumPy's weights, and these by their paths."""
    model = build_model("tiny", image_backbone=preset, **SIZES)
    backbone = model.image_encoder.get_layer("image_backbone").weights
    variables = [*model.trainable_variables, *backbone]
    weights = oracle.drawn_weights(variables)
    oracle.set_weights(variables, weights)
    return model, weights


def in_regions(weights, inputs):
    """The batch as a model of regions takes it: each patch a region."""
    precise = {path: value.astype(float) for path, value in weights.items()}
    vit = {"patch_size": PATCH, "num_heads": 2, "num_layers": 1}
    regions = [
        oracle_vit.patches(precise, vit, pixels / 127.5 - 1)
        for pixels in inputs["images"]
    ]
    cells = [(y, x) for y in range(HEIGHT // PATCH) for x in range(WIDTH // PATCH)]
    boxes = [[x / 4, y / 2, (x + 1) / 4, (y + 1) / 2] for y, x in cells]
    mask = [
        [
            (p[y * PATCH : (y + 1) * PATCH, x * PATCH : (x + 1) * PATCH] != 128).any()
            for y, x in cells
        ]
        for p in inputs["images"]
    ]
    captions = {name: inputs[name] for name in ("token_ids", "padding_mask")}
    return {
        "regions": np.array(regions),
        "boxes": np.tile(np.array(boxes), (len(mask), 1, 1)),
        "region_mask": np.array(mask),
        **captions,
    }


@pytest.mark.slow
def test_pictures_and_their_similarity_equal_plain_numpy(preset):
    model, weights = drawn_model(preset)
    inputs, _ = batch()
    as_regions = in_regions(weights, inputs)
    assert as_regions["region_mask"].sum(1).tolist() == [8, 4, 6, 8, 8, 8]
    expected = oracle.encode(weights, model.config, as_regions)
    images = model.encode({"images": inputs["images"]})
    for name, value in images.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5, err_msg=name)
    captions = {name: inputs[name] for name in ("token_ids", "padding_mask")}
    found = model.similarity(images, model.encode(captions))
    scores = oracle_scores.scores(
        expected["region_embeddings"], expected["word_embeddings"], model.pooling
    )
    assert np.ptp(scores) > 0.1
    np.testing.assert_allclose(ops.convert_to_numpy(found), scores, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("trainable", [False, True])
def test_a_step_of_training_moves_the_backbone_where_it_is_told(preset, trainable):
    model = build_model(
        "tiny", image_backbone=preset, image_trainable=trainable, **SIZES
    )
    model.compile(keras.optimizers.SGD(1.0))
    inputs, image_ids = batch()
    backbone = model.image_encoder.get_layer("image_backbone")
    before = [ops.convert_to_numpy(w).copy() for w in backbone.weights]
    head = model.image_encoder.get_layer("image_encoder").get_layer("image_projection")
    projection = ops.convert_to_numpy(head.kernel).copy()
    logs = model.train_on_batch(inputs, image_ids, return_dict=True)
    assert np.isfinite(float(logs["loss"]))
    after = [ops.convert_to_numpy(w) for w in backbone.weights]
    moved = max(np.abs(a - b).max() for a, b in zip(before, after, strict=True))
    assert (moved > 0) == trainable
    assert np.abs(ops.convert_to_numpy(head.kernel) - projection).max() > 0
