"""The model repository: whole versions, files that the real protos parse."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
)
from support.served import exported

from keras_teran.export._runtime import open_exported
from keras_teran.tf_serving import _configuration as configuration
from keras_teran.tf_serving import _layout as layout
from keras_teran.tf_serving._interface import Interface, bucket
from keras_teran.tf_serving._warmup import PATH

pytestmark = pytest.mark.seconds

tf = pytest.importorskip("tensorflow")
protos = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")

MODELS = {"image_encoder", "caption_encoder", "scorer"}


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return exported(tmp_path_factory.mktemp("export") / "exported")


@pytest.fixture(scope="module")
def first(export, tmp_path_factory):
    """A repository with version 1, not to be changed."""
    repository = tmp_path_factory.mktemp("models")
    assert layout.add_version(export, repository) == 1
    return repository


@pytest.fixture
def repository(first, tmp_path):
    return shutil.copytree(first, tmp_path / "models")


def config_of(repository):
    config = protos.ModelServerConfig()
    text_format.Parse((repository / "models.config").read_text(), config)
    return {entry.name: entry for entry in config.model_config_list.config}


def batching_parameters():
    """The message BatchingParameters; the package of the API does not publish it.

    Names and types as in TF Serving's session_bundle_config.proto.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name="batching.proto",
        package="double",
        syntax="proto3",
        dependency=["google/protobuf/wrappers.proto"],
    )
    message = file.message_type.add(name="BatchingParameters")
    kinds = descriptor_pb2.FieldDescriptorProto
    wrapped = (
        "max_batch_size",
        "batch_timeout_micros",
        "max_enqueued_batches",
        "num_batch_threads",
    )
    for number, name in enumerate(wrapped, 1):
        message.field.add(
            name=name,
            number=number,
            label=kinds.LABEL_OPTIONAL,
            type=kinds.TYPE_MESSAGE,
            type_name=".google.protobuf.Int64Value",
        )
    message.field.add(
        name="allowed_batch_sizes",
        number=6,
        label=kinds.LABEL_REPEATED,
        type=kinds.TYPE_INT64,
    )
    message.field.add(
        name="pad_variable_length_inputs",
        number=7,
        label=kinds.LABEL_OPTIONAL,
        type=kinds.TYPE_BOOL,
    )
    pool = descriptor_pool.DescriptorPool()
    from google.protobuf import wrappers_pb2

    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    pool.Add(wrappers)
    pool.Add(file)
    found = pool.FindMessageTypeByName("double.BatchingParameters")
    return message_factory.GetMessageClass(found)()


@pytest.mark.slow
def test_the_server_configuration_names_versions_and_labels(repository):
    config = config_of(repository)
    assert set(config) == MODELS
    for name, entry in config.items():
        assert entry.base_path == f"/models/{name}"
        assert entry.model_platform == "tensorflow"
        assert list(entry.model_version_policy.specific.versions) == [1]
        assert dict(entry.version_labels) == {"stable": 1, "candidate": 1}


@pytest.mark.slow
def test_batching_pads_no_lengths_and_its_sizes_end_at_the_largest_batch(first):
    files = [
        first / "batching.config",
        first / "image_encoder" / "1" / "batching_params.pbtxt",
        first / "caption_encoder" / "1" / "batching_params.pbtxt",
    ]
    for path in files:
        found = text_format.Parse(path.read_text(), batching_parameters())
        assert found.pad_variable_length_inputs is False
        # TF Serving refuses to start when these differ.
        assert found.allowed_batch_sizes[-1] == found.max_batch_size.value == 32
    # Two inputs of different first sizes cannot be batched.
    assert not (first / "scorer" / "1" / "batching_params.pbtxt").exists()


