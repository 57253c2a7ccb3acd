"""Region features as the original code lays them out: two files an image."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from keras_teran.data.image_by_image import ImageByImage
from keras_teran.data.validity import ImageRows, all_finite, box_fault, to_relative

_REMEDY = "Extract this image's features again, or fetch the file again."
# What NumPy raises on a file that is cut short, damaged, or holds pickled objects.
_UNREADABLE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)


class OriginalRegions(ImageByImage):
    """A ``RegionStore`` over ``bu_att/ID.npz`` (``feat``) and ``bu_box/ID.npy``.

    The layout of bottom-up features (Anderson et al. 2018, arXiv 1707.07998) that
    TERAN's code reads: features float (regions, dim), boxes float (regions, 4) in
    pixels. ID is the COCO image id, or for Flickr the position in ``images``. Each
    read opens and decompresses two files an image: pack once to train fast.

    Args:
        folder: holds ``bu_att`` and ``bu_box``.
        image_ids: int, (images,). The images wanted, of all that lie there.
        sizes: ``{image id: (width, height)}`` in pixels, see ``read_sizes``.
        progress: whether to show a bar over the files.

    Raises:
        FileNotFoundError: if a file of a wanted image is missing.
        ValueError: if a size is missing, or a box file is unreadable or of a wrong
            shape.
    """

    def __init__(self, folder, image_ids, sizes, progress=False):
        self.folder = Path(folder)
        self._rows = ImageRows(image_ids, folder)
        self._sizes = sizes
        if not len(self):
            raise ValueError(f"{folder}: image_ids is empty; give the images wanted.")
        self._require_sizes()
        self._require_files()
        self._counts = self._read_counts(progress)
        self.max_regions = int(self._counts.max())
        first = self._feature_file(self.image_ids[0])
        self.region_dim = int(_load_features(first).shape[1])

    @property
    def counts(self):
        """How many regions each image has: int64, (images,)."""
        return self._counts

    def read_image(self, image_id):
        """Features and relative boxes of one image, checked.

        Args:
            image_id: int.

        Returns:
            float32 (regions, dim), and float32 (regions, 4): x0, y0, x1, y1 divided by
            width and height. A box may reach over the edge by a pixel (detectors
            round); it is cut to 0..1.

        Raises:
            ValueError: if a file is truncated, pickled, not finite or of a wrong
                shape, or a box is inverted or outside the image; names the file.
        """
        features = self._read_features(image_id)
        boxes = self._read_boxes(image_id)
        if len(features) != len(boxes):
            raise ValueError(
                f"{self._feature_file(image_id)} has {len(features)} regions but "
                f"{self._box_file(image_id)} has {len(boxes)} boxes. {_REMEDY}"
            )
        return features, boxes

    def _read_features(self, image_id):
        path = self._feature_file(image_id)
        features = _load_features(path)
        if features.shape[1] != self.region_dim:
            first = self._feature_file(self.image_ids[0])
            raise ValueError(
                f"{path}: `feat` has {features.shape[1]} numbers a region, {first} has "
                f"{self.region_dim}. {_REMEDY}"
            )
        if not all_finite(features):
            raise ValueError(f"{path}: a feature is NaN or infinite. {_REMEDY}")
        return features.astype(np.float32, copy=False)

    def _read_boxes(self, image_id):
        path = self._box_file(image_id)
        boxes = _load_boxes(path)
        width, height = self._sizes[int(image_id)]
        relative = to_relative(boxes, width, height)
        fault = box_fault(relative)
        if fault:
            raise ValueError(
                f"{path}: {fault}, after division by the image's {width} × {height} "
                "pixels. Check that boxes and sizes are of the same picture, and boxes "
                "x0, y0, x1, y1 in its pixels."
            )
        return relative.astype(np.float32)

    def _require_sizes(self):
        missing = [int(i) for i in self.image_ids if int(i) not in self._sizes]
        if missing:
            raise ValueError(
                f"sizes lacks {len(missing)} of {len(self)} images, first ids "
                f"{missing[:5]}. Read them with keras_teran.data.sizes.read_sizes."
            )

    def _require_files(self):
        # One listing of each folder: two look-ups an image take minutes on a network.
        for folder, suffix in (("bu_att", ".npz"), ("bu_box", ".npy")):
            place = self.folder / folder
            if not place.is_dir():
                raise FileNotFoundError(f"There is no folder {place}.")
            present = {path.name for path in place.iterdir()}
            missing = [
                f"{image_id}{suffix}"
                for image_id in self.image_ids
                if f"{image_id}{suffix}" not in present
            ]
            if missing:
                raise FileNotFoundError(
                    f"{place} lacks {len(missing)} of {len(self)} files: "
                    f"{', '.join(missing[:5])}. Extract the features of these images, "
                    "or remove the images from the caption file."
                )

    def _read_counts(self, progress):
        from keras_teran._io.bars import progress_bar

        paths = [self._box_file(image_id) for image_id in self.image_ids]
        bar = progress_bar(
            paths, desc="box headers", unit="image", disable=not progress
        )
        # Mapped, so that no more than the header is read.
        return np.array([len(_load_boxes(path, "r")) for path in bar], np.int64)

    def _feature_file(self, image_id):
        return self.folder / "bu_att" / f"{image_id}.npz"

    def _box_file(self, image_id):
        return self.folder / "bu_box" / f"{image_id}.npy"


def _load_boxes(path, mmap_mode=None):
    try:
        boxes = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except _UNREADABLE as error:
        raise ValueError(
            f"{path} is truncated or no plain .npy file ({error}). {_REMEDY}"
        ) from error
    if boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.dtype.kind not in "iuf":
        raise ValueError(
            f"{path} must hold numbers of shape (regions, 4); received {boxes.dtype} "
            f"{boxes.shape}. {_REMEDY}"
        )
    return boxes


def _load_features(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            names = file.files
            features = file["feat"] if "feat" in names else None
    except _UNREADABLE as error:
        raise ValueError(
            f"{path} is truncated or no plain .npz file ({error}). {_REMEDY}"
        ) from error
    if features is None:
        raise ValueError(f"{path} has no `feat`; it has {names}. {_REMEDY}")
    if features.ndim != 2 or features.dtype.kind != "f" or not features.size:
        raise ValueError(
            f"{path}: `feat` must hold floats of shape (regions, dim) with at least "
            f"one region; received {features.dtype} {features.shape}. {_REMEDY}"
        )
    return features
