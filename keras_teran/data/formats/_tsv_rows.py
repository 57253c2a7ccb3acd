"""Rows of the TSV files of bottom-up attention, LXMERT, Oscar and VinVL."""

import base64
import binascii
import contextlib
from collections import Counter
from typing import NamedTuple

import numpy as np
import pydantic

from keras_teran._io import all_finite, parse_json, require_file, shown
from keras_teran.data.formats._field_names import Boxes
from keras_teran.vision import corners_fault

# A row of 100 regions of 2,048 numbers has 1.1 MB.
_MOST_LINE = 2**26
_MOST_REGIONS = 10_000
# Oscar's and VinVL's features end in relative x0, y0, x1, y1, width and height.
_PLACE = 6
_REMEDY = "The file may be truncated: fetch it again."


class Row(NamedTuple):
    """A row that is whole.

    Attributes:
        path: of the file.
        number: int, of its line, from 1.
        start, length: int, its place in the file, bytes.
        layout: int, how many columns the file's rows have.
        key: str, the image as the file names it.
        found: `Boxes`.
        dim: int, numbers of a region's feature.
    """

    path: object
    number: int
    start: int
    length: int
    layout: int
    key: str
    found: Boxes
    dim: int


class Broken(NamedTuple):
    """A row that cannot be used: the image, if it can be told, and why not."""

    key: str
    why: str


def scan(path):
    """Finds the rows of a file, all of one layout, and reads their boxes.

    The layout is that of most of its rows:

    - 6 columns: ``image_id image_w image_h num_boxes boxes features`` (Anderson et al.
      2018, arXiv 1707.07998);
    - 10 columns: LXMERT's (Tan & Bansal 2019), which swaps height and width and adds
      the detector's classes;
    - 2 columns: a key and JSON with ``num_boxes`` and ``features`` (Oscar);
    - 3 columns: a key, the number of boxes and the features (VinVL).

    Args:
        path: the file.

    Returns:
        `(rows, broken)`: lists of `Row` and of `Broken`, in the order of the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no regular file, or a line is over 64 MiB.
    """
    rows, broken = [], []
    for number, start, line in _lines(require_file(path)):
        if not line.strip():
            continue
        values = line.rstrip(b"\r\n").split(b"\t")
        place = f"{path}, line {number}"
        try:
            found, features = _parse(values, place)
            dim = _checked(found, features, place).shape[1]
        except ValueError as error:
            broken.append(Broken(_text(values[0]), str(error)))
            continue
        key = _text(values[0])
        dim -= _PLACE if len(values) < 6 else 0
        row = Row(path, number, start, len(line), len(values), key, found, dim)
        rows.append(row)
    return _of_one_kind(rows, broken)


def _checked(found, features, place):
    """The features of a row, whose numbers are finite and whose boxes are boxes."""
    numbers = _floats(features, len(found.boxes), place)
    if not all_finite(numbers):
        raise ValueError(
            f"{place}: a feature is NaN or infinite. Extract this image again."
        )
    if fault := corners_fault(found.boxes):
        raise ValueError(f"{place}: {fault}. Boxes are x0, y0, x1, y1.")
    return numbers


def read_features(row):
    """The features of a row: float32 (regions, dim)."""
    with open(row.path, "rb") as file:
        file.seek(row.start)
        values = file.read(row.length).rstrip(b"\r\n").split(b"\t")
    place = f"{row.path}, line {row.number}"
    found, features = _parse(values, place)
    return _floats(features, len(found.boxes), place)[:, : row.dim]


def _lines(path):
    """Yields (number from 1, start, line) of each line."""
    start = 0
    with open(path, "rb") as file:
        number = 0
        while line := file.readline(_MOST_LINE + 1):
            number += 1
            if len(line) > _MOST_LINE:
                raise ValueError(
                    f"{path}, line {number}: over {_MOST_LINE:,} bytes. {_REMEDY}"
                )
            yield number, start, line
            start += len(line)


