"""Pictures where region features are asked for: of a model that has pixels inside."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keras_teran._io import progress_bar
from keras_teran.data._checks import ImageRows
from keras_teran.vision import BadImage, fit_picture, model_inputs


class PictureStore:
    """A `RegionStore` whose `read` gives pictures; regions are made in the model.

    Args:
        image_ids: int64, (images,), unique.
        pictures: their files, a list of paths; or uint8, (images, h, w, 3), RGB.
        backbone: dict, a model's `config["image_backbone"]`: its `size`, `grid` and
            `region_dim` are used.

    Raises:
        ValueError: if there is not one picture an id, or an array is of another kind.
    """

    def __init__(self, image_ids, pictures, backbone):
        is_array = isinstance(pictures, np.ndarray)
        if is_array and (pictures.dtype != np.uint8 or pictures.shape[3:] != (3,)):
            raise ValueError(
                "pictures must be uint8, (images, height, width, 3), RGB; received "
                f"{pictures.dtype} {pictures.shape}."
            )
        if len(image_ids) != len(pictures):
            raise ValueError(
                f"{len(image_ids)} image_ids need as many pictures; received "
                f"{len(pictures)}."
            )
        self._rows = ImageRows(image_ids, "the pictures")
        self._pictures, self._backbone = pictures, backbone
        self.max_regions = int(np.prod(backbone["grid"]))
        self.region_dim = backbone["region_dim"]

    @property
    def image_ids(self):
        """Ids of the images it holds: int64, (images,)."""
        return self._rows.image_ids

    def rows(self, image_ids):
        """Rows at which images stand: int64, (n,); ValueError names unknown ids."""
        return self._rows.rows(image_ids)

    def read(self, image_ids):
        """Pictures, see `model_inputs`, in the order asked for."""
        pictures = [self._pictures[row] for row in self.rows(image_ids)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            fitted = list(pool.map(self._fitted, pictures))
        return model_inputs(fitted, self._backbone["grid"])

    def faults(self, image_ids, progress=False):
        """Decodes pictures: a dict of the ids of those that cannot be, and why not."""
        pictures = [self._pictures[row] for row in self.rows(image_ids)]
        with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool:
            # What is too large is refused, with a line of its own.
            warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
            checked = pool.map(self._fault, pictures)
            bar = progress_bar(
                checked, "checking pictures", total=len(pictures), disable=not progress
            )
            found = dict(zip(map(int, image_ids), bar, strict=True))
        return {image_id: fault for image_id, fault in found.items() if fault}

    def check(self, image_ids, progress=False):
        """Decodes every picture; raises ValueError that names those that cannot be."""
        faults = list(self.faults(image_ids, progress).values())
        if faults:
            raise ValueError(
                f"{len(faults)} of {len(image_ids)} pictures cannot be used; the first: "
                f"{'; '.join(faults[:3])}. Mend them, or leave them out of the captions "
                "(`keras-teran data prepare` does)."
            )

    def _fitted(self, picture):
        return fit_picture(picture, self._backbone["size"])

    def _fault(self, picture):
        try:
            self._fitted(picture)
        except BadImage as error:
            return str(error)
        return None


def without_bad(captions, regions):
    """Leaves out the pictures that cannot be used.

    Args:
        captions: `CaptionSet`.
        regions: what was opened beside it; only a `PictureStore` is looked into.

    Returns:
        `(captions, faults)`: the `CaptionSet` of the rest, and a dict of the ids of the
        pictures that it lacks to a line on each; all and none where there are none.

    Raises:
        ValueError: if no picture can be used.
    """
    if not isinstance(regions, PictureStore):
        return captions, {}
    faults = regions.faults(captions.image_ids, progress=True)
    lines = list(faults.values())
    if len(faults) == len(captions.image_ids):
        raise ValueError(f"None of the {len(lines)} pictures can be used; {lines[0]}.")
    good = [n for n, each in enumerate(captions.image_ids) if each not in faults]
    return (captions.select_images(good) if faults else captions), faults
