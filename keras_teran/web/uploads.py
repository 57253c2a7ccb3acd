"""An uploaded .npz of one image's regions: read without trusting a byte of it."""

import io
import math
import zipfile
import zlib

import numpy as np
from numpy.lib import format as npy

NAMES = ("regions", "boxes", "region_mask")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError)


def read_upload(body, limits):
    """The arrays of an uploaded .npz file.

    Nothing is unpickled, and nothing is unpacked or allocated before what the file says
    of its sizes was checked; it cannot unpack to more than it says.

    Args:
        body: bytes, the file.
        limits: `Limits`; `upload_bytes` bounds it unpacked, `regions` its regions.

    Returns:
        Dict of `regions` float (regions, features), `boxes` float (regions, 4) and, if
        the file holds it, `region_mask` bool (regions,), whose shapes beyond that are
        not checked.

    Raises:
        ValueError: for a file that is not of this kind, in one line.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as file:
            members = _members(file, limits)
            arrays = {name: _array(file.read(own), name) for name, own in members}
    except _BROKEN as error:
        raise ValueError(
            f"The body is no .npz file, or a damaged one: {error}"
        ) from None
    _check_count(arrays["regions"], limits)
    return arrays


def _members(file, limits):
    """List of (name, ZipInfo), what the file says of itself checked."""
    infos = file.infolist()
    names = [info.filename.removesuffix(".npy") for info in infos]
    unknown = sorted({*names} - {*NAMES})
    if unknown or len(names) != len({*names}) or not {"regions", "boxes"} <= {*names}:
        raise ValueError(
            "The file must hold the arrays regions and boxes, and may hold "
            f"region_mask, each once; received {str(names)[:200]}."
        )
    if any(info.flag_bits & 1 or info.compress_type not in _METHODS for info in infos):
        raise ValueError(
            "The file must be as numpy.savez or savez_compressed write it."
        )
    if sum(info.file_size for info in infos) > limits.upload_bytes:
        raise ValueError(f"The file unpacks to over {limits.upload_bytes:,} bytes.")
    return list(zip(names, infos, strict=True))


def _array(data, name):
    """One array; its header has to agree with how many bytes there are."""
    stream = io.BytesIO(data)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    try:
        shape, fortran, dtype = readers[npy.read_magic(stream)](stream)
    except Exception:  # noqa: BLE001  (NumPy's reader raises many kinds)
        raise ValueError(f"{name} is no .npy array.") from None
    kind = "b" if name == "region_mask" else "f"
    if dtype.kind != kind or dtype.itemsize > 8:
        wanted = "bool" if kind == "b" else "float16, float32 or float64"
        raise ValueError(f"{name} must be {wanted}; received {str(dtype)[:40]}.")
    content = data[stream.tell() :]
    if math.prod(shape) * dtype.itemsize != len(content) or min(shape, default=0) < 0:
        raise ValueError(
            f"{name} has {len(content):,} bytes, which is not its shape "
            f"{str(shape)[:40]} in {dtype}."
        )
    flat = np.frombuffer(content, dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _check_count(regions, limits):
    count = regions.shape[-2] if regions.ndim in (2, 3) else 0
    if not 1 <= count <= limits.regions:
        raise ValueError(
            f"regions has shape {regions.shape}; give (n, features), n from 1 to "
            f"{limits.regions}."
        )
