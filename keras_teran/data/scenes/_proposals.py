"""Region proposals from pixels: connected patches unlike the ground, and windows.

Works on pictures alone. The ground is whatever covers most of the picture's rim;
patches whose colour departs from it are candidates; windows that hold parts of
objects or bare ground stand in for a detector's false alarms.
"""

import numpy as np

MOST_REGIONS = 12

_RIM = 6
_UNLIKE = 0.17
_FEWEST_PIXELS = 40
_WINDOWS = (3, 6)
_SHIFT = (0.55, 0.9)
_WINDOW_SIDES = (14, 46)


def find_foreground(pictures):
    """Marks pixels whose colour departs from the ground of their picture.

    Compared are the two opponent colours (red against green, both against blue), so
    that light, shade and grain of the ground do not count.

    Args:
        pictures: uint8 (pictures, H, W, 3), RGB.

    Returns:
        bool (pictures, H, W).
    """
    red, green, blue = np.moveaxis(pictures.astype(np.int16), -1, 0)
    opponents = (red - green, (red + green) // 2 - blue)
    distance = np.zeros(pictures.shape[:3], np.int32)
    for opponent in opponents:
        rim = np.concatenate([opponent[:, :_RIM], opponent[:, -_RIM:]], axis=1)
        ground = np.median(rim.reshape(len(rim), -1), axis=1).astype(np.int32)
        distance += (opponent - ground[:, None, None]) ** 2
    return distance > int((255 * _UNLIKE) ** 2)


def find_patches(foreground):
    """Boxes of the connected patches of each picture's foreground.

    Patches are connected on a grid of 2 x 2 pixels, by edge or corner.

    Args:
        foreground: bool (pictures, H, W), H and W even.

    Returns:
        list of int64 (patches, 4) arrays, x0 y0 x1 y1 in pixels, ends excluded, largest
        patch first; patches of under 40 pixels are left out.
    """
    count, height, width = foreground.shape
    grid = foreground.reshape(count, height // 2, 2, width // 2, 2).any(axis=(2, 4))
    labels = _label(grid)
    labels = labels.repeat(2, axis=1).repeat(2, axis=2)
    picture, row, column = np.nonzero(foreground)
    return _boxes_by_label(labels[picture, row, column], picture, row, column, count)


def _label(grid):
    """One number a connected patch, int32 (pictures, h, w); 0 where there is none."""
    shape = grid.shape
    numbers = np.arange(1, grid[0].size + 1, dtype=np.int32).reshape(shape[1:])
    labels = np.zeros((shape[0], shape[1] + 2, shape[2] + 2), np.int32)
    inner = labels[:, 1:-1, 1:-1]
    inner[:] = np.where(grid, numbers, 0)
    while True:
        tall = np.maximum(np.maximum(labels[:, :-2], labels[:, 1:-1]), labels[:, 2:])
        best = np.maximum(np.maximum(tall[..., :-2], tall[..., 1:-1]), tall[..., 2:])
        best *= grid
        if np.array_equal(best, inner):
            return best
        inner[:] = best


def _boxes_by_label(labels, picture, row, column, count):
    order = np.lexsort((labels, picture))
    labels, picture, row, column = (
        values[order] for values in (labels, picture, row, column)
    )
    changes = (np.diff(labels) != 0) | (np.diff(picture) != 0)
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])[: len(labels)]
    if not len(starts):
        return [np.zeros((0, 4), np.int64)] * count
    pixels = np.diff(np.append(starts, len(labels)))
    boxes = np.stack(
        [
            np.minimum.reduceat(column, starts),
            np.minimum.reduceat(row, starts),
            np.maximum.reduceat(column, starts) + 1,
            np.maximum.reduceat(row, starts) + 1,
        ],
        axis=1,
    )
    found = []
    for number in range(count):
        own = np.flatnonzero((picture[starts] == number) & (pixels >= _FEWEST_PIXELS))
        own = own[np.argsort(-pixels[own], kind="stable")]
        found.append(boxes[own])
    return found


def propose(patches, size, generator):
    """Regions of one picture: its patches and some windows, in random order.

    Of three to six windows a half are patches moved by half their side or more, the
    others lie anywhere.

    Args:
        patches: int64 (patches, 4), from `find_patches`.
        size: side of the picture in pixels.
        generator: numpy Generator.

    Returns:
        int64 (regions, 4), 3 to `MOST_REGIONS` boxes x0 y0 x1 y1 in pixels.
    """
    patches = patches[: MOST_REGIONS - _WINDOWS[0]]
    most = min(_WINDOWS[1], MOST_REGIONS - len(patches))
    windows = []
    for number in range(generator.integers(_WINDOWS[0], most + 1)):
        if number % 2 == 0 and len(patches):
            windows.append(_moved(patches[generator.integers(len(patches))], generator))
        else:
            sides = generator.integers(*_WINDOW_SIDES, size=2)
            corner = generator.integers(0, size - sides)
            windows.append(np.concatenate([corner, corner + sides]))
    boxes = np.concatenate([patches, np.clip(windows, 0, size)])
    return boxes[generator.permutation(len(boxes))]


def _moved(box, generator):
    """The box moved by `_SHIFT` of its side, right, left, down or up."""
    sides = box[2:] - box[:2]
    step = np.zeros(2)
    axis = generator.integers(2)
    step[axis] = generator.uniform(*_SHIFT) * sides[axis]
    step = np.rint(step * (1 - 2 * generator.integers(2))).astype(np.int64)
    return box + np.concatenate([step, step])
