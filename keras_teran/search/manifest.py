"""INDEX/index.json: what an index is, and whether it is whole."""

import hashlib
import json
import zipfile
from pathlib import Path

from keras_teran.run import MODEL_FILE, write_text
from keras_teran.tokenizer import VOCABULARY_FILE

FILE = "index.json"
FORMAT = 1
_IN_MODEL = ("config.json", "model.weights.h5")
_GO_ON = "go on with the same `keras-teran index` command"


def read_manifest(folder, complete=True):
    """The dict in `index.json`.

    Args:
        folder: path of the index.
        complete: bool, refuse an unfinished build.

    Raises:
        FileNotFoundError: when there is no index.
        ValueError: when the file is damaged, of another format, or the build it tells
            of has not ended.
    """
    manifest = read_described(
        Path(folder) / FILE,
        FORMAT,
        f"There is no index in {folder}: it has no {FILE}. Make one with "
        "`keras-teran index`.",
        "build the index again",
    )
    if complete and not manifest["complete"]:
        raise ValueError(f"The build of {folder} has not ended: {_GO_ON}.")
    return manifest


def read_described(path, version, missing, remedy):
    """The dict in a JSON file that says what its folder is, and in which format.

    Args:
        path: of the file.
        version: int, the one `format` that this release reads.
        missing: str, the error's text where there is no such file.
        remedy: str, what to do about a file that cannot be read.

    Raises:
        FileNotFoundError: when there is none.
        ValueError: when it is damaged or of another format.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(missing)
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        found = described["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged; {remedy}.") from error
    if found != version:
        raise ValueError(
            f"{path} has format {found!r}, this release reads {version}; {remedy}."
        )
    return described


def write_manifest(folder, manifest):
    """Writes `index.json` aside and renames it."""
    write_text(Path(folder) / FILE, json.dumps(manifest, indent=1) + "\n")


def hash_model(run):
    """SHA-256 of a RUN's weights, architecture and vocabulary, in hexadecimal.

    Raises:
        FileNotFoundError: when the RUN has no model yet.
    """
    run = Path(run)
    path = run / MODEL_FILE
    if not path.is_file():
        raise FileNotFoundError(f"There is no model {path}; give --run its RUN folder.")
    digest = hashlib.sha256((run / VOCABULARY_FILE).read_bytes())
    with zipfile.ZipFile(path) as parts:
        for name in _IN_MODEL:
            with parts.open(name) as part:
                while block := part.read(2**20):
                    digest.update(block)
    return digest.hexdigest()


def check_model(manifest, run):
    """Raises ValueError unless this RUN's model made the index."""
    if hash_model(run) != manifest["model"]:
        raise ValueError(
            f"The model of {run} did not make this index; that was {manifest['run']}. "
            "Give the run that made it, or build an index of its own."
        )
