"""What every extractor offers, and the one kind that most are: regions of a map."""

from typing import Protocol

import numpy as np

from keras_teran.extract._merging import merge
from keras_teran.vision import (
    cell_boxes,
    check_count,
    grid_boxes,
    pool,
)


class Extractor(Protocol):
    """Fitted pictures to regions.

    Attributes:
        input_size: (height, width) of the pictures that it takes, see `fit`.
        region_dim: int. Numbers in a region's features.
        max_regions: int. The most regions that a picture can have.
        identity: dict of JSON's kinds: all that decides what comes out.
    """

    input_size: tuple
    region_dim: int
    max_regions: int
    identity: dict

    def extract(self, pictures, image_ids=None):
        """Regions of some pictures.

        Args:
            pictures: list of `Fitted` of `input_size`.
            image_ids: their ids, one each; only `BoxesOf` needs them.

        Returns:
            list of `(features, boxes)`, one a picture: float32 (regions, region_dim)
            and float32 (regions, 4), x0, y0, x1, y1 divided by the picture's width and
            height, 0..1; at least one region each.
        """


class MapModel(Protocol):
    """A network whose features lie on a grid: a file's tensor, or a backbone's output.

    Attributes:
        input_size: (height, width) of its input, pixels.
        map_size: (rows, columns, dim) of what comes out.
        identity: dict, see `Extractor`.
    """

    input_size: tuple
    map_size: tuple
    identity: dict

    def maps(self, pixels):
        """uint8 (images, height, width, 3) to float32 (images, rows, columns, dim)."""


class MapExtractor:
    """An `Extractor` that takes its regions from a network's feature map.

    Args:
        model: a `MapModel`.
        regions: which regions: `Cells`, `Grid`, `Merged` or `BoxesOf`.

    Raises:
        ValueError: for more than 10,000 regions of a picture.
    """

    def __init__(self, model, regions):
        self._model, self._regions = model, regions
        self.input_size = tuple(model.input_size)
        self.region_dim = model.map_size[2]
        self.max_regions = regions.most(*model.map_size[:2])
        check_count(self.max_regions, regions.name)
        self.identity = {**model.identity, "regions": regions.name}

    def extract(self, pictures, image_ids=None):
        """Regions of some pictures, see `Extractor.extract`."""
        maps = self._model.maps(np.stack([p.pixels for p in pictures]))
        ids = [None] * len(pictures) if image_ids is None else image_ids
        return [
            self._regions.take(*each) for each in zip(maps, pictures, ids, strict=True)
        ]


class Cells:
    """Each cell of the map, or patch, is a region; those of padding alone are not."""

    name = "cells"

    def most(self, rows, columns):
        """The most regions of a map: int."""
        return rows * columns

    def take(self, features, picture, image_id=None):
        """Features and boxes of one picture."""
        boxes = picture.to_picture(cell_boxes(*features.shape[:2]))
        inside = (boxes[:, 2:] > boxes[:, :2]).all(1)
        return features.reshape(len(boxes), -1)[inside], boxes[inside]


class Merged:
    """Cells merged to a number of regions: neighbours that are alike, see `merge`.

    Args:
        count: int, at least 1. The most regions of a picture.

    Raises:
        ValueError: for fewer than one.
    """

    def __init__(self, count):
        if count < 1:
            raise ValueError(f"merge must be at least 1; received {count}.")
        self._count = count
        self.name = f"cells merged to {count}"

    def most(self, rows, columns):
        """The most regions of a map: int."""
        return min(self._count, rows * columns)

    def take(self, features, picture, image_id=None):
        """Features and boxes of one picture."""
        rows, columns, _ = features.shape
        boxes = picture.to_picture(cell_boxes(rows, columns))
        inside = (boxes[:, 2:] > boxes[:, :2]).all(1).reshape(rows, columns)
        # What is inside is a rectangle, since the picture is one.
        rows, columns = inside.any(1).sum(), inside.any(0).sum()
        kept = boxes[inside.ravel()].reshape(rows, columns, 4)
        return merge(features[:rows, :columns], kept, self._count)


class Grid:
    """The picture split into equal parts; features are means over a part's area.

    Args:
        sizes: ints, see `grid_boxes`.
    """

    def __init__(self, sizes):
        self._boxes = grid_boxes(sizes)
        self.name = "grid " + " ".join(f"{size}x{size}" for size in sizes)

    def most(self, rows, columns):
        """The most regions of a map: int."""
        return len(self._boxes)

    def take(self, features, picture, image_id=None):
        """Features and boxes of one picture."""
        return pool(features, picture.to_input(self._boxes)), self._boxes


class BoxesOf:
    """The boxes of other features of the same images.

    Args:
        store: a `RegionStore`.
        name: str, how the identity names it.
    """

    def __init__(self, store, name):
        self._store = store
        self.name = f"boxes of {name}"

    def most(self, rows, columns):
        """The most regions of a map: int."""
        return self._store.max_regions

    def take(self, features, picture, image_id=None):
        """Features and boxes of one picture.

        Raises:
            ValueError: if no id is given or the store has no boxes of it.
        """
        if image_id is None:
            raise ValueError(
                f"This extractor pools over the {self.name} and takes the images that "
                "are there, by their ids; give image_ids, or use a grid."
            )
        found = self._store.read([image_id])
        boxes = found["boxes"][0][found["region_mask"][0]]
        return pool(features, picture.to_input(boxes)), boxes
