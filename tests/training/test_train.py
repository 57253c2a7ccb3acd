"""Training into a RUN: what it leaves, and that a killed one loses nothing."""

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import yaml
from support.data_folder import small_config, weights_of, write_data_folder
from support.phrase_files import write_phrases

import keras_teran
from keras_teran.data._batches import PairBatches
from keras_teran.run import LAST_FILE, read_history, read_run_config
from keras_teran.training._train import RunKeeper, train

pytestmark = pytest.mark.seconds

PROGRAM = "import sys; from keras_teran.cli.main import main; sys.exit(main())"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """A RUN of three epochs, never interrupted."""
    folder = tmp_path_factory.mktemp("run") / "whole"
    train(small_config(data), folder, progress=False)
    return folder


@pytest.mark.slow
def test_a_run_holds_what_the_contract_names(finished, data):
    names = {path.name for path in finished.iterdir()}
    assert names == {
        "config.yaml",
        "model.keras",
        "vocab.txt",
        "tokenizer.json",
        "history.json",
        "card.md",
        "logs",
    }
    assert read_run_config(finished) == small_config(data).as_dict()
    history = read_history(finished)
    assert len(history["loss"]) == len(history["val_rsum"]) == 3
    card = (finished / "card.md").read_text("utf-8")
    minutes = sum(history["seconds"]) / 60
    assert f"3 epochs in {minutes:.1f} minutes on" in card
    best = max(history["val_rsum"])
    assert f"| val_rsum | {best:.4f} |" in card
    assert f"keras {keras.__version__}" in card


def test_a_model_records_the_vocabulary_that_it_was_trained_with(finished):
    matcher = keras_teran.load(finished)
    tokens = (finished / "vocab.txt").read_text("utf-8").split("\n")[:-1]
    expected = hashlib.sha256("\n".join(tokens).encode()).hexdigest()
    assert matcher.model.config["vocabulary_sha256"] == expected


@pytest.mark.slow
def test_a_training_does_not_go_on_with_another_vocabulary(data, tmp_path, monkeypatch):
    config = stopped_after(data, tmp_path / "run", 1, monkeypatch)
    path = tmp_path / "run" / "vocab.txt"
    tokens = path.read_text("utf-8").split("\n")[:-1]
    path.write_text("\n".join(tokens[::-1]) + "\n", "utf-8")
    with pytest.raises(ValueError, match="run has other tokens than the model was"):
        train(config, tmp_path / "run", progress=False)


@pytest.mark.slow
def test_a_configured_chunk_trains_to_the_figures_of_the_whole_batch(data, tmp_path):
    losses = []
    for chunk in (8, 3):  # the whole batch, and a part of it
        config = small_config(data, encode_chunk=chunk)
        config = dataclasses.replace(config, model={**config.model, "dropout": 0.0})
        history = train(config, tmp_path / str(chunk), progress=False)
        losses.append(history["loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def assert_kept_is_the_best(folder, data):
    """The best figures of a RUN are those of the model that it kept."""
    from keras_teran.data._source import open_split
    from keras_teran.evaluation._evaluate import evaluate

    matcher = keras_teran.load(folder)
    captions, regions, _ = open_split(data, "val")
    table, _ = evaluate(matcher.model, captions, regions, matcher.tokenizer)
    assert table["rsum"] == max(read_history(folder)["val_rsum"])


@pytest.mark.slow
def test_the_model_kept_is_that_of_the_best_epoch(finished, data):
    assert_kept_is_the_best(finished, data)


def test_training_lowers_the_loss(finished):
    losses = read_history(finished)["loss"]
    assert losses[-1] < losses[0]


def test_a_finished_run_is_not_overwritten(finished, data):
    with pytest.raises(ValueError, match="holds a finished RUN; give another folder"):
        train(small_config(data), finished, progress=False)


@pytest.mark.process
@pytest.mark.slow
def test_a_training_killed_between_epochs_resumes_to_the_same_weights(
    data, finished, tmp_path
):
    folder = tmp_path / "killed"
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(small_config(data).as_dict()))
    command = [sys.executable, "-c", PROGRAM, "train", folder, "--config", config]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (folder / LAST_FILE).is_file():
        assert process.poll() is None, "it ended before its first epoch did"
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert (folder / LAST_FILE).is_file()

    subprocess.run(command, check=True, capture_output=True)
    whole, resumed = keras_teran.load(finished), keras_teran.load(folder)
    np.testing.assert_allclose(
        weights_of(resumed.model), weights_of(whole.model), atol=1e-6
    )
    assert_same_history(read_history(folder), read_history(finished))


def assert_same_history(resumed, whole):
    """Of two trainings: all but how long each epoch took."""
    assert set(resumed) == set(whole)
    for name, values in whole.items():
        if name == "seconds":
            assert len(resumed[name]) == len(values) and min(resumed[name]) > 0
        else:
            np.testing.assert_allclose(resumed[name], values, atol=1e-4, err_msg=name)


def stopped_after(data, folder, epochs, monkeypatch, **changes):
    """A training that an error ends after some epochs."""
    config = small_config(data, **changes)
    keep = RunKeeper.on_epoch_end

    def keep_then_fail(self, epoch, logs=None):
        keep(self, epoch, logs)
        if epoch + 1 == epochs:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunKeeper, "on_epoch_end", keep_then_fail)
        with pytest.raises(KeyboardInterrupt):
            train(config, folder, progress=False)
    return config


