"""`python export/export.py RUN --out DIR`, as a person calls it."""

import json
import subprocess
import sys

import pytest
from support.paths import ROOT
from support.tiny_models import tiny, tiny_tokenizer

from keras_teran.run import MODEL_FILE, save_model, write_config

SCRIPT = ROOT / "export" / "export.py"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A RUN folder, of a model that was not trained."""
    folder = tmp_path_factory.mktemp("run")
    save_model(tiny(), folder / MODEL_FILE, include_optimizer=False)
    tiny_tokenizer(["a red square", "two blue rings"]).save(folder)
    write_config(folder, {"preset": "tiny"})
    return folder


def call(*arguments):
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        capture_output=True,
        check=False,
        text=True,
    )


@pytest.mark.process
def test_the_script_exports_a_run_and_prints_what_it_wrote(run, tmp_path):
    out = tmp_path / "exported"
    result = call(run, "--out", out, "--formats", "savedmodel")
    assert result.returncode == 0, result.stderr
    table = result.stdout.splitlines()
    assert [line.split()[0] for line in table] == [
        "file",
        "savedmodel/image_encoder",
        "savedmodel/caption_encoder",
        "savedmodel/scorer",
        "savedmodel/aligner",
        "written",
    ]
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["preset"] == "tiny"
    assert (out / "vocab.txt").read_bytes() == (run / "vocab.txt").read_bytes()


@pytest.mark.process
def test_the_script_refuses_what_it_does_not_know(run, tmp_path):
    result = call(run, "--out", tmp_path / "out", "--formats", "tflite")
    assert result.returncode == 2
    assert "choose from" in result.stderr
    result = call(tmp_path, "--out", tmp_path / "out")
    assert "is not a RUN" in result.stderr
    assert not (tmp_path / "out").exists()
