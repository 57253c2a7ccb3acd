"""Ranks and recall of a similarity matrix under an explicit correspondence.

Nothing here knows a model: a matrix (images, captions) and the image of each
caption go in, numbers come out. NumPy only.
"""

import numpy as np

RECALL_AT = (1, 5, 10)
METRICS = ("r1", "r5", "r10", "median_rank", "mean_rank")
DIRECTIONS = ("image_to_text", "text_to_image")
IMAGES_PER_BLOCK = 256


def check_correspondence(caption_to_image, images):
    """Check that a correspondence fits a number of images.

    Every image must own at least one caption: an image without one has no rank as
    a query, and leaving it out silently would change what the table measures.

    Args:
        caption_to_image: int, (captions,). The row of each caption's image.
        images: int. The number of images.

    Returns:
        int64, (captions,): `caption_to_image` as an array.

    Raises:
        ValueError: it is empty, not one-dimensional or not integer; a caption names
            an image outside 0..images-1; an image has no caption.

    >>> check_correspondence([0, 0, 1], 2)
    array([0, 0, 1])
    """
    owners = np.asarray(caption_to_image)
    if owners.ndim != 1 or owners.size == 0 or owners.dtype.kind not in "iu":
        raise ValueError(
            "caption_to_image must be a non-empty integer array (captions,), got "
            f"shape {owners.shape}, dtype {owners.dtype}."
        )
    outside = np.flatnonzero((owners < 0) | (owners >= images))
    if outside.size:
        caption = outside[0]
        raise ValueError(
            f"caption_to_image[{caption}] is {owners[caption]}, but there are "
            f"{images} images: give the row of each caption's image, from 0."
        )
    bare = np.flatnonzero(np.bincount(owners, minlength=images) == 0)
    if bare.size:
        raise ValueError(
            f"{bare.size} of {images} images have no caption (rows "
            f"{bare[:10].tolist()}): they have no rank. Leave these images out "
            "before scoring."
        )
    return owners.astype(np.int64)


def ranks(similarity, caption_to_image):
    """Rank of the right answer for every image and for every caption, from 0.

    An image's rank is that of its best caption: the number of captions of other
    images that score as high or higher. A caption's rank is the number of other
    images that score as high or higher than its own. So ties rank against the
    model, and a query's other right answers never count against it. Works in
    blocks of images: besides the matrix it needs memory for one block only.

    Args:
        similarity: float, (images, captions). Higher is more alike.
        caption_to_image: int, (captions,). The row of each caption's image; any
            number of captions an image, but at least one.

    Returns:
        `(image_to_text, text_to_image)`: int64, (images,) and int64, (captions,).

    Raises:
        ValueError: the shapes do not fit, the correspondence is not valid (see
            `check_correspondence`), or a similarity is NaN or infinite.

    >>> ranks([[0.9, 0.1, 0.5], [0.9, 0.8, 0.2]], [0, 0, 1])
    (array([0, 2]), array([1, 1, 1]))
    """
    similarity = _as_matrix(similarity)
    images, captions = similarity.shape
    owners = check_correspondence(caption_to_image, images)
    if len(owners) != captions:
        raise ValueError(
            f"caption_to_image has {len(owners)} entries, but similarity "
            f"{similarity.shape} has {captions} columns: rows are images, columns "
            "captions, one entry a column."
        )
    _check_finite(similarity)
    own = similarity[owners, np.arange(captions)]
    best = np.full(images, -np.inf, similarity.dtype)
    np.maximum.at(best, owners, own)
    image_to_text = np.empty(images, np.int64)
    text_to_image = np.zeros(captions, np.int64)
    for start in range(0, images, IMAGES_PER_BLOCK):
        stop = min(start + IMAGES_PER_BLOCK, images)
        block = similarity[start:stop]
        image_to_text[start:stop] = np.count_nonzero(
            block >= best[start:stop, None], axis=1
        )
        text_to_image += np.count_nonzero(block >= own, axis=0)
    # Both counts include right answers: the captions of the image that reach its
    # best, and each caption's own image.
    image_to_text -= np.bincount(owners[own == best[owners]], minlength=images)
    return image_to_text, text_to_image - 1


