"""Images encoded ahead of their index: whole shards or none, and the same index."""

import json
import os

import numpy as np
import pytest
from support.search_index import data, write_run

from keras_teran.cli.main import main
from keras_teran.pipeline._matcher import load
from keras_teran.search import Index, Shards, build
from keras_teran.search import _shards as shards
from keras_teran.search._shards import encode_images, plan_shards, write_shard


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(scope="module")
def matcher(run):
    return load(run)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """(captions, regions) of 12 images with 1 to 4 regions."""
    return data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "shards"


def write(run, matcher, regions, folder, dtype="float32"):
    for number in plan_shards(run, regions, folder, 5, dtype):
        write_shard(matcher, regions, folder, number)
    return Shards(folder)


@pytest.mark.seconds
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("float16", 1e-3)])
def test_what_is_read_is_what_the_model_says(
    run, matcher, source, folder, dtype, tolerance
):
    _, regions = source
    written = write(run, matcher, regions, folder, dtype)
    assert written.image_ids.tolist() == regions.image_ids.tolist()
    assert written.max_regions == regions.max_regions
    ids = regions.image_ids[[11, 0, 5, 4]]  # of three shards, in any order
    images = regions.read(ids)
    outputs = matcher.encode(images)
    for row, image in enumerate(written.encoded(ids)):
        real = images["region_mask"][row]
        assert image.members.shape == (
            real.sum(),
            outputs["region_embeddings"].shape[2],
        )
        for found, wanted in [
            (image.pooled, outputs["image_embedding"][row]),
            (image.members, outputs["region_embeddings"][row][real]),
            (image.boxes, images["boxes"][row][real]),
        ]:
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, wanted, atol=tolerance)


@pytest.mark.seconds
def test_an_index_of_shards_is_the_index_of_the_regions(
    run, matcher, source, folder, tmp_path
):
    captions, regions = source
    build(run, captions, regions, tmp_path / "plain")
    build(run, captions, write(run, matcher, regions, folder), tmp_path / "sharded")
    with Index.open(tmp_path / "plain") as one, Index.open(tmp_path / "sharded") as two:
        for exact in (True, False):
            mine, other = (
                index.search("a red ring", top=12, exact=exact) for index in (one, two)
            )
            assert [hit.id for hit in mine] == [hit.id for hit in other]
            assert [hit.score for hit in mine] == pytest.approx(
                [hit.score for hit in other], abs=1e-5
            )
            assert [hit.boxes for hit in mine] == [hit.boxes for hit in other]
            assert [hit.payload for hit in mine] == [hit.payload for hit in other]


@pytest.mark.seconds
def test_the_command_builds_an_index_of_shards(run, matcher, folder, tmp_path, capsys):
    captions, regions = data(tmp_path / "data")
    write(run, matcher, regions, folder)
    file = next((tmp_path / "data" / "val").glob("dataset_*.json"))
    index = f"index {run} --encoded {folder} --split val --out {tmp_path}"
    for name, options, told in (
        ("of_data", f"--regions {tmp_path}/data", "12 images, 24 captions"),
        ("of_file", f"--captions {file}", "12 images, 24 captions"),
        ("alone", "", "12 images, 0 captions"),
    ):
        assert main([*f"{index}/{name} {options}".split()]) == 0
        assert f"{name}: {told}" in capsys.readouterr().out
        with Index.open(tmp_path / name) as opened:
            hits = opened.search("a red ring", top=12)
        _, scores = matcher.rank(regions.read(captions.image_ids), "a red ring")
        assert [hit.score for hit in hits] == pytest.approx(scores.tolist(), abs=1e-5)


@pytest.mark.seconds
def test_an_image_that_no_shard_holds_stops_the_command_before_it_writes(
    run, matcher, source, folder, tmp_path, capsys
):
    data(tmp_path / "data")
    for file in (tmp_path / "data" / "val").glob("dataset_*.json"):
        told = json.loads(file.read_text())
        told["images"][0]["imgid"] = told["images"][0]["cocoid"] = 999
        file.write_text(json.dumps(told))
    write(run, matcher, source[1], folder)
    index = f"index {run} --encoded {folder} --captions {file} --split val"
    assert main([*index.split(), "--out", str(tmp_path / "index")]) == 2
    assert "has no features of 1 of the images" in capsys.readouterr().err
    assert main(["index", str(run), "--out", str(tmp_path / "index")]) == 2
    assert (
        "Give --regions DATA, --pictures FOLDER, or --encoded"
        in capsys.readouterr().err
    )
    assert not (tmp_path / "index").exists()


