"""LMDB files that anyone may have written: every call of lmdb is made here.

LMDB maps its file and believes every offset in it: a truncated or damaged one ends the
process by a signal. So a process of its own walks it first.
"""

import contextlib
import subprocess
import sys
from pathlib import Path

from keras_teran._io import one_line, require_file
from keras_teran.data.formats._field_names import MOST_BYTES

_REMEDY = "Fetch it again."
# Touches the first and the last byte of every value: between them lies one stretch of
# the map. Only this walk can meet what is not in the file.
_WALK = """
import sys, lmdb
environment = lmdb.open(
    sys.argv[1], readonly=True, lock=False, create=False, subdir=sys.argv[2] == "True"
)
information, statistics = environment.info(), environment.stat()
with open(sys.argv[3], "rb") as file:
    size = file.seek(0, 2)
needed = (information["last_pgno"] + 1) * statistics["psize"]
if size < needed:
    sys.exit(f"it has {size:,} of {needed:,} bytes")
entries, found = statistics["entries"], 0
if entries > size // 8:  # an entry has a header of 8 bytes
    sys.exit(f"it says {entries:,} entries in {size:,} bytes")
with environment.begin(buffers=True) as transaction:
    for key, value in transaction.cursor():
        found += 1
        if found > entries:
            break
        if len(value):
            value[0], value[-1], bytes(key)
if found != entries:
    sys.exit(f"it holds {found:,} entries and says {entries:,}")
"""
# A walk over the features of COCO takes some seconds.
_SECONDS = 600


class LmdbFile:
    """An LMDB, opened for reading.

    Args:
        path: the folder with `data.mdb`, or the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ModuleNotFoundError: without the package lmdb.
        ValueError: if it is no LMDB, a truncated or a damaged one.
    """

    def __init__(self, path):
        try:
            import lmdb
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"{path} is read with lmdb: pip install 'keras-teran[features]'."
            ) from error
        self.path = Path(path)
        folder = self.path.is_dir()
        file = require_file(self.path / "data.mdb" if folder else self.path)
        _walk(self.path, folder, file)
        with self._said():
            self._environment = lmdb.open(
                str(path), readonly=True, lock=False, create=False, subdir=folder
            )

    def all_keys(self):
        """All keys: list of bytes."""
        with self._said(), self._environment.begin() as transaction:
            return list(transaction.cursor().iternext(keys=True, values=False))

    def read(self, key):
        """The value of a key: bytes, at most 64 MiB; None where there is no such key."""
        with self._said(), self._environment.begin(buffers=True) as transaction:
            value = transaction.get(key)
            size = 0 if value is None else len(value)
            if size <= MOST_BYTES:
                return None if value is None else bytes(value)
        raise ValueError(
            f"{self.path}: a value has {size:,} bytes; at most {MOST_BYTES:,} are read."
        )

    @contextlib.contextmanager
    def _said(self):
        import lmdb

        try:
            yield
        except (lmdb.Error, OSError, MemoryError) as error:
            raise ValueError(
                f"{self.path} is truncated or no LMDB ({one_line(error)}). {_REMEDY}"
            ) from None


def _walk(path, folder, file):
    """Refuses a file that cannot be read to its end."""
    command = [sys.executable, "-c", _WALK, str(path), str(folder), str(file)]
    try:
        ended = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(
            f"{path} takes over {_SECONDS} s to walk: it is damaged. {_REMEDY}"
        ) from None
    if ended.returncode:
        lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        said = lines[-1] if lines and ended.returncode > 0 else "reading it crashes"
        raise ValueError(
            f"{path} is truncated or no LMDB ({one_line(said)}). {_REMEDY}"
        )
