"""Heat maps: where in an image a word or a phrase is, by its cosines with all regions."""

import numpy as np

GRID = 14
TEMPERATURE = 0.05
# Cells whose heat differs by rounding alone are the maximum together.
_ROUNDING = 1e-12


def heat_maps(cosines, boxes, grid=GRID, temperature=TEMPERATURE):
    """Spreads each region's share of the attention over the cells that it covers.

    A region's share is the softmax of the cosines divided by `temperature`. It is divided
    by the number of cells that the region covers, so a large region heats each cell less.
    A region covers the cells from round(grid x0) to round(grid x1), exclusive, and in y
    likewise.

    Args:
        cosines: float (phrases, regions).
        boxes: float (regions, 4), relative x0 y0 x1 y1.
        grid: int, cells along each side.
        temperature: float.

    Returns:
        float64 (phrases, grid, grid), rows from the top. The sum over all cells is 1
        where every region covers a cell.

    Example:
        >>> heat_maps([[1.0]], [[0, 0, 0.5, 1]], grid=2)[0].tolist()
        [[0.5, 0.0], [0.5, 0.0]]
    """
    cosines = np.asarray(cosines, np.float64)
    cells = np.round(np.asarray(boxes, np.float64) * grid).astype(int)
    places = np.arange(grid)
    across, down = (
        (places >= cells[:, low, None]) & (places < cells[:, high, None])
        for low, high in ((0, 2), (1, 3))
    )
    covered = (down[:, :, None] & across[:, None, :]).reshape(len(cells), -1)
    shares = np.exp((cosines - cosines.max(axis=1, keepdims=True)) / temperature)
    shares /= shares.sum(axis=1, keepdims=True)
    counts = np.maximum(covered.sum(axis=1), 1)
    return ((shares / counts) @ covered).reshape(-1, grid, grid)


def heat_points(heats):
    """Where heat maps point: the mean of the centers of their hottest cells.

    Args:
        heats: float (phrases, grid, grid).

    Returns:
        float64 (phrases, 2): x and y in 0..1.

    Example:
        >>> heat_points(np.array([[[0.5, 0.0], [0.5, 0.0]]])).tolist()
        [[0.25, 0.5]]
    """
    grid = heats.shape[1]
    hottest = heats >= heats.max(axis=(1, 2), keepdims=True) - _ROUNDING
    centers, count = (np.arange(grid) + 0.5) / grid, hottest.sum(axis=(1, 2))
    x, y = hottest.sum(axis=1) @ centers, hottest.sum(axis=2) @ centers
    return np.stack([x / count, y / count], axis=1)


def stretched(heat, height, width):
    """One heat map as a picture: float64 (height, width), divided by its maximum.

    Each pixel has the value of the cell in which its center lies.
    """
    rows = ((np.arange(height) + 0.5) / height * len(heat)).astype(int)
    columns = ((np.arange(width) + 0.5) / width * heat.shape[1]).astype(int)
    return heat[np.ix_(rows, columns)] / max(heat.max(), np.finfo(np.float64).tiny)
