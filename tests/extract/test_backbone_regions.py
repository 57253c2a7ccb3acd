"""Patches of KerasHub backbones as regions, from presets written by the tests."""

import json

import keras
import numpy as np
import pytest
from support import hub_presets
from support.colour_files import write_pictures
from support.hub_presets import SIDE, write_preset

from keras_teran.cli.main import main
from keras_teran.data._packed_store import PackedRegions
from keras_teran.extract._opening import open_extractor, reopen_extractor
from keras_teran.vision._areas import pool
from keras_teran.vision._fitting import fit

KINDS = ("vit", "dinov2", "dinov3", "siglip", "clip", "resnet")


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    root = tmp_path_factory.mktemp("presets")
    keras.utils.set_random_seed(0)
    made = {name: getattr(hub_presets, name)() for name in KINDS}
    for name, backbone in made.items():
        write_preset(root / name, backbone)
    return root, made


def noise(height=SIDE, width=SIDE):
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_region_is_the_patch_at_its_box(presets, kind):
    """Other pixels in one patch move that region's features the most.

    Attention of random weights can move another more, so a quarter may miss; of patches
    in another order, or shifted by a token, nearly all would.
    """
    extractor = open_extractor(presets[0] / kind)
    assert extractor.input_size == (SIDE, SIDE)
    before = noise()
    ((features, boxes),) = extractor.extract([fit(before, SIDE, SIDE)])
    side = 8 if kind != "resnet" else 16
    assert features.shape == ((SIDE // side) ** 2, extractor.region_dim)
    assert len(features) == extractor.max_regions
    hits = 0
    for region, box in enumerate(boxes):
        x0, y0, x1, y1 = (box * SIDE).astype(int)
        after = before.copy()
        after[y0:y1, x0:x1] = 255 - after[y0:y1, x0:x1]
        ((moved, _),) = extractor.extract([fit(after, SIDE, SIDE)])
        hits += np.square(moved - features).sum(1).argmax() == region
    assert hits >= 0.75 * len(boxes)


@pytest.mark.seconds
def test_features_are_the_backbones_own_of_prepared_pixels(presets):
    root, made = presets
    ((features, _),) = open_extractor(root / "vit").extract([fit(noise(), SIDE, SIDE)])
    prepared = noise()[None] / np.float32(127.5) - 1
    expected = np.asarray(made["vit"](prepared))[0, 1:]  # behind the class token
    np.testing.assert_allclose(features, expected, atol=1e-5)


@pytest.mark.seconds
def test_patches_lie_on_a_grid_that_is_no_square(tmp_path):
    """16 × 32 pixels: two rows of four patches, behind the class token."""
    vit = hub_presets.vit(SIDE // 2, SIDE)
    write_preset(tmp_path / "wide", vit)
    extractor = open_extractor(tmp_path / "wide")
    assert extractor.input_size == (SIDE // 2, SIDE)
    picture = fit(noise(SIDE // 2), SIDE // 2, SIDE)
    ((features, boxes),) = extractor.extract([picture])
    expected = np.asarray(vit(noise(SIDE // 2)[None] / np.float32(127.5) - 1))[0, 1:]
    np.testing.assert_allclose(features, expected, atol=1e-5)
    assert boxes[5].tolist() == [0.25, 0.5, 0.5, 1]


@pytest.mark.seconds
def test_weights_tell_extractors_apart(presets, tmp_path):
    """The last weight of all is another by a little: so is the identity."""
    _, made = presets
    vit = hub_presets.vit()
    vit.set_weights(made["vit"].get_weights())
    write_preset(tmp_path / "same", vit)
    vit.weights[-1].assign_add(np.full(vit.weights[-1].shape, 1e-6, np.float32))
    write_preset(tmp_path / "other", vit)
    first, same, other = (
        open_extractor(folder).identity["sha256"]
        for folder in (presets[0] / "vit", tmp_path / "same", tmp_path / "other")
    )
    assert first == same != other


@pytest.mark.seconds
def test_of_pictures_and_text_the_layer_before_pooling_is_taken(presets):
    root, made = presets
    vision = made["siglip"].vision_encoder
    inner = keras.Model(vision.inputs, vision.post_layer_norm.output)
    expected = np.asarray(inner({"images": noise()[None] / np.float32(127.5) - 1}))[0]
    assert expected.shape == (16, 8)
    ((features, _),) = open_extractor(root / "siglip").extract(
        [fit(noise(), SIDE, SIDE)]
    )
    np.testing.assert_allclose(features, expected, atol=1e-5)


@pytest.mark.seconds
def test_patches_of_padding_alone_are_no_regions(presets):
    extractor = open_extractor(presets[0] / "vit")
    ((features, boxes),) = extractor.extract([fit(noise(SIDE // 2), SIDE, SIDE)])
    assert features.shape == (8, 8)
    assert boxes[0].tolist() == [0, 0, 0.25, 0.5]


@pytest.mark.seconds
def test_patches_are_merged_or_pooled_where_asked(presets):
    picture = fit(noise(), SIDE, SIDE)
    source = presets[0] / "dinov2"
    ((patches, _),) = open_extractor(source).extract([picture])
    merged = open_extractor(source, merge=5)
    assert merged.max_regions == 5
    ((features, boxes),) = merged.extract([picture])
    assert features.shape == (5, 8)
    assert boxes[:, :2].min() == 0
    assert boxes[:, 2:].max() == 1
    ((pooled, places),) = open_extractor(source, grid=[1, 2]).extract([picture])
    expected = pool(patches.reshape(4, 4, 8), places)
    np.testing.assert_allclose(pooled, expected, atol=1e-6)


@pytest.mark.seconds
def test_a_layer_and_a_size_can_be_named(presets):
    root, made = presets
    embedded = open_extractor(root / "vit", tensor="vit_patching_and_embedding")
    ((features, _),) = embedded.extract([fit(noise(), SIDE, SIDE)])
    layer = made["vit"].get_layer("vit_patching_and_embedding")
    expected = np.asarray(layer(noise()[None] / np.float32(127.5) - 1))[0, 1:]
    np.testing.assert_allclose(features, expected, atol=1e-5)
    assert open_extractor(root / "resnet", size=64).max_regions == 16
    assert open_extractor(root / "dinov2", size=64).max_regions == 64


@pytest.mark.seconds
def test_a_preset_without_a_converter_is_told_how_to_prepare(tmp_path):
    vit = hub_presets.vit()
    write_preset(tmp_path / "bare", vit, converter=False)
    with pytest.raises(ValueError, match="does not say how its pictures are prepared"):
        open_extractor(tmp_path / "bare")
    extractor = open_extractor(tmp_path / "bare", mean=[127.5], std=[127.5])
    ((features, _),) = extractor.extract([fit(noise(), SIDE, SIDE)])
    expected = np.asarray(vit(noise()[None] / np.float32(127.5) - 1))[0, 1:]
    np.testing.assert_allclose(features, expected, atol=1e-5)


@pytest.mark.seconds
def test_what_cannot_be_loaded_is_named(presets, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    root, _ = presets
    bert = hub_presets.keras_hub.models.BertBackbone(
        vocabulary_size=10,
        intermediate_dim=16,
        **hub_presets._VISION,
    )
    write_preset(tmp_path / "bert", bert, converter=False)
    with pytest.raises(ValueError, match="is a BertBackbone, which takes no RGB pict"):
        open_extractor(tmp_path / "bert", mean=[0.0])
    with pytest.raises(
        ValueError, match="'no_such_preset' cannot be loaded: .* Give a"
    ):
        open_extractor("no_such_preset")
    with pytest.raises(ValueError, match="'hf://a/b' cannot be loaded: .* Give a"):
        open_extractor("hf://a/b")
    with pytest.raises(ValueError, match="no layer 'nose'; its last are .*vit_encoder"):
        open_extractor(root / "vit", tensor="nose")
    with pytest.raises(ValueError, match="cannot be loaded at 64 pixels: "):
        open_extractor(root / "vit", size=64)


@pytest.mark.seconds
def test_the_command_writes_a_store_that_knows_its_backbone(presets, tmp_path):
    folder = write_pictures(tmp_path / "pictures", 5)
    source, out = presets[0] / "clip", tmp_path / "out"
    line = ["regions", str(folder), "--extractor", str(source), "--out", str(out)]
    assert main([*line, "--batch-size", "2"]) == 0
    store = PackedRegions(out)
    store.check(store.image_ids)
    # pictures of 40 × 20 fill the upper half of the patches
    assert store.read([0])["region_mask"].sum() == 8
    assert store.read([0])["regions"].shape == (1, 16, 8)
    identity = json.loads((out / "extractor.json").read_text())["identity"]
    assert identity["class"] == "CLIPBackbone"
    assert reopen_extractor(out).identity == identity
