"""The command, as a person types it."""

import json
from argparse import Namespace

import numpy as np
import pytest
import yaml
from support.data_folder import small_config, write_data_folder
from support.region_files import write_original, write_packed

import keras_teran
from keras_teran.cli.data_options import open_store
from keras_teran.cli.main import main
from keras_teran.data._caption_set import read_captions
from keras_teran.data._region_store import open_regions
from keras_teran.data._source import open_split

pytestmark = pytest.mark.seconds

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


@pytest.mark.slow
def test_options_go_before_the_file(folders):
    data, run = folders
    config = keras_teran.load(run).config
    assert config["data"] == str(data)
    assert config["seed"] == 5
    assert config["recipe"]["epochs"] == 1
    assert config["recipe"]["batch_size"] == 8


@pytest.mark.slow
def test_evaluate_reads_the_data_of_the_run(folders, tmp_path, capsys):
    _, run = folders
    out = tmp_path / "figures.json"
    assert main(["evaluate", str(run), "--split", "val", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "val: 12 images, 24 captions" in printed
    figures = json.loads(out.read_text())
    assert figures["split"] == "val"
    assert f"{figures['recall']['rsum']:.1f}" in printed


def phrases_file(path, split="val", **changes):
    """The colour of the first caption of two images of val, somewhere."""
    records = [
        {
            "filename": f"{row}.jpg",
            "caption": f"a {colour} {shape}",
            "start": 2,
            "end": 2 + len(colour),
            "phrase": colour,
            "box": [0.0, 0.0, 1.0, 1.0],
            **changes,
        }
        for row, (colour, shape) in enumerate([("red", "ring"), ("blue", "star")])
    ]
    path.write_text(json.dumps({"split": split, "phrases": records}))
    return str(path)


@pytest.mark.slow
def test_evaluate_measures_the_place_of_phrases(folders, tmp_path, capsys):
    data, run = folders
    out, phrases = tmp_path / "figures.json", phrases_file(tmp_path / "p.json")
    # The store of val has its captions in its folder, whose names are those of images.
    command = ["evaluate", str(run), "--grounding", phrases]
    store = ["--regions", str(data / "val")]
    assert main([*command, *store, "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "grounding: 2 phrases of 2 images, merged boxes" in printed
    # All centers lie in the box, which is the whole image.
    assert "pointing, best region  100.0 [100.0, 100.0]" in printed
    figures = json.loads(out.read_text())
    assert figures["grounding"]["figures"]["pointing"]["value"] == 1
    assert len(figures["cases"]["best"]) == 2


def options(**given):
    """The data options of the command; what is not given is None."""
    names = ("data", "captions", "regions", "images", "sizes", "split")
    return Namespace(**{**dict.fromkeys(names), **given})


def test_a_store_for_phrases_has_captions_where_they_are_known(folders, tmp_path):
    data, run = folders
    store, file = str(data / "val"), str(data / "val" / "dataset_val.json")
    for given in (
        options(regions=store),
        options(regions=store, captions=file),
        options(regions=store, captions=file, split="val"),
        options(data=str(data), split="val"),
        options(split="val"),
    ):
        captions, regions = open_store(given, str(run))
        assert captions.filenames[:2] == ["0.jpg", "1.jpg"]
        assert len(regions) == 12
    write_packed(tmp_path, 3, dim=8)
    captions, regions = open_store(options(regions=str(tmp_path)), str(run))
    assert (captions, len(regions)) == (None, 3)


def test_a_store_of_another_width_is_refused(folders, tmp_path):
    write_packed(tmp_path, 3, dim=9)
    with pytest.raises(ValueError, match="have 9 features each and the model of .* 8"):
        open_store(options(regions=str(tmp_path)), str(folders[1]))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            ["--split", "train"],
            "p.json holds phrases of the split 'val', not of 'train'",
        ),
        (["--protocol", "f8k"], "--grounding and --protocol exclude each other."),
        (["--trec", "x"], "--trec needs --protocol"),
        (["--seed", "-1"], "--seed=-1 must be 0 or more"),
        (["--grounding", ""], "grounding is an empty text"),
        (["--grounding", "none.json"], "none.json to read phrases from."),
    ],
)
def test_options_that_do_not_go_with_phrases_are_one_line(
    folders, tmp_path, capsys, given, says
):
    data, run = folders
    command = ["evaluate", str(run), "--grounding", phrases_file(tmp_path / "p.json")]
    assert main([*command, "--regions", str(data / "val"), *given]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert says in line


def test_phrases_of_images_that_the_store_lacks_are_one_line(folders, tmp_path, capsys):
    data, run = folders
    phrases = phrases_file(tmp_path / "p.json", filename="of_no_image.jpg")
    command = ["evaluate", str(run), "--grounding", phrases]
    assert main([*command, "--regions", str(data / "val")]) == 2
    assert (
        "The regions lack 1 of the 1 images of the phrases" in capsys.readouterr().err
    )


def test_align_draws_the_heat_map_of_a_phrase(folders, tmp_path, capsys):
    _, run = folders
    out = tmp_path / "words.png"
    command = ["align", str(run), "--split", "val", "--caption", "a red star"]
    assert main([*command, "--phrase", "red star", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    assert main([*command, "--phrase", "blue", "--out", str(out)]) == 2
    assert "phrase='blue' is no part of the caption" in capsys.readouterr().err


def test_align_draws_a_picture(folders, tmp_path, capsys):
    _, run = folders
    out = tmp_path / "words.png"
    command = ["align", str(run), "--split", "val", "--image-id", "3"]
    assert main([*command, "--caption", "a red star", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    assert "image 3, MrSw score" in capsys.readouterr().out


@pytest.mark.slow
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
