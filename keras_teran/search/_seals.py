"""The files of an embedded index: sizes, and hashes of those that are small.

A truncated file that the engine maps into memory would end the process. So sizes are
compared before the engine sees a file. Large files are compared point by point, see
`_digests`, by `Index.verify`.
"""

import hashlib
import json
import os
from pathlib import Path

from keras_teran._io import read_json
from keras_teran.search._schema import COLLECTIONS

# Opening reads no more than that: some 20 ms.
_SMALL_BYTES = 2**20
_MOST_BYTES = 8 * 2**20
_PAGE = 2**16
# The engine rewrites them when it opens a segment; no answer depends on them.
_VOLATILE = ("tracker_journal.dat", "mutable_id_tracker.versions")
# Of that one only the configuration stays the same.
_SEGMENT = "segment.json"
_BLANK = bytes(_PAGE)


def seal(folder):
    """What the files of a closed embedded index are.

    Args:
        folder: path of the index.

    Returns:
        Dict of path below `folder` to a dict of `bytes` and `sha256`, which is None of
        what is large.
    """
    files, left = {}, _MOST_BYTES
    for path in _files(folder):
        size, used = _sizes(path)
        small = used <= min(left, _SMALL_BYTES)
        left -= used if small else 0
        own = _hash(path) if small else None
        size = 0 if path.name == _SEGMENT else size
        files[path.relative_to(folder).as_posix()] = {"bytes": size, "sha256": own}
    return files


def check_seal(folder, files):
    """Compares the files of an embedded index with what `seal` said of them.

    Raises:
        OSError: names the first file that is missing, was not there, or differs.
    """
    found = {path.relative_to(folder).as_posix(): path for path in _files(folder)}
    for name in sorted(found.keys() ^ files.keys()):
        what = "is missing" if name in files else "does not belong to it"
        raise OSError(_told(folder, name, what))
    for name, sealed in files.items():
        path = found[name]
        size = 0 if path.name == _SEGMENT else path.stat().st_size
        if size != sealed["bytes"]:
            what = f"has {size:,} bytes, and had {sealed['bytes']:,}"
            raise OSError(_told(folder, name, what))
        if sealed["sha256"] not in (None, _hash(path)):
            raise OSError(_told(folder, name, "was changed: its hash differs"))


def _told(folder, name, what):
    return (
        f"{folder} is damaged: {name} {what}. Take the index back from a copy, or build "
        "it again."
    )


def _files(folder):
    """The files of both collections' segments that only a change of points changes."""
    for collection in COLLECTIONS:
        for path in sorted((Path(folder) / collection / "segments").rglob("*")):
            if path.name not in _VOLATILE and not path.is_dir():
                yield path


def _sizes(path):
    """Bytes of a file, and how many of them are no holes."""
    status = path.lstat()
    return status.st_size, min(status.st_size, status.st_blocks * 512)


def _hash(path):
    """SHA-256 of a file's pages that are not all zero, and of where they stand.

    So a hole and zeros are one: copying an index fills holes.
    """
    if path.name == _SEGMENT:
        config = read_json(path, dict).get("config")
        text = json.dumps(config, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        for start, end in _extents(file.fileno()):
            file.seek(start)
            content = memoryview(file.read(end - start))
            for at in range(0, len(content), _PAGE):
                page = content[at : at + _PAGE]
                if page != _BLANK[: len(page)]:
                    digest.update((start + at).to_bytes(8, "little"))
                    digest.update(page)
    return digest.hexdigest()


def _extents(descriptor):
    """(start, end) of a file's parts that are no holes, on borders of pages."""
    size, at = os.fstat(descriptor).st_size, 0
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError:  # from here on there is a hole
            return
        start -= start % _PAGE
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        end = min(size, -(-end // _PAGE) * _PAGE)
        yield start, end
        at = end
