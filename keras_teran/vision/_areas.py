"""Features of boxes on a grid of features: the mean over the area that a box covers."""

import numpy as np

from keras_teran._io import shown

# Of one picture: 100 × 100.
MOST_REGIONS = 10_000


def grid_boxes(sizes):
    """Boxes that split a picture into equal parts, once for each size.

    Args:
        sizes: ints from 1: 3 gives nine boxes, row by row from the upper left.

    Returns:
        float32, (boxes, 4): x0, y0, x1, y1 in 0..1.

    Raises:
        ValueError: if there is no size, one below 1, or more than `MOST_REGIONS`
            parts in all.

    Example:
        >>> grid_boxes([1, 2]).tolist()
        [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.5, 0.5], [0.5, 0.0, 1.0, 0.5],
         [0.0, 0.5, 0.5, 1.0], [0.5, 0.5, 1.0, 1.0]]
    """
    sizes = list(sizes)
    if not sizes or min(sizes) < 1:
        raise ValueError(f"grid must name sizes of at least 1; received {sizes}.")
    check_count(sum(int(size) ** 2 for size in sizes), f"grid {shown(sizes)}")
    return np.concatenate([cell_boxes(size, size) for size in sizes])


def check_count(count, name):
    """Refuses more than `MOST_REGIONS` regions a picture; ValueError."""
    if count > MOST_REGIONS:
        raise ValueError(
            f"{name} makes {count:,} regions of a picture; at most {MOST_REGIONS:,} are "
            "taken. Give a smaller grid, or merge."
        )


def cell_boxes(rows, columns):
    """The cells of a grid, row by row: float32, (rows · columns, 4), in 0..1."""
    y, x = np.mgrid[:rows, :columns].reshape(2, -1)
    corners = np.stack([x, y, x + 1, y + 1], axis=1)
    return (corners / [columns, rows, columns, rows]).astype(np.float32)


def pool(features, boxes):
    """Means of a feature map over boxes, each cell weighed by how much is covered.

    RoIAlign in the limit of many samples, for cells of constant features.

    Args:
        features: float32, (rows, columns, dim).
        boxes: float32, (boxes, 4): x0, y0, x1, y1 divided by the map's sides. One
            without area takes the cell that it lies in.

    Returns:
        float32, (boxes, dim).

    Example:
        >>> two_cells = np.array([[[1.0], [3.0]]])
        >>> pool(two_cells, np.array([[0, 0, 1, 1], [0, 0, 0.75, 1], [1, 0, 1, 1]]))
        array([[2.        ],
               [1.6666666],
               [3.        ]], dtype=float32)
    """
    rows, columns, _ = features.shape
    down = _overlaps(boxes[:, 1], boxes[:, 3], rows)
    across = _overlaps(boxes[:, 0], boxes[:, 2], columns)
    pooled = np.einsum("br,bc,rcd->bd", down, across, features, optimize=True)
    return pooled.astype(np.float32)


def _overlaps(start, end, cells):
    """How much of the way from `start` to `end` each cell holds: (boxes, cells)."""
    start, end = np.asarray(start) * cells, np.asarray(end) * cells
    edges = np.arange(cells)
    covered = np.minimum(end[:, None], edges + 1) - np.maximum(start[:, None], edges)
    covered = np.maximum(covered, 0)
    # Nothing covered, or so little that the division would only add noise.
    thin = covered.sum(1) < 1e-4
    middle = np.clip((start + end) / 2, 0, cells - 1).astype(int)
    covered[thin] = edges == middle[thin, None]
    return covered / covered.sum(1, keepdims=True)
