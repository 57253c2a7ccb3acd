"""Region features in LMDB, an `.npz` file an image."""

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from keras_teran.data.field_names import count_boxes, read_fields
from keras_teran.data.keyed_regions import KeyedRegions

# What some writers keep beside the images.
_NO_IMAGES = {b"__keys__", b"keys", b"__len__", b"num_samples"}


class LmdbRegions(KeyedRegions):
    """A ``RegionStore`` over an LMDB whose values are ``.npz`` files.

    The layout of UNITER (Chen et al. 2020, arXiv 1909.11740), written with
    ``--compress``: a key is a file name, a value holds ``features`` (regions, dim) and
    ``norm_bb`` (relative corners, width, height) or ``boxes``. Values that are pickles
    (ViLBERT) are refused, since opening one can run any code.

    Args:
        path: the folder with ``data.mdb``, or the file.
        captions: see ``KeyedRegions``.
        sizes: see ``KeyedRegions``.

    Raises:
        ModuleNotFoundError: without the package lmdb.
        ValueError: if it is no LMDB or its values are of another kind.
    """

    def __init__(self, path, captions=None, sizes=None):
        self._path = Path(path)
        self._environment = _open(self._path)
        with self._environment.begin() as transaction:
            keys = transaction.cursor().iternext(keys=True, values=False)
            self._keys = [bytes(key) for key in keys if key not in _NO_IMAGES]
        names = [key.decode("utf-8", "replace") for key in self._keys]
        super().__init__(path, names, captions, sizes)

    def _count(self, entry):
        # Of all entries, on opening: the features stay compressed.
        return self._read(entry, count_boxes)

    def _load(self, entry):
        return self._read(entry, read_fields)

    def _read(self, entry, take):
        key = self._keys[entry]
        place = f"{self._path}, key {key.decode('utf-8', 'replace')!r}"
        with self._environment.begin() as transaction:
            value = transaction.get(key)
        if not value.startswith(b"PK"):
            kind = (
                "a pickle, which can run any code" if _is_pickle(value) else "not that"
            )
            raise ValueError(
                f"{place}: a value must be an .npz file; this one is {kind}. Write the "
                "arrays again with numpy.savez_compressed."
            )
        try:
            with np.load(io.BytesIO(value), allow_pickle=False) as arrays:
                return take(arrays, place)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ValueError(
                f"{place}: the .npz file is damaged ({error}). Extract it again."
            ) from error


def _is_pickle(value):
    return value[:1] == b"\x80" and value[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def _open(path):
    try:
        import lmdb
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path} is read with lmdb: pip install 'keras-teran[features]'."
        ) from error
    try:
        return lmdb.open(
            str(path), readonly=True, lock=False, create=False, subdir=path.is_dir()
        )
    except lmdb.Error as error:
        raise ValueError(
            f"{path} is truncated or no LMDB ({error}). Fetch it again."
        ) from error
