"""Packed region features: a few memory-mapped arrays, one row an image."""

from pathlib import Path

import numpy as np

from keras_teran._io import (
    all_finite,
    map_npy,
    read_json,
    shown,
)
from keras_teran.data._checks import ImageRows, RowStore, remedied
from keras_teran.data._names import same_file
from keras_teran.data._packed_files import DESCRIPTION, PICTURES, Description
from keras_teran.vision import box_fault

# Small enough to stay in the processor's cache: six times as fast as 64 MiB.
_CHECK_BYTES = 4 * 2**20
_REMEDY = "Pack the features again, or fetch the file again."
_INFINITE = 0x7C00
# A half's sign and its exponent and fraction, once they are shifted into a float32.
_KEPT_BITS = np.int32(-0x70002000)
# The bias of a float32's exponent is larger than a half's by this power of two.
_BIAS = np.float32(2.0**112)


class PackedRegions(RowStore):
    """A ``RegionStore`` over memory-mapped arrays.

    Files in the folder (nothing is unpickled):

    ==================== =========================================================
    ``regions*.npy``     float32, float16 or int8, (images, regions, dim)
    ``scale.npy``        float32, (dim,): int8 features are multiplied by it
    ``boxes.npy``        float32, (images, regions, 4): x0, y0, x1, y1 in 0..1
    ``ids.npy``          int, (images,), optional: image ids; else the row number
    ``counts.npy``       int, (images,), optional: how many of the regions are real,
                         the first ones; else all
    ``pictures.json``    list of str, optional: the file name of each row's image
    ``packed.json``      optional: the format's version, and the units in which the
                         boxes came
    ==================== =========================================================

    Args:
        folder: where they lie.
        captions: ``CaptionSet``, optional: its file names are held against those of the
            rows.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is truncated, pickled, or of another shape or dtype; or a
            row and the captions say that an id is that of two images.
    """

    def __init__(self, folder, captions=None):
        self.folder = Path(folder)
        self.path = _regions_file(self.folder)
        self._regions = _open(self.path, 3, ("float32", "float16", "int8"))
        images, self.max_regions, self.region_dim = self._regions.shape
        self._boxes = self._sized("boxes.npy", (images, self.max_regions, 4), "f")
        self._scale = self._read_scale()
        self._counts = self._read_counts(images)
        ids = self._optional("ids.npy", (images,), "iu")
        self._rows = ImageRows(np.arange(images) if ids is None else ids, folder)
        if (self.folder / DESCRIPTION).exists():
            read_json(self.folder / DESCRIPTION, Description)
        names = None if captions is None else self.filenames
        if names is not None:
            self._check_names(captions, names)

    @property
    def filenames(self):
        """The file name of each row's image: list of str; None where none are known."""
        path = self.folder / PICTURES
        if not path.exists():
            return None
        names = read_json(path, list[str], max_bytes=2**30)
        if len(names) != len(self):
            raise ValueError(
                f"{path} has {len(names)} names of {len(self)} rows. {_REMEDY}"
            )
        return names

    def read(self, image_ids):
        """Features and boxes of images, see ``RegionStore.read``.

        Each image is converted straight from the file; what is not in the page cache
        comes from the disk, so memory stays that of the answer.
        """
        rows = self.rows(image_ids)
        return {
            "regions": self._converted(rows),
            "boxes": self._boxes[rows].astype(np.float32, copy=False),
            "region_mask": self._mask(rows),
        }

    def check(self, image_ids, progress=False):
        """Checks the rows of images: finite features, boxes inside and upright.

        Shapes were checked on opening. int8 features cannot be NaN and are not read;
        floats are, in pieces of 4 MiB, at the speed of the disk.

        Args:
            image_ids: int, (n,). Images that will be asked for.
            progress: whether to show a bar.

        Raises:
            ValueError: if an id is unknown, a feature NaN or infinite, or a box
                outside 0..1 or inverted; names the file, the image and the remedy.
        """
        from keras_teran._io import progress_bar

        # In the order of the file, so that the disk is read in one sweep.
        rows = np.unique(self.rows(image_ids))
        step = max(1, _CHECK_BYTES // max(1, self._regions[:1].nbytes))
        starts = range(0, len(rows), step)
        for start in progress_bar(
            starts, desc=f"checking {self.path.name}", disable=not progress
        ):
            self._check_rows(rows[start : start + step])

    def _check_rows(self, rows):
        fault = box_fault(_take(self._boxes, rows))
        if fault:
            row = next(row for row in rows if box_fault(self._boxes[row]))
            raise ValueError(
                f"{self.folder / 'boxes.npy'}, row {row} (image "
                f"{self.image_ids[row]}): {box_fault(self._boxes[row])}. Boxes are x0, "
                f"y0, x1, y1 divided by width and height. {_REMEDY}"
            )
        if self._regions.dtype == np.int8 or all_finite(_take(self._regions, rows)):
            return
        row = next(row for row in rows if not all_finite(self._regions[row]))
        raise ValueError(
            f"{self.path}, row {row} (image {self.image_ids[row]}): a feature is NaN or "
            f"infinite. {_REMEDY}"
        )

    def _converted(self, rows):
        # The memory map itself is indexed: only the rows asked for are touched.
        if self._regions.dtype == np.float16:
            regions = np.empty((len(rows), *self._regions.shape[1:]), np.float32)
            for place, row in enumerate(rows):
                widen(self._regions[row], regions[place])
            return regions
        regions = self._regions[rows].astype(np.float32, copy=False)
        if self._scale is not None:
            regions *= self._scale
        return regions

    def _mask(self, rows):
        if self._counts is None:
            return np.ones((len(rows), self.max_regions), bool)
        return np.arange(self.max_regions) < self._counts[rows, None]

    def _check_names(self, captions, names):
        """An id may be a position in a caption file; a file name says of which."""
        known = dict(zip(self.image_ids.tolist(), names, strict=True))
        for image_id, name in zip(
            captions.image_ids.tolist(), captions.filenames, strict=True
        ):
            own = known.get(image_id)
            if name and own and not same_file(own, name):
                raise ValueError(
                    f"{self.folder}: image {image_id} is {shown(own)} there and "
                    f"{shown(name)} in the captions. Extract or pack the features by "
                    "this caption file."
                )

    def _read_scale(self):
        path = self.folder / "scale.npy"
        if self._regions.dtype != np.int8:
            return None
        scale = self._sized("scale.npy", (self.region_dim,), "f")
        if not np.isfinite(scale).all():
            raise ValueError(f"{path}: a scale is NaN or infinite. {_REMEDY}")
        return np.asarray(scale, np.float32)

    def _read_counts(self, images):
        counts = self._optional("counts.npy", (images,), "iu")
        if (
            counts is not None
            and not ((counts >= 1) & (counts <= self.max_regions)).all()
        ):
            raise ValueError(
                f"{self.folder / 'counts.npy'}: counts must lie in "
                f"1..{self.max_regions}; received {counts.min()} to {counts.max()}. "
                f"{_REMEDY}"
            )
        return counts

    def _optional(self, name, shape, kinds):
        if not (self.folder / name).exists():
            return None
        return np.asarray(self._sized(name, shape, kinds))

    def _sized(self, name, shape, kinds):
        path = self.folder / name
        array = _open(path, len(shape))
        if array.shape != shape or array.dtype.kind not in kinds:
            kind = "floats" if kinds == "f" else "integers"
            raise ValueError(
                f"{path} must hold {kind} of shape {shape} to fit {self.path.name}; "
                f"received {array.dtype} {array.shape}. {_REMEDY}"
            )
        return array


def _take(array, rows):
    """Sorted rows of an array, without a copy where they follow each other."""
    if rows[-1] - rows[0] + 1 == len(rows):
        return array[rows[0] : rows[-1] + 1]
    return array[rows]


def _regions_file(folder):
    found = sorted(folder.glob("regions*.npy"))
    if len(found) != 1:
        raise FileNotFoundError(
            f"{folder} must hold one regions*.npy (regions.float16.npy, "
            f"regions.int8.npy, ...); found {[path.name for path in found]}. Give the "
            "folder of packed features, or pack them."
        )
    return found[0]


def _open(path, dimensions, dtypes=None):
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing. {_REMEDY}")
    with remedied(_REMEDY):
        array = map_npy(path)
    if array.ndim != dimensions or (dtypes and array.dtype.name not in dtypes):
        raise ValueError(
            f"{path} must have {dimensions} dimensions"
            + (f" and be one of {', '.join(dtypes)}" if dtypes else "")
            + f"; received {array.dtype} {array.shape}. {_REMEDY}"
        )
    return array


def widen(halves, out):
    """Writes float16 numbers into a float32 array; the values are NumPy's own.

    NumPy converts number by number and branches on zeros and subnormals: on features
    after a ReLU, half of them 0, it took 25 times as long. Here all numbers are
    shifted at once, and one product corrects the exponents. Best on pieces that fit
    into the processor's cache.

    Args:
        halves: float16, any shape.
        out: float32, C-contiguous, of that shape; is overwritten.

    Example:
        >>> out = np.empty(3, np.float32)
        >>> widen(np.array([0, -1.5, 6e-8], np.float16), out)
        >>> out.tolist()
        [0.0, -1.5, 5.960464477539063e-08]
    """
    bits = halves.view(np.int16)
    if not bits.size:
        return
    largest = bits.max(), bits.view(np.uint16).max()
    if largest[0] >= _INFINITE or largest[1] >= (_INFINITE | 0x8000):
        out[...] = halves  # the product would make infinities and NaN finite
        return
    words = out.view(np.int32)
    words[...] = bits
    words <<= 13
    words &= _KEPT_BITS
    out *= _BIAS
