"""A region store over a file of named entries, whatever the file's kind."""

from pathlib import Path

import numpy as np

from keras_teran._io import (
    all_finite,
)
from keras_teran.data._checks import ImageRows
from keras_teran.data._image_by_image import ImageByImage
from keras_teran.data._sizes import read_sizes
from keras_teran.data.formats._box_units import (
    PIXELS,
    choose_units,
    reach_of,
    to_relative,
)
from keras_teran.data.formats._field_names import MOST_BYTES, real_rows
from keras_teran.data.formats._keys import match_entries
from keras_teran.vision import box_fault

WHOLE_IMAGE = np.array([[0, 0, 1, 1]], np.float32)


class KeyedRegions(ImageByImage):
    """What the readers of other layouts share: matching of images, checks, boxes.

    A subclass opens its file, calls this constructor, and has ``_boxes(entry)``, the
    `Boxes` of an entry, and ``_features(entry)``, its features float (regions, dim).
    The boxes of all images wanted are read on opening, features only when asked for.

    Args:
        path: the file or folder.
        keys: list of str, the name of each entry.
        captions: ``CaptionSet`` of the images wanted, see ``match_entries``; None for
            every entry.
        sizes: where image sizes are known, as ``read_sizes`` takes it; needed only
            where boxes are in pixels and the file does not say of how many.

    Attributes:
        box_units: str, ``"relative"`` or ``"pixels"``: of the file, see
            ``choose_units``.

    Raises:
        ValueError: if there are no entries, boxes contradict each other in their units,
            or as ``match_entries`` does.
    """

    def __init__(self, path, keys, captions=None, sizes=None):
        self.folder = Path(path)
        if not keys:
            raise ValueError(f"{path} holds no image features.")
        image_ids, self._entries = match_entries(path, keys, captions)
        self._rows = ImageRows(image_ids, path)
        self._sizes = {}
        if sizes is not None:
            names = captions.filenames if captions else None
            self._sizes = read_sizes(sizes, image_ids, names)
        self._survey()
        first = self._features(self._entries[0])
        self.max_regions = int(self.counts.max())
        self.region_dim = first.shape[-1]
        size = self.max_regions * self.region_dim * 4
        if not 0 < size <= MOST_BYTES:
            raise ValueError(
                f"{path}: {self.max_regions} regions of {self.region_dim} numbers are "
                f"{size:,} bytes an image; from 1 to {MOST_BYTES:,} are taken."
            )

    def _survey(self):
        """Reads how many regions each image has and in which units its boxes are."""
        counts, reaches, sizes, named = [], [], [], []
        for image_id, entry in zip(self.image_ids, self._entries, strict=True):
            found = self._boxes(entry)
            counts.append(len(found.boxes))
            reaches.append(reach_of(found.boxes))
            sizes.append(found.size or self._sizes.get(int(image_id)))
            named.append(found.relative)
        self.counts = np.array(counts)
        if self.counts.min() < 1:
            raise ValueError(
                f"{self.folder}: image {self.image_ids[self.counts.argmin()]} has no "
                "region. Remove it from the captions, or extract it again."
            )
        self.box_units = choose_units(
            self.folder, self.image_ids, np.array(reaches), sizes, named
        )

    def read_image(self, image_id):
        """Features and relative boxes of one image, checked.

        Args:
            image_id: int.

        Returns:
            float32 (regions, dim), and float32 (regions, 4): x0, y0, x1, y1 in 0..1.

        Raises:
            ValueError: if the entry is damaged, not finite or of a wrong shape, or a
                box is inverted or outside the image; names file and image.
        """
        place = f"{self.folder}, image {image_id}"
        entry = self._entries[self.rows([image_id])[0]]
        found, features = self._boxes(entry), self._features(entry)
        boxes = found.boxes
        if found.declared and features.shape[1:] == (self.region_dim,):
            features = real_rows(features, len(boxes), f"{place}: its features")
        if (features.shape, boxes.shape) != (
            (len(boxes), self.region_dim),
            (len(boxes), 4),
        ):
            raise ValueError(
                f"{place}: expected features (regions, {self.region_dim}) and boxes "
                f"(regions, 4); received {features.shape} and {boxes.shape}."
            )
        if not all_finite(features):
            raise ValueError(
                f"{place}: a feature is NaN or infinite; extract it again."
            )
        size = found.size or self._sizes.get(int(image_id))
        boxes = self._relative(boxes, size)
        fault = box_fault(boxes)
        if fault:
            raise ValueError(
                f"{place}: {fault}. Boxes are x0, y0, x1, y1 in the picture's pixels, "
                "or divided by its width and height."
            )
        return features.astype(np.float32, copy=False), boxes.astype(np.float32)

    def _relative(self, boxes, size):
        if self.box_units == PIXELS and size is None:
            raise ValueError(
                f"{self.folder} has boxes in pixels and no image sizes: give sizes (a "
                "COCO annotation JSON, the image folder or a CSV)."
            )
        return to_relative(boxes, self.box_units, size)
