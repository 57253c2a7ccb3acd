"""Commands on a RUN with pixels inside, with data named on their line."""

import json
import runpy
import shutil
import sys
from pathlib import Path

import keras
import pytest
import yaml
from support import hub_presets
from support.data_folder import SMALL, write_data_folder
from support.paths import ROOT
from support.pixel_run import RECIPE, train_run, write_pictures
from support.search_index import write_run

import keras_teran
from keras_teran.cli.main import main
from keras_teran.pipeline import _matcher
from keras_teran.run import MODEL_FILE, read_image_backbone, read_run_config
from keras_teran.vision._decode import BadImage

pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("vit") / "vit"
    return hub_presets.write_preset(folder, hub_presets.vit())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(preset, data, tmp_path_factory):
    return train_run(tmp_path_factory.mktemp("run"), preset, data)


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported") / "out"
    line = ["export", str(run), "--out", str(out), "--formats", "savedmodel"]
    assert main(line) == 0
    return out


@pytest.fixture(scope="module")
def of_regions(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("regions") / "run")


@pytest.fixture
def moved(data, tmp_path):
    """The same data elsewhere, and the options that name them."""
    shutil.copytree(Path(data["images"]), tmp_path / "elsewhere")
    shutil.copy(data["captions"], tmp_path / "captions.json")
    return options(tmp_path / "captions.json", tmp_path / "elsewhere")


def options(captions, images, split="val"):
    named = ["--captions", captions, "--images", images, "--split", split]
    return list(map(str, named))


def fails(line, capsys):
    """The one line that a command which must fail says."""
    capsys.readouterr()
    assert main(list(map(str, line))) == 2
    (error,) = [
        line
        for line in capsys.readouterr().err.splitlines()
        if line.startswith("keras-teran: ")
    ]
    return error


def test_a_backbone_and_pictures_are_named_on_trains_own_line(
    run, preset, data, tmp_path
):
    how = {"model": SMALL, "recipe": RECIPE}
    (tmp_path / "how.yaml").write_text(yaml.safe_dump(how))
    line = ["train", tmp_path / "run", "--config", tmp_path / "how.yaml"]
    line += ["--image-backbone", preset]
    line += ["--captions", data["captions"], "--images", data["images"]]
    assert main(list(map(str, line))) == 0
    assert read_run_config(tmp_path / "run") == read_run_config(run)
    (tmp_path / "run" / "history.json").read_text()


def test_evaluate_takes_pictures_from_its_line(run, moved, tmp_path, capsys):
    figures = {}
    for name, more in (("own", ["--split", "val"]), ("named", moved)):
        out = tmp_path / f"{name}.json"
        assert main(["evaluate", str(run), *more, "--json", str(out)]) == 0
        figures[name] = json.loads(out.read_text())
    assert figures["named"] == figures["own"]
    assert "val: 8 images, 16 captions" in capsys.readouterr().out


def test_the_pictures_named_are_the_ones_evaluated(run, moved, tmp_path):
    """Two pictures exchanged: another rsum, or at least another mean rank."""
    figures = []
    folder = tmp_path / "elsewhere"
    for _ in range(2):
        out = tmp_path / "out.json"
        assert main(["evaluate", str(run), *moved, "--json", str(out)]) == 0
        figures.append(json.loads(out.read_text())["recall"])
        for here, there in ((8, "x"), (13, 8), ("x", 13)):
            names = [n if n == "x" else f"{n:02}.png" for n in (here, there)]
            (folder / names[0]).rename(folder / names[1])
    assert figures[0] != figures[1]


def test_verify_takes_pictures_with_a_run_and_without(run, exported, moved, capsys):
    for more in ([], ["--run", str(run)]):
        line = ["verify", str(exported), "--no-cost", *more]
        assert main([*line, *moved]) == 0
        report = json.loads((exported / "verify.json").read_text())
        assert report["images"] == 8
        cosines = [f["mean_cosine"] for f in report["files"] if "mean_cosine" in f]
        assert cosines == pytest.approx([1, 1], abs=1e-5)


def test_an_export_is_judged_by_the_pictures_named(run, moved, tmp_path, capsys):
    line = ["export", str(run), "--out", str(tmp_path / "out"), *moved]
    assert main([*line, "--formats", "savedmodel"]) == 0
    assert "rsum" in capsys.readouterr().out


def test_distill_takes_pictures_from_its_line(run, moved, tmp_path):
    line = ["distill", str(run), "--out", str(tmp_path / "out"), "--epochs", "1"]
    assert main([*line, *moved[:4]]) == 0
    assert (tmp_path / "out" / MODEL_FILE).is_file()


def test_align_draws_on_the_picture_named(run, moved, tmp_path):
    drawn = []
    for more in (moved, ["--split", "val"]):
        out = tmp_path / f"{len(drawn)}.png"
        line = ["align", str(run), "--image-id", "9", "--caption", "a red star"]
        assert main([*line, *more, "--out", str(out)]) == 0
        drawn.append(out.read_bytes())
    assert drawn[0] != drawn[1]  # the second on a blank canvas


def test_an_example_evaluates_pictures(run, moved, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, "data_options", raising=False)

    def example(*line):
        monkeypatch.setattr(sys, "argv", ["evaluate", str(run), *map(str, line)])
        runpy.run_path(str(EXAMPLES / "evaluate.py"), run_name="__main__")
        return capsys.readouterr().out

    assert example(*moved) == example("--split", "val")
    with pytest.raises(SystemExit, match="--regions and --images exclude each other"):
        example(*moved, "--regions", "x")
    with pytest.raises(SystemExit, match="--images alone is no data: give --captions"):
        example("--images", "x")
    with pytest.raises(SystemExit, match="takes pictures and makes regions of them"):
        example("--captions", "x", "--regions", "y")