def test_the_commands_give_the_server_what_labels_need(first):
    service = yaml.safe_load((first / "compose.yaml").read_text())["services"]
    command = service["tf-serving"]["command"]
    assert "--allow_version_labels_for_unavailable_models=true" in command
    assert "--model_config_file=/models/models.config" in command
    script = (first / "serve.sh").read_text()
    assert all(option in script for option in command)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_warm_up_record_replays_through_the_signature(model, first):
    folder = first / model / "1"
    function = tf.saved_model.load(str(folder)).signatures["serving_default"]
    lengths = set()
    for record in tf.data.TFRecordDataset(str(folder / PATH)):
        request = logs.PredictionLog.FromString(record.numpy()).predict_log.request
        assert request.model_spec.name == model
        assert request.model_spec.signature_name == "serving_default"
        inputs = {n: tf.make_ndarray(t) for n, t in request.inputs.items()}
        outputs = function(**{n: tf.constant(v) for n, v in inputs.items()})
        assert all(np.isfinite(v.numpy()).all() for v in outputs.values())
        lengths.update((name, value.shape[1]) for name, value in inputs.items())
    interface = Interface.read(first / "client" / "1")
    of_words = {"token_ids", "padding_mask", "word_embeddings"}
    assert lengths == {
        (name, length)
        for name in inputs
        for length in (
            interface.token_buckets if name in of_words else interface.region_buckets
        )
    }


def test_a_new_version_goes_in_beside_the_old_and_is_promoted_later(repository, export):
    old = (repository / "scorer" / "1" / "saved_model.pb").read_bytes()
    assert layout.add_version(export, repository) == 2
    entry = config_of(repository)["scorer"]
    assert dict(entry.version_labels) == {"stable": 1, "candidate": 2}
    assert list(entry.model_version_policy.specific.versions) == [1, 2]
    assert (repository / "scorer" / "1" / "saved_model.pb").read_bytes() == old
    assert Interface.read(repository / "client" / "2").version == 2
    layout.promote(repository, 2)
    assert dict(config_of(repository)["scorer"].version_labels) == {
        "stable": 2,
        "candidate": 2,
    }
    with pytest.raises(ValueError, match="has no version 7 of all"):
        layout.promote(repository, 7)


def test_a_reader_never_sees_half_a_version(repository, export, monkeypatch):
    """At every write, what has a number is whole, and the rest has none."""
    whole = {
        p.relative_to(repository) for p in (repository / "scorer" / "1").rglob("*")
    }
    seen = []

    def look(*arguments):
        numbered = [
            path
            for model in MODELS
            for path in (repository / model).iterdir()
            if path.name.isdecimal()
        ]
        seen.append({path.name for path in numbered})
        return write(*arguments)

    write = layout.write_warmup
    monkeypatch.setattr(layout, "write_warmup", look)
    assert Path("scorer/1/saved_model.pb") in whole
    assert layout.add_version(export, repository) == 2
    assert seen == [{"1"}] * 3
    after = {
        p.relative_to(repository) for p in (repository / "scorer" / "2").rglob("*")
    }
    assert {str(p).replace("/1", "/2", 1) for p in whole} == {str(p) for p in after}


@pytest.mark.parametrize("fails_at", sorted(MODELS))
def test_a_write_that_fails_leaves_the_repository_as_it_was(
    fails_at, repository, export, monkeypatch
):
    def listing():
        return sorted(str(p) for p in repository.rglob("*"))

    before, config = listing(), (repository / "models.config").read_bytes()

    def fail(folder, model, interface):
        if model == fails_at:
            raise OSError("the disk is full")

    monkeypatch.setattr(layout, "write_warmup", fail)
    with pytest.raises(OSError, match="the disk is full"):
        layout.add_version(export, repository)
    assert listing() == before
    assert (repository / "models.config").read_bytes() == config


