"""The best and the worst cases of grounding, for a report or a page to draw."""

from dataclasses import dataclass, field

import numpy as np

from keras_teran._io import whole
from keras_teran.pipeline import heat_maps


@dataclass(frozen=True)
class GroundingCase:
    """A phrase, where it pointed and where its box is.

    Attributes:
        phrase: `Phrase`: image, caption, characters and boxes.
        image_id: int, of the image in the store.
        region: int, the best region, a row in `region_boxes`.
        point: (x, y), the center of that region, floats in 0..1.
        heat_point: (x, y), where the heat map points.
        pointing: bool, whether `point` lies in a box.
        overlap: float, 0..1, the most that the region shares with a box (IoU).
        distance: float, from `point` to the nearest box, in sides of the image.
        cosines: float32 (regions,), of the phrase.
        region_boxes: float32 (regions, 4), relative x0 y0 x1 y1.
    """

    phrase: object
    image_id: int
    region: int
    point: tuple
    heat_point: tuple
    pointing: bool
    overlap: float
    distance: float
    cosines: np.ndarray = field(repr=False)
    region_boxes: np.ndarray = field(repr=False)

    @property
    def region_box(self):
        """The box of the best region: a tuple of four floats."""
        return tuple(self.region_boxes[self.region].tolist())

    @property
    def heat_map(self):
        """float64 (14, 14), see `pipeline.heat_maps`."""
        return heat_maps(self.cosines[None], self.region_boxes)[0]

    def as_dict(self):
        """Plain values, without cosines and other regions."""
        told = ("image_id", "region", "region_box", "point", "heat_point", "pointing")
        told += ("overlap", "distance")
        phrase = self.phrase
        return {
            "image": phrase.image,
            "caption": phrase.caption,
            "start": phrase.start,
            "end": phrase.end,
            "phrase": phrase.phrase,
            "type": phrase.type,
            "boxes": [list(box) for box in phrase.boxes],
            **{name: getattr(self, name) for name in told},
        }


def grounding_cases(result, count=5):
    """The best and the worst phrases of an evaluation, one of each image at most.

    The best share most with a box, of those that point into one. The worst point farthest
    from their boxes, of those that miss them.

    Args:
        result: `GroundingResult`.
        count: int, how many of each, at most.

    Returns:
        dict of `best` and `worst`: lists of `GroundingCase`, the most extreme first.
    """
    whole("count", count)
    found = result.found
    hit = np.asarray(found["pointing"], bool)
    by_overlap = np.lexsort((found["distance"], -found["overlap"]))
    by_distance = np.lexsort((found["overlap"], -found["distance"]))
    orders = {
        "best": by_overlap[hit[by_overlap]],
        "worst": by_distance[~hit[by_distance]],
    }
    return {
        name: [_case(result, row) for row in _one_an_image(result, order, count)]
        for name, order in orders.items()
    }


def _one_an_image(result, order, count):
    _, first = np.unique(result.image_ids[order], return_index=True)
    return order[np.sort(first)[:count]].tolist()


def _case(result, row):
    found = result.found
    return GroundingCase(
        phrase=result.phrases[row],
        image_id=int(result.image_ids[row]),
        region=int(found["region"][row]),
        point=tuple(found["point"][row].tolist()),
        heat_point=tuple(found["heat_point"][row].tolist()),
        pointing=bool(found["pointing"][row]),
        overlap=float(found["overlap"][row]),
        distance=float(found["distance"][row]),
        cosines=result.cosines[row],
        region_boxes=result.boxes[row],
    )