def test_a_plan_goes_on_with_what_is_missing(run, matcher, source, folder):
    _, regions = source
    assert plan_shards(run, regions, folder, 5) == [0, 1, 2]  # of 5, 5 and 2 images
    assert write_shard(matcher, regions, folder, 2) == 2
    assert plan_shards(run, regions, folder, 5) == [0, 1]
    with pytest.raises(ValueError, match="lacks 2 shards, the first of them 0"):
        Shards(folder)


def test_an_interrupted_or_killed_writer_leaves_no_shard(
    run, matcher, source, folder, monkeypatch
):
    _, regions = source
    plan_shards(run, regions, folder, 5)
    real, saved = np.save, []

    def killed(path, array):
        saved.append(path)
        if len(saved) == 4:
            raise KeyboardInterrupt
        real(path, array)

    monkeypatch.setattr(shards.np, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        write_shard(matcher, regions, folder, 1)
    monkeypatch.undo()
    assert os.listdir(folder) == ["shards.json"]
    (folder / ".000001.another-host-1.part").mkdir()
    assert plan_shards(run, regions, folder, 5) == [0, 1, 2]
    assert sorted(os.listdir(folder)) == ["shards.json"]


def test_two_who_write_the_same_shard_leave_one(run, matcher, source, folder):
    _, regions = source
    first = write(run, matcher, regions, folder)
    write_shard(matcher, regions, folder, 0)
    assert sorted(os.listdir(folder)) == ["000000", "000001", "000002", "shards.json"]
    assert len(Shards(folder).image_ids) == len(first.image_ids) == 12


@pytest.mark.seconds
def test_what_does_not_belong_together_is_refused(
    run, matcher, source, folder, tmp_path
):
    captions, regions = source
    written = write(run, matcher, regions, folder)
    with pytest.raises(ValueError, match="begun with another images_a_shard, dtype; "):
        plan_shards(run, regions, folder, 6, "float16")
    other = write_run(tmp_path / "other", embedding_dim=16)
    with pytest.raises(ValueError, match="begun with another model; give what"):
        plan_shards(other, regions, folder, 5, "float32")
    with pytest.raises(ValueError, match="Another model than that of .*other encoded"):
        build(other, captions, written, tmp_path / "index")
    assert not (tmp_path / "index").exists()
    with pytest.raises(ValueError, match="has no features of 1 of the images.*999"):
        written.encoded([999])
    for wrong in ({"images_a_shard": 0}, {"dtype": "int8"}):
        with pytest.raises(ValueError, match="must be one of .*1 or more"):
            plan_shards(run, regions, tmp_path / "new", **wrong)


@pytest.mark.seconds
@pytest.mark.parametrize("name", ["ids", "members", "counts"])
def test_a_damaged_shard_is_named(run, matcher, source, folder, name):
    written = write(run, matcher, source[1], folder)
    path = folder / "000001" / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="000001 is damaged; remove it and encode"):
        Shards(folder) if name == "ids" else written.encoded([written.image_ids[7]])


def test_shards_of_a_wrong_number_of_regions_are_damaged(run, matcher, source, folder):
    written = write(run, matcher, source[1], folder)
    np.save(folder / "000001" / "counts.npy", np.full(5, 4))
    with pytest.raises(ValueError, match="000001 is damaged; remove it and encode"):
        written.encoded([written.image_ids[7]])


def test_a_folder_without_a_plan_or_of_another_format_is_refused(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="has no shards.json"):
        Shards(tmp_path)
    folder.mkdir()
    (folder / "shards.json").write_text("{")
    with pytest.raises(ValueError, match="shards.json is damaged; encode again"):
        Shards(folder)
    (folder / "shards.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(ValueError, match="has format 2, this release reads 1"):
        Shards(folder)


def test_encoded_images_are_their_real_regions_alone(matcher, source):
    _, regions = source
    images = regions.read(regions.image_ids)
    counts = [len(image.members) for image in encode_images(matcher, images)]
    assert counts == [1, 2, 3, 4] * 3
