"""Regions of KerasHub's detectors, from presets written by the tests."""

import json
from types import SimpleNamespace

import keras
import keras_hub
import numpy as np
import pytest
from support import hub_presets
from support.colour_files import write_pictures
from support.hub_presets import SIDE, write_preset

from keras_teran.cli.main import main
from keras_teran.data._packed_store import PackedRegions
from keras_teran.extract._detectors import (
    DetectorRegions,
    Found,
    PyramidNetwork,
    distinct,
)
from keras_teran.extract._opening import open_extractor, reopen_extractor
from keras_teran.vision._areas import pool
from keras_teran.vision._fitting import Fitted, fit

INPUT = 2 * SIDE
KINDS = ("dfine", "retinanet")


def shake(dfine):
    """Its heads start at zero. Scores are spread, that their order is no accident."""
    for seed, weight in enumerate(dfine.trainable_weights):
        weight.assign_add(0.2 * keras.random.normal(weight.shape, seed=seed))
        if "class_embed" in weight.path:
            weight.assign(weight * 5 if "kernel" in weight.path else weight - 12)


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    root = tmp_path_factory.mktemp("presets")
    keras.utils.set_random_seed(0)
    made = {name: getattr(hub_presets, name)() for name in KINDS}
    shake(made["dfine"])
    for weight in made["retinanet"].box_head.weights:  # boxes near their anchors
        weight.assign(weight * 0.02)
    for name, detector in made.items():
        write_preset(root / name, detector)
    return root, made


@pytest.fixture(scope="module")
def opened(presets):
    return {name: open_extractor(presets[0] / name, top=5) for name in KINDS}


def noise(height=INPUT, width=INPUT):
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (height, width, 3), np.uint8)


def prepared(pixels):
    return pixels[None] / np.float32(127.5) - 1


def own_boxes(detector, pixels, most):
    """What KerasHub's own decoding keeps, without a least confidence: in pixels, xyxy."""
    detector.prediction_decoder = keras_hub.layers.NonMaxSuppression(
        bounding_box_format="yxyx",
        from_logits=True,
        confidence_threshold=0.0,
        max_detections=most,
    )
    found = detector.predict(pixels[None].astype("float32"), verbose=0)
    count = int(found["num_detections"][0])
    return found["boxes"][0, :count][:, [1, 0, 3, 2]]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_boxes_are_those_that_the_detector_itself_finds(presets, opened, kind):
    ((features, boxes),) = opened[kind].extract([fit(noise(), INPUT, INPUT)])
    expected = own_boxes(presets[1][kind], noise(), 5)
    np.testing.assert_allclose(
        boxes, np.clip(expected / INPUT, 0, 1).astype("float32"), atol=1e-4
    )
    assert len(np.unique(boxes, axis=0)) == len(boxes) > 1
    assert features.shape == (len(boxes), opened[kind].region_dim)
    assert opened[kind].max_regions == 5


@pytest.mark.slow
def test_a_query_region_is_its_state_in_the_decoder(presets, opened):
    detector = presets[1]["dfine"]
    outputs = detector.backbone.predict(prepared(noise()), verbose=0)
    center, side = np.split(outputs["intermediate_reference_points"][0, -1], 2, -1)
    corners = np.concatenate([center - side / 2, center + side / 2], 1).clip(0, 1)
    ((features, boxes),) = opened["dfine"].extract([fit(noise(), INPUT, INPUT)])
    for feature, box in zip(features, boxes, strict=True):
        query = np.abs(corners - box).sum(1).argmin()
        state = outputs["last_hidden_state"][0, query]
        np.testing.assert_allclose(feature, state, atol=1e-4)


