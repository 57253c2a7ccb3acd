"""Pixels inside the model where a square, a fresh network or small files hide faults."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support import hub_presets
from support.hub_presets import SIDE, write_preset

from keras_teran import build_model
from keras_teran.data._picture_store import PictureStore
from keras_teran.models._pixel_encoder import read_backbone
from keras_teran.vision import _hub as hub
from keras_teran.vision import _model_inputs as model_inputs
from keras_teran.vision._fitting import fit

pytestmark = pytest.mark.seconds

WIDE = {"size": [16, 32], "grid": [2, 4], "region_dim": 8}


def noise(height, width, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.slow
def test_a_frozen_backbone_has_no_dropout_while_the_rest_trains(tmp_path):
    preset = write_preset(tmp_path / "vit", hub_presets.vit(dropout_rate=0.5))
    pictures = {"images": noise(SIDE, SIDE)[None]}

    def outputs(trainable):
        model = build_model(
            "tiny", image_backbone=str(preset), image_trainable=trainable, dropout=0.0
        )
        return [
            np.asarray(model.image_encoder(pictures, training=t)["image_embedding"])
            for t in (False, True)
        ]

    frozen = outputs(trainable=False)
    np.testing.assert_array_equal(frozen[0], frozen[1])
    plain, dropped = outputs(trainable=True)
    assert np.abs(plain - dropped).max() > 1e-3


@pytest.mark.seconds
def test_patches_that_divide_the_height_alone_are_refused(tmp_path):
    """48 × 40 pixels: three rows of 16, and three columns of no whole number."""
    backbone = hub_presets.resnet(image_shape=(48, 40, 3))
    write_preset(tmp_path / "resnet", backbone)
    with pytest.raises(ValueError, match="3 × 3 patches of 48 × 40 pixels, which they"):
        read_backbone(tmp_path / "resnet")


def test_a_preparation_that_is_not_linear_is_refused(tmp_path, monkeypatch):
    preset = write_preset(tmp_path / "vit", hub_presets.vit())
    described = {"scale": None, "offset": None}
    scale, offset, size = hub.linear_preparation(preset)
    np.testing.assert_allclose(scale, [1 / 127.5] * 3)
    assert offset == [-1, -1, -1]
    assert tuple(size) == (SIDE, SIDE)
    for prepare, is_linear in ((lambda p: 1.0 * p, True), (lambda p: p**1.01, False)):
        found = (prepare, None, described)
        monkeypatch.setattr(hub, "preparation", lambda source, found=found: found)
        if is_linear:
            assert hub.linear_preparation("x") == ([1, 1, 1], [0, 0, 0], None)
        else:
            with pytest.raises(ValueError, match="'x' prepares its pictures by more"):
                hub.linear_preparation("x")


def test_a_size_that_is_asked_for_goes_before_the_presets_and_a_fixed_one_first():
    any_size = SimpleNamespace(image_shape=(None, None, 3))
    fixed = SimpleNamespace(image_shape=(16, 24, 3))
    assert hub.input_size("x", any_size, 48, (32, 32)) == (48, 48)
    assert hub.input_size("x", any_size, None, (32, 40)) == (32, 40)
    assert hub.input_size("x", fixed, 48, (32, 32)) == (16, 24)
    with pytest.raises(ValueError, match="'x' takes pictures of any size; give one"):
        hub.input_size("x", any_size, None, None)


def test_a_store_fits_pictures_to_an_input_that_is_no_square():
    """A square in 16 × 32: the left half, in which two of four columns are."""
    store = PictureStore([5, 3], np.stack([noise(8, 8, 1), noise(8, 8, 2)]), WIDE)
    found = store.read([3, 5])
    assert found["images"].shape == (2, 16, 32, 3)
    for row, seed in enumerate((2, 1)):
        expected = fit(noise(8, 8, seed), 16, 32).pixels
        np.testing.assert_array_equal(found["images"][row], expected)
    assert found["region_mask"].tolist() == [[True, True, False, False] * 2] * 2
    assert found["boxes"][0, 5].tolist() == [0.5, 0.5, 1, 1]


def test_a_large_jpeg_is_decoded_at_no_less_than_the_longer_side(tmp_path, monkeypatch):
    Image.fromarray(noise(256, 512)).save(tmp_path / "large.jpg")
    needed, decode = [], model_inputs.decode

    def recording(path, pixels):
        needed.append(pixels)
        return decode(path, pixels)

    monkeypatch.setattr(model_inputs, "decode", recording)
    PictureStore([1], [tmp_path / "large.jpg"], WIDE).read([1])
    assert needed == [32]
