"""Region features held in memory."""

import numpy as np

from keras_teran._io import all_finite
from keras_teran.data._checks import ImageRows, RowStore
from keras_teran.vision import box_fault


class MemoryRegions(RowStore):
    """A `RegionStore` over arrays in memory.

    Args:
        image_ids: int64 (images,), unique.
        regions: float32 (images, regions, dim), 0 where there is no region.
        boxes: float32 (images, regions, 4), relative x0 y0 x1 y1 in 0..1.
        region_mask: bool (images, regions), True where there is a region.

    Raises:
        ValueError: where the arrays do not fit together or an id occurs twice.

    Example:
        >>> store = MemoryRegions(
        ...     np.array([7]),
        ...     np.ones((1, 2, 3), np.float32),
        ...     np.array([[[0, 0, 1, 1], [0, 0, 0, 0]]], np.float32),
        ...     np.array([[True, False]]),
        ... )
        >>> store.read([7])["regions"].shape
        (1, 2, 3)
    """

    def __init__(self, image_ids, regions, boxes, region_mask):
        regions = np.asarray(regions, np.float32)
        boxes = np.asarray(boxes, np.float32)
        region_mask = np.asarray(region_mask, bool)
        expected = (len(image_ids), *regions.shape[1:2])
        shapes = regions.shape, boxes.shape, region_mask.shape
        if shapes != ((*expected, regions.shape[-1]), (*expected, 4), expected):
            raise ValueError(
                f"{len(image_ids)} image_ids need regions (images, regions, dim), boxes "
                "(images, regions, 4) and region_mask (images, regions); received "
                f"{shapes[0]}, {shapes[1]} and {shapes[2]}."
            )
        self._rows = ImageRows(image_ids, "the regions in memory")
        self._regions, self._boxes, self._mask = regions, boxes, region_mask
        self.max_regions, self.region_dim = regions.shape[1:]

    def read(self, image_ids):
        """Features and boxes of images, see `RegionStore.read`."""
        rows = self.rows(image_ids)
        return {
            "regions": self._regions[rows],
            "boxes": self._boxes[rows],
            "region_mask": self._mask[rows],
        }

    def check(self, image_ids, progress=False):
        """Raises ValueError for an unknown id, a bad box or a feature not finite."""
        rows = self.rows(image_ids)
        fault = box_fault(self._boxes[rows])
        if fault:
            raise ValueError(f"The boxes in memory are unusable: {fault}.")
        if not all_finite(self._regions[rows]):
            raise ValueError("A feature in memory is NaN or infinite; compute it anew.")
