"""Pictures of scenes: objects with a texture on a textured ground, by NumPy."""

import functools

import numpy as np

from keras_teran.data.scenes._scenes import PICTURE_SIZE

_PAINTS = np.array(
    [
        (0.86, 0.13, 0.15),
        (0.97, 0.53, 0.05),
        (0.96, 0.85, 0.10),
        (0.10, 0.64, 0.22),
        (0.10, 0.36, 0.88),
        (0.57, 0.17, 0.78),
    ],
    dtype=np.float32,
)
_GROUND_PAINTS = np.array(
    [
        (0.78, 0.74, 0.66),
        (0.47, 0.51, 0.56),
        (0.50, 0.54, 0.46),
        (0.60, 0.54, 0.50),
        (0.90, 0.89, 0.86),
        (0.27, 0.28, 0.30),
    ],
    dtype=np.float32,
)
_TILES, _TILE_SIZE = 6, 256
_TINT = np.float32(0.5)
_SHADOW = np.float32(0.22)


def draw(scene, generator):
    """Draws a scene.

    Args:
        scene: a `Scene`.
        generator: numpy Generator, for the ground and the objects' turn and texture.

    Returns:
        picture: uint8 (128, 128, 3), RGB.
        boxes: float32 (objects, 4), the tight box of each object, x0 y0 x1 y1
            relative to the picture. The truth, for measuring only.
    """
    picture = _ground(scene.ground, generator)
    boxes = np.zeros((len(scene), 4), np.float32)
    for index in range(len(scene)):
        boxes[index] = _add_object(picture, scene, index, generator)
    np.clip(picture, 0, 1, out=picture)
    picture *= 255
    picture += 0.5
    return picture.astype(np.uint8), boxes / PICTURE_SIZE


def _ground(kind, generator):
    """A ground of one muted paint: clouds, waves and grain, float32 (H, W, 3)."""
    steps = np.arange(PICTURE_SIZE, dtype=np.float32)
    angle, period = generator.uniform(0, np.pi), generator.uniform(5, 14)
    along = np.float32(2 * np.pi * np.cos(angle) / period) * steps[None, :]
    along = along + np.float32(2 * np.pi * np.sin(angle) / period) * steps[:, None]
    light = np.float32(generator.uniform(0.01, 0.035)) * np.sin(along)
    row, column = generator.integers(_TILE_SIZE - PICTURE_SIZE, size=2)
    tile = _tiles()[generator.integers(_TILES)]
    light += tile[row : row + PICTURE_SIZE, column : column + PICTURE_SIZE]
    return light[..., None] + _GROUND_PAINTS[kind]


@functools.cache
def _tiles():
    """Clouds and grain, float32 (tiles, size, size), cut to size for each ground."""
    generator = np.random.default_rng(0)
    shape = _TILES, _TILE_SIZE, _TILE_SIZE
    grain = generator.standard_normal(shape, dtype=np.float32)
    clouds = 0.045 * _clouds(generator, 16) + 0.02 * _clouds(generator, 4)
    return (clouds + 0.022 * grain).astype(np.float32)


def _clouds(generator, step):
    """Smooth noise: a grid of normal numbers, stretched bilinearly by `step`."""
    knots = _TILE_SIZE // step + 1
    grid = generator.standard_normal((_TILES, knots, knots))
    low, share = np.divmod(np.arange(_TILE_SIZE) / step, 1)
    low = low.astype(np.int64)
    rows = share[:, None]
    stretched = grid[:, low] * (1 - rows) + grid[:, low + 1] * rows
    return stretched[:, :, low] * (1 - share) + stretched[:, :, low + 1] * share


def _add_object(picture, scene, index, generator):
    """Paints one object into the picture, returns its box in pixels."""
    radius, (x, y) = scene.radii[index], scene.centres[index]
    left, top = int(x - radius) - 2, int(y - radius) - 2
    side = int(2 * radius) + 5
    steps = np.arange(side, dtype=np.float32)
    columns = steps[None, :] + np.float32(left + 0.5 - x)
    rows = steps[:, None] + np.float32(top + 0.5 - y)
    turn = generator.uniform(-0.2, 0.2)
    cosine, sine = np.float32(np.cos(turn) / radius), np.float32(np.sin(turn) / radius)
    across, down = cosine * columns + sine * rows, cosine * rows - sine * columns
    outside = _OUTLINES[scene.shapes[index]](across, down) * np.float32(radius)
    cover = np.clip(0.5 - outside, 0, 1)
    paint = _paint(scene, index, columns, rows, generator)
    paint = paint * (1.06 - 0.14 * (down[..., None] + 1) / 2)
    patch = picture[top : top + side, left : left + side]
    shadow = np.zeros_like(cover)
    shadow[2:, 2:] = cover[:-2, :-2]
    patch *= 1 - _SHADOW * shadow[..., None]
    patch += cover[..., None] * (paint - patch)
    return _box_of(cover >= 0.5, left, top)


def _paint(scene, index, columns, rows, generator):
    """The object's colour, and a tint of it where its texture says so."""
    colour = _PAINTS[scene.colours[index]]
    shift = generator.uniform(-0.03, 0.03, size=3).astype(np.float32)
    phase = generator.uniform(0, 6, size=2).astype(np.float32)
    marks = _TEXTURES[scene.textures[index]](columns + phase[0], rows + phase[1])
    tint = colour + _TINT * (1 - colour)
    return colour + shift + marks[..., None] * (tint - colour)


def _box_of(covered, left, top):
    rows = np.flatnonzero(covered.any(axis=1))
    columns = np.flatnonzero(covered.any(axis=0))
    return (
        left + columns[0],
        top + rows[0],
        left + columns[-1] + 1,
        top + rows[-1] + 1,
    )


def _circle(x, y):
    return np.hypot(x, y) - 0.95


def _square(x, y):
    return np.maximum(np.abs(x), np.abs(y)) - 0.82


def _triangle(x, y):
    return np.maximum(y - 0.75, (1.75 * np.abs(x) - 0.98 * (y + 1)) / 2.006)


def _star(x, y):
    fifth = 2 * np.pi / 5
    angle = np.abs((np.arctan2(x, -y) + fifth / 2) % fifth - fifth / 2)
    length = np.hypot(x, y)
    along, aside = length * np.cos(angle), length * np.sin(angle)
    inner_along, inner_aside = 0.47 * np.cos(fifth / 2), 0.47 * np.sin(fifth / 2)
    edge = np.hypot(1 - inner_along, inner_aside)
    return (inner_aside * (along - 1) + (1 - inner_along) * aside) / edge


def _ring(x, y):
    return np.abs(np.hypot(x, y) - 0.7) - 0.25


def _cross(x, y):
    x, y = np.abs(x), np.abs(y)
    return np.minimum(np.maximum(x - 0.93, y - 0.34), np.maximum(x - 0.34, y - 0.93))


def _plain(x, y):
    return np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)


def _striped(x, y):
    return _soft(np.sin(2 * np.pi * (x + y) / 9.0))


def _dotted(x, y):
    return _soft(np.hypot((x % 7) - 3.5, (y % 7) - 3.5) * -1 + 2.3)


def _checkered(x, y):
    return _soft(2 * np.sin(2 * np.pi * x / 9) * np.sin(2 * np.pi * y / 9))


def _soft(height):
    """1 where positive, 0 where negative, with a soft edge."""
    return np.clip(0.5 + 1.5 * height, 0, 1).astype(np.float32)


_OUTLINES = (_circle, _square, _triangle, _star, _ring, _cross)
_TEXTURES = (_plain, _striped, _dotted, _checkered)
