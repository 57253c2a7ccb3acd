"""A model repository for TF Serving: versions side by side, each whole or not there.

REPOSITORY/
  image_encoder/1  caption_encoder/1  scorer/1   SavedModels, warm-up inside
  client/1         vocabulary and limits, for `Client`
  models.config  batching.config  compose.yaml  serve.sh
"""

import contextlib
import shutil
from importlib import util
from pathlib import Path

from keras_teran._io import check_folder, whole_folder, write_text
from keras_teran.export import MANIFEST, check_files, read_manifest
from keras_teran.text import CaptionTokenizer, check_vocabulary
from keras_teran.tf_serving import _configuration as configuration
from keras_teran.tf_serving._configuration import MODELS
from keras_teran.tf_serving._interface import Interface
from keras_teran.tf_serving._warmup import write_warmup

STABLE, CANDIDATE = "stable", "candidate"


def add_version(exported, repository):
    """Lays an export out as the next version of a model repository.

    Each folder is written aside, under a name that is no number and that TF Serving
    therefore passes over, and renamed. `models.config`, which names the versions to
    serve, is replaced last: until then a server knows nothing of the new one. The new
    version is labelled `candidate`; `stable` stays where it is, or is the first.

    Args:
        exported: folder that `export` wrote, with SavedModels.
        repository: folder to write into; made where it is missing.

    Returns:
        The version, an int from 1.

    Raises:
        FileNotFoundError: when the export lacks its manifest or one of the SavedModels.
        ValueError: when a file of the export is not the one that its manifest names.
        ModuleNotFoundError: without `tensorflow-serving-api`.
    """
    exported, repository = Path(exported), Path(repository)
    labels = check_repository(repository)
    _check(exported)
    version = 1 + max(_versions(repository), default=0)
    manifest = read_manifest(exported)
    check_files(exported, manifest)
    interface = Interface.of_manifest(manifest, version)
    tokenizer = CaptionTokenizer.load(exported, saved=True)
    check_vocabulary(manifest["config"], tokenizer, exported)
    with contextlib.ExitStack() as stack:
        for name in (*MODELS, "client"):
            place = repository / name / str(version)
            folder = stack.enter_context(whole_folder(place))
            if name == "client":
                tokenizer.save(folder)
                interface.write(folder)
                continue
            saved = exported / "savedmodel" / name
            shutil.copytree(saved, folder, dirs_exist_ok=True)
            write_warmup(folder, name, interface)
            if name != "scorer":  # its two inputs differ in their first size
                write_text(folder / "batching_params.pbtxt", configuration.BATCHING)
    _write_configuration(
        repository, {STABLE: labels.get(STABLE, version), CANDIDATE: version}
    )
    return version


def check_repository(repository):
    """Refuses where no version can be added, before the work that it is for.

    Args:
        repository: folder; it may be missing.

    Returns:
        Dict of labels to versions, see `configuration.read_labels`.

    Raises:
        ModuleNotFoundError: without `tensorflow-serving-api`.
        ValueError: when something else than a folder is there or above it, or its
            `models.config` is damaged.
    """
    if util.find_spec("tensorflow_serving") is None:
        raise ModuleNotFoundError(
            "A model repository needs tensorflow-serving-api: `pip install "
            "keras-teran[serving]`."
        )
    return configuration.read_labels(check_folder(repository))


def promote(repository, version):
    """Labels a version `stable`; the candidate stays.

    Raises:
        ValueError: when the repository does not hold that version whole.
    """
    repository = Path(repository)
    if not all((repository / n / str(version)).is_dir() for n in (*MODELS, "client")):
        raise ValueError(
            f"{repository} has no version {version} of all of {', '.join(MODELS)}."
        )
    labels = configuration.read_labels(repository)
    _write_configuration(
        repository, {STABLE: version, CANDIDATE: labels.get(CANDIDATE, version)}
    )


def _write_configuration(repository, labels):
    from google.protobuf import text_format

    batching = configuration.BATCHING + configuration.THREADS
    write_text(repository / "batching.config", batching)
    write_text(repository / "compose.yaml", configuration.COMPOSE)
    write_text(repository / "serve.sh", configuration.DOCKER)
    config = configuration.server_config(MODELS, labels)
    write_text(repository / configuration.CONFIG, text_format.MessageToString(config))


def _versions(repository):
    """Numbers of all the versions there, of any model, whole or left over."""
    folders = [p for name in (*MODELS, "client") for p in repository.glob(f"{name}/*")]
    return [int(path.name) for path in folders if path.name.isdecimal()]


def _check(exported):
    wanted = [f"savedmodel/{name}/saved_model.pb" for name in MODELS]
    for file in (MANIFEST, *wanted):
        if not (exported / file).is_file():
            raise FileNotFoundError(
                f"{exported / file} is missing: give an export with SavedModels of both "
                "encoders and the scorer."
            )
