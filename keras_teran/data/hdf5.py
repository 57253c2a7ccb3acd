"""Region features in HDF5, in the three layouts that are about."""

from pathlib import Path

from keras_teran.data.field_names import (
    BOXES,
    FEATURES,
    IDS,
    RELATIVE_BOXES,
    first_of,
    read_fields,
)
from keras_teran.data.keyed_regions import KeyedRegions
from keras_teran.data.text_lines import read_lines


def open_hdf5(path, captions=None, sizes=None):
    """Opens an HDF5 file of region features, whichever layout it has.

    - Arrays over all images, as of the bottom-up-attention VQA code: ``image_features``
      (images, regions, dim) with ``spatial_features`` (its first four relative) or
      ``image_bb``; or all regions below each other with ``pos_boxes`` (images, 2), the
      first row and the one after the last. Ids in ``image_ids`` or in
      ``NAME_ids.txt`` beside the file, one a line.
    - ``ID_features`` and ``ID_boxes`` an image, as of the Meshed-Memory Transformer.
    - A group an image with ``features`` and ``boxes``, and ``width`` and ``height``
      where the boxes are in pixels.

    Args:
        path: the file.
        captions: see ``KeyedRegions``.
        sizes: see ``KeyedRegions``.

    Returns:
        A ``RegionStore``.

    Raises:
        ModuleNotFoundError: without the package h5py.
        ValueError: if it is no HDF5 file or has none of these layouts.
    """
    file = _open(path)
    arrays = first_of(FEATURES, file)
    # A group of that name may be an image's.
    if arrays and hasattr(file[arrays], "shape"):
        return _Arrays(path, file, captions, sizes)
    pairs = [name for name in file if name.endswith("_features")]
    if pairs:
        keys = [name.removesuffix("_features") for name in pairs]
        return _Entries(path, keys, lambda key: _pair(file, key), captions, sizes)
    if any(hasattr(file[name], "keys") for name in file):
        return _Entries(path, list(file), lambda key: file[key], captions, sizes)
    raise ValueError(
        f"{path} has none of the known layouts: image_features with boxes, ID_features "
        f"with ID_boxes, or a group an image; it has {list(file)[:5]}."
    )


class _Entries(KeyedRegions):
    """Fields of their own for each image; `fields(key)` gives them."""

    def __init__(self, path, keys, fields, captions, sizes):
        self._keys, self._fields = keys, fields
        super().__init__(path, keys, captions, sizes)

    def _count(self, entry):
        fields = self._fields(self._keys[entry])
        name = first_of(FEATURES, fields)
        # A missing name is an error that `_load` words.
        return len(fields[name]) if name else len(self._load(entry)[0])

    def _load(self, entry):
        key = self._keys[entry]
        return read_fields(self._fields(key), f"{self.folder}, {key}")


class _Arrays(KeyedRegions):
    """Arrays over all images."""

    def __init__(self, path, file, captions, sizes):
        self._features = file[first_of(FEATURES, file)]
        boxes = first_of(RELATIVE_BOXES, file) or first_of(BOXES, file)
        if boxes is None:
            raise ValueError(
                f"{path} has features and no boxes (one of "
                f"{', '.join((*BOXES, *RELATIVE_BOXES))}); it has {list(file)}."
            )
        self._boxes = file[boxes]
        self._ranges = file["pos_boxes"][()] if "pos_boxes" in file else None
        self._real = file["num_boxes"][()].ravel() if "num_boxes" in file else None
        images = len(self._features if self._ranges is None else self._ranges)
        super().__init__(path, _ids(path, file, images), captions, sizes)

    def _count(self, entry):
        if self._ranges is not None:
            start, end = self._ranges[entry]
            return int(end) - int(start)
        return self._features.shape[1] if self._real is None else int(self._real[entry])

    def _load(self, entry):
        if self._ranges is not None:
            part = slice(*map(int, self._ranges[entry]))
            return self._features[part], self._boxes[part][:, :4], None
        count = self._count(entry)
        return self._features[entry][:count], self._boxes[entry][:count, :4], None


def _pair(file, key):
    fields = {"features": file[f"{key}_features"]}
    if f"{key}_boxes" in file:
        fields["boxes"] = file[f"{key}_boxes"]
    return fields


def _ids(path, file, images):
    path = Path(path)
    beside = path.with_name(f"{path.stem}_ids.txt")
    name = first_of(IDS, file)
    if name:
        ids = [i.decode() if isinstance(i, bytes) else str(i) for i in file[name][()]]
    elif beside.is_file():
        ids = [text.strip() for _, text in read_lines(beside)]
    else:
        raise ValueError(
            f"{path} does not say which image a row is: write the ids, one a line in the "
            f"order of the rows, to {beside}. (A pickle of them is not opened: that can "
            "run any code.)"
        )
    if len(ids) != images:
        raise ValueError(
            f"{path} holds {images} images and {len(ids)} ids; they must be as many."
        )
    return ids


def _open(path):
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path} is read with h5py: pip install 'keras-teran[features]'."
        ) from error
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"{path} is truncated or no HDF5 file ({error}). Fetch it again."
        ) from error
