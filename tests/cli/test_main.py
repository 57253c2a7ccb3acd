"""The command, as a person types it."""

import json

import numpy as np
import pytest
import yaml
from support.data_folder import small_config, write_data_folder
from support.region_files import write_original

import keras_teran
from keras_teran.cli.main import main
from keras_teran.data._caption_set import read_captions
from keras_teran.data._region_store import open_regions
from keras_teran.data._source import open_split

COMMANDS = ("train", "evaluate", "export", "align", "pack")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A data folder, and a RUN trained on it by the command."""
    root = tmp_path_factory.mktemp("cli")
    data = write_data_folder(root / "data")
    config = root / "config.yaml"
    config.write_text(yaml.safe_dump(small_config("elsewhere").as_dict()))
    options = ["--config", str(config), "--data", str(data), "--epochs", "1"]
    assert main(["train", str(root / "run"), *options, "--seed", "5"]) == 0
    return data, root / "run"


def test_options_go_before_the_file(folders):
    data, run = folders
    config = keras_teran.load(run).config
    assert config["data"] == str(data)
    assert config["seed"] == 5
    assert config["recipe"]["epochs"] == 1
    assert config["recipe"]["batch_size"] == 8


def test_evaluate_reads_the_data_of_the_run(folders, tmp_path, capsys):
    _, run = folders
    out = tmp_path / "figures.json"
    assert main(["evaluate", str(run), "--split", "val", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "val: 12 images, 24 captions" in printed
    figures = json.loads(out.read_text())
    assert figures["split"] == "val"
    assert f"{figures['recall']['rsum']:.1f}" in printed


def test_align_draws_a_picture(folders, tmp_path, capsys):
    _, run = folders
    out = tmp_path / "words.png"
    command = ["align", str(run), "--split", "val", "--image-id", "3"]
    assert main([*command, "--caption", "a red star", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    assert "image 3, MrSw score" in capsys.readouterr().out


def test_export_writes_a_manifest(folders, tmp_path):
    _, run = folders
    out = tmp_path / "exported"
    command = ["export", str(run), "--out", str(out), "--formats", "savedmodel"]
    assert main(command) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert [a["format"] for a in manifest["artifacts"]] == ["savedmodel"] * 4


def test_pack_turns_files_into_arrays(folders, tmp_path):
    data, _ = folders
    written = write_original(tmp_path, dict.fromkeys(range(12), 3), size=(200, 100))
    rows = "".join(f"{i},200,100\n" for i in range(12))
    (tmp_path / "sizes.csv").write_text(f"image_id,width,height\n{rows}")
    captions = data / "train" / "dataset_train.json"
    options = ["--captions", str(captions), "--sizes", str(tmp_path / "sizes.csv")]
    out = tmp_path / "packed"
    command = ["pack", str(tmp_path), str(out), *options, "--dtype", "float32"]
    assert main(command) == 0
    assert (open_regions(out).read([7])["regions"][0] == written[7][0]).all()
    packed = read_captions(out / "dataset_train.json")
    assert packed.captions == read_captions(captions).captions


def test_packed_precomp_arrays_are_a_data_folder(tmp_path, capsys):
    for split in ("train", "val"):
        np.save(tmp_path / f"{split}_ims.npy", np.ones((2, 3, 4), "float32"))
        lines = "".join(f"{split} caption {n}\n" for n in range(10))
        (tmp_path / f"{split}_caps.txt").write_text(lines)
        command = ["pack", str(tmp_path / f"{split}_ims.npy"), str(tmp_path / split)]
        command += ["--captions", str(tmp_path / f"{split}_caps.txt")]
        assert main([*command, "--split", split]) == 0
        assert "each is the whole image" in capsys.readouterr().out
    captions, regions, _ = open_split(str(tmp_path), "val")
    assert captions.captions_of(1) == [f"val caption {n}" for n in range(5, 10)]
    assert regions.read(captions.image_ids)["regions"].shape == (2, 3, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "nowhere"], "nowhere is not a RUN"),
        (["train", "x", "--config", "none.yaml"], "none.yaml is missing"),
        (["train", "x", "--preset", "huge"], "preset='huge' is unknown"),
        (
            ["train", "x", "--data", "a", "--captions", "b"],
            "--data goes without --captions",
        ),
        (["train", "x", "--captions", "b"], "--captions alone is no data: give"),
        (["train", "x", "--images", "b"], "--images alone is no data: give"),
        (["train", "x", "--data", "a", "--images", "b"], "--data goes without"),
        (
            ["train", "x", "--captions", "a", "--regions", "b", "--images", "c"],
            "--regions and --images exclude each other",
        ),
        (
            ["train", "x", "--captions", "a", "--images", "b", "--sizes", "c"],
            "--sizes goes with --regions",
        ),
        (
            ["train", "x", "--captions", "a", "--images", "b"],
            "image_backbone=None and data=",
        ),
        (["verify", "nowhere", "--data", "a"], "nowhere is no export"),
    ],
)
def test_a_users_error_is_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("keras-teran: ")
    assert message in errors[0]
    assert not (tmp_path / "x").exists()


def test_an_interruption_says_how_to_go_on(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_teran.training._train.train", interrupted)
    assert main(["train", "x"]) == 130
    assert "the same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_complete(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert command in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert len(capsys.readouterr().out.splitlines()) > 5
