"""Bottom-up-attention features in a TSV file with base64 columns."""

import base64
import binascii

import numpy as np

from keras_teran.data.keyed_regions import KeyedRegions

# Anderson et al. 2018 (arXiv 1707.07998), and LXMERT's (Tan & Bansal 2019), which swaps
# height and width and adds the detector's classes.
_COLUMNS = {
    6: ("id", "width", "height", "num_boxes", "boxes", "features"),
    10: (
        *("id", "height", "width", "objects_id", "objects_conf", "attrs_id"),
        *("attrs_conf", "num_boxes", "boxes", "features"),
    ),
}
_REMEDY = "The file may be truncated: fetch it again."


class BottomUpTsv(KeyedRegions):
    """A ``RegionStore`` over the TSV files of bottom-up attention.

    A line is an image: ``image_id image_w image_h num_boxes boxes features``, the last
    two float32 in base64 (boxes in pixels), or LXMERT's ten columns. Opening reads the
    file once, to find where lines start; an image is then read from its own line.

    Args:
        path: the ``.tsv`` file.
        captions: see ``KeyedRegions``.

    Raises:
        ValueError: if a line has other columns; names it.
    """

    def __init__(self, path, captions=None):
        self._path = path
        self._lines = list(_lines(path))
        super().__init__(path, [head["id"] for _, _, head in self._lines], captions)

    def _count(self, entry):
        return self._number(entry, "num_boxes")

    def _load(self, entry):
        start, length, _ = self._lines[entry]
        with open(self._path, "rb") as file:
            file.seek(start)
            values = file.read(length).rstrip(b"\r\n").split(b"\t")
        columns = dict(zip(_COLUMNS[len(values)], values, strict=True))
        count = self._count(entry)
        boxes = self._floats(entry, columns["boxes"], count)
        features = self._floats(entry, columns["features"], count)
        size = self._number(entry, "width"), self._number(entry, "height")
        return features, boxes, size

    def _floats(self, entry, text, count):
        try:
            return np.frombuffer(
                base64.b64decode(text, validate=True), np.float32
            ).reshape(count, -1)
        except (binascii.Error, ValueError) as error:
            raise ValueError(
                f"{self._path}, line {entry + 1}: {count} boxes do not fit its base64 "
                f"({error}). {_REMEDY}"
            ) from error

    def _number(self, entry, name):
        text = self._lines[entry][2][name]
        if not text.isdigit() or not int(text):
            raise ValueError(
                f"{self._path}, line {entry + 1}: {name} must be a whole number of at "
                f"least 1; received {text!r}. {_REMEDY}"
            )
        return int(text)


def _lines(path):
    """Yields (start, length, the short columns) of each line."""
    with open(path, "rb") as file:
        start = 0
        for number, line in enumerate(file, start=1):
            found = line.count(b"\t") + 1
            columns = _COLUMNS.get(found)
            if columns is None:
                raise ValueError(
                    f"{path}, line {number}: expected 6 columns (image_id, image_w, "
                    "image_h, num_boxes, boxes, features) or LXMERT's 10, between tabs; "
                    f"received {found}. {_REMEDY}"
                )
            values = dict(zip(columns, line.split(b"\t"), strict=True))
            short = {
                name: values[name].decode("ascii", "replace")
                for name in ("id", "width", "height", "num_boxes")
            }
            yield start, len(line), short
            start += len(line)