def recall_table(similarity, caption_to_image):
    """Recall at 1, 5 and 10, median and mean rank, both ways, and their rsum.

    Follows the protocol of VSE++ (Faghri et al. 2018), but with an explicit
    correspondence, ties ranked against the model, and ranks from 0 (`format_table`
    prints them from 1, as papers do).

    Args:
        similarity: float, (images, captions). See `ranks`.
        caption_to_image: int, (captions,). See `ranks`.

    Returns:
        dict: `image_to_text` and `text_to_image`, each a dict of floats `r1`, `r5`,
        `r10` (fractions in 0..1), `median_rank`, `mean_rank` (0 is best); and
        `rsum`, the sum of the six recalls in per cent (0..600).

    Raises:
        ValueError: see `ranks`.

    >>> table = recall_table([[0.9, 0.1], [0.2, 0.8]], [0, 1])
    >>> table["rsum"], table["image_to_text"]["r1"]
    (600.0, 1.0)
    """
    return table_of_ranks(*ranks(similarity, caption_to_image))


def table_of_ranks(image_to_text, text_to_image):
    """The recall table of ranks that were had already.

    Args:
        image_to_text: int, (images,). From `ranks`.
        text_to_image: int, (captions,). From `ranks`.

    Returns:
        dict, as `recall_table`.

    >>> table_of_ranks(np.array([0, 7]), np.array([0, 0]))["image_to_text"]["r5"]
    0.5
    """
    both = zip(DIRECTIONS, (image_to_text, text_to_image), strict=True)
    table = {name: _summary(each) for name, each in both}
    table["rsum"] = float(
        sum(100 * table[name][f"r{k}"] for name in DIRECTIONS for k in RECALL_AT)
    )
    return table


def flatten(table, prefix=""):
    """A recall table as flat Keras logs.

    Args:
        table: dict, from `recall_table`.
        prefix: str, put before every name.

    Returns:
        dict of floats: `image_to_text_r1` ... `text_to_image_mean_rank`, `rsum`.

    >>> table = recall_table([[0.9, 0.1], [0.2, 0.8]], [0, 1])
    >>> flatten(table, "val_")["val_text_to_image_r10"]
    1.0
    """
    flat = {
        f"{prefix}{direction}_{name}": value
        for direction in DIRECTIONS
        for name, value in table[direction].items()
    }
    flat[f"{prefix}rsum"] = table["rsum"]
    return flat


def format_table(table):
    """A recall table as text: per cent, and ranks from 1.

    Args:
        table: dict, from `recall_table`.

    Returns:
        str of four lines.

    >>> print(format_table(recall_table([[0.9, 0.1], [0.2, 0.8]], [0, 1])))
                      R@1    R@5   R@10  median    mean   (rank, 1 is best)
    image to text   100.0  100.0  100.0     1.0     1.0
    text to image   100.0  100.0  100.0     1.0     1.0
    rsum            600.0
    """
    heads = "".join(f"{f'R@{k}':>7}" for k in RECALL_AT)
    lines = [f"{'':14}{heads}{'median':>8}{'mean':>8}   (rank, 1 is best)"]
    for name in DIRECTIONS:
        row = table[name]
        recalls = "".join(f"{100 * row[f'r{k}']:7.1f}" for k in RECALL_AT)
        places = f"{row['median_rank'] + 1:8.1f}{row['mean_rank'] + 1:8.1f}"
        lines.append(f"{name.replace('_', ' '):14}{recalls}{places}")
    lines.append(f"{'rsum':14}{table['rsum']:7.1f}")
    return "\n".join(lines)


def _as_matrix(similarity):
    similarity = np.asarray(similarity)
    if similarity.ndim != 2 or 0 in similarity.shape:
        raise ValueError(
            "similarity must be a non-empty matrix (images, captions), got shape "
            f"{similarity.shape}."
        )
    wide = similarity.dtype in (np.float32, np.float64)
    return similarity if wide else similarity.astype(np.float32)


def _check_finite(similarity):
    for start in range(0, len(similarity), IMAGES_PER_BLOCK):
        finite = np.isfinite(similarity[start : start + IMAGES_PER_BLOCK])
        if not finite.all():
            image, caption = np.argwhere(~finite)[0] + (start, 0)
            raise ValueError(
                f"similarity[{image}, {caption}] is {similarity[image, caption]}: NaN "
                "and infinite scores cannot be ranked. Check the model's weights (a "
                "diverged training?) and the region features."
            )


def _summary(rank):
    summary = {f"r{k}": float(np.mean(rank < k)) for k in RECALL_AT}
    summary["median_rank"] = float(np.median(rank))
    summary["mean_rank"] = float(np.mean(rank))
    return summary
