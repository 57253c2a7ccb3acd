"""INDEX/index.json: what an index is, and whether it is whole."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from keras_teran._io import (
    check,
    one_line,
    read_bytes,
    read_json,
    require_file,
    write_json,
)
from keras_teran.run import MODEL_FILE
from keras_teran.search._address import check_engine
from keras_teran.text import VOCABULARY_FILE

FILE = "index.json"
FORMAT = 2
_IN_MODEL = ("config.json", "model.weights.h5")
_GO_ON = "go on with the same `keras-teran index` command"
_AGAIN = "build the index again"
# A file an entry of some 150 bytes; an index of a million images has some thousand.
_MOST_BYTES = 16 * 2**20

Hash = Annotated[str, pydantic.Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, pydantic.Field(ge=0, lt=2**63)]
Width = Annotated[int, pydantic.Field(ge=0, le=10**6)]


class _Strict(pydantic.BaseModel, extra="forbid"):
    pass


class Widths(_Strict):
    """The padded widths: slots of regions, positions of tokens."""

    images: Width
    captions: Width


class Kept(_Strict):
    """What a collection holds: how many points, and the sum of their hashes."""

    count: Count
    sha256: Hash


class KeptOfBoth(_Strict):
    """`Kept` of each collection."""

    images: Kept
    captions: Kept


class StorageOptions(_Strict):
    """See `search.Storage`."""

    shards: pydantic.PositiveInt | None
    replicas: pydantic.PositiveInt | None
    on_disk: bool
    quantize: bool


class File(_Strict):
    """Size and hash of a file of the engine; a large one has no hash."""

    bytes: Count
    sha256: Hash | None


class Manifest(_Strict):
    """The content of `index.json`.

    Attributes:
        points: what the engine holds; None while that changes, and after a change that
            was cut short.
        files: those of the embedded engine by their path in the index; None while these
            may change, and of a server.
        sha256: of all the rest, see `_own_hash`.
    """

    format: Literal[FORMAT]
    complete: bool
    prefix: Annotated[str, pydantic.Field(pattern="^keras_teran_[0-9a-f]{12}$")]
    engine: Annotated[str, pydantic.Field(max_length=2000)]
    model: Hash
    dtype: Literal["float32", "float16"]
    data: Hash
    regions_per_image: pydantic.PositiveInt | None
    run: Annotated[str, pydantic.Field(min_length=1, max_length=4096)]
    pooling: Annotated[str, pydantic.Field(max_length=40)]
    padding: Literal["exclude", "zero"]
    dim: Annotated[int, pydantic.Field(ge=1, le=10**6)]
    widths: Widths
    storage: StorageOptions
    points: KeptOfBoth | None
    files: dict[str, File] | None
    sha256: Hash


def read_manifest(folder, complete=True):
    """The dict in `index.json`, see `Manifest`.

    Args:
        folder: path of the index.
        complete: bool, refuse an unfinished build.

    Raises:
        FileNotFoundError: when there is no index.
        ValueError: when the file is damaged, of another format, was changed by another
            hand, or the build it tells of has not ended.
    """
    path = Path(folder) / FILE
    manifest = read_described(
        path,
        Manifest,
        FORMAT,
        f"There is no index in {folder}: it has no {FILE}. Make one with "
        "`keras-teran index`.",
        _AGAIN,
    )
    check_engine(manifest["engine"])
    if _own_hash(manifest) != manifest["sha256"]:
        raise ValueError(
            f"{path} is not as it was written: its own hash differs. Take it back from "
            f"a copy, or {_AGAIN}."
        )
    if complete and not manifest["complete"]:
        raise ValueError(f"The build of {folder} has not ended: {_GO_ON}.")
    return manifest


def read_described(path, schema, version, missing, remedy):
    """The dict in a JSON file that says what its folder is, and in which format.

    Args:
        path: of the file.
        schema: Pydantic model of the file.
        version: int, the one `format` that this release reads.
        missing: str, the error's text where there is no such file.
        remedy: str, what to do about a file that cannot be read.

    Raises:
        FileNotFoundError: when there is none.
        ValueError: when it is damaged or of another format.
    """
    try:
        described = read_json(
            path, dict, missing=missing, max_bytes=_MOST_BYTES, max_depth=8
        )
        found = described.get("format", version)
        if type(found) is int and found == version:
            check(described, schema, path)
            return described
    except ValueError as error:
        fault = str(error).removeprefix(f"{path}: ").removeprefix(f"{path} ")
        raise ValueError(f"{path} is damaged; {remedy}. Found: {fault}") from None
    raise ValueError(
        f"{path} has format {one_line(repr(found), 40)}, this release reads {version}; "
        f"{remedy}."
    )


def write_manifest(folder, manifest):
    """Writes `index.json` aside and renames it."""
    manifest = {**manifest, "sha256": _own_hash(manifest)}
    write_json(Path(folder) / FILE, manifest)


def hash_model(run):
    """SHA-256 of a RUN's weights, architecture and vocabulary, in hexadecimal.

    Raises:
        FileNotFoundError: when the RUN has no model yet.
        ValueError: when its model is damaged.
    """
    run = Path(run)
    path = run / MODEL_FILE
    require_file(path, f"There is no model {path}; give --run its RUN folder.")
    digest = hashlib.sha256(read_bytes(run / VOCABULARY_FILE, 2**28))
    try:
        with zipfile.ZipFile(path) as parts:
            for name in _IN_MODEL:
                with parts.open(name) as part:
                    while block := part.read(2**20):
                        digest.update(block)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as error:
        raise ValueError(
            f"{path} is no model of Keras, or damaged: {one_line(error)}"
        ) from None
    return digest.hexdigest()


def check_model(manifest, run):
    """Raises ValueError unless this RUN's model made the index."""
    if hash_model(run) != manifest["model"]:
        raise ValueError(
            f"The model of {run} did not make this index; that was {manifest['run']}. "
            "Give the run that made it, or build an index of its own."
        )


def check_scoring(manifest, model):
    """Raises ValueError unless a model scores as the index says."""
    of_model = {
        "pooling": model.pooling,
        "padding": model.padding,
        "dim": model.config["embedding_dim"],
    }
    for name, value in of_model.items():
        if manifest[name] != value:
            raise ValueError(
                f"{FILE} says {name} {manifest[name]!r}, and its model has {value!r}; "
                f"{_AGAIN}."
            )


def _own_hash(manifest):
    rest = {name: value for name, value in manifest.items() if name != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
