import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from support.region_files import write_original

from keras_teran.data import _pack as pack_module
from keras_teran.data._pack import pack
from keras_teran.data._region_store import OriginalRegions, PackedRegions

SIZE = (200, 100)
COUNTS = {30: 2, 10: 3, 20: 1, 50: 3, 40: 2}


def source_of(folder, counts):
    return OriginalRegions(folder, list(counts), dict.fromkeys(counts, SIZE))


@pytest.fixture
def source(tmp_path):
    write_original(tmp_path / "original", COUNTS, size=SIZE)
    return source_of(tmp_path / "original", COUNTS)


@pytest.fixture
def small_steps(monkeypatch):
    monkeypatch.setattr(pack_module, "_IMAGES_PER_STEP", 2)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Stopped(Exception):
    """Stands for whatever ends a run half-way."""


def pack_until_step(monkeypatch, source, folder, step):
    """Packs, and stops while the step of that number is being written."""
    write, steps = pack_module.write_rows, []

    def stop_in_the_middle(partial, start, image_ids, images, dtype):
        steps.append(start)
        if len(steps) == step:
            write(partial, start, image_ids[:1], images[:1], dtype)
            raise Stopped
        write(partial, start, image_ids, images, dtype)

    with monkeypatch.context() as patch:
        patch.setattr(pack_module, "write_rows", stop_in_the_middle)
        with pytest.raises(Stopped):
            pack(source, folder, progress=False)


def test_packed_features_equal_the_original_ones(tmp_path, source, small_steps):
    folder = pack(source, tmp_path / "packed", dtype="float32", progress=False)
    packed = PackedRegions(folder)
    packed.check(packed.image_ids)
    assert packed.image_ids.tolist() == [30, 10, 20, 50, 40]
    expected = source.read(source.image_ids)
    for name, values in packed.read(source.image_ids).items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


def test_float16_is_the_default_and_near(tmp_path, source):
    pack(source, tmp_path / "packed", progress=False)
    assert (tmp_path / "packed" / "regions.float16.npy").is_file()
    packed = PackedRegions(tmp_path / "packed").read([10])["regions"]
    # Half floats have 11 bits: an error of at most 2^-11 of the value.
    np.testing.assert_allclose(packed, source.read([10])["regions"], rtol=2**-11)


def test_equal_region_counts_need_no_counts_file(tmp_path):
    write_original(tmp_path / "original", {1: 2, 2: 2}, size=SIZE)
    source = source_of(tmp_path / "original", {1: 2, 2: 2})
    folder = pack(source, tmp_path / "packed", progress=False)
    assert sorted(contents(folder)) == [
        *("boxes.npy", "ids.npy", "packed.json", "regions.float16.npy")
    ]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_stopped_pack_leaves_no_store_and_goes_on_to_the_same_bytes(
    tmp_path, source, small_steps, monkeypatch, step
):
    pack_until_step(monkeypatch, source, tmp_path / "packed", step)
    assert not (tmp_path / "packed").exists()

    read, read_image = [], source.read_image
    source.read_image = lambda image_id: read.append(image_id) or read_image(image_id)
    pack(source, tmp_path / "packed", progress=False)
    assert sorted(read) == sorted([30, 10, 20, 50, 40][2 * (step - 1) :])

    source.read_image = read_image
    pack(source, tmp_path / "at_once", progress=False)
    assert contents(tmp_path / "packed") == contents(tmp_path / "at_once")
    assert not (tmp_path / "packed.partial").exists()


KILLED = """
import os, signal, sys
from keras_teran.data import _pack as module
from keras_teran.data.formats import OriginalRegions

module._IMAGES_PER_STEP = 2
write = module.write_rows
def killed(partial, start, *rest):
    if start == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    write(partial, start, *rest)
module.write_rows = killed
ids = [30, 10, 20, 50, 40]
source = OriginalRegions(sys.argv[1], ids, dict.fromkeys(ids, (200, 100)))
module.pack(source, sys.argv[2], progress=False)
"""


@pytest.mark.process
def test_a_killed_process_leaves_what_the_next_one_finishes(
    tmp_path, source, small_steps
):
    arguments = [str(source.folder), str(tmp_path / "packed")]
    ended = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False)
    assert ended.returncode == -signal.SIGKILL
    state = json.loads((tmp_path / "packed.partial" / "progress.json").read_text())
    assert state["images_done"] == 2
    pack(source, tmp_path / "packed", progress=False)
    pack(source, tmp_path / "at_once", progress=False)
    assert contents(tmp_path / "packed") == contents(tmp_path / "at_once")


def test_a_stopped_pack_of_other_images_is_not_continued(
    tmp_path, source, small_steps, monkeypatch
):
    pack_until_step(monkeypatch, source, tmp_path / "packed", 2)
    other = source_of(source.folder, {30: 2, 10: 3, 50: 3, 20: 1, 40: 2})
    with pytest.raises(ValueError, match=r"packed\.partial is an unfinished .*ids_and"):
        pack(other, tmp_path / "packed", progress=False)
    with pytest.raises(ValueError, match=r"something else: \['dtype'\] differ"):
        pack(source, tmp_path / "packed", dtype="float32", progress=False)


def test_a_faulty_file_stops_the_pack_and_is_named(tmp_path, source, small_steps):
    path = tmp_path / "original" / "bu_att" / "50.npz"
    good = path.read_bytes()
    path.write_bytes(good[:50])
    with pytest.raises(ValueError, match=r"50\.npz is no \.npz file, or a damaged"):
        pack(source, tmp_path / "packed", progress=False)
    assert not (tmp_path / "packed").exists()

    path.write_bytes(good)
    pack(source, tmp_path / "packed", progress=False)
    PackedRegions(tmp_path / "packed").check(list(COUNTS))


def test_a_feature_too_large_for_half_floats_is_named(tmp_path, source):
    features = np.full((3, 6), 1e5, np.float32)
    np.savez(tmp_path / "original" / "bu_att" / "50.npz", feat=features)
    with pytest.raises(ValueError, match=r"image 50 reach 1e\+05, too large for float"):
        pack(source, tmp_path / "packed", progress=False)


def test_an_existing_folder_is_not_overwritten(tmp_path, source):
    (tmp_path / "packed").mkdir()
    with pytest.raises(FileExistsError, match="packed exists already"):
        pack(source, tmp_path / "packed", progress=False)


def test_another_dtype_is_refused(tmp_path, source):
    with pytest.raises(ValueError, match="'float16' or 'float32'; received 'int8'"):
        pack(source, tmp_path / "packed", dtype="int8", progress=False)


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, source, monkeypatch):
    class Full:
        free = 10

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Full)
    with pytest.raises(OSError, match=r"packed\.partial needs .* GB free"):
        pack(source, tmp_path / "packed", progress=False)


def test_the_bar_counts_images_and_starts_where_the_last_run_stopped(
    tmp_path, source, small_steps, monkeypatch, capsys
):
    pack_until_step(monkeypatch, source, tmp_path / "packed", 2)
    capsys.readouterr()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    pack(source, tmp_path / "packed", progress=True)
    bar = capsys.readouterr().err
    assert "packing original:  40%" in bar and "5/5" in bar
