"""Region features in LMDB, an `.npz` file an image."""

from keras_teran._io import parse_json, read_npz, shown
from keras_teran.data.formats._field_names import (
    ABOUT,
    FEATURES,
    MOST_BYTES,
    read_boxes,
    read_features,
)
from keras_teran.data.formats._keyed_regions import KeyedRegions
from keras_teran.data.formats._lmdb_file import LmdbFile

# What some writers keep beside the images: their keys, and how many there are.
_KEYS, _COUNTS = (b"__keys__", b"keys"), (b"__len__", b"num_samples")


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
        ValueError: if it is no LMDB, its values are of another kind, or it holds other
            images than it says.
    """

    def __init__(self, path, captions=None, sizes=None):
        self._file = LmdbFile(path)
        self._keys = [
            key for key in self._file.all_keys() if key not in {*_KEYS, *_COUNTS}
        ]
        names = [key.decode("utf-8", "replace") for key in self._keys]
        self._check_declared(names)
        super().__init__(path, names, captions, sizes)

    def _check_declared(self, names):
        """Holds the writer's list of keys and its length against what is there."""
        for key in (*_KEYS, *_COUNTS):
            text = (self._file.read(key) or b"").decode("utf-8", "replace")
            try:
                said = parse_json(text, key)
            except ValueError:  # in another format, which says nothing here
                continue
            place = f"{self._file.path}, {key.decode()}"
            if key in _COUNTS and type(said) is int and said != len(names):
                raise ValueError(
                    f"{place} says {said} images; there are {len(names)}. Fetch it again."
                )
            if key in _KEYS and isinstance(said, list) and said:
                others = {str(each) for each in said} ^ {*names}
                if others:
                    raise ValueError(
                        f"{place} and the images there are differ in {len(others)}, "
                        f"such as {shown(min(others))}. Fetch it again."
                    )

    def _boxes(self, entry):
        # Of all entries, on opening: the features stay compressed.
        return read_boxes(self._read(entry, ABOUT), self._place(entry))

    def _features(self, entry):
        return read_features(self._read(entry, FEATURES), self._place(entry))

    def _place(self, entry):
        key = self._keys[entry].decode("utf-8", "replace")
        return f"{self._file.path}, key {shown(key)}"

    def _read(self, entry, names):
        value, place = self._file.read(self._keys[entry]), self._place(entry)
        if not value.startswith(b"PK"):
            kind = (
                "a pickle, which can run any code" if _is_pickle(value) else "not that"
            )
            raise ValueError(
                f"{place}: a value must be an .npz file; this one is {kind}. Write the "
                "arrays again with numpy.savez_compressed."
            )
        return read_npz(value, place, (), names, MOST_BYTES)


def _is_pickle(value):
    return value[:1] == b"\x80" and value[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