@pytest.mark.slow
def test_regions_for_a_model_of_pictures_are_refused(
    run, exported, data, tmp_path, capsys
):
    folder = write_data_folder(tmp_path / "data")
    files = ["--captions", data["captions"], "--regions", folder / "val"]
    out = ["--out", tmp_path / "out"]
    for line in (
        ["evaluate", run, "--data", folder],
        ["evaluate", run, "--data", "embedded"],
        ["evaluate", run, "--protocol", "f8k", *files],
        ["align", run, *files],
        ["export", run, *files, *out],
        ["distill", run, *files, *out],
        ["verify", exported, "--no-cost", *files],
    ):
        error = fails(line, capsys)
        assert "takes pictures and makes regions of them itself; give --cap" in error
        assert str(line[1]) in error
    assert not (tmp_path / "out").exists()


def test_pictures_for_a_model_of_regions_are_refused(of_regions, moved, capsys):
    for line in (["evaluate", of_regions, *moved], ["align", of_regions, *moved]):
        error = fails(line, capsys)
        assert f"--images: the model of {of_regions} takes region features" in error


def test_an_index_loads_the_model_once(run, data, tmp_path, monkeypatch):
    pytest.importorskip("qdrant_edge")
    loaded, load_model = [], _matcher.load_model

    def load(path):
        loaded.append(path)
        return load_model(path)

    monkeypatch.setattr(_matcher, "load_model", load)
    line = ["index", str(run), "--images", data["images"], "--out"]
    assert main([*line, str(tmp_path / "index")]) == 0
    assert loaded == [run / MODEL_FILE]


def test_bad_pictures_are_named_before_a_long_work_begins(
    run, exported, moved, tmp_path, capsys
):
    for number in (9, 12):
        (tmp_path / "elsewhere" / f"{number:02}.png").write_bytes(b"")
    (tmp_path / "elsewhere" / "10.png").unlink()
    for line in (["evaluate", run], ["verify", exported, "--no-cost"]):
        error = fails([*line, *moved], capsys)
        assert "3 of 8 pictures cannot be used; the first: " in error
        assert "09.png is empty: 0 bytes; " in error
        assert "10.png is missing; " in error
        assert "12.png is empty: 0 bytes. Mend them, or leave them out" in error
    # One picture is drawn: the others do not matter, unless it is a bad one.
    out = ["--out", tmp_path / "a.png"]
    assert main(list(map(str, ["align", run, "--image-id", 8, *moved, *out]))) == 0
    with pytest.raises(BadImage, match="missing"):
        keras_teran.load(run).score(tmp_path / "elsewhere" / "10.png", "a star")
    error = fails(["align", run, "--image-id", 10, *moved, *out], capsys)
    assert "There is no picture '10.png' in" in error


@pytest.mark.parametrize("named", [True, False])
def test_an_index_lists_bad_pictures_and_fails_at_its_end(
    run, moved, named, tmp_path, capsys
):
    pytest.importorskip("qdrant_edge")
    folder = tmp_path / "elsewhere"
    (folder / "09.png").write_bytes(b"")
    (folder / "12.png").write_bytes((folder / "13.png").read_bytes()[:-40])
    line = ["index", run, *(moved if named else ["--pictures", folder])]
    error = fails([*line, "--out", tmp_path / "first"], capsys)
    assert "2 pictures cannot be used and are not in" in error
    assert "--skip-bad says that this is no failure" in error
    last = [*line, "--out", tmp_path / "second", "--skip-bad"]
    assert main(list(map(str, last))) == 0
    printed = capsys.readouterr()
    assert f"{6 if named else 14} images, {12 if named else 0} captions" in printed.out
    listed = [x for x in printed.err.splitlines() if x.startswith("left out: ")]
    assert len(listed) == 2
    assert "09.png is empty: 0 bytes" in listed[0]
    assert "12.png cannot be decoded: " in listed[1]


def test_an_index_of_bad_pictures_alone_is_refused(run, tmp_path, capsys):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "0.png").write_bytes(b"")
    line = ["index", run, "--pictures", tmp_path / "pictures", "--skip-bad"]
    error = fails([*line, "--out", tmp_path / "index"], capsys)
    assert "None of the 1 pictures can be used; " in error
    assert "0.png is empty: 0 bytes" in error


@pytest.mark.seconds
def test_what_a_model_makes_of_pictures_is_told_without_loading_it(
    run, of_regions, tmp_path
):
    told = keras_teran.load(run).model.config["image_backbone"]
    found = read_image_backbone(run)
    assert {n: found[n] for n in ("size", "grid", "region_dim")} == {
        n: told[n] for n in ("size", "grid", "region_dim")
    }
    assert read_image_backbone(of_regions) is None
    broken = shutil.copytree(of_regions, tmp_path / "broken")
    (broken / MODEL_FILE).write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"model\.keras is no model of Keras, or dam"):
        read_image_backbone(broken)
    (broken / MODEL_FILE).unlink()
    with pytest.raises(FileNotFoundError, match="ended before its first epoch did"):
        read_image_backbone(broken)
    with pytest.raises(FileNotFoundError, match="is not a RUN"):
        read_image_backbone(tmp_path)
