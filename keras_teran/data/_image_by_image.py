"""A region store whose features are read from files one image at a time."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_teran.data._checks import RowStore

_THREADS = 4


class ImageByImage(RowStore):
    """What a ``RegionStore`` needs besides reading one image.

    A subclass sets ``folder`` (what bars and errors name), ``counts`` int64 (images,),
    ``max_regions``, ``region_dim`` and ``_rows``, an ``ImageRows``, and has
    ``read_image(image_id)``, which several threads may call at once.
    """

    def read(self, image_ids):
        """Features and boxes of images, padded with 0; see ``RegionStore.read``.

        Raises:
            ValueError: if an id is unknown or a file is truncated, not finite, of a
                wrong shape, or has a box outside the image or inverted.
        """
        self.rows(image_ids)
        shape = (len(image_ids), self.max_regions)
        regions = np.zeros((*shape, self.region_dim), np.float32)
        boxes = np.zeros((*shape, 4), np.float32)
        region_mask = np.zeros(shape, bool)
        with ThreadPoolExecutor(_THREADS) as threads:
            for row, (features, places) in enumerate(
                threads.map(self.read_image, image_ids)
            ):
                count = len(features)
                regions[row, :count] = features
                boxes[row, :count] = places
                region_mask[row, :count] = True
        return {"regions": regions, "boxes": boxes, "region_mask": region_mask}

    def check(self, image_ids, progress=False):
        """Reads every one of these images once and raises as ``read_image`` does.

        Args:
            image_ids: int, (n,).
            progress: whether to show a bar.
        """
        from keras_teran._io import progress_bar

        self.rows(image_ids)
        with (
            ThreadPoolExecutor(_THREADS) as threads,
            progress_bar(
                total=len(image_ids),
                desc=f"checking {self.folder.name}",
                unit="image",
                disable=not progress,
            ) as bar,
        ):
            # In pieces: map() would hold every answer until it is asked for.
            for start in range(0, len(image_ids), 64):
                piece = image_ids[start : start + 64]
                for _ in threads.map(self.read_image, piece):
                    bar.update()
