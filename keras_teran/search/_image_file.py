"""A `.npz` file of one image's regions: read without trusting a byte of it."""

MOST_BYTES = 4 * 2**20
MOST_REGIONS = 200
_WANTED, _OPTIONAL = ("regions", "boxes"), ("region_mask",)


def read_image_file(file, name, most_bytes=MOST_BYTES, most_regions=MOST_REGIONS):
    """The arrays of one image.

    Nothing is unpickled, and nothing is unpacked before what the file says of its sizes
    was checked.

    Args:
        file: path, or bytes of the file.
        name: str, what errors call it.
        most_bytes: int, bytes that it may have unpacked.
        most_regions: int, regions that it may have.

    Returns:
        Dict of `regions` float (regions, features), `boxes` float (regions, 4) and, if
        the file holds it, `region_mask` bool (regions,), whose shapes beyond that are
        not checked.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for a file that is not of this kind, in one line.
    """
    from keras_teran._io import read_npz

    arrays = read_npz(file, name, _WANTED, _OPTIONAL, most_bytes, others=False)
    for key, array in arrays.items():
        kind = "b" if key in _OPTIONAL else "f"
        if array.dtype.kind != kind:
            wanted = "bool" if kind == "b" else "float16, float32 or float64"
            raise ValueError(f"{name}: {key} must be {wanted}; received {array.dtype}.")
    shape = arrays["regions"].shape
    count = shape[-2] if len(shape) in (2, 3) else 0
    if not 1 <= count <= most_regions:
        raise ValueError(
            f"{name}: regions has shape {shape}; give (n, features), n from 1 to "
            f"{most_regions}."
        )
    return arrays
