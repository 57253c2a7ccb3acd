"""`keras-teran export --tf-serving`, as a person types it."""

import pytest
from support.served import CAPTIONS
from support.tiny_models import tiny, tiny_tokenizer

from keras_teran.cli.main import main
from keras_teran.run import MODEL_FILE, save_model, write_config
from keras_teran.tf_serving._interface import Interface

pytest.importorskip("tensorflow_serving")


@pytest.mark.slow
def test_each_export_becomes_the_next_version(tmp_path, capsys):
    run, models = tmp_path / "run", tmp_path / "models"
    run.mkdir()
    save_model(tiny(), run / MODEL_FILE, include_optimizer=False)
    tiny_tokenizer(CAPTIONS).save(run)
    write_config(run, {"preset": "tiny", "data": None})
    options = ["--formats", "savedmodel", "--tf-serving", str(models)]
    for version in (1, 2):
        assert main(["export", str(run), "--out", str(tmp_path / "out"), *options]) == 0
        assert f"version {version}, labelled candidate" in capsys.readouterr().out
        assert Interface.read(models / "client" / str(version)).version == version


def test_without_savedmodels_it_is_refused_before_any_work(tmp_path, capsys):
    options = ["--formats", "onnx", "--tf-serving", str(tmp_path / "models")]
    assert main(["export", "nowhere", "--out", str(tmp_path / "out"), *options]) == 2
    assert "put savedmodel in --formats" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
