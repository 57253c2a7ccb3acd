"""A region store over a file of named entries, whatever the file's kind."""

from pathlib import Path

import numpy as np

from keras_teran.data.image_by_image import ImageByImage
from keras_teran.data.keys import match_entries
from keras_teran.data.sizes import read_sizes
from keras_teran.data.validity import ImageRows, all_finite, box_fault, to_relative

WHOLE_IMAGE = np.array([[0, 0, 1, 1]], np.float32)


class KeyedRegions(ImageByImage):
    """What the readers of other layouts share: matching of images, checks, boxes.

    A subclass opens its file, calls this constructor, and has ``_count(entry)``, the
    regions of an entry, and ``_load(entry)``, its features float (regions, dim), its
    boxes float (regions, 4) and (width, height) where the boxes are in pixels and the
    file knows the size, else None.

    Args:
        path: the file or folder.
        keys: list of str, the name of each entry.
        captions: ``CaptionSet`` of the images wanted, see ``match_entries``; None for
            every entry.
        sizes: where image sizes are known, as ``read_sizes`` takes it; needed only
            where boxes are in pixels and the file does not say of how many.

    Raises:
        ValueError: if there are no entries, or as ``match_entries`` does.
    """

    def __init__(self, path, keys, captions=None, sizes=None):
        self.folder = Path(path)
        if not keys:
            raise ValueError(f"{path} holds no image features.")
        image_ids, self._entries = match_entries(path, keys, captions)
        self._rows = ImageRows(image_ids, path)
        self._sizes = sizes
        if sizes is not None:
            names = captions.filenames if captions else None
            self._sizes = read_sizes(sizes, image_ids, names)
        self.counts = np.array([self._count(entry) for entry in self._entries])
        if self.counts.min() < 1:
            raise ValueError(
                f"{path}: image {image_ids[self.counts.argmin()]} has no region. Remove "
                "it from the captions, or extract it again."
            )
        self.max_regions = int(self.counts.max())
        self.region_dim = self._load(self._entries[0])[0].shape[-1]

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
        features, boxes, size = self._load(entry)
        expected = (len(features), self.region_dim), (len(features), 4)
        if (features.shape, boxes.shape) != expected or not len(features):
            raise ValueError(
                f"{place}: expected features (regions, {self.region_dim}) and boxes "
                f"(regions, 4); received {features.shape} and {boxes.shape}."
            )
        if not all_finite(features):
            raise ValueError(
                f"{place}: a feature is NaN or infinite; extract it again."
            )
        boxes = self._relative(boxes, size, image_id)
        fault = box_fault(boxes)
        if fault:
            raise ValueError(
                f"{place}: {fault}. Boxes are x0, y0, x1, y1 in the picture's pixels, "
                "or divided by its width and height."
            )
        return features.astype(np.float32, copy=False), boxes.astype(np.float32)

    def _relative(self, boxes, size, image_id):
        if not (boxes > 1.001).any():
            # No detector's boxes all lie in the first pixel: these are relative, even
            # where the size stands beside them.
            return np.clip(boxes, None, 1.0)
        if size is None and self._sizes is None:
            raise ValueError(
                f"{self.folder} has boxes in pixels and no image sizes: give sizes (a "
                "COCO annotation JSON, the image folder or a CSV)."
            )
        width, height = size or self._sizes[int(image_id)]
        return to_relative(boxes, width, height)
