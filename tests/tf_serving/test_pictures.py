"""A served model with pixels inside: the client decodes and fits, results are Keras'."""

import runpy
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support import hub_presets
from support.paths import ROOT
from support.served import CAPTIONS, Server, exported_model

from keras_teran.data._picture_store import PictureStore
from keras_teran.pipeline._matcher import Matcher
from keras_teran.tf_serving import _layout as layout
from keras_teran.tf_serving._interface import Interface
from keras_teran.tf_serving._warmup import PATH

pytestmark = pytest.mark.slow

tf = pytest.importorskip("tensorflow")
pytest.importorskip("tensorflow_serving")
logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")

EXAMPLE = ROOT / "examples" / "serve_client.py"
SIZES = [(40, 20), (20, 40), (32, 32), (7, 100), (300, 200)]  # width, height
both = pytest.mark.parametrize("transport", ["rest", "grpc"])


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """JPEG and PNG files of several shapes; the last is turned by its EXIF."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for number, (width, height) in enumerate(SIZES):
        coarse = generator.integers(0, 256, (3, 4, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((width, height))
        exif = Image.Exif()
        exif[0x0112] = 6 if number == 4 else 1
        picture.save(folder / f"{number}.{'png' if number else 'jpg'}", exif=exif)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def model_and_server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    preset = hub_presets.write_preset(folder / "vit", hub_presets.vit())
    export, model = exported_model(
        folder / "exported", image_backbone=str(preset), region_dim=None
    )
    layout.add_version(export, folder / "models")
    double = Server(folder / "models")
    double.start()
    yield model, double
    double.stop()


@pytest.fixture(scope="module")
def model(model_and_server):
    return model_and_server[0]


@pytest.fixture(scope="module")
def server(model_and_server):
    return model_and_server[1]


def by_keras(model, photos):
    store = PictureStore(range(len(photos)), photos, model.config["image_backbone"])
    return model.encode(store.read(range(len(photos))))


@both
def test_pictures_come_back_as_the_model_itself_encodes_them(
    transport, client, model, photos
):
    found = client.encode_pictures(photos)
    expected = by_keras(model, photos)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)
    # 40 × 20 in a square of 4 × 4 patches: two rows of it, the rest is padding.
    real = found["region_embeddings"].any(-1)
    assert real[0].tolist() == [True] * 8 + [False] * 8
    assert real[2].all()


@both
def test_scores_of_pictures_are_the_models_own(transport, client, model, photos):
    words = client.encode_captions(CAPTIONS)["word_embeddings"]
    found = client.score(client.encode_pictures(photos)["region_embeddings"], words)
    matcher = Matcher(model, client.tokenizer, {})
    expected = [[matcher.score(p, text) for text in CAPTIONS] for p in photos]
    assert found.shape == (5, 3)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.slow
def test_files_pillow_images_and_arrays_are_one_picture(rest, photos):
    opened = [Image.open(path) for path in photos]
    # As a person sees them: the last lies on its side in the file.
    arrays = [np.array(image.convert("RGB")) for image in opened]
    arrays[4] = np.rot90(arrays[4], -1)
    expected = rest.encode_pictures(photos)["region_embeddings"]
    for pictures in ([str(p) for p in photos], opened, arrays):
        found = rest.encode_pictures(pictures)["region_embeddings"]
        np.testing.assert_array_equal(found, expected)
    twice = rest.encode_pictures([opened[1]] * 4)["region_embeddings"]
    np.testing.assert_allclose(twice, expected[[1] * 4], atol=1e-6)


def test_bad_pictures_are_refused_before_they_are_sent(rest, photos, tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"empty\.png is empty: 0 bytes"):
        rest.encode_pictures([photos[0], tmp_path / "empty.png"])
    with pytest.raises(ValueError, match="pictures is one path, .*0.jpg'; give a list"):
        rest.encode_pictures(photos[0])
    with pytest.raises(ValueError, match="pictures is empty; give 1 or more"):
        rest.encode_pictures([])
    with pytest.raises(ValueError, match=r"uint8 \(height.*received float64 \(4, 4, 3"):
        rest.encode_pictures([np.zeros((4, 4, 3))])
    with pytest.raises(ValueError, match="the picture has float32 pixels from 0 to 0"):
        rest.encode_pictures([Image.new("F", (4, 4))])
    bomb = Image.new("1", (20_000, 20_000))
    with pytest.raises(ValueError, match="the picture is too large: 20000 × 20000 is"):
        rest.encode_pictures([bomb])


def test_what_the_model_does_not_take_names_what_it_does(rest, server, photos):
    with pytest.raises(ValueError, match="takes pictures and .*; call encode_pictures"):
        rest.encode_regions(np.zeros((1, 2, 8)), np.zeros((1, 2, 4)))
    of_regions = Interface(1, 10, 96, 8, 8, "exclude", (8,))
    with server.client("rest") as client:
        client.interface = of_regions
        with pytest.raises(ValueError, match="no pictures; call encode_regions"):
            client.encode_pictures(photos)


@pytest.mark.slow
def test_the_interface_says_how_large_pictures_are(server):
    found = Interface.read(server.repository / "client" / "1")
    assert found.image_size == (hub_presets.SIDE, hub_presets.SIDE)
    assert found.region_buckets == (16,)


def test_warm_up_sends_a_picture_to_the_encoder_and_patches_to_the_scorer(server):
    seen = {}
    for model in ("image_encoder", "scorer"):
        folder = server.repository / model / "1"
        function = tf.saved_model.load(str(folder)).signatures["serving_default"]
        for record in tf.data.TFRecordDataset(str(folder / PATH)):
            request = logs.PredictionLog.FromString(record.numpy()).predict_log.request
            inputs = {n: tf.make_ndarray(t) for n, t in request.inputs.items()}
            function(**{n: tf.constant(v) for n, v in inputs.items()})
            seen.setdefault(model, []).append(inputs)
    (sent,) = seen["image_encoder"]
    assert {n: (v.dtype, v.shape) for n, v in sent.items()} == {
        "images": (np.uint8, (1, 32, 32, 3))
    }
    assert np.ptp(sent["images"]) > 200  # not one colour, which would be padding
    assert {i["region_embeddings"].shape[1] for i in seen["scorer"]} == {16}


@pytest.mark.process
def test_over_rest_pictures_need_neither_tensorflow_nor_keras(server, photos):
    program = f"""
import sys
for name in ("tensorflow", "keras", "keras_hub", "tensorflow_serving", "grpc"):
    sys.modules[name] = None  # importing it raises
from keras_teran.tf_serving import Client
client = Client({server.urls["rest"]!r}, {str(server.repository / "client" / "1")!r})
print(client.encode_pictures([{str(photos[0])!r}])["image_embedding"].shape)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "(1, 8)"


def test_the_example_lists_pictures_by_name(
    rest, model, server, photos, monkeypatch, capsys
):
    matcher = Matcher(model, rest.tokenizer, {})
    order, scores = matcher.rank(photos, "two green rings")
    client = server.repository / "client" / "1"
    command = ["serve_client", client, "two green rings", "--url", server.urls["rest"]]
    command += ["--pictures", photos[0].parent, "--top", 3]
    monkeypatch.setattr(sys, "argv", [str(word) for word in command])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [line[2] for line in lines] == [photos[row].name for row in order[:3]]
    found = [float(line[1]) for line in lines]
    np.testing.assert_allclose(found, scores[:3], atol=1e-3)
