"""Symbolic scenes of the embedded set: what stands where, before any pixel.

Scenes come in families. The members of a family hold the same colours, shapes,
textures and sizes, bound or placed differently (a red circle and a blue square
against a blue circle and a red square), so that the words of a caption without
their order fit every member alike.
"""

import dataclasses
import zlib

import numpy as np

SHAPES = ("circle", "square", "triangle", "star", "ring", "cross")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple")
TEXTURES = ("plain", "striped", "dotted", "checkered")
SIZES = ("small", "large")
GROUNDS = ("sand", "slate", "moss", "clay", "linen", "charcoal")
ATTRIBUTES = ("shapes", "colours", "textures", "sizes")

PICTURE_SIZE = 128
FAMILY_SIZE = 6
SPLITS = ("train", "val", "test")

_KINDS = (len(SHAPES), len(COLOURS), len(TEXTURES), len(SIZES))
_COUNTS = (3, 3, 4, 4, 5)
_RADII = ((8.5, 11.0), (15.5, 19.0))
_EDGE = 25.0
_APART = 41.0
_JITTER = 2.5


@dataclasses.dataclass(frozen=True)
class Scene:
    """One image before it is drawn.

    Attributes:
        shapes, colours, textures, sizes: int64 (objects,), indices into `SHAPES`,
            `COLOURS`, `TEXTURES`, `SIZES`.
        radii: float64 (objects,), pixels.
        centres: float64 (objects, 2), x and y in pixels, y downwards.
        ground: index into `GROUNDS`.
        family: number of the scene's family within its split.
    """

    shapes: np.ndarray
    colours: np.ndarray
    textures: np.ndarray
    sizes: np.ndarray
    radii: np.ndarray
    centres: np.ndarray
    ground: int
    family: int

    def __len__(self):
        return len(self.shapes)

    def signature(self):
        """What all members of the family share: sorted values of each attribute."""
        return tuple(tuple(sorted(getattr(self, name))) for name in ATTRIBUTES)


def split_of(signature):
    """The one split that may hold scenes with this signature.

    A tenth of the signatures goes to val, a tenth to test, the rest to train, by
    checksum: so no scene, and no family, is in two splits, whatever the seed.

    >>> split_of(((0, 1, 2), (0, 1, 2), (0, 0, 0), (0, 0, 1))) in SPLITS
    True
    """
    text = repr([[int(value) for value in values] for values in signature])
    tenth = zlib.crc32(text.encode()) % 10
    return {8: "val", 9: "test"}.get(tenth, "train")


def draw_family(split, seed, family):
    """Draws the `FAMILY_SIZE` scenes of one family.

    A pure function of its arguments.

    Args:
        split: "train", "val" or "test".
        seed: non-negative int.
        family: number of the family within the split, from 0.

    Returns:
        list of `Scene`.
    """
    generator = np.random.default_rng([seed, SPLITS.index(split), family])
    while True:
        count = _COUNTS[generator.integers(len(_COUNTS))]
        attributes = _draw_attributes(generator, count)
        if split_of([sorted(row) for row in attributes]) != split:
            continue
        places = _draw_places(generator, count)
        members = _vary(generator, attributes)
        if places is not None and members is not None:
            break
    ground = int(generator.integers(len(GROUNDS)))
    return [
        _scene(generator, attributes, places[order], ground, family)
        for attributes, order in members
    ]


def _draw_attributes(generator, count):
    """One value an attribute and object, int64 (4, objects), objects distinct."""
    while True:
        attributes = np.stack(
            [generator.integers(kinds, size=count) for kinds in _KINDS]
        )
        if len(np.unique(attributes, axis=1).T) == count:
            return attributes


def _draw_places(generator, count):
    """Centres float64 (objects, 2) at least `_APART` pixels apart, or None."""
    places = []
    for _ in range(60):
        place = generator.uniform(_EDGE, PICTURE_SIZE - _EDGE, size=2)
        if all(np.hypot(*(place - other)) >= _APART for other in places):
            places.append(place)
            if len(places) == count:
                return np.array(places)
    return None


def _vary(generator, attributes):
    """`FAMILY_SIZE` different ways to bind and place the attributes, or None."""
    count = attributes.shape[1]
    members = [(attributes, np.arange(count))]
    seen = {_key(*members[0])}
    for _ in range(40):
        changed, order = (array.copy() for array in members[0])
        for _ in range(generator.integers(1, 3)):
            first, second = generator.permutation(count)[:2]
            row = generator.integers(len(_KINDS) + 1)
            target = order if row == len(_KINDS) else changed[row]
            target[[first, second]] = target[[second, first]]
        key = _key(changed, order)
        if key not in seen:
            seen.add(key)
            members.append((changed, order))
            if len(members) == FAMILY_SIZE:
                return members
    return None


def _key(attributes, order):
    """Equal for two members that look the same."""
    return tuple(sorted(zip(order.tolist(), *attributes.tolist(), strict=True)))


def _scene(generator, attributes, places, ground, family):
    shapes, colours, textures, sizes = attributes
    low, high = np.array(_RADII)[sizes].T
    jitter = generator.uniform(-_JITTER, _JITTER, size=places.shape)
    return Scene(
        shapes,
        colours,
        textures,
        sizes,
        radii=generator.uniform(low, high),
        centres=places + jitter,
        ground=ground,
        family=family,
    )