@pytest.mark.slow
def test_resuming_trains_only_the_epochs_that_are_left(
    data, finished, tmp_path, monkeypatch
):
    config = stopped_after(data, tmp_path / "run", 2, monkeypatch)
    begun = []
    monkeypatch.setattr(
        RunKeeper, "on_epoch_begin", lambda self, epoch, logs=None: begun.append(epoch)
    )
    history = train(config, tmp_path / "run", progress=False)
    assert begun == [2]
    np.testing.assert_allclose(history["loss"], read_history(finished)["loss"], 1e-5)


@pytest.mark.slow
def test_a_cosine_at_two_rates_resumes_as_configured_to_the_same_weights(
    data, tmp_path, monkeypatch
):
    recipe = {"backbone_rate": 0.5, "schedule": "cosine", "epochs": 2}
    config = stopped_after(data, tmp_path / "run", 1, monkeypatch, recipe=recipe)
    with pytest.raises(ValueError, match="another configuration: dtype, seed differ"):
        other = dataclasses.replace(config, seed=1, dtype="mixed_bfloat16")
        train(other, tmp_path / "run", progress=False)

    resumed = train(config, tmp_path / "run", progress=False)
    whole = train(config, tmp_path / "whole", progress=False)
    assert_same_history(resumed, whole)
    models = [keras_teran.load(tmp_path / name).model for name in ("run", "whole")]
    np.testing.assert_allclose(*map(weights_of, models), atol=1e-6)
    assert_kept_is_the_best(tmp_path / "whole", data)


def test_patience_counts_the_epochs_before_a_resumption(tmp_path):
    (tmp_path / "history.json").write_text(json.dumps({"val_rsum": [9.0, 5.0]}))

    class Model:
        stop_training = False

        def save(self, path, include_optimizer):
            path.write_text("saved")

    keeper = RunKeeper(tmp_path, epoch=2, patience=2)
    keeper.set_model(Model())
    keeper.on_epoch_end(2, {"val_rsum": 8.0})
    assert keeper.model.stop_training
    assert not (tmp_path / "model.keras").exists()


@pytest.mark.slow
def test_bfloat16_trains_too_and_phrases_of_val_log_where_they_point(data, tmp_path):
    whole = {"caption": "a red ring", "start": 2, "end": 10, "phrase": "red ring"}
    whole |= {"filename": "0.jpg", "box": [0, 0, 1, 1]}
    phrases = write_phrases(tmp_path / "p.json", [whole], split="val")
    config = small_config(
        data,
        dtype="mixed_bfloat16",
        recipe={"epochs": 1},
        grounding=str(phrases),
    )
    history = train(config, tmp_path / "run", progress=False)
    # Any region's center lies in the whole image.
    assert history["val_pointing"] == [1.0]
    assert read_run_config(tmp_path / "run")["grounding"] == str(phrases)
    model = keras_teran.load(tmp_path / "run").model
    assert model.dtype_policy.compute_dtype == "bfloat16"
    assert model.weights[0].dtype == "float32"


@pytest.mark.slow
def test_a_recipe_of_groups_and_contrast_reaches_batches_and_loss(
    data, tmp_path, monkeypatch
):
    seen = []

    def batches_of(*args, **settings):
        seen.append(PairBatches(*args, **settings))
        return seen[0]

    monkeypatch.setattr("keras_teran.training._train.PairBatches", batches_of)
    recipe = {
        "epochs": 1,
        "batch_size": 8,
        "captions_per_image": 2,
        "loss": "contrastive",
        "temperature": 1e6,
    }
    history = train(small_config(data, recipe=recipe), tmp_path / "run", progress=False)
    # So hot that all scores are equal: one positive and 6 captions of the other three
    # images in a row, and as many in a column. Smaller batches cost less.
    whole = 2 * np.log(1 + 6)
    assert 0.5 * whole < history["loss"][0] <= whole * (1 + 1e-5)
    assert (seen[0].captions_per_image, seen[0].batch_size) == (2, 8)
