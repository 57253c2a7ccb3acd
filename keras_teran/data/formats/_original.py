"""Region features as the original code lays them out: two files an image."""

from pathlib import Path

import numpy as np

from keras_teran._io import (
    all_finite,
    read_npy,
    read_npz,
    shown,
)
from keras_teran.data._checks import ImageRows, remedied
from keras_teran.data._image_by_image import ImageByImage
from keras_teran.data._names import Names
from keras_teran.data.formats._box_units import choose_units, reach_of, to_relative
from keras_teran.data.formats._field_names import MOST_BYTES
from keras_teran.vision import box_fault

_REMEDY = "Extract this image's features again, or fetch the file again."


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
        captions: the ``CaptionSet`` of these images: files that bear an image's file
            name are its own, and an error where they and those of its id are two.

    Raises:
        FileNotFoundError: if a file of a wanted image is missing.
        ValueError: if a size is missing, or a box file is unreadable or of a wrong
            shape; or an image's files are not known for certain.
    """

    def __init__(self, folder, image_ids, sizes, progress=False, captions=None):
        self.folder = Path(folder)
        self._rows = ImageRows(image_ids, folder)
        self._sizes = sizes
        if not len(self):
            raise ValueError(f"{folder}: image_ids is empty; give the images wanted.")
        self._require_sizes()
        self._stems = dict(
            zip(self.image_ids.tolist(), self._find_stems(captions), strict=True)
        )
        self._require_files()
        self._counts = self._survey(progress)
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
        relative = to_relative(boxes, self.box_units, (width, height))
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
                f"{missing[:5]}. Read them with keras_teran.data._sizes.read_sizes."
            )

    def _find_stems(self, captions):
        """What the files of each image are called: its id, or its file name."""
        ids = [str(image_id) for image_id in self.image_ids]
        if captions is None:
            return ids
        present = [path.stem for path in _listed(self.folder / "bu_att")]
        named, known = Names(present), {*present}
        stems, ways = [], set()
        for image_id, filename in zip(ids, captions.filenames, strict=True):
            found = [present[row] for row in named.find(filename)]
            if found and image_id in known and image_id not in found:
                raise ValueError(
                    f"{self.folder}: image {image_id} ({shown(filename)[1:-1]}) is "
                    f"bu_att/{found[0]}.npz by its file name and bu_att/{image_id}.npz "
                    "by its id or position. Keep the files of one naming alone."
                )
            by_id = image_id in known or not found
            stems.append(image_id if by_id else found[0])
            if not (found and image_id in known):
                ways.add("id or position" if by_id else "file name")
        if len(ways) > 1:
            raise ValueError(
                f"{self.folder}: some images have files of their id or position, others "
                "of their file name. Keep the files of one naming alone."
            )
        return stems

    def _require_files(self):
        # One listing of each folder: two look-ups an image take minutes on a network.
        for folder, suffix in (("bu_att", ".npz"), ("bu_box", ".npy")):
            place = self.folder / folder
            present = {path.name for path in _listed(place)}
            missing = [
                f"{stem}{suffix}"
                for stem in self._stems.values()
                if f"{stem}{suffix}" not in present
            ]
            if missing:
                raise FileNotFoundError(
                    f"{place} lacks {len(missing)} of {len(self)} files: "
                    f"{', '.join(missing[:5])}. Extract the features of these images, "
                    "or remove the images from the caption file."
                )
        if len({*self._stems.values()}) < len(self):
            raise ValueError(
                f"{self.folder}: two images of the captions have the same files. Give "
                "each image features of its own."
            )

    def _survey(self, progress):
        """Reads how many boxes each image has, and in which units all of them are."""
        from keras_teran._io import progress_bar

        counts, reaches = [], []
        for image_id in progress_bar(
            self.image_ids, desc="boxes", unit="image", disable=not progress
        ):
            boxes = _load_boxes(self._box_file(image_id))
            counts.append(len(boxes))
            reaches.append(reach_of(boxes))
        self.box_units = choose_units(
            self.folder / "bu_box",
            self.image_ids,
            np.array(reaches),
            [self._sizes[int(image_id)] for image_id in self.image_ids],
            [False] * len(self),
        )
        return np.array(counts, np.int64)

    def _feature_file(self, image_id):
        return self.folder / "bu_att" / f"{self._stems[int(image_id)]}.npz"

    def _box_file(self, image_id):
        return self.folder / "bu_box" / f"{self._stems[int(image_id)]}.npy"


def _listed(folder):
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    return list(folder.iterdir())


def _load_boxes(path):
    with remedied(_REMEDY):
        boxes = read_npy(path, MOST_BYTES)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.dtype.kind not in "iuf":
        raise ValueError(
            f"{path} must hold numbers of shape (regions, 4); received {boxes.dtype} "
            f"{boxes.shape}. {_REMEDY}"
        )
    return boxes


def _load_features(path):
    with remedied(_REMEDY):
        features = read_npz(path, path, ["feat"], most=MOST_BYTES)["feat"]
    if features.ndim != 2 or features.dtype.kind != "f" or not features.size:
        raise ValueError(
            f"{path}: `feat` must hold floats of shape (regions, dim) with at least "
            f"one region; received {features.dtype} {features.shape}. {_REMEDY}"
        )
    return features
