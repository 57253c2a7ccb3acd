"""NumPy's `.npy` and `.npz` files: sizes are checked before a byte is unpacked.

Nothing is unpickled. A file's claims about its arrays are held against how many bytes
there are, so an archive cannot make the reader allocate more than `most` bytes.
"""

import io
import math
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from keras_teran._io._files import one_line, require_file, shown

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Every kind of error that zipfile and zlib raise on a damaged archive.
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)
_READERS = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}
# A header is a text of some 100 bytes; NumPy's own bound is 10,000.
_HEADER = 2**14


def as_array(name, value):
    """What a caller gave, as a NumPy array; ValueError where it makes none."""
    try:
        return np.asarray(value)
    # Rows of different lengths, a tensor of another device, an object of any kind.
    except Exception as error:
        raise ValueError(f"{name} is no array: {one_line(error)}") from error


def read_npz(file, name, wanted, optional=(), most=2**30, others=True):
    """Reads arrays of an `.npz` file as `numpy.savez` and `savez_compressed` write it.

    Args:
        file: path, or bytes of the file.
        name: str or path, what errors call it.
        wanted: iterable of str, arrays that it must hold; others are not read. None
            reads them all.
        optional: iterable of str, arrays that it may hold.
        most: int, bytes that the arrays read may have together.
        others: bool, it may hold more arrays, which are not read.

    Returns:
        Dict of the arrays, numbers or bools of any shape.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: of one line: no such archive, a damaged, encrypted or larger one, an
            array missing, twice there or not asked for, or no plain array of numbers.
    """
    source = io.BytesIO(file) if isinstance(file, bytes) else require_file(file)
    try:
        archive = zipfile.ZipFile(source)
    except BROKEN as error:
        raise ValueError(
            f"{name} is no .npz file, or a damaged one: {one_line(error)}"
        ) from None
    with archive:
        if wanted is None:
            wanted = [i.filename.removesuffix(".npy") for i in archive.infolist()]
        members = _members(archive, name, [*wanted], [*optional], others)
        size = sum(info.file_size for info in members.values())
        if size > most:
            raise ValueError(f"{name} unpacks to {size:,} bytes, over {most:,}.")
        return {
            key: _array(_unpacked(archive, info, name), f"{name}: {key}")
            for key, info in members.items()
        }


def read_npy(path, most=2**30):
    """Reads a `.npy` file into memory; see `map_npy`.

    Args:
        path: of the file.
        most: int, bytes that the array may have.
    """
    array = map_npy(path)
    if array.nbytes > most:
        raise ValueError(f"{path} holds {array.nbytes:,} bytes, over {most:,}.")
    return np.array(array)


def map_npy(path, mode="r"):
    """Maps a `.npy` file of numbers or bools into memory.

    Args:
        path: of the file.
        mode: "r", or "r+" to write.

    Returns:
        ndarray, a view of the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: of one line, if it is truncated, pickled or no such file.
    """
    path = require_file(path)
    try:
        array = np.load(path, mmap_mode=mode, allow_pickle=False)
    except BROKEN as error:
        raise ValueError(
            f"{path} is truncated or no plain .npy file: {one_line(error)}"
        ) from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise ValueError(f"{path} is an .npz archive; give a plain .npy file.")
    _check_kind(array.dtype, path)
    # A plain view: np.memmap pays for its subclass at every index.
    return array.view(np.ndarray)


def _members(archive, name, wanted, optional, others):
    """Dict of ZipInfo, what the archive says of itself checked."""
    infos = {}
    for info in archive.infolist():
        key = info.filename.removesuffix(".npy")
        if key not in {*wanted, *optional}:
            if not others:
                raise ValueError(
                    f"{name} holds {shown(key)}; give the arrays {', '.join(wanted)} "
                    f"and maybe {', '.join(optional)} alone."
                )
            continue
        if key in infos:
            raise ValueError(f"{name} holds the array {shown(key)} twice.")
        infos[key] = info
    if missing := [key for key in wanted if key not in infos]:
        present = [Path(info.filename).stem for info in archive.infolist()[:8]]
        raise ValueError(
            f"{name} lacks the arrays {', '.join(missing)}; it holds {shown(present)}."
        )
    for info in infos.values():
        if info.flag_bits & 1:
            raise ValueError(f"{name} is encrypted; save it without a password.")
        if info.compress_type not in _METHODS:
            raise ValueError(
                f"{name} is packed by method {info.compress_type}; write it by "
                "numpy.savez or numpy.savez_compressed."
            )
    return infos


def _unpacked(archive, info, name):
    """The bytes of a member: never more than its entry says."""
    try:
        return archive.read(info)
    except BROKEN as error:
        raise ValueError(f"{name} is damaged: {one_line(error)}") from None


def _array(data, name):
    """One array; its header has to agree with how many bytes there are."""
    stream = io.BytesIO(data)
    try:
        read_header = _READERS[npy.read_magic(stream)]
        shape, fortran, dtype = read_header(stream, max_header_size=_HEADER)
    except Exception:  # noqa: BLE001  (NumPy's reader raises many kinds)
        raise ValueError(f"{name} is no .npy array.") from None
    _check_kind(dtype, name)
    content = data[stream.tell() :]
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(
            f"{name} has {len(content):,} bytes, which is not its shape "
            f"{shown(shape)} in {dtype}."
        )
    flat = np.frombuffer(content, dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _check_kind(dtype, name):
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise ValueError(
            f"{name} must hold bools, integers or floats of up to 64 bits; received "
            f"{shown(str(dtype))[1:-1]}."
        )


def all_finite(values):
    """Whether no value is NaN or infinite.

    float16 is looked at as bits (an exponent of all ones is not finite): NumPy's own
    test of half floats is some eight times slower, which counts on tens of gigabytes.

    Args:
        values: float16, float32 or float64 of any shape, or integers (always finite).

    Returns:
        bool.

    Example:
        >>> all_finite(np.array([1, np.inf], np.float16))
        False
    """
    if values.size == 0 or values.dtype.kind in "iu":
        return True
    if values.dtype == np.float16:
        exponent_and_fraction = np.ascontiguousarray(values).view(np.uint16) & 0x7FFF
        return bool(exponent_and_fraction.max() < 0x7C00)
    return bool(np.isfinite(values).all())
