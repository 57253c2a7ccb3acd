"""Regions of any ONNX or LiteRT file, on networks that give mean colours."""

import numpy as np
import pytest
from support.colour_files import write_litert, write_onnx, write_quarters

from keras_teran.data._packed_store import PackedRegions
from keras_teran.extract._opening import open_extractor
from keras_teran.vision._decode import decode
from keras_teran.vision._fitting import fit

COLOURS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.2, 0.2]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    write_onnx(root / "colours.onnx")
    write_onnx(root / "open.onnx", side="side", inner=False)
    write_litert(root / "colours.tflite")
    write_quarters(root / "quarters.png")
    return root


def litert_map(path):
    """The name that the converter gave the map."""
    from ai_edge_litert.interpreter import Interpreter

    details = Interpreter(model_path=str(path)).get_tensor_details()
    (found,) = [d for d in details if d["shape"].tolist() == [1, 4, 4, 3]]
    return found["name"], str(found["index"])


def extracted(extractor, path):
    picture = fit(decode(path), *extractor.input_size)
    ((features, boxes),) = extractor.extract([picture])
    assert features.dtype == boxes.dtype == np.float32
    return features, boxes


@pytest.mark.seconds
@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_a_grid_gives_the_mean_of_each_part_of_the_picture(folder, kind):
    """Wide pictures fill the upper half of the input: the padding takes no part."""
    path = folder / f"colours.{kind}"
    tensor = "map" if kind == "onnx" else litert_map(path)[0]
    extractor = open_extractor(path, tensor=tensor, grid=[1, 2])
    assert extractor.input_size == (32, 32)
    assert (extractor.max_regions, extractor.region_dim) == (5, 3)
    features, boxes = extracted(extractor, folder / "quarters.png")
    expected = np.concatenate([COLOURS.mean(0)[None], COLOURS])
    # the bicubic filter mixes colours along the borders
    np.testing.assert_allclose(features, expected, atol=0.03)
    assert boxes.tolist()[:2] == [[0, 0, 1, 1], [0, 0, 0.5, 0.5]]


def test_a_litert_tensor_goes_by_its_number_too(folder):
    path = folder / "colours.tflite"
    name, number = litert_map(path)
    found = [
        extracted(open_extractor(path, tensor=t), folder / "quarters.png")[0]
        for t in (name, number)
    ]
    np.testing.assert_array_equal(*found)
    assert len(found[0]) == 1 + 9 + 25


def test_cells_are_regions_and_those_of_padding_are_not(folder):
    extractor = open_extractor(folder / "colours.onnx", tensor="map", cells=True)
    features, boxes = extracted(extractor, folder / "quarters.png")
    assert extractor.max_regions == 16
    # the upper two rows of four cells hold the picture
    assert len(features) == 8
    assert boxes[0].tolist() == [0, 0, 0.25, 0.5]
    assert boxes[-1].tolist() == [0.75, 0.5, 1, 1]
    np.testing.assert_allclose(features[[0, 3, 4, 7]], COLOURS, atol=0.05)


def test_cells_merge_to_the_parts_that_are_alike(folder):
    extractor = open_extractor(folder / "colours.onnx", tensor="map", merge=4)
    features, boxes = extracted(extractor, folder / "quarters.png")
    assert extractor.max_regions == 4
    assert boxes.tolist() == [
        [0, 0, 0.5, 0.5],
        [0.5, 0, 1, 0.5],
        [0, 0.5, 0.5, 1],
        [0.5, 0.5, 1, 1],
    ]
    np.testing.assert_allclose(features, COLOURS, atol=0.05)


