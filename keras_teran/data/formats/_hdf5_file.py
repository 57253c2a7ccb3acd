"""HDF5 files that anyone may have written: every call of h5py is made here.

What h5py raises is one line that names file and entry. An array is read only where its
kind, its size and what is stored of it have been looked at: a file of a few kilobytes
can claim any number of values and fill them in itself.
"""

import contextlib
import math

import numpy as np

from keras_teran._io import one_line, require_file
from keras_teran.data.formats._field_names import MOST_BYTES

# A row cannot be read without the piece of the file that it is compressed in.
_MOST_CHUNK = 2**28


def open_file(path):
    """Opens an HDF5 file.

    Args:
        path: of the file.

    Returns:
        `h5py.File`.

    Raises:
        FileNotFoundError: if there is no such file.
        ModuleNotFoundError: without the package h5py.
        ValueError: if it is no HDF5 file.
    """
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path} is read with h5py: pip install 'keras-teran[features]'."
        ) from error
    try:
        return h5py.File(require_file(path), "r")
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(
            f"{path} is truncated or no HDF5 file ({one_line(error)}). Fetch it again."
        ) from None


def names_in(group):
    """Names of what lies in a group: list of str."""
    with _said(_place(group)):
        return list(group)


def child(group, name):
    """What lies in a group under a name, in this file.

    Returns:
        `h5py.Dataset` or `h5py.Group`.

    Raises:
        ValueError: for a link into another file, a broken one or another object.
    """
    import h5py

    place = _place(group, name)
    with _said(place):
        link = group.get(name, getlink=True)
        found = None if isinstance(link, h5py.ExternalLink) else group[name]
    if found is None:
        raise ValueError(
            f"{place} is a link into another file, which is not followed. Copy the data "
            "into one file."
        )
    if not isinstance(found, h5py.Dataset | h5py.Group):
        raise ValueError(f"{place} is neither an array nor a group of arrays.")
    return found


def is_array(group, name):
    """Whether there is an array in a group under a name."""
    return name in names_in(group) and hasattr(child(group, name), "shape")


def array_in(group, name, dimensions=None):
    """An array of numbers in a group, looked at and not read.

    Args:
        group: `h5py.Group`.
        name: str.
        dimensions: int, or None for any.

    Returns:
        `h5py.Dataset`.

    Raises:
        ValueError: if it is of another kind, lies in other files, or has never been
            written in full.
    """
    found, place = child(group, name), _place(group, name)
    if not hasattr(found, "shape"):
        raise ValueError(f"{place} is a group; expected an array of numbers.")
    with _said(place):
        shape, dtype = found.shape, found.dtype
        elsewhere = found.external or found.is_virtual
        lacking = _lacking(found)
    if dtype.kind not in "iuf" or dtype.itemsize > 8 or shape is None:
        raise ValueError(f"{place} must hold numbers; received {dtype} {shape}.")
    if dimensions not in (None, len(shape)):
        raise ValueError(
            f"{place} must have {dimensions} dimensions; received {dtype} {shape}."
        )
    if elsewhere:
        raise ValueError(f"{place} keeps its values in other files. Copy them here.")
    if lacking:
        raise ValueError(
            f"{place} claims {math.prod(shape) * dtype.itemsize:,} bytes that were "
            "never written: HDF5 would fill them in. Write the file again."
        )
    return found


def read_array(dataset, rows=()):
    """Reads an array, or part of it.

    Args:
        dataset: what `array_in` gave.
        rows: int, slice or (), which of its first dimension.

    Returns:
        ndarray.

    Raises:
        ValueError: if it is damaged, or over 64 MiB.
    """
    shape = dataset.shape
    if isinstance(rows, slice):
        shape = (rows.stop - rows.start, *shape[1:])
    elif rows != ():
        shape = shape[1:]
    size = math.prod(shape) * dataset.dtype.itemsize
    if size > MOST_BYTES:
        raise ValueError(
            f"{_place(dataset)} has {size:,} bytes; at most {MOST_BYTES:,} are read at "
            "once."
        )
    with _said(_place(dataset)):
        return np.asarray(dataset[rows])


def read_texts(group, name):
    """Ids, one an image, numbers or texts: list of str."""
    found, place = child(group, name), _place(group, name)
    if not hasattr(found, "shape"):
        raise ValueError(f"{place} is a group; expected the ids of the images.")
    with _said(place):
        kind, size, dimensions = found.dtype.kind, found.nbytes, found.ndim
    if kind not in "iuSO" or dimensions != 1 or size > MOST_BYTES:
        raise ValueError(
            f"{place} must hold the ids of the images, numbers or texts; received "
            f"{found.dtype} {found.shape}."
        )
    with _said(place):
        values = found[()].tolist()
        return [v.decode() if isinstance(v, bytes) else str(v) for v in values]


def _lacking(dataset):
    """Whether parts of an array are not in the file, or in pieces too large to read."""
    if not math.prod(dataset.shape or (0,)):
        return False
    if dataset.chunks is None:
        stored = dataset.id.get_storage_size()
        return stored < math.prod(dataset.shape) * dataset.dtype.itemsize
    if math.prod(dataset.chunks) * dataset.dtype.itemsize > _MOST_CHUNK:
        raise ValueError(f"it is in pieces of over {_MOST_CHUNK:,} bytes")
    pieces = zip(dataset.shape, dataset.chunks, strict=True)
    wanted = math.prod(-(-side // chunk) for side, chunk in pieces)
    return dataset.id.get_num_chunks() < wanted


def _place(node, name=None):
    parts = [node.name if name is None else f"{node.name or ''}/{name}"]
    inside = parts[0].lstrip("/")
    return f"{node.file.filename}, {inside}" if inside else str(node.file.filename)


@contextlib.contextmanager
def _said(place):
    """What h5py raises, which is of many kinds, as one line."""
    try:
        yield
    except Exception as error:  # noqa: BLE001
        raise ValueError(
            f"{place} cannot be read: {one_line(error)}. Write the file again."
        ) from None