def _of_one_kind(rows, broken):
    """Rows of another layout or width than most are broken."""
    for name, kind in (
        ("columns", lambda row: row.layout),
        ("numbers a region", lambda row: row.dim),
    ):
        if not rows:
            break
        usual = Counter(map(kind, rows)).most_common(1)[0][0]
        broken = broken + [
            Broken(
                row.key,
                f"{row.path}, line {row.number}: {kind(row)} {name}; the file's other "
                f"rows have {usual}. {_REMEDY}",
            )
            for row in rows
            if kind(row) != usual
        ]
        rows = [row for row in rows if kind(row) == usual]
    return rows, broken


def _parse(values, place):
    """`(Boxes, features in base64)` of a row; ValueError names its line."""
    read = _LAYOUTS.get(len(values))
    if read is None:
        raise ValueError(
            f"{place}: expected 6 columns (image_id, image_w, image_h, num_boxes, boxes, "
            f"features), LXMERT's 10, or Oscar's 2 or 3, between tabs; received "
            f"{len(values)}. {_REMEDY}"
        )
    return read(values, place)


def _bottom_up(values, place):
    _, width, height, count, boxes, features = values
    size = _whole(width, "width", place), _whole(height, "height", place)
    return _in_pixels(count, boxes, size, place), features


def _lxmert(values, place):
    _, height, width, *classes, count, boxes, features = values
    size = _whole(width, "width", place), _whole(height, "height", place)
    found = _in_pixels(count, boxes, size, place)
    # Else it is a row of the other layout behind a piece of another row.
    if not all(_is_of(text, len(found.boxes)) for text in classes):
        raise ValueError(
            f"{place}: 10 columns as LXMERT's, without its classes. {_REMEDY}"
        )
    return found, features


def _is_of(text, count):
    """Whether a column holds a number of 32 or 64 bits for each region, in base64."""
    with contextlib.suppress(ValueError):
        return len(base64.b64decode(text, validate=True)) in (4 * count, 8 * count)
    return False


class _Oscar(pydantic.BaseModel):
    num_boxes: int = pydantic.Field(ge=1, le=_MOST_REGIONS)
    features: str


def _oscar(values, place):
    try:
        said = parse_json(_text(values[1]), place, _Oscar)
    except ValueError as error:
        raise ValueError(f"{error} {_REMEDY}") from None
    return _at_the_end(said.num_boxes, said.features.encode(), place)


def _vinvl(values, place):
    return _at_the_end(_whole(values[1], "num_boxes", place), values[2], place)


_LAYOUTS = {6: _bottom_up, 10: _lxmert, 2: _oscar, 3: _vinvl}


def _in_pixels(count, boxes, size, place):
    count = _whole(count, "num_boxes", place)
    corners = _floats(boxes, count, place)
    if corners.shape[1] != 4:
        raise ValueError(
            f"{place}: {count} boxes do not fit its base64 of "
            f"{corners.size} numbers. {_REMEDY}"
        )
    return Boxes(corners, size)


def _at_the_end(count, features, place):
    """Boxes in the last six numbers of each feature, which must be boxes."""
    ends = _floats(features, count, place)[:, -_PLACE:]
    sides = ends[:, 2:4] - ends[:, :2]
    if ends.shape[1] < _PLACE or not np.allclose(sides, ends[:, 4:], atol=0.01):
        raise ValueError(
            f"{place}: the last six numbers of a feature must be its box: x0, y0, x1, y1, "
            f"width and height, relative; received {np.round(ends[0], 3).tolist()}."
        )
    return Boxes(ends[:, :4].copy(), None, relative=True), features


def _floats(text, count, place):
    """Numbers in base64, as many for each region: float32 (regions, numbers)."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(
            f"{place}: {count} boxes do not fit its base64: {error}. {_REMEDY}"
        ) from None
    if not data or len(data) % (4 * count):
        raise ValueError(
            f"{place}: {count} boxes do not fit its base64 of {len(data):,} bytes. "
            f"{_REMEDY}"
        )
    return np.frombuffer(data, "<f4").reshape(count, -1)


def _whole(value, name, place):
    text = _text(value)
    is_whole = text.isascii() and text.isdecimal() and len(text) < 10 and int(text)
    if not is_whole or (name == "num_boxes" and int(text) > _MOST_REGIONS):
        raise ValueError(
            f"{place}: {name} must be a whole number of at least 1; received "
            f"{shown(text)}. {_REMEDY}"
        )
    return int(text)


def _text(value):
    return value.decode("utf-8", "replace")
