"""Odd and bad pictures and captions, by name, at every command that takes pictures."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from support import hub_presets
from support.colour_files import write_onnx
from support.odd_pictures import SIDE, write_bad, write_captions, write_good
from support.search_index import write_run

from keras_teran.cli.main import main
from keras_teran.data._caption_set import read_captions
from keras_teran.data._packed_store import PackedRegions
from keras_teran.data._picture_store import PictureStore
from keras_teran.run import read_image_backbone

GOOD = ["plain.png", "cmyk.jpg", "palette.png", "sixteen.png", "turned.png"]
GOOD = sorted([*GOOD, "moves.gif"])
BAD = ["truncated.jpg", "corrupt.png", "empty.png", "bomb.png", "letter.png"]
BAD = [*BAD, "gone.png"]
PLACES = ((4, 4), (4, -5), (-5, 4), (-5, -5))  # in each quarter


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Pictures, captions of them and of one that is missing, and what they go to."""
    root = tmp_path_factory.mktemp("odd")
    (root / "pictures").mkdir()
    colours = write_good(root / "pictures")
    faults = write_bad(root / "pictures")
    assert sorted(colours) == GOOD
    assert list(faults) == BAD
    keras.utils.set_random_seed(0)
    preset = hub_presets.write_preset(root / "vit", hub_presets.vit())
    run = write_run(root / "run", image_backbone=str(preset), region_dim=None)
    names = [*GOOD, *BAD]
    return SimpleNamespace(
        root=root,
        pictures=root / "pictures",
        captions=write_captions(root / "captions.json", names),
        colours=colours,
        faults=faults,
        preset=preset,
        network=write_onnx(root / "colours.onnx"),
        run=run,
    )


def lines_of(world, command, captions, out):
    """The command's line, with these captions of these pictures."""
    named = ["--captions", captions]
    split = [*named, "--split", "train"]
    network = ["--extractor", world.network, "--tensor", "map", "--grid", 2]
    images = ["--images", world.pictures]
    return {
        "regions": ["regions", world.pictures, *named, *network, "--out", out],
        "prepare": ["data", "prepare", world.pictures, *named, "--out", out],
        "index": ["index", world.run, *images, *split, "--out", out],
        "evaluate": ["evaluate", world.run, *images, *split],
        "train": ["train", out, *images, *named, "--image-backbone", world.preset],
    }[command]


def run(line):
    return main(list(map(str, line)))


@pytest.fixture(scope="module")
def ran(world):
    """Runs a command once: its exit status and what it said."""
    import contextlib
    import io

    done = {}

    def once(command):
        if command not in done:
            said = io.StringIO()
            out = world.root / command
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
                status = run(lines_of(world, command, world.captions, out))
            done[command] = status, said.getvalue(), out
        return done[command]

    return once


FINISHING = ["regions", "prepare", "index"]


@pytest.mark.slow
@pytest.mark.parametrize("command", FINISHING)
@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_left_out_and_listed_with_its_fault(world, ran, name, command):
    if command == "index":
        pytest.importorskip("qdrant_edge")
    status, said, _ = ran(command)
    assert status == 2
    (line,) = [x for x in said.splitlines() if "left out: " in x and name in x]
    assert f"{name} {world.faults[name]}" in line
    assert "6 " in said.splitlines()[-1]
    assert "cannot be used and are not in" in said.splitlines()[-1]
    assert "--skip-bad" in said.splitlines()[-1]


@pytest.mark.seconds
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_bad_pictures_stop_what_cannot_do_without_them(world, ran, command):
    status, said, out = ran(command)
    assert status == 2
    last = said.splitlines()[-1]
    assert "6 of 10 pictures cannot be used; the first: " in last
    for name in BAD[:3]:
        assert f"{name} {world.faults[name]}" in last
    assert "`keras-teran data prepare`" in last
    assert not out.exists()


@pytest.mark.seconds
@pytest.mark.parametrize("name", BAD)
def test_the_store_of_pictures_names_a_bad_one(world, name):
    store = PictureStore([7], [world.pictures / name], read_image_backbone(world.run))
    (fault,) = store.faults([7]).values()
    assert f"{name} {world.faults[name]}" in fault
    assert "\n" not in fault
    with pytest.raises(ValueError, match=f"{name} "):
        store.read([7])


@pytest.mark.parametrize("name", GOOD)
def test_an_odd_picture_is_in_the_store_of_regions_as_it_is_seen(world, ran, name):
    ran("regions")
    store = PackedRegions(world.root / "regions")
    assert store.image_ids.tolist() == list(range(len(GOOD)))
    found = store.read([GOOD.index(name)])["regions"][0]
    np.testing.assert_allclose(found, world.colours[name] / 255, atol=0.03)


@pytest.mark.parametrize("name", GOOD)
def test_an_odd_picture_goes_into_the_model_as_it_is_seen(world, name):
    backbone = read_image_backbone(world.run)
    store = PictureStore([7], [world.pictures / name], backbone)
    assert store.faults([7]) == {}
    pixels = store.read([7])["images"][0]
    assert pixels.shape == (SIDE, SIDE, 3)
    found = np.array([pixels[place] for place in PLACES], int)
    np.testing.assert_allclose(found, world.colours[name], atol=8)


def test_odd_pictures_are_in_the_prepared_data(world, ran):
    _, _, out = ran("prepare")
    kept = read_captions(out / "dataset_prepare.json", None)
    assert sorted(kept.filenames) == GOOD


COMMANDS = [*FINISHING, "evaluate", "train"]


@pytest.mark.seconds
@pytest.mark.parametrize("command", COMMANDS)
def test_captions_that_are_no_utf_8_are_named(world, command, tmp_path, capsys):
    file = write_captions(tmp_path / "latin.json", GOOD, encoding="latin1")
    assert run(lines_of(world, command, file, tmp_path / "out")) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("keras-teran: ")
    place = file.read_bytes().index(b"\xe9")
    assert f"latin.json is not UTF-8: byte {place}, line 1. Save it as UTF-8." in last
    assert not (tmp_path / "out").exists()


@pytest.mark.seconds
@pytest.mark.parametrize("command", COMMANDS)
def test_ids_that_occur_twice_are_named(world, command, tmp_path, capsys):
    file = write_captions(tmp_path / "twice.json", GOOD, ids=[0, 1, 2, 2, 4, 5])
    assert run(lines_of(world, command, file, tmp_path / "out")) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "twice.json" in last
    assert "[2] occur more than once. Give each its own id" in last
    assert not (tmp_path / "out").exists()
