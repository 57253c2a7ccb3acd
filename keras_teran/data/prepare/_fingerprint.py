"""What each picture looks like, in a few numbers by which repetitions are found."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from keras_teran._io import progress_bar, sha256
from keras_teran.vision import BadImage, decode

# Rows and columns of a miniature: 8 by 9 blocks of 2 by 2, see `duplicates`.
ROWS, COLUMNS = 16, 18
_NEEDED = 64
_AT_ONCE = 256


class Look(NamedTuple):
    """A picture that can be decoded.

    Attributes:
        digest: str, SHA-256 of the file.
        miniature: uint8 (ROWS, COLUMNS, 3), its colours averaged over equal areas.
    """

    digest: str
    miniature: np.ndarray


def look(path):
    """Decodes a picture, all of it, and keeps a little.

    Args:
        path: the file.

    Returns:
        `Look`.

    Raises:
        BadImage: as `decode` does.
    """
    from PIL import Image

    pixels = Image.fromarray(decode(path, _NEEDED))
    small = pixels.resize((COLUMNS, ROWS), Image.Resampling.BOX)
    return Look(sha256(path), np.asarray(small))


def look_at_all(paths, threads=None, bar=True):
    """Looks at many pictures, in parallel.

    Args:
        paths: list of paths.
        threads: int; None for one a core.
        bar: bool, show one.

    Returns:
        list of `Look`, or the `BadImage` of those that cannot be used.
    """

    def try_one(path):
        try:
            return look(path)
        except BadImage as error:
            return error

    found = []
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(threads or os.cpu_count()) as pool,
        progress_bar(
            total=len(paths), desc="pictures", unit="image", disable=not bar
        ) as shown,
    ):
        # What is too large is refused, with a line of its own.
        warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
        for start in range(0, len(paths), _AT_ONCE):
            piece = list(pool.map(try_one, paths[start : start + _AT_ONCE]))
            found += piece
            shown.update(len(piece))
    return found
