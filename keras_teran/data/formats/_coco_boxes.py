"""COCO's instances: sizes of images, boxes of objects, names of categories."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from keras_teran import _io
from keras_teran.data.formats._box_units import PIXELS, to_relative


class _Image(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    id: int
    file_name: str
    width: int
    height: int


class _Annotation(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)

    id: int
    image_id: int
    category_id: int
    bbox: list[float]
    iscrowd: int = 0


class _Category(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    id: int
    name: str
    supercategory: str | None = None


class _File(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


class CocoBoxes:
    """The boxes of a file of COCO's instances.

    Args:
        path: of the file, for errors.
        content: what it holds.

    Attributes:
        images: dict of an image's id to its record: `file_name`, `width`, `height`.
        annotations: dict of an object's id to its record.
        categories: dict of a category's id to its record: `name`, `supercategory`.

    Raises:
        ValueError: if a key is missing, a value is of another kind, or an id occurs twice.
    """

    def __init__(self, path, content: Any):
        self.path = path
        file = _io.check(content, _File, path)
        self.images = _by_id(path, "images", file.images)
        self.annotations = _by_id(path, "annotations", file.annotations)
        self.categories = _by_id(path, "categories", file.categories)
        for annotation in file.annotations:
            place = f"{path}, annotation {annotation.id}"
            if annotation.image_id not in self.images:
                raise ValueError(f"{place}: no image has the id {annotation.image_id}.")
            if annotation.category_id not in self.categories:
                raise ValueError(
                    f"{place}: no category has the id {annotation.category_id}."
                )

    def box(self, annotation):
        """The relative box of an object: x0, y0, x1, y1, a tuple of floats."""
        image, place = self.images[annotation.image_id], f"{self.path}, annotation"
        if min(image.width, image.height) < 1:
            raise ValueError(
                f"{self.path}: image {image.id} is {image.width} × {image.height} pixels; "
                "both must be at least 1."
            )
        if len(annotation.bbox) != 4:
            raise ValueError(
                f"{place} {annotation.id}: bbox must be x, y, width, height; received "
                f"{_io.shown(annotation.bbox)}."
            )
        x, y, width, height = annotation.bbox
        corners = [x, y, x + width, y + height]
        found = to_relative(corners, PIXELS, (image.width, image.height))
        return tuple(found.tolist())

    def type_of(self, category_id):
        """What kind of thing a category is: its supercategory, else its name."""
        category = self.categories[category_id]
        return category.supercategory or category.name


def _by_id(path, name, records):
    found = {record.id: record for record in records}
    if len(found) < len(records):
        seen = set()
        twice = next(r.id for r in records if r.id in seen or seen.add(r.id))
        raise ValueError(f"{path}: the id {twice} occurs twice in {name}.")
    return found
