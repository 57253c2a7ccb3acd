"""Verification: recall of every pair of files against Keras, and the verdict."""

import json
import shutil

import numpy as np
import pytest
import yaml
from support.data_folder import small_config, write_data_folder

import keras_teran
from keras_teran._io import sha256
from keras_teran.cli.main import main
from keras_teran.data._source import open_split
from keras_teran.evaluation import recall_table
from keras_teran.evaluation._evaluate import evaluate
from keras_teran.export import calibration_set
from keras_teran.export._export import MANIFEST, export, in_float32
from keras_teran.export._manifest import manifest_text, signed
from keras_teran.export._verify import verify
from keras_teran.export._verify_table import format_verification

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data_folder(tmp_path_factory.mktemp("verify") / "data")


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    root = tmp_path_factory.mktemp("verify_run")
    config = root / "config.yaml"
    config.write_text(yaml.safe_dump(small_config("elsewhere").as_dict()))
    options = ["--config", str(config), "--data", str(data), "--epochs", "1"]
    assert main(["train", str(root / "run"), *options]) == 0
    return root / "run"


@pytest.fixture(scope="module")
def first(run, tmp_path_factory):
    """An export, not to be changed."""
    matcher = keras_teran.load(run)
    out = tmp_path_factory.mktemp("first") / "exported"
    export(matcher.model, matcher.tokenizer, out, ("litert",), variants=["litert-int8"])
    return out


@pytest.fixture
def exported(first, tmp_path):
    return shutil.copytree(first, tmp_path / "exported")


def swap_weights(exported, run):
    """Puts an image encoder of other weights in the place of the int8 one."""
    from keras_teran.export._converters import CONVERTERS, quiet

    model = in_float32(keras_teran.load(run).model)
    draw = np.random.default_rng(1)
    weights = model.image_encoder.get_weights()
    model.image_encoder.set_weights(
        [draw.standard_normal(w.shape).astype(w.dtype) for w in weights]
    )
    path = exported / "litert" / "image_encoder.int8.tflite"
    with quiet():
        CONVERTERS["litert"].convert(model.image_encoder, path)
    manifest = json.loads((exported / MANIFEST).read_text())
    (artifact,) = (a for a in manifest["artifacts"] if a["path"].endswith(path.name))
    artifact["bytes"] = path.stat().st_size
    artifact["files"] = {artifact["path"]: sha256(path)}
    (exported / MANIFEST).write_text(manifest_text(signed(manifest)))


def test_the_recall_is_that_of_evaluate_and_the_files_are_marked(data, run, exported):
    captions, regions, _ = open_split(data, "val")
    matcher = keras_teran.load(run)
    model = in_float32(matcher.model)
    found = verify(exported, captions, regions, model, cost=False)
    expected, _ = evaluate(model, captions, regions, matcher.tokenizer)
    assert found["reference"]["name"] == "Keras"
    assert found["reference"]["recall"] == expected
    assert [(p["format"], p["variant"]) for p in found["pairs"]] == [
        ("litert", "float32"),
        ("litert", "int8"),
    ]
    assert found["pairs"][0]["recall"] == expected
    assert found["pairs"][0]["rsum_change"] == 0
    assert found["pairs"][0]["agreement"] == 1
    assert 0.8 < found["pairs"][1]["agreement"] <= 1
    cosines = {
        f["path"]: f["mean_cosine"] for f in found["files"] if "mean_cosine" in f
    }
    assert cosines["litert/image_encoder.tflite"] == pytest.approx(1, abs=1e-5)
    assert 0.99 < cosines["litert/caption_encoder.int8.tflite"] < 1
    manifest = json.loads((exported / MANIFEST).read_text())
    assert manifest["artifacts"][0]["good"] is True
    assert json.loads((exported / "verify.json").read_text()) == found
    assert (exported / "verify.md").read_text() == format_verification(found) + "\n"


def test_without_a_run_the_float32_files_are_the_reference(data, exported):
    captions, regions, _ = open_split(data, "val")
    found = verify(exported, captions, regions, cost=False)
    assert found["reference"]["name"] == "litert-float32"
    assert found["pairs"][0]["rsum_change"] == 0
    manifest = json.loads((exported / MANIFEST).read_text())
    manifest["artifacts"] = [
        a for a in manifest["artifacts"] if a["variant"] != "float32"
    ]
    (exported / MANIFEST).write_text(manifest_text(signed(manifest)))
    with pytest.raises(ValueError, match="no float32 encoders .*--run"):
        verify(exported, captions, regions, cost=False)


