"""A training that is killed after any of its writes goes on to the same weights."""

import dataclasses
import os
import shutil

import numpy as np
import pytest
from support.data_folder import SMALL, small_config, weights_of, write_data_folder

import keras_teran
from keras_teran.cli.main import main
from keras_teran.run import (
    CARD_FILE,
    HISTORY_FILE,
    LAST_FILE,
    MODEL_FILE,
    is_finished,
    read_history,
    write_history,
)
from keras_teran.training._train import RunKeeper, train

pytestmark = pytest.mark.seconds

# No transformer layers: tracing them takes most of so short a training.
MODEL = {**SMALL, "image_layers": 0, "final_layers": 0, "caption_layers": 0}


def config_of(data, **changes):
    config = small_config(data, recipe={"epochs": 2, "drop_epochs": []}, **changes)
    return dataclasses.replace(config, model=MODEL)


class Killed(BaseException):
    """What no code of the package catches."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A RUN that nothing stopped, and its weights."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(config_of(data), folder, progress=False)
    return folder, weights_of(keras_teran.load(folder).model)


def killed_after(folder, data, name, times, monkeypatch):
    """Trains until a file was renamed into place so many times."""
    rename, seen = os.replace, []

    def rename_then_die(source, target):
        rename(source, target)
        seen.append(os.path.basename(target))
        if seen.count(name) == times and seen[-1] == name:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", rename_then_die)
        with pytest.raises(Killed):
            train(config_of(data), folder, progress=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("config.yaml", 1),
        (HISTORY_FILE, 1),
        (MODEL_FILE, 1),
        (LAST_FILE, 1),
        (HISTORY_FILE, 2),
        (LAST_FILE, 2),
        (CARD_FILE, 1),
    ],
)
def test_a_training_killed_after_a_write_goes_on_to_the_same_weights(
    name, times, data, whole, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "run"
    killed_after(folder, data, name, times, monkeypatch)
    assert is_finished(folder) == (name == CARD_FILE)
    history = train(config_of(data), folder, progress=False)
    assert is_finished(folder) and not (folder / LAST_FILE).exists()
    assert len(history["val_rsum"]) == 2
    capsys.readouterr()
    found = weights_of(keras_teran.load(folder).model)
    np.testing.assert_allclose(found, whole[1], atol=1e-6)
    assert "unfinished" not in capsys.readouterr().err


def unfinished(whole, folder, epochs=1):
    """What a kill between `model.keras` and `last.keras` of an epoch leaves."""
    shutil.copytree(whole[0], folder)
    (folder / CARD_FILE).unlink()
    history = {name: values[:epochs] for name, values in read_history(folder).items()}
    write_history(folder, history)
    return folder


@pytest.mark.slow
def test_evaluating_an_unfinished_run_says_so_in_one_line(whole, tmp_path, capsys):
    folder = unfinished(whole, tmp_path / "run")
    assert main(["evaluate", str(folder), "--split", "val"]) == 0
    out, err = capsys.readouterr()
    told = [line for line in err.splitlines() if "unfinished" in line]
    assert told == [f"{folder} is unfinished: epoch 1 of 2."]
    assert "unfinished" not in out


def test_a_one_epoch_model_of_another_configuration_is_no_result(whole, data, tmp_path):
    folder = unfinished(whole, tmp_path / "run")
    with pytest.raises(
        ValueError, match="unfinished training of another .*: seed diff"
    ):
        train(config_of(data, seed=1), folder, progress=False)


def test_a_model_that_cannot_be_gone_on_with_is_not_trained_over(whole, data, tmp_path):
    folder = unfinished(whole, tmp_path / "run", epochs=2)
    with pytest.raises(
        ValueError, match="without last.keras to go on from and without"
    ):
        train(config_of(data), folder, progress=False)


def test_patience_that_is_spent_ends_a_resumed_training_at_once(tmp_path):
    write_history(tmp_path, {"val_rsum": [9.0, 5.0, 4.0]})
    assert RunKeeper(tmp_path, epoch=3, patience=2).out_of_patience
    assert not RunKeeper(tmp_path, epoch=2, patience=2).out_of_patience
    assert not RunKeeper(tmp_path, epoch=3).out_of_patience


def test_a_history_of_fewer_epochs_than_were_trained_is_refused(tmp_path):
    write_history(tmp_path, {"val_rsum": [9.0]})
    with pytest.raises(
        ValueError, match=r"history\.json lacks val_rsum of the 2 epochs"
    ):
        RunKeeper(tmp_path, epoch=2)


def test_a_number_that_is_not_finite_says_that_the_training_diverged(tmp_path):
    with pytest.raises(ValueError, match="loss is nan after epoch 2: the training div"):
        write_history(tmp_path, {"loss": [1.0, float("nan")]})
    assert not (tmp_path / HISTORY_FILE).exists()
