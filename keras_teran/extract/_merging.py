"""Cells of a feature map merged into fewer regions."""

import numpy as np


def merge(features, boxes, count):
    """Merges neighbouring cells that are alike, two at a time, until so many are left.

    Ward's criterion (1963) with the grid as the connections: of all regions that touch,
    those two are joined whose joining adds least to the squared distances from the
    means, |A||B| / (|A| + |B|) · ‖mean A − mean B‖². Ties go to the first in the order
    of the cells.

    Args:
        features: float32, (rows, columns, dim).
        boxes: float32, (rows, columns, 4), of the cells.
        count: int, at least 1.

    Returns:
        `(features, boxes)`: float32, (regions, dim), means over a region's cells, and
        (regions, 4), the rectangle around them; `count` regions, or as many as there
        are cells. In the order of each region's first cell.

    Example:
        >>> merge(
        ...     np.array([[[0.0], [1.0], [5.0]]], np.float32),
        ...     np.array([[[0, 0, 1, 1], [1, 0, 2, 1], [2, 0, 3, 1]]], np.float32),
        ...     2,
        ... )
        (array([[0.5],
               [5. ]], dtype=float32), array([[0., 0., 2., 1.],
               [2., 0., 3., 1.]], dtype=float32))
    """
    cells = len(boxes) * len(boxes[0])
    means = features.reshape(cells, -1).astype(np.float64)
    boxes = boxes.reshape(cells, 4).copy()
    sizes = np.ones(cells)
    pairs = _neighbours(*features.shape[:2])
    costs = _costs(means, sizes, pairs)
    alive = np.ones(cells, bool)
    for _ in range(max(0, cells - count)):
        first, second = pairs[np.argmin(costs)]
        _join(first, second, means, sizes, boxes)
        alive[second] = False
        pairs, costs = _reconnect(pairs, costs, first, second)
        touched = (pairs == first).any(1)
        costs[touched] = _costs(means, sizes, pairs[touched])
    return means[alive].astype(np.float32), boxes[alive]


def _neighbours(rows, columns):
    """Pairs of cells side by side or above each other, the lower number first."""
    cells = np.arange(rows * columns).reshape(rows, columns)
    across = np.stack([cells[:, :-1].ravel(), cells[:, 1:].ravel()], 1)
    down = np.stack([cells[:-1].ravel(), cells[1:].ravel()], 1)
    pairs = np.concatenate([across, down])
    return pairs[np.lexsort(pairs.T[::-1])]


def _costs(means, sizes, pairs):
    first, second = pairs.T
    weight = sizes[first] * sizes[second] / (sizes[first] + sizes[second])
    return weight * np.square(means[first] - means[second]).sum(1)


def _join(first, second, means, sizes, boxes):
    """Makes the first region both."""
    together = sizes[first] + sizes[second]
    means[first] += (means[second] - means[first]) * (sizes[second] / together)
    sizes[first] = together
    boxes[first, :2] = np.minimum(boxes[first, :2], boxes[second, :2])
    boxes[first, 2:] = np.maximum(boxes[first, 2:], boxes[second, 2:])


def _reconnect(pairs, costs, first, second):
    """What touched the second region touches the first; each pair once, in order."""
    pairs = np.sort(np.where(pairs == second, first, pairs), axis=1)
    kept = pairs[:, 0] != pairs[:, 1]
    pairs, where = np.unique(pairs[kept], axis=0, return_index=True)
    return pairs, costs[kept][where]