@pytest.mark.seconds
def test_a_box_of_a_pyramid_is_pooled_over_its_area(presets, opened):
    """At 64 pixels every box is below 112 and so of the finest level, P3."""
    maps = presets[1]["retinanet"].backbone.predict(prepared(noise()), verbose=0)
    ((features, boxes),) = opened["retinanet"].extract([fit(noise(), INPUT, INPUT)])
    np.testing.assert_allclose(features, pool(maps["P3"][0], boxes), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_boxes_of_padding_are_no_regions(presets, kind):
    """A strip of an eighth: most of what is found lies in the grey below it."""
    extractor = open_extractor(presets[0] / kind, top=12)
    strip = fit(noise(8, INPUT), INPUT, INPUT)
    assert strip.content.tolist() == [0, 0, 1, 0.125]
    ((_, boxes),) = extractor.extract([strip])
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert boxes.max() <= 1
    assert boxes.min() >= 0
    found = own_boxes(presets[1][kind], strip.pixels, 12)
    best = found[found[:, 1] < 8][0]  # the best that reaches into the picture
    # An eighth of the input is all of the picture's height.
    expected = (best / [INPUT, 8, INPUT, 8]).clip(0, 1)
    np.testing.assert_allclose(boxes[0], expected, atol=1e-3)


class Boxes:
    """A network that finds boxes where it is told, the first the best."""

    region_dim = 1

    def __init__(self, boxes, overlap=0.5):
        self._boxes = np.array(boxes, np.float32)
        self.boxes_of_a_picture = len(boxes)
        decoder = SimpleNamespace(iou_threshold=overlap)
        backbone = SimpleNamespace(image_shape=(INPUT, INPUT, 3))
        self.detector = SimpleNamespace(
            backbone=backbone, prediction_decoder=decoder, weights=[]
        )

    def open(self, size):
        return size

    def run(self, pixels):
        scores = -np.arange(len(self._boxes), dtype=np.float32)
        return Found(self._boxes, scores, lambda kept, boxes: boxes[:, 3:])


def test_where_all_lies_in_padding_the_picture_is_the_region():
    half = Fitted(noise(), np.array([0, 0, 1, 0.5], np.float32))
    below, across = (
        DetectorRegions(Boxes([box]), "here", 1, mean=[0.0])
        for box in ([0, 0.6, 1, 1], [0, 0.25, 1, 1])
    )
    ((features, boxes),) = below.extract([half])
    assert boxes.tolist() == [[0, 0, 1, 1]]
    assert features.tolist() == [[0.5]]  # pooled over the picture, in the input's units
    ((features, boxes),) = across.extract([half])
    assert boxes.tolist() == [[0, 0.5, 1, 1]]  # cut to the picture: lower half of it
    assert features.tolist() == [[0.5]]


def test_what_overlaps_is_told_before_boxes_are_cut_to_the_picture():
    """The upper half is the picture. 0 to 0.6 and 0.4 to 1.4 share 0.2 of 1.4; of what
    of them is in the picture, 0 to 0.5 and 0.4 to 0.5, they share 0.1 of 0.5.
    """
    half = Fitted(noise(), np.array([0, 0, 1, 0.5], np.float32))
    network = Boxes([[0, 0, 1, 0.6], [0, 0.4, 1, 1.4]], overlap=0.17)
    ((_, boxes),) = DetectorRegions(network, "here", 2, mean=[0.0]).extract([half])
    np.testing.assert_allclose(boxes, [[0, 0, 1, 1], [0, 0.8, 1, 1]], atol=1e-6)


def test_a_box_is_pooled_from_the_level_of_the_square_of_its_area():
    """In an input of 448 × 896: 448 × 896 is a square of 634, level 4 + 1.5; 448 × 448
    level 5; 224 × 224 level 4; 45 × 896 a square of 200, level 3; 22 × 45 level 3.
    """
    levels = [np.full((size, 2 * size, 1), level, np.float32)
              for level, size in ((3, 8), (4, 4), (5, 2))]  # fmt: skip
    boxes = np.array(
        [[0, 0, 1, 1], [0, 0, 0.5, 1], [0, 0, 0.25, 0.5], [0, 0, 1, 0.1], [0, 0, 0.05, 0.05]],
        np.float32,
    )  # fmt: skip
    network = SimpleNamespace(_first=3, region_dim=1)
    found = PyramidNetwork._pooled(network, levels, boxes, (448, 896))
    np.testing.assert_allclose(found.ravel(), [5, 5, 4, 3, 3], rtol=1e-6)


def test_a_box_that_a_better_one_covers_goes():
    # The third shares 2 of 6 with the first: 1/3. The second is the first.
    boxes = np.array([[0, 0, 2, 2], [0, 0, 2, 2], [1, 0, 3, 2], [9, 9, 9.5, 9.5]])
    scores = np.array([3.0, 2.0, 1.0, -np.inf])
    assert distinct(boxes, scores, 0.5, 4).tolist() == [0, 2]
    assert distinct(boxes, scores, 0.3, 4).tolist() == [0]
    assert distinct(boxes, scores, 0.5, 1).tolist() == [0]


@pytest.mark.slow
def test_what_does_not_fit_a_detector_is_named(presets):
    root, _ = presets
    with pytest.raises(ValueError, match="grid: .*dfine is a detector, .* give top"):
        open_extractor(root / "dfine", grid=[2])
    with pytest.raises(ValueError, match="top=13: DFine.* has only 12 boxes a pict"):
        open_extractor(root / "dfine", top=13)
    with pytest.raises(
        ValueError, match="takes pictures of 64 × 64 pixels, .* 96 × 96"
    ):
        open_extractor(root / "dfine", size=96)
    write_preset(root / "vit", hub_presets.vit())
    with pytest.raises(ValueError, match="top=3 counts a detector's boxes, and .*vit"):
        open_extractor(root / "vit", top=3)
    write_preset(root / "headless", presets[1]["retinanet"].backbone)
    with pytest.raises(ValueError, match="headless' cannot be loaded: .*num_classes"):
        open_extractor(root / "headless")


@pytest.mark.slow
def test_a_detector_of_any_size_is_told_one(presets):
    extractor = open_extractor(presets[0] / "retinanet", size=96)
    assert extractor.input_size == (96, 96)
    assert extractor.max_regions == 36
    ((features, boxes),) = extractor.extract([fit(noise(96, 96), 96, 96)])
    assert features.shape == (36, 256)
    assert boxes.shape == (36, 4)


@pytest.mark.slow
def test_the_command_writes_a_store_that_knows_its_detector(presets, tmp_path):
    folder = write_pictures(tmp_path / "pictures", 3)
    source, out = presets[0] / "dfine", tmp_path / "out"
    line = ["regions", str(folder), "--extractor", str(source), "--out", str(out)]
    assert main([*line, "--top", "4"]) == 0
    store = PackedRegions(out)
    store.check(store.image_ids)
    assert store.region_dim == 16
    assert 1 <= store.max_regions <= 4
    identity = json.loads((out / "extractor.json").read_text())["identity"]
    assert identity["class"] == "DFineObjectDetector"
    assert identity["top"] == 4
    assert reopen_extractor(out).identity == identity
