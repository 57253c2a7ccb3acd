"""Fewer vectors an image: the regions most alike become one."""

import numpy as np


def merge(members, count):
    """Merges greedily: the two most alike become their sum, made unit, until few remain.

    Only products of pairs are kept up to date, since a sum's product with a vector is
    the sum of the products.

    Args:
        members: float32 (members, dim), real rows alone, of unit length.
        count: int of 1 or more, how many may remain.

    Returns:
        (vectors, groups): float32 (at most count, dim), unit rows, and for each the
        list of the rows it is the sum of. Of `count` members or fewer, themselves.
    """
    groups = [[row] for row in range(len(members))]
    products = members.astype("float64") @ members.T.astype("float64")
    while len(groups) > count:
        lengths = np.sqrt(np.maximum(products.diagonal(), 1e-24))
        alike = products / lengths / lengths[:, None]
        np.fill_diagonal(alike, -np.inf)
        kept, gone = sorted(divmod(int(alike.argmax()), len(groups)))
        groups[kept] += groups.pop(gone)
        products[kept] += products[gone]
        products[:, kept] += products[:, gone]
        products = np.delete(np.delete(products, gone, axis=0), gone, axis=1)
    if len(groups) == len(members):
        return np.asarray(members, "float32"), groups
    sums = np.stack([members[group].sum(axis=0) for group in groups])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return (sums / np.maximum(lengths, 1e-12)).astype("float32"), groups


def enclosing(boxes, groups):
    """The smallest box around each group's boxes: (groups, 4), x0 y0 x1 y1."""
    return np.stack(
        [
            np.concatenate([boxes[group, :2].min(axis=0), boxes[group, 2:].max(axis=0)])
            for group in groups
        ]
    )


def check_count(regions_per_image):
    """Raises ValueError unless it is None or an int of 1 or more."""
    whole = isinstance(regions_per_image, int) and not isinstance(
        regions_per_image, bool
    )
    if regions_per_image is not None and (not whole or regions_per_image < 1):
        raise ValueError(
            "regions_per_image must be an int of 1 or more, or None for all regions; "
            f"received {regions_per_image!r}."
        )
