"""Features of regions from pixels: colour, shape, edges and texture of a crop."""

import numpy as np

CROP = 24
REGION_DIM = 80

_HUES = 16
_GRID = 6
_EDGES = 8
_REGIONS_A_BLOCK = 512


def describe_regions(pictures, foreground, picture_of, boxes):
    """Computes the features of regions.

    Every region is sampled at 24 x 24 points. Its 80 numbers: 16 of hue (square root
    of a histogram over the foreground), 6 of lightness, 36 of cover (how much of each
    cell of a 6 x 6 grid is foreground), 8 of edge direction, 8 of texture (steps in
    lightness inside the foreground over 1, 2 and 3 points both ways, spread of
    lightness and of colour) and 6 of shape (moments of the cover). They are moved and
    scaled by fixed numbers to about -2..2.

    Args:
        pictures: uint8 (pictures, H, W, 3), RGB.
        foreground: bool (pictures, H, W), from `find_foreground`.
        picture_of: int64 (regions,), which picture each region is of.
        boxes: int64 (regions, 4), x0 y0 x1 y1 in pixels, inside the picture.

    Returns:
        float32 (regions, 80).
    """
    blocks = [np.zeros((0, REGION_DIM), np.float32)]
    for start in range(0, len(boxes), _REGIONS_A_BLOCK):
        block = slice(start, start + _REGIONS_A_BLOCK)
        crops, covers = _crop(pictures, foreground, picture_of[block], boxes[block])
        blocks.append(_describe(crops, covers))
    return np.concatenate(blocks)


def _crop(pictures, foreground, picture_of, boxes):
    """Samples regions: float32 (3, n, 24, 24) in 0..1 and float32 (n, 24, 24)."""
    at = (np.arange(CROP) + 0.5) / CROP
    left, top, right, bottom = boxes.T[:, :, None]
    columns = (left + at * (right - left)).astype(np.int64)[:, None, :]
    rows = (top + at * (bottom - top)).astype(np.int64)[:, :, None]
    where = picture_of[:, None, None], rows, columns
    crops = np.moveaxis(pictures[where], -1, 0).astype(np.float32, order="C")
    crops /= 255
    return crops, foreground[where].astype(np.float32)


def _describe(crops, covers):
    red, green, blue = crops
    light = (red + green + blue) / 3
    high = np.maximum(np.maximum(red, green), blue)
    colour = high - np.minimum(np.minimum(red, green), blue)
    cells = covers.reshape(-1, _GRID, CROP // _GRID, _GRID, CROP // _GRID)
    return np.concatenate(
        [
            4 * _hues(crops, high, colour, covers) - 0.6,
            3 * _lightnesses(light) - 1,
            2 * cells.mean(axis=(2, 4)).reshape(len(covers), -1) - 1,
            4 * _edges(light) - 1.3,
            _textures(light, colour, covers),
            _moments(covers),
        ],
        axis=1,
    ).astype(np.float32)


def _hues(crops, high, colour, covers):
    """Square roots of the shares of 16 hues in the foreground, (n, 16)."""
    red, green, blue = crops
    hue = np.where(
        high == red,
        green - blue,
        np.where(high == green, blue - red + 2 * colour, red - green + 4 * colour),
    )
    hue = hue / np.maximum(colour, 1e-6) * np.float32(_HUES / 6)
    hue += _HUES * (hue < 0)
    region = np.nonzero(covers)[0]
    return _histogram(region, hue[covers > 0], colour[covers > 0], len(covers), _HUES)


def _lightnesses(light):
    """Square roots of the shares of 6 steps of lightness in the whole crop, (n, 6)."""
    steps = np.minimum((light * 6).astype(np.int64), 5)
    shares = [(steps == step).mean(axis=(1, 2)) for step in range(6)]
    return np.sqrt(np.stack(shares, axis=1))


def _edges(light):
    """Square roots of the shares of 8 edge directions, weighed by strength, (n, 8)."""
    across = light[:, 1:-1, 2:] - light[:, 1:-1, :-2]
    down = light[:, 2:, 1:-1] - light[:, :-2, 1:-1]
    strength = np.hypot(across, down) - np.float32(0.08)
    strong = strength > 0
    direction = np.arctan2(down[strong], across[strong]) * np.float32(_EDGES / np.pi)
    direction += _EDGES * (direction < 0)
    region = np.nonzero(strong)[0]
    return _histogram(region, direction, strength[strong], len(light), _EDGES)


def _histogram(region, position, weight, regions, bins):
    """Square roots of each region's weighted shares of bins, float64 (regions, bins).

    Positions in 0..bins, in a circle; each is shared between its two nearest bins.
    """
    low = position.astype(np.int64)
    above = (position - low) * weight
    total = np.zeros(regions * bins)
    for bin_number, part in ((low, weight - above), (low + 1, above)):
        index = bin_number % bins + bins * region
        total += np.bincount(index, weights=part, minlength=regions * bins)
    total = total.reshape(regions, bins)
    return np.sqrt(total / (total.sum(axis=1, keepdims=True) + 1e-3))


def _textures(light, colour, covers):
    """Steps and spreads of lightness and colour inside the foreground, (n, 8)."""
    features = []
    for step in (1, 2, 3):
        for axis in (1, 2):
            change = np.abs(_later(light, step, axis) - _earlier(light, step, axis))
            inside = _later(covers, step, axis) * _earlier(covers, step, axis)
            mean = (change * inside).sum(axis=(1, 2)) / (inside.sum(axis=(1, 2)) + 1)
            features.append(12 * mean - 0.7)
    for values in (light, colour):
        features.append(12 * _spread(values, covers) - 1)
    return np.stack(features, axis=1)


def _later(values, step, axis):
    return values[:, step:] if axis == 1 else values[:, :, step:]


def _earlier(values, step, axis):
    return values[:, :-step] if axis == 1 else values[:, :, :-step]


def _spread(values, covers):
    """Standard deviation of values over the foreground, (n,)."""
    weight = covers.sum(axis=(1, 2)) + 1
    mean = (values * covers).sum(axis=(1, 2)) / weight
    off = (values - mean[:, None, None]) * covers
    return np.sqrt((off**2).sum(axis=(1, 2)) / weight)


def _moments(covers):
    """Share covered, centre, spread and middle of the foreground, (n, 6)."""
    at = (np.arange(CROP, dtype=np.float32) + 0.5) / CROP - 0.5
    weight = covers.sum(axis=(1, 2)) + 1
    across = (covers.sum(axis=1) * at).sum(axis=1) / weight
    down = (covers.sum(axis=2) * at).sum(axis=1) / weight
    wide = (covers.sum(axis=1) * at**2).sum(axis=1) / weight
    tall = (covers.sum(axis=2) * at**2).sum(axis=1) / weight
    middle = covers[:, 9:15, 9:15].mean(axis=(1, 2))
    return np.stack(
        [
            4 * weight / CROP**2 - 2.5,
            8 * across,
            8 * down,
            25 * wide - 1.5,
            25 * tall - 1.5,
            2 * middle - 1,
        ],
        axis=1,
    )
