"""Bottom-up-attention features in TSV files with base64 columns."""

import glob
import re
import sys
from pathlib import Path

from keras_teran.data.formats._keyed_regions import KeyedRegions
from keras_teran.data.formats._keys import MissingImages
from keras_teran.data.formats._tsv_rows import read_features, scan

_PART = re.compile(r".*\.tsv(\.[0-9]+)?", re.IGNORECASE)


def tsv_parts(path):
    """The files that a path means: itself, a folder's, or those of a pattern.

    Args:
        path: a `.tsv`, or a part of one (`.tsv.0`, `.tsv.1`); a folder of these; or a
            pattern with `*`.

    Returns:
        list of `pathlib.Path`, sorted; empty where it means no TSV.
    """
    path = Path(path)
    if path.is_dir():
        found = path.iterdir()
    elif path.exists():
        found = [path]
    else:
        found = map(Path, glob.glob(str(path)))
    return sorted(each for each in found if _PART.fullmatch(each.name))


class BottomUpTsv(KeyedRegions):
    """A ``RegionStore`` over the TSV files of bottom-up attention.

    A row is an image, in one of the layouts that `scan` names; a file has one. Opening
    reads the files once, to find where rows start and how their boxes lie; an image is
    then read from its own row. Of an image with a whole and a broken row the whole one
    is taken, and the broken one is named on standard error.

    Args:
        path: the ``.tsv`` file; or a list of files, parts of one.
        captions: see ``KeyedRegions``.

    Raises:
        ValueError: if an image wanted has a broken row alone, or several; names it.
    """

    def __init__(self, path, captions=None):
        paths = [*path] if isinstance(path, list | tuple) else [path]
        found = [scan(each) for each in paths]
        self._tsv_rows = [row for rows, _ in found for row in rows]
        broken = [each for _, others in found for each in others]
        keys = [row.key for row in self._tsv_rows]
        whole = set(keys)
        lost = [each for each in broken if each.key not in whole]
        if lost and (captions is None or not keys):
            raise ValueError(lost[0].why)
        place = paths[0] if len(paths) == 1 else Path(paths[0]).parent
        try:
            super().__init__(place, keys, captions)
        except MissingImages as error:
            if not lost:
                raise
            raise MissingImages(f"{error} A row is unusable: {lost[0].why}") from None
        _name(place, broken)

    def _boxes(self, entry):
        return self._tsv_rows[entry].found

    def _features(self, entry):
        return read_features(self._tsv_rows[entry])


def _name(place, broken):
    if broken:
        rows = "a row is" if len(broken) == 1 else f"{len(broken)} rows are"
        print(f"{place}: {rows} broken and not used: {broken[0].why}", file=sys.stderr)
