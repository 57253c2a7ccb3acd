"""Region features in HDF5, in the three layouts that are about."""

from pathlib import Path

import numpy as np

from keras_teran.data._text_lines import read_lines
from keras_teran.data.formats._field_names import (
    ABOUT,
    BOXES,
    FEATURES,
    IDS,
    RELATIVE_BOXES,
    Boxes,
    corners,
    first_of,
    lacking,
    matrix,
    read_boxes,
    read_features,
    real_rows,
)
from keras_teran.data.formats._hdf5_file import (
    array_in,
    child,
    is_array,
    names_in,
    open_file,
    read_array,
    read_texts,
)
from keras_teran.data.formats._keyed_regions import KeyedRegions


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
        ValueError: if it is no HDF5 file, has none of these layouts, or declares
            another number of regions than it holds.
    """
    file = open_file(path)
    names = names_in(file)
    arrays = first_of(FEATURES, names)
    # A group of that name may be an image's.
    if arrays and is_array(file, arrays):
        return _Arrays(path, file, names, captions, sizes)
    pairs = [name for name in names if name.endswith("_features")]
    if pairs:
        keys = [name.removesuffix("_features") for name in pairs]
        return _Pairs(path, file, keys, captions, sizes)
    if any(not is_array(file, name) for name in names):
        return _Groups(path, file, _image_groups(file, names), captions, sizes)
    raise ValueError(
        f"{path} has none of the known layouts: image_features with boxes, ID_features "
        f"with ID_boxes, or a group an image; it has {names[:5]}."
    )


def _image_groups(file, names, folder="", depth=3):
    """Paths of the groups of images: a name with `/` has made groups of its folders."""
    found = []
    for name in names:
        group = child(file, name)
        inside = [] if hasattr(group, "shape") else names_in(group)
        is_folder = inside and not {*FEATURES, *BOXES, *RELATIVE_BOXES} & {*inside}
        if depth and is_folder and not is_array(group, inside[0]):
            found += _image_groups(group, inside, f"{folder}{name}/", depth - 1)
        else:
            found.append(f"{folder}{name}")
    return found


class _Groups(KeyedRegions):
    """A group of fields for each image."""

    def __init__(self, path, file, keys, captions, sizes):
        self._file, self._keys = file, keys
        super().__init__(path, keys, captions, sizes)

    def _boxes(self, entry):
        return read_boxes(self._fields(entry, ABOUT), self._place(entry))

    def _features(self, entry):
        return read_features(self._fields(entry, FEATURES), self._place(entry))

    def _fields(self, entry, names):
        group = self._file
        for part in self._keys[entry].split("/"):
            group = child(group, part)
        if hasattr(group, "shape"):
            raise ValueError(f"{self._place(entry)} is an array; expected a group.")
        present = names_in(group)
        if not {*FEATURES} & {*present} or not {*BOXES, *RELATIVE_BOXES} & {*present}:
            raise ValueError(lacking(self._place(entry), present))
        return {
            name: read_array(array_in(group, name)) for name in names if name in present
        }

    def _place(self, entry):
        return f"{self.folder}, {self._keys[entry]}"


class _Pairs(KeyedRegions):
    """Two arrays for each image, beside each other."""

    def __init__(self, path, file, keys, captions, sizes):
        self._file, self._keys = file, keys
        self._names = {*names_in(file)}
        super().__init__(path, keys, captions, sizes)

    def _boxes(self, entry):
        key = self._keys[entry]
        if f"{key}_boxes" not in self._names:
            raise ValueError(lacking(f"{self.folder}, {key}", ["features"]))
        boxes = read_array(array_in(self._file, f"{key}_boxes", 2))
        return Boxes(corners(boxes, f"{self.folder}, {key}_boxes"))

    def _features(self, entry):
        name = f"{self._keys[entry]}_features"
        features = read_array(array_in(self._file, name, 2))
        return matrix(features, f"{self.folder}, {name}")


class _Arrays(KeyedRegions):
    """Arrays over all images."""

    def __init__(self, path, file, names, captions, sizes):
        boxes = first_of(RELATIVE_BOXES, names) or first_of(BOXES, names)
        if boxes is None:
            raise ValueError(
                f"{path} has features and no boxes (one of "
                f"{', '.join((*BOXES, 'spatial_features'))}, ...); it has {names[:5]}."
            )
        self._relative_name = boxes in RELATIVE_BOXES
        ranges = "pos_boxes" in names
        dimensions = 2 if ranges else 3
        self._all_features = array_in(file, first_of(FEATURES, names), dimensions)
        self._all_boxes = array_in(file, boxes, dimensions)
        rows = self._all_features.shape[: dimensions - 1]
        if self._all_boxes.shape[:-1] != rows:
            raise ValueError(
                f"{path}: {boxes} {self._all_boxes.shape} does not fit the features "
                f"{self._all_features.shape}: as many images and regions are needed."
            )
        self._ranges = _ranges(path, file, rows[0]) if ranges else None
        images = len(self._ranges) if ranges else rows[0]
        self._real = _declared(path, file, names, images)
        if ranges and self._real is not None:
            _check_as_declared(path, self._ranges, self._real)
        super().__init__(path, _ids(path, file, names, images), captions, sizes)

    def _boxes(self, entry):
        place = f"{self.folder}, row {entry} of its boxes"
        boxes = corners(read_array(self._all_boxes, self._part(entry)), place)
        declared = self._real is not None
        if declared:
            boxes = real_rows(boxes, int(self._real[entry]), place)
        return Boxes(boxes, None, self._relative_name, declared)

    def _features(self, entry):
        features = read_array(self._all_features, self._part(entry))
        return matrix(features, f"{self.folder}, row {entry} of its features")

    def _part(self, entry):
        if self._ranges is None:
            return int(entry)
        return slice(*map(int, self._ranges[entry]))


def _ranges(path, file, rows):
    """The first row of each image and the one after its last, checked."""
    ranges = _whole_numbers(path, file, "pos_boxes", 2)
    if ranges.shape[1:] != (2,) or not ranges.size:
        raise ValueError(
            f"{path}: pos_boxes must have the shape (images, 2); received "
            f"{ranges.shape}."
        )
    starts, ends = ranges.T
    wrong = (starts < 0) | (ends <= starts) | (ends > rows)
    if wrong.any():
        image = int(np.argmax(wrong))
        raise ValueError(
            f"{path}: pos_boxes gives image {image} the rows {ranges[image].tolist()} of "
            f"{rows}; they must be the first and the one after the last."
        )
    order = np.argsort(starts, kind="stable")
    shared = starts[order][1:] < ends[order][:-1]
    if shared.any():
        first, second = order[int(np.argmax(shared)) :][:2]
        raise ValueError(
            f"{path}: pos_boxes gives rows to two images: {ranges[first].tolist()} and "
            f"{ranges[second].tolist()}."
        )
    return ranges


def _declared(path, file, names, images):
    """How many regions of each image the file declares; None where it does not."""
    if "num_boxes" not in names:
        return None
    counts = _whole_numbers(path, file, "num_boxes").ravel()
    if len(counts) != images:
        raise ValueError(
            f"{path}: num_boxes has {len(counts)} numbers of {images} images."
        )
    return counts


def _check_as_declared(path, ranges, counts):
    differ = ranges[:, 1] - ranges[:, 0] != counts
    if differ.any():
        image = int(np.argmax(differ))
        raise ValueError(
            f"{path}: num_boxes gives image {image} {counts[image]} regions, pos_boxes "
            f"the rows {ranges[image].tolist()}."
        )


def _whole_numbers(path, file, name, dimensions=None):
    numbers = read_array(array_in(file, name, dimensions))
    # MATLAB and Lua count in floats.
    if not np.isfinite(numbers).all() or (numbers != np.floor(numbers)).any():
        raise ValueError(f"{path}: {name} must hold whole numbers.")
    if numbers.size and numbers.max() >= 2**62:
        raise ValueError(f"{path}: {name} holds {numbers.max()}, which is too large.")
    return numbers.astype(np.int64)


def _ids(path, file, names, images):
    path = Path(path)
    beside = path.with_name(f"{path.stem}_ids.txt")
    name = first_of(IDS, names)
    if name:
        ids = read_texts(file, name)
    elif beside.exists():
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
