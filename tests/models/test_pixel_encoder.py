"""A model with pixels inside: encodes, trains, is saved, exported, indexed, asked."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from support import hub_presets
from support.data_folder import SMALL
from support.hub_presets import SIDE, write_preset
from support.pixel_run import train_run, write_pictures
from support.tiny_models import tiny_tokenizer

import keras_teran
from keras_teran import build_model
from keras_teran.cli.main import main
from keras_teran.data._picture_store import PictureStore
from keras_teran.data._source import open_split
from keras_teran.export import calibration_set
from keras_teran.export._check_export import largest_errors, reference
from keras_teran.export._converters import CONVERTERS, quiet
from keras_teran.export._export import FORMATS, export
from keras_teran.export._verify import verify
from keras_teran.extract._opening import open_extractor
from keras_teran.run import read_run_config
from keras_teran.tf_serving._interface import Interface
from keras_teran.training._config import TrainingConfig
from keras_teran.vision._areas import cell_boxes
from keras_teran.vision._fitting import PADDING, fit

SHARED = {name: value for name, value in SMALL.items() if name != "dropout"}


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    keras.utils.set_random_seed(0)
    return write_preset(tmp_path_factory.mktemp("vit") / "vit", hub_presets.vit())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(preset, data, tmp_path_factory):
    """A RUN trained by the command, from YAML."""
    return train_run(tmp_path_factory.mktemp("run"), preset, data)


def tiny(preset, **overrides):
    return build_model("tiny", image_backbone=str(preset), **{**SHARED, **overrides})


def noise(height=SIDE, width=SIDE, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.slow
def test_regions_are_the_patches_that_the_extractor_gives(preset):
    """Half a picture: eight patches, and eight of padding that are no regions."""
    model = tiny(preset)
    picture = fit(noise(SIDE // 2), SIDE, SIDE)
    ((features, _),) = open_extractor(preset).extract([picture])
    assert features.shape == (8, 8)
    of_regions = model.image_encoder.get_layer("image_encoder")
    expected = of_regions.predict(
        {
            "regions": features[None],
            "boxes": cell_boxes(4, 4)[None, :8],
            "region_mask": np.ones((1, 8), bool),
        },
        verbose=0,
    )
    found = model.encode({"images": picture.pixels[None]})
    assert found["region_embeddings"].shape == (1, 16, 16)
    np.testing.assert_allclose(
        found["region_embeddings"][:, :8], expected["region_embeddings"], atol=1e-5
    )
    assert not found["region_embeddings"][:, 8:].any()
    np.testing.assert_allclose(
        found["image_embedding"], expected["image_embedding"], atol=1e-5
    )


@pytest.mark.seconds
def test_a_patch_with_one_pixel_that_is_not_grey_is_a_region(preset):
    pixels = np.full((1, SIDE, SIDE, 3), PADDING, np.uint8)
    pixels[0, 9, 31, 2] += 1  # patches of 8 × 8: row 1, column 3
    found = tiny(preset).encode({"images": pixels})["region_embeddings"][0]
    assert np.flatnonzero(found.any(1)).tolist() == [7]


@pytest.mark.slow
@pytest.mark.parametrize("trainable", [False, True])
def test_the_backbone_learns_only_where_it_is_told(preset, trainable):
    model = tiny(preset, image_trainable=trainable)
    model.compile(keras.optimizers.SGD(1.0))
    backbone = model.image_encoder.get_layer("image_backbone")
    before = backbone.get_weights()
    others = [np.array(w) for w in model.caption_encoder.trainable_weights]
    tokens = np.array([[2, 5, 6, 3], [2, 7, 8, 3]], np.int32)
    pictures = np.stack([noise(seed=1), noise(seed=2)])
    inputs = {"images": pictures, "token_ids": tokens, "padding_mask": tokens > 0}
    model.train_on_batch(inputs, np.array([0, 1]))
    moved = [
        np.abs(a - b).max() for a, b in zip(before, backbone.get_weights(), strict=True)
    ]
    assert (max(moved) > 0) == trainable
    after = model.caption_encoder.trainable_weights
    assert max(np.abs(a - b).max() for a, b in zip(others, after, strict=True)) > 0


@pytest.mark.slow
def test_pretrained_weights_are_in_it_and_a_file_keeps_all(preset, tmp_path):
    model = tiny(preset)
    made = hub_presets.keras_hub.models.Backbone.from_preset(str(preset))
    backbone = model.image_encoder.get_layer("image_backbone")
    for ours, theirs in zip(backbone.weights, made.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    pictures = {"images": noise()[None]}
    for name, value in model.encode(pictures).items():
        np.testing.assert_array_equal(loaded.encode(pictures)[name], value)
    assert loaded.config == model.config


@pytest.mark.slow
def test_a_run_of_pictures_is_trained_evaluated_and_asked(run, data, capsys):
    config = read_run_config(run)
    assert config["data"]["backbone"] == {
        "size": [SIDE, SIDE],
        "grid": [4, 4],
        "region_dim": 8,
    }
    assert main(["evaluate", str(run), "--split", "val"]) == 0
    assert "rsum" in capsys.readouterr().out
    matcher = keras_teran.load(run)
    captions, store = open_split(config["data"], "val")[:2]
    paths = [f"{data['images']}/{name}" for name in captions.filenames]
    sentence = captions.captions[0]
    encoded = matcher.encode(store.read(captions.image_ids))
    expected = np.asarray(matcher.model.similarity(encoded, matcher.encode([sentence])))
    assert matcher.score(paths[2], sentence) == pytest.approx(expected[2, 0], abs=1e-5)
    order, scores = matcher.rank(paths, sentence)
    np.testing.assert_allclose(scores, np.sort(expected[:, 0])[::-1], atol=1e-5)
    np.testing.assert_allclose(expected[order, 0], scores, atol=1e-5)


@pytest.mark.slow
def test_no_word_chooses_padding_and_boxes_are_the_pictures(run, data):
    explanation = keras_teran.load(run).explain(
        f"{data['images']}/09.png", "a red star"
    )
    assert explanation.words == ["a", "red", "star"]
    # 40 × 20 in a square of 4 × 4 patches: two rows, each half of the picture.
    assert explanation.region_mask.tolist() == [True] * 8 + [False] * 8
    assert explanation.boxes[5].tolist() == [0.25, 0.5, 0.5, 1.0]
    assert (explanation.chosen < 8).all()


@pytest.mark.slow
def test_the_command_draws_an_alignment_of_a_picture(run, data, tmp_path, capsys):
    line = [
        "align",
        str(run),
        "--image-id",
        "9",
        "--split",
        "val",
        "--pictures",
        data["images"],
    ]
    assert main([*line, "--out", str(tmp_path / "align.png")]) == 0
    assert "image 9, MrSw score" in capsys.readouterr().out
    assert (tmp_path / "align.png").stat().st_size > 0


@pytest.mark.slow
def test_exported_files_are_verified_over_pictures(run, tmp_path):
    matcher = keras_teran.load(run)
    out = tmp_path / "out"
    export(matcher.model, matcher.tokenizer, out, formats=["savedmodel"])
    captions, store = open_split(matcher.config["data"], "val")[:2]
    found = verify(out, captions, store, matcher.model, cost=False)
    # Not rsum: pictures of one colour tie, and the last digit decides.
    cosines = [row["mean_cosine"] for row in found["files"] if "mean_cosine" in row]
    assert cosines == pytest.approx([1, 1], abs=1e-5)
    sets = calibration_set(matcher.tokenizer, captions, store)
    assert list(sets["image_encoder"][0]) == ["images"]


@pytest.mark.process
@pytest.mark.slow
def test_a_fresh_process_loads_a_run(run, data):
    program = (
        "import keras_teran, sys; "
        "print(keras_teran.load(sys.argv[1]).score(sys.argv[2], 'a red star'))"
    )
    picture = f"{data['images']}/03.png"
    ran = subprocess.run(
        [sys.executable, "-c", program, str(run), picture],
        check=True,
        capture_output=True,
        text=True,
    )
    expected = keras_teran.load(run).score(picture, "a red star")
    assert float(ran.stdout.split()[-1]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_takes_pictures_and_gives_what_keras_does(run, kind, tmp_path):
    encoder = keras_teran.load(run).model.image_encoder
    converter = CONVERTERS[kind]
    path = tmp_path / f"image_encoder{converter.suffix}"
    batches = reference(encoder)
    with quiet():
        converter.convert(encoder, path)
    assert [len(inputs["images"]) for inputs, _ in batches] == [1, 3]
    assert not batches[1][1]["region_embeddings"][2].any()  # nothing but padding
    errors = largest_errors(path, batches)
    assert set(errors) == {"region_embeddings", "image_embedding"}
    assert max(errors.values()) < 1e-5


@pytest.mark.slow
def test_an_export_says_that_it_takes_pictures(run, tmp_path):
    matcher = keras_teran.load(run)
    out = tmp_path / "out"
    manifest = export(matcher.model, matcher.tokenizer, out, formats=["savedmodel"])
    assert manifest["encoders"]["image_encoder"]["inputs"] == {
        "images": {"shape": [None, SIDE, SIDE, 3], "dtype": "uint8"}
    }
    interface = Interface.of_manifest(manifest, 1)
    assert interface.image_size == (SIDE, SIDE)
    assert interface.region_buckets == (16,)  # 4 × 4 patches, always


@pytest.mark.slow
def test_pictures_are_indexed_and_a_picture_finds_its_sentence(
    run, data, tmp_path, capsys
):
    pytest.importorskip("qdrant_edge")
    index = ["index", str(run), "--pictures", data["images"], "--split", "val"]
    index += ["--captions", data["captions"], "--out", str(tmp_path / "index")]
    assert main(index) == 0
    assert "8 images, 16 captions" in capsys.readouterr().out
    assert main(["search", str(tmp_path / "index"), "a red ring", "--json"]) == 0
    hits = json.loads(capsys.readouterr().out)
    matcher = keras_teran.load(run)
    for hit in hits[:3]:
        path = f"{data['images']}/{hit['payload']['filename']}"
        score = matcher.score(path, "a red ring")
        assert hit["score"] == pytest.approx(score, abs=1e-4)
    picture = f"{data['images']}/09.png"
    line = ["search", str(tmp_path / "index"), "--image", picture, "--json"]
    assert main([*line, "--exact"]) == 0
    best = json.loads(capsys.readouterr().out)[0]
    score = matcher.score(picture, best["payload"]["caption"])
    assert best["score"] == pytest.approx(score, abs=1e-4)


@pytest.mark.slow
def test_pictures_may_lie_in_an_array(run):
    backbone = keras_teran.load(run).model.config["image_backbone"]
    pictures = np.stack([noise(16, 32, seed) for seed in range(3)])
    store = PictureStore([7, 8, 9], pictures, backbone)
    store.check([7, 9])
    found = store.read([9, 7])
    np.testing.assert_array_equal(
        found["images"][0], fit(pictures[2], SIDE, SIDE).pixels
    )
    assert found["region_mask"].sum(1).tolist() == [8, 8]
    with pytest.raises(
        ValueError, match="3 image_ids need as many pictures; received 2"
    ):
        PictureStore([7, 8, 9], pictures[:2], backbone)
    with pytest.raises(ValueError, match=r"must be uint8, .* received float32 \(3, 16"):
        PictureStore([7, 8, 9], pictures.astype("float32"), backbone)
    with pytest.raises(ValueError, match="4"):
        store.read([4])


@pytest.mark.seconds
def test_bad_pictures_stop_a_training_before_it_begins(run, data, tmp_path):
    backbone = keras_teran.load(run).model.config["image_backbone"]
    (tmp_path / "bad.png").write_bytes(b"")
    store = PictureStore(
        [1, 2], [f"{data['images']}/00.png", tmp_path / "bad.png"], backbone
    )
    with pytest.raises(
        ValueError, match="1 of 2 pictures cannot be used; .*bad.png is e"
    ):
        store.check([1, 2])


@pytest.mark.seconds
def test_what_is_no_picture_is_named(run, preset, tmp_path):
    matcher = keras_teran.load(run)
    with pytest.raises(
        ValueError, match=r"uint8, \(images, 32, 32, 3\).* float32 \(1,"
    ):
        matcher.encode({"images": noise()[None].astype("float32")})
    with pytest.raises(ValueError, match=r"RGB; received uint8 \(1, 16, 32, 3\)"):
        matcher.encode({"images": noise(16)[None]})
    with pytest.raises(ValueError, match="has the keys .*regions.*; give .*images"):
        matcher.encode({"regions": 0, "boxes": 0, "region_mask": 0})
    with pytest.raises(ValueError, match=r"file's path or uint8 .*dict \['boxes'\]"):
        matcher.score({"boxes": 0}, "a star")
    two = {"images": np.stack([noise()] * 2), "boxes": 0, "region_mask": 0}
    with pytest.raises(
        ValueError, match=r"must be one picture as .*received 2 of \['b"
    ):
        matcher.score(two, "a star")
    with pytest.raises(ValueError, match="nowhere.png is missing"):
        matcher.score("nowhere.png", "a star")
    words = tiny_tokenizer(["a star"])
    of_regions = keras_teran.pipeline._matcher.Matcher(build_model("tiny"), words, {})
    with pytest.raises(ValueError, match="image is a str; this model takes a dict of"):
        of_regions.score("a.png", "a star")


@pytest.mark.seconds
def test_what_is_no_backbone_of_pictures_is_named(preset, tmp_path, data):
    bert = hub_presets.keras_hub.models.BertBackbone(
        vocabulary_size=10, intermediate_dim=16, **hub_presets._VISION
    )
    write_preset(tmp_path / "bert", bert, converter=False)
    with pytest.raises(
        ValueError, match="bert' does not say how its pictures are prep"
    ):
        tiny(tmp_path / "bert")
    with pytest.raises(ValueError, match="'nothing' cannot be loaded"):
        tiny("nothing")
    write_preset(tmp_path / "resnet", hub_presets.resnet())
    with pytest.raises(ValueError, match="3 × 3 patches of 40 × 40 pixels, which they"):
        tiny(tmp_path / "resnet", image_size=40)
    with pytest.raises(
        ValueError, match="image_backbone=None and data=.* do not go tog"
    ):
        TrainingConfig(data=data)
    with pytest.raises(ValueError, match="image_backbone='vit' and data='embedded' do"):
        TrainingConfig(image_backbone="vit")
    with pytest.raises(ValueError, match="are for a training with image_backbone"):
        open_split(data, "val")


@pytest.mark.slow
def test_a_first_stage_is_distilled_from_pictures(run, data, tmp_path):
    out = tmp_path / "distilled"
    assert main(["distill", str(run), "--out", str(out), "--epochs", "1"]) == 0
    before, after = keras_teran.load(run), keras_teran.load(out)
    pictures = open_split(before.config["data"], "val")[1].read([8, 9])
    old, new = before.encode(pictures), after.encode(pictures)
    np.testing.assert_array_equal(old["region_embeddings"], new["region_embeddings"])
    assert np.abs(old["image_embedding"] - new["image_embedding"]).max() > 1e-3


@pytest.mark.seconds
def test_a_model_of_regions_indexes_no_pictures(data, tmp_path, capsys):
    from support.search_index import write_run

    run = write_run(tmp_path / "run")
    line = ["index", str(run), "--out", str(tmp_path / "index")]
    assert main([*line, "--pictures", data["images"]]) != 0
    assert "takes region features" in capsys.readouterr().err
    assert main(line) != 0
    assert (
        "Give --regions DATA, --pictures FOLDER, or --encoded"
        in capsys.readouterr().err
    )
