"""`keras-teran export --tf-serving`, as a person types it."""

import pytest
from served import CAPTIONS
from tiny_models import tiny

import keras_teran
from keras_teran.cli import main
from keras_teran.matcher import Matcher
from keras_teran.serving.interface import Interface
from keras_teran.tokenizer import CaptionTokenizer

pytest.importorskip("tensorflow_serving")


def test_each_export_becomes_the_next_version(tmp_path, monkeypatch, capsys):
    matcher = Matcher(
        tiny(), CaptionTokenizer.train(CAPTIONS, 120), {"preset": "tiny", "data": None}
    )
    monkeypatch.setitem(vars(keras_teran), "load", lambda run: matcher)
    models = tmp_path / "models"
    options = ["--formats", "savedmodel", "--tf-serving", str(models)]
    for version in (1, 2):
        assert main(["export", "RUN", "--out", str(tmp_path / "out"), *options]) == 0
        assert f"version {version}, labelled candidate" in capsys.readouterr().out
        assert Interface.read(models / "client" / str(version)).version == version
