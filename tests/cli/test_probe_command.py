"""`keras-teran probe`, as a person types it, on a model that was not trained."""

import json

import numpy as np
import pytest
from support.data_folder import write_data_folder
from support.region_files import write_packed
from support.tiny_models import tiny, tiny_tokenizer

import keras_teran
from keras_teran.cli.main import main
from keras_teran.data import read_captions
from keras_teran.data.scenes import _embedded
from keras_teran.run import model_path, save_model, write_config

DIM = 80  # that of the drawn scenes
HALF = ["true above wrong", "falls by the wrong", "falls by the true"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A data folder and a RUN that names it."""
    root = tmp_path_factory.mktemp("probe")
    data = write_data_folder(root / "data", images=12, dim=DIM)
    # Two images more are named by numbers, as COCO's are.
    write_packed(root / "named", images=2, regions=3, dim=DIM)
    (root / "named" / "pictures.json").write_text('["000000000139.jpg", "7.jpg"]')
    captions = read_captions(data / "val" / "dataset_val.json", "val").captions
    run = root / "run"
    run.mkdir()
    write_config(run, {"preset": "tiny", "data": str(data)})
    tiny_tokenizer(captions).save(run)
    save_model(tiny(region_dim=DIM), run / "model.keras", include_optimizer=False)
    assert model_path(run).is_file()
    return data, run


@pytest.fixture(scope="module")
def matcher(folders):
    return keras_teran.load(folders[1])


@pytest.fixture(autouse=True)
def fast(monkeypatch, folders, matcher):
    """Few scenes, and one model for all commands: each new one compiles its steps."""
    loaded = {str(folders[1]): matcher}
    monkeypatch.setitem(_embedded.IMAGES, "test", 6)
    monkeypatch.setattr(keras_teran, "load", lambda run: loaded[run])


def write_sugarcrepe(folder, *names):
    """A file of SugarCrepe about pictures of these names."""
    records = {
        str(number): {
            "filename": name,
            "caption": "a red ring",
            "negative_caption": "a blue star",
        }
        for number, name in enumerate(names)
    }
    path = folder / "swap_obj.json"
    path.write_text(json.dumps(records))
    return path


def probed(folders, tmp_path, capsys, *options, split="val"):
    """What the command prints and writes."""
    out = tmp_path / "figures.json"
    command = ["probe", folders[1], "--split", split, "--out", out, *options]
    assert main([*map(str, command)]) == 0
    return capsys.readouterr().out, json.loads(out.read_text())


@pytest.mark.slow
def test_the_captions_of_the_run_give_order_and_half_truths(folders, tmp_path, capsys):
    printed, written = probed(folders, tmp_path, capsys)
    assert [each["probe"] for each in written["probes"]] == ["order", "half-truths"]
    assert (written["split"], written["seed"]) == ("val", 0)
    for row in written["probes"][1]["rows"]:
        assert list(row["figures"]) == HALF
    assert "order: per cent [95 % interval, bootstrap over images], chance" in printed
    assert all(name in printed for name in HALF)
    value = written["probes"][1]["rows"][0]["figures"]["falls by the true"]["value"]
    assert f"{100 * value:.1f} [" in printed


@pytest.mark.seconds
def test_one_probe_of_the_captions_and_its_seed(folders, tmp_path, capsys):
    found = [
        probed(folders, tmp_path, capsys, "--probe", "order", "--seed", seed)[1]
        for seed in (0, 0, 1)
    ]
    assert [each["probe"] for each in found[0]["probes"]] == ["order"]
    assert found[0] == found[1] != found[2]


@pytest.mark.seconds
def test_the_scenes_bring_their_own_data(folders, tmp_path, capsys):
    printed, written = probed(folders, tmp_path, capsys, "--scenes", split="test")
    scenes, additions = written["probes"]
    kinds = {row["kind"] for row in scenes["rows"]}
    assert {"all", "color swap", "sides", "presence", "absence"} <= kinds
    assert additions["probe"] == "scenes, half-truths"
    assert scenes["worst"][0]["images"][0].startswith("test_")
    assert "color swap" in printed


@pytest.mark.seconds
def test_a_published_file_finds_its_images_by_the_names_of_the_captions(
    folders, tmp_path, capsys
):
    path = write_sugarcrepe(tmp_path, "pictures/3.jpg", "11.jpg")
    options = ["--probe", "sugarcrepe", "--file", path]
    _, written = probed(folders, tmp_path, capsys, *options)
    (row,) = written["probes"][0]["rows"]
    assert (row["kind"], row["items"], row["images"]) == ("swap_obj", 2, 2)
    worst = {case["images"][0] for case in written["probes"][0]["worst"]}
    assert worst == {"3.jpg", "11.jpg"}


def test_a_file_of_half_truths_names_images_by_id(folders, tmp_path, capsys):
    rows = [
        {"imgid": n, "caption": "a ring", "true": "a red ring", "wrong": "a blue ring"}
        for n in range(4)
    ]
    (tmp_path / "half.json").write_text(json.dumps({"split": "val", "rows": rows}))
    options = ["--probe", "half-truths", "--file", tmp_path / "half.json"]
    _, written = probed(folders, tmp_path, capsys, *options)
    (row,) = written["probes"][0]["rows"]
    assert (row["kind"], row["images"]) == ("noun", 4)


def test_regions_that_know_their_pictures_need_no_captions(folders, tmp_path, capsys):
    path = write_sugarcrepe(tmp_path, "val2017/000000000139.jpg", "7.jpg")
    named = folders[0].parent / "named"
    options = ["--probe", "sugarcrepe", "--file", path, "--regions", named]
    _, written = probed(folders, tmp_path, capsys, *options)
    cases = written["probes"][0]["worst"]
    assert {case["images"][0] for case in cases} == {"000000000139.jpg", "7.jpg"}


@pytest.mark.seconds
def test_the_scores_are_those_of_the_named_image(folders, matcher, tmp_path, capsys):
    """Against the matcher: not those of a neighbor's row."""
    path = write_sugarcrepe(tmp_path, "7.jpg")
    named = folders[0].parent / "named"
    options = ["--probe", "sugarcrepe", "--file", path, "--regions", named]
    _, written = probed(folders, tmp_path, capsys, *options)
    image = {
        "regions": np.load(named / "regions.float32.npy")[1],
        "boxes": np.load(named / "boxes.npy")[1],
    }
    margin = matcher.score(image, "a red ring") - matcher.score(image, "a blue star")
    (case,) = written["probes"][0]["worst"]
    assert case["margin"] == pytest.approx(margin, abs=1e-5)


ERRORS = [
    (["--probe", "crepe"], "argument --probe: invalid choice: 'crepe'"),
    (["--probe", "valse"], "--probe valse needs --file, the published file or files."),
    (["--file", "x.json"], "--file needs --probe: sugarcrepe, valse"),
    (
        ["--scenes", "--probe", "order"],
        "--scenes brings its own data; leave out --probe.",
    ),
    (["--scenes", "--data", "x"], "--scenes brings its own data; leave out --data."),
    (["--seed", "-1"], "--seed=-1 must be 0 or more."),
    (["--out", "no/x.json"], "There is no folder for no/x.json"),
    (["--probe", "valse", "--file", "none.json"], "There is no file none.json."),
    (
        ["--probe", "valse", "--file", "swap_obj.json"],
        "swap_obj.json, record '0': image_file is missing; VALSE's files are",
    ),
    (
        ["--probe", "sugarcrepe", "--file", "swap_obj.json"],
        "swap_obj.json, record '0': the image '99.jpg' is not among the 12 images of the "
        "data (1 of 1 are not); give captions and regions of these images.",
    ),
    (
        ["--probe", "sugarcrepe", "--file", "swap_obj.json", "--regions", "DATA/val"],
        "DATA/val does not say which image is which: it has no pictures.json.",
    ),
    (
        ["--probe", "half-truths", "--file", "half.json", "--regions", "DATA/val"],
        "half.json, record 0: image 3 is an id in a caption file; give that file by",
    ),
    (
        ["--probe", "sugarcrepe", "--file", "swap_obj.json", "--images", "."],
        "takes region features; make some with `keras-teran regions`",
    ),
    (["--probe", "order", "--regions", "DATA/val"], "--regions alone is no data: give"),
]


@pytest.mark.parametrize(("options", "message"), ERRORS)
def test_a_users_error_is_one_line_before_the_model_is_loaded(
    folders, tmp_path, monkeypatch, capsys, options, message
):
    data, run = folders
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(keras_teran, "load", None)
    write_sugarcrepe(tmp_path, "99.jpg")
    half = {"imgid": 3, "caption": "a ring", "true": "a red ring", "wrong": "a star"}
    (tmp_path / "half.json").write_text(json.dumps({"rows": [half]}))
    options = [option.replace("DATA", str(data)) for option in options]
    try:
        status = main(["probe", str(run), "--split", "val", *options])
    except SystemExit as stop:  # argparse ends the process
        status = stop.code
    assert status == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("keras-teran: ")
    assert message.replace("DATA", str(data)) in line


@pytest.mark.seconds
def test_scenes_of_a_model_of_other_features_are_refused(tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    write_config(run, {"preset": "tiny"})
    tiny_tokenizer(["a red ring"]).save(run)
    save_model(tiny(), run / "model.keras", include_optimizer=False)
    assert main(["probe", str(run), "--scenes"]) == 2
    assert "The regions have 80 features each and the model" in capsys.readouterr().err
