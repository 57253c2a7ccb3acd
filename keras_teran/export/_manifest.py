"""An export's `manifest.json`: what it says, and whether the files are those it names.

The manifest holds the size and SHA-256 of every file beside it, and a SHA-256 of itself.
Opening one file reads what is small; `check_files` reads everything.
"""

import hashlib
import json
import math
from pathlib import Path

from keras_teran._io import check, read_json, require_file, sha256, shown

MANIFEST = "manifest.json"
FORMAT_VERSION = 1
# Files of at most so many bytes are hashed whenever they are opened: some 10 ms.
SMALL = 16 * 2**20
_AGAIN = "export the model again with `keras-teran export`"


def signed(manifest):
    """A manifest with its format's version and its own hash.

    Args:
        manifest: dict of plain values.

    Returns:
        Dict, the same with `format_version` and `sha256`.
    """
    whole = {"format_version": FORMAT_VERSION, **manifest}
    return whole | {"sha256": _own_hash(whole)}


def manifest_text(manifest):
    """The text of `manifest.json`: JSON."""
    return json.dumps(manifest, indent=2, allow_nan=False) + "\n"


def read_manifest(folder):
    """The dict of an export's `manifest.json`, checked.

    Raises:
        FileNotFoundError: when the folder is no export.
        ValueError: of one line: when it is of an older format, or changed since it was
            written, or holds what no manifest does, such as a path out of the folder.
    """
    path = Path(folder) / MANIFEST
    manifest = read_json(
        path,
        missing=f"{folder} is no export (it has no {MANIFEST}); give the folder that "
        "`keras-teran export` wrote.",
    )
    if isinstance(manifest, dict) and "artifacts" in manifest:
        version = manifest.get("format_version")
        if version != FORMAT_VERSION:
            told = "an older format" if version is None else f"format {shown(version)}"
            raise ValueError(
                f"{path} is of {told}, not of format {FORMAT_VERSION}; {_AGAIN}."
            )
    from keras_teran.export._manifest_schema import Manifest

    check(manifest, Manifest, path)
    if manifest["sha256"] != _own_hash(manifest):
        raise ValueError(f"{path} was changed after it was written; {_AGAIN}.")
    return manifest


def check_opened(folder, path):
    """Checks one file of an export as far as is quick: sizes, hashes of small files.

    The tokenizer's files are checked too, as far as they are there: the ids that an
    encoder takes are theirs.

    Args:
        folder: of the export.
        path: absolute path of the file, or of a SavedModel's folder.

    Returns:
        The manifest, a dict.

    Raises:
        ValueError, FileNotFoundError: as `read_manifest`; or when the manifest does not
            name the file, or names it with another size or hash.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    relative = path.relative_to(folder).as_posix()
    named = [each for each in manifest["artifacts"] if each["path"] == relative]
    if not named:
        raise ValueError(
            f"{path} is no file that {folder / MANIFEST} names; open it elsewhere, or "
            f"{_AGAIN}."
        )
    _check_artifact(folder, named[0], SMALL)
    tokenizer = manifest["tokenizer"]["files"]
    _check_hashes(folder, {f: h for f, h in tokenizer.items() if (folder / f).exists()})
    return manifest


def check_files(folder, manifest):
    """Reads every file of an export and compares it with what the manifest says.

    Raises:
        FileNotFoundError: when a file is missing.
        ValueError: when one has another size or SHA-256, or leads out of the folder.
    """
    for artifact in manifest["artifacts"]:
        _check_artifact(Path(folder), artifact, math.inf)
    _check_hashes(Path(folder), manifest["tokenizer"]["files"])


def _check_artifact(folder, artifact, most):
    sizes = {file: _file(folder, file).stat().st_size for file in artifact["files"]}
    if sum(sizes.values()) != artifact["bytes"]:
        raise ValueError(
            f"{folder / artifact['path']} has {sum(sizes.values()):,} bytes, not the "
            f"{artifact['bytes']:,} that {MANIFEST} says; {_AGAIN}."
        )
    small = {f: h for f, h in artifact["files"].items() if sizes[f] <= most}
    _check_hashes(folder, small)


def _check_hashes(folder, hashes):
    for file, expected in hashes.items():
        if sha256(_file(folder, file)) != expected:
            raise ValueError(
                f"{folder / file} is not the file that {MANIFEST} names: its SHA-256 "
                f"differs. {_AGAIN.capitalize()}."
            )


def _file(folder, relative):
    """The path of a file of the export, which no link leads out of the folder."""
    path = require_file(
        folder / relative,
        f"{folder / relative} is missing, which {MANIFEST} names; {_AGAIN}.",
    )
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{path} leads out of the export's folder; copy it there.")
    return path


def _own_hash(manifest):
    """SHA-256 of all but the hash itself, whatever the order of keys and the layout."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