def test_what_a_killed_write_left_is_neither_served_nor_in_the_way(repository, export):
    (repository / "image_encoder" / ".2.123.part").mkdir()
    shutil.copytree(
        repository / "image_encoder" / "1", repository / "image_encoder" / "2"
    )
    assert config_of(repository)["image_encoder"].model_version_policy == (
        config_of(repository)["scorer"].model_version_policy
    )
    assert layout.add_version(export, repository) == 3
    versions = config_of(repository)["image_encoder"].model_version_policy
    assert list(versions.specific.versions) == [1, 3]


def test_an_export_without_the_scorer_is_refused(export, tmp_path):
    partial = shutil.copytree(export, tmp_path / "partial")
    shutil.rmtree(partial / "savedmodel" / "scorer")
    with pytest.raises(FileNotFoundError, match="scorer.*is missing: give an export"):
        layout.add_version(partial, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_an_export_with_its_vocabulary_in_another_order_is_refused(export, tmp_path):
    changed = shutil.copytree(export, tmp_path / "changed")
    tokens = (changed / "vocab.txt").read_text().splitlines()
    (changed / "vocab.txt").write_text("\n".join(tokens[::-1]) + "\n")
    with pytest.raises(ValueError, match=r"vocab\.txt"):
        layout.add_version(changed, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_models_config_that_does_not_parse_is_named(repository, export):
    (repository / "models.config").write_text("model {")
    with pytest.raises(ValueError, match=r"models\.config is no models\.config"):
        layout.add_version(export, repository)


@pytest.mark.seconds
def test_a_mask_padded_with_its_first_element_changes_the_vector(first):
    """Why pad_variable_length_inputs stays off: the server would pad so."""
    run = open_exported(first / "caption_encoder" / "1")
    ids, mask = np.int32([[2, 7, 8, 3]]), np.ones((1, 4), bool)
    alone = run({"token_ids": ids, "padding_mask": mask})["caption_embedding"]

    def padded(fill_id, fill_mask):
        room = ((0, 0), (0, 4))
        return run(
            {
                "token_ids": np.pad(ids, room, constant_values=fill_id),
                "padding_mask": np.pad(mask, room, constant_values=fill_mask),
            }
        )["caption_embedding"]

    np.testing.assert_allclose(padded(0, False), alone, atol=1e-5)
    assert np.abs(padded(ids[0, 0], mask[0, 0]) - alone).max() > 1e-2


def test_the_limits_of_a_version_are_those_of_its_export(first, export):
    interface = Interface.read(first / "client" / "1")
    config = json.loads((export / "manifest.json").read_text())["config"]
    assert interface.max_length == config["caption_max_length"] == 96
    assert interface.token_buckets == (8, 16, 24, 32, 48, 64, 96)
    assert interface.vocabulary_size == config["vocabulary_size"]
    assert [bucket(n, (8, 16)) for n in (8, 9, 17, 33)] == [8, 16, 32, 48]
    with pytest.raises(FileNotFoundError, match="client/VERSION"):
        Interface.read(first)


def test_batching_is_asked_for_and_not_the_default(first):
    assert not {*configuration.SERVER_OPTIONS} & {*configuration.BATCHING_OPTIONS}
    assert "--enable_batching" not in (first / "compose.yaml").read_text()


KILLED = """
import os, signal, sys
from keras_teran.tf_serving import _layout as layout

def write(folder, model, interface):
    if model == "caption_encoder":
        os.kill(os.getpid(), signal.SIGKILL)

layout.write_warmup = write
layout.add_version(sys.argv[1], sys.argv[2])
"""


@pytest.mark.process
def test_a_write_that_is_killed_shows_a_server_nothing_new(repository, export):
    config = (repository / "models.config").read_bytes()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, export, repository],
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL
    assert list((repository / "caption_encoder").glob(".2.*.part")), "too early a kill"
    for model in MODELS:
        numbers = [p.name for p in (repository / model).iterdir() if p.name.isdecimal()]
        assert numbers == ["1"]
    assert (repository / "models.config").read_bytes() == config
    assert layout.add_version(export, repository) == 2