def test_the_boxes_of_other_features_are_pooled_over(folder, tmp_path):
    boxes = np.zeros((2, 2, 4), np.float32)
    boxes[1] = [[0, 0, 0.5, 0.5], [0, 0, 1, 1]]
    boxes[0, 0] = [0.5, 0.5, 1, 1]
    np.save(tmp_path / "regions.float16.npy", np.zeros((2, 2, 5), np.float16))
    np.save(tmp_path / "boxes.npy", boxes)
    np.save(tmp_path / "ids.npy", np.array([7, 8]))
    np.save(tmp_path / "counts.npy", np.array([1, 2]))
    assert len(PackedRegions(tmp_path)) == 2
    extractor = open_extractor(
        folder / "colours.onnx", tensor="map", boxes=str(tmp_path)
    )
    picture = fit(decode(folder / "quarters.png"), 32, 32)
    grey, red = extractor.extract([picture, picture], [7, 8])
    np.testing.assert_allclose(grey[0], [COLOURS[3]], atol=0.03)
    np.testing.assert_allclose(red[0], [COLOURS[0], COLOURS.mean(0)], atol=0.03)
    assert red[1].tolist() == boxes[1].tolist()
    with pytest.raises(ValueError, match=r"no features of 1 of the images.*\[9\]"):
        extractor.extract([picture], [9])
    with pytest.raises(ValueError, match="give image_ids, or use a grid"):
        extractor.extract([picture])


def test_an_open_size_is_given_and_float_inputs_are_normalised(folder):
    path = folder / "open.onnx"
    with pytest.raises(ValueError, match="pictures of any size; give one"):
        open_extractor(path)
    extractor = open_extractor(
        path, size=64, grid=[1], mean=[0.0, 10.0, 20.0], std=[1.0, 2.0, 4.0]
    )
    assert extractor.input_size == (64, 64)
    picture = fit(np.full((64, 64, 3), 100, np.uint8), 64, 64)
    ((features, _),) = extractor.extract([picture])
    # (100 - 0) / 1, (100 - 10) / 2, (100 - 20) / 4
    assert features.tolist() == [[100, 45, 20]]


def test_the_identity_is_of_all_that_decides_the_features(folder):
    opened = [
        open_extractor(folder / "colours.onnx", tensor="map", **options).identity
        for options in ({}, {}, {"grid": [2]}, {"std": [1.0]}, {"merge": 3})
    ]
    assert opened[0] == opened[1]
    assert len({str(identity) for identity in opened}) == 4
    assert len(opened[0]["sha256"]) == 64


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("gone.onnx", {}, "There is no file"),
        ("colours.onnx", {"tensor": "nose"}, r"no tensor 'nose'. It has: map, pooled"),
        (
            "colours.onnx",
            {},
            r"'scores' .* has the shape \(1, 3\); regions need a grid",
        ),
        ("colours.tflite", {"tensor": "nose"}, r"0 tensors .*: .*\(1, 4, 4, 3\)"),
        (
            "colours.onnx",
            {"grid": [2], "merge": 3},
            "grid and merge exclude each other",
        ),
        ("colours.onnx", {"tensor": "map", "mean": [1, 2]}, "one number or three"),
        ("broken.onnx", {}, "broken.onnx is no ONNX file"),
        ("broken.tflite", {}, "broken.tflite is no LiteRT file"),
    ],
)
def test_what_cannot_be_used_is_named(folder, file, options, message):
    for suffix in ("onnx", "tflite"):
        (folder / f"broken.{suffix}").write_bytes(b"not a network")
    with pytest.raises((ValueError, FileNotFoundError), match=message) as raised:
        open_extractor(folder / file, **options)
    assert "\n" not in str(raised.value)


def test_real_photos_through_a_real_network(shared):
    """int8 features of MobileNetV2: on a known scale, at most 6, and no two alike."""
    path = shared / "vision" / "mobilenet_v2_imagenet_int8.tflite"
    archive = shared / "flickr8k" / "val" / "images.zip"
    if not (path.is_file() and archive.is_file()):
        pytest.skip(f"needs {path} and {archive}")
    import zipfile

    from PIL import Image

    extractor = open_extractor(path, tensor="171")
    with zipfile.ZipFile(archive) as photos:
        names = [n for n in photos.namelist() if n.endswith(".jpg")][:2]
        pictures = [
            fit(np.array(Image.open(photos.open(name))), *extractor.input_size)
            for name in names
        ]
    (first, boxes), (second, _) = extractor.extract(pictures)
    assert first.shape == (35, 1280)
    assert boxes.shape == (35, 4)
    # int8 at scale 0.0235294122 from zero point -128: 0 to 255 · 0.0235 = 6 (ReLU6)
    assert first.min() >= 0
    assert 1 < first.max() <= 6.0001
    assert np.abs(first - second).max() > 1