def lose_recall(monkeypatch, points):
    """After the reference's, every recall table has so many points of rsum less."""
    tables = []

    def losing(*arguments):
        found = recall_table(*arguments)
        tables.append(found)
        return found if len(tables) == 1 else {**found, "rsum": found["rsum"] - points}

    monkeypatch.setattr("keras_teran.export._verify.recall_table", losing)


@pytest.mark.parametrize(("most_lost", "status"), [("1", 2), ("9", 0)])
def test_a_pair_that_loses_more_than_is_allowed_fails_the_command(
    data, exported, capsys, monkeypatch, most_lost, status
):
    lose_recall(monkeypatch, 1.25)  # int8 has 4.2 less by itself
    command = ["verify", str(exported), "--data", str(data), "--no-cost"]
    assert main([*command, "--most-lost", most_lost]) == status
    told = capsys.readouterr().err
    assert ("Not good: litert float32" in told) == (status == 2)


def test_a_pair_of_other_weights_is_not_good(data, run, exported):
    swap_weights(exported, run)
    captions, regions, _ = open_split(data, "val")
    found = verify(exported, captions, regions, most_lost=0.0, cost=False)
    pair = found["pairs"][1]
    assert pair["good"] == (pair["rsum_change"] >= 0)
    cosine = next(f for f in found["files"] if f["path"].endswith("r.int8.tflite"))
    assert cosine["mean_cosine"] < 0.9
    # Its words choose among four regions anew.
    assert pair["agreement"] < 0.8
    assert f"| {100 * pair['agreement']:.1f} |" in format_verification(found)


def test_every_file_is_measured_in_its_own_process(data, exported):
    captions, regions, _ = open_split(data, "val")
    found = verify(exported, captions, regions)
    assert len(found["files"]) == 2 + 2 + 2
    for row in found["files"]:
        assert 0 < row["cost"]["1"]["p50_ms"] <= row["cost"]["1"]["p95_ms"]
        assert row["cost"]["peak_mb"] > 10
    table = format_verification(found)
    assert "litert int8" in table
    assert "`litert/scorer.tflite`" in table


@pytest.mark.slow
def test_export_with_data_refuses_what_loses_recall_unless_told(
    data, run, tmp_path, monkeypatch, capsys
):
    lose_recall(monkeypatch, 2.0)
    out = tmp_path / "out"
    command = ["export", str(run), "--out", str(out), "--formats", "savedmodel"]
    assert main([*command, "--data", str(data)]) == 2
    assert "Not good: savedmodel float32 changes rsum" in capsys.readouterr().err
    assert not out.exists()
    lose_recall(monkeypatch, 2.0)
    assert main([*command, "--data", str(data), "--keep"]) == 0
    marked = json.loads((out / MANIFEST).read_text())["artifacts"]
    assert [a["good"] for a in marked] == [False, False, True, True]


@pytest.mark.slow
def test_the_command_calibrates_and_judges(data, run, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["export", str(run), "--out", str(out), "--formats", "litert"]
    assert main([*command, "--variants", "litert-full-int8"]) == 2
    assert "needs a calibration set" in capsys.readouterr().err
    command += ["--variants", "litert-full-int8", "--data", str(data), "--keep"]
    assert main(command) == 0
    assert (out / "litert" / "caption_encoder.full-int8.tflite").is_file()
    assert (out / "verify.md").is_file()


@pytest.mark.seconds
def test_the_calibration_set_is_real_input_of_both_encoders(data, run):
    captions, regions, _ = open_split(data, "train")
    tokenizer = keras_teran.load(run).tokenizer
    found = calibration_set(tokenizer, captions, regions)
    assert [len(batch["regions"]) for batch in found["image_encoder"]] == [8, 4]
    assert sum(len(b["token_ids"]) for b in found["caption_encoder"]) == 24


def test_a_folder_that_is_no_export_is_refused(data, tmp_path):
    captions, regions, _ = open_split(data, "val")
    with pytest.raises(FileNotFoundError, match="is no export"):
        verify(tmp_path, captions, regions)


@pytest.mark.slow
def test_an_export_with_its_vocabulary_in_another_order_is_refused(data, exported):
    captions, regions, _ = open_split(data, "val")
    tokens = (exported / "vocab.txt").read_text().splitlines()
    (exported / "vocab.txt").write_text("\n".join(tokens[::-1]) + "\n")
    with pytest.raises(ValueError, match=r"vocab\.txt"):
        verify(exported, captions, regions)
