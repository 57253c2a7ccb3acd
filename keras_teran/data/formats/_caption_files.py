"""Caption files of every kind that people have, as one list of rows.

CSV, TSV, JSON lines, COCO's annotations, the token files of Flickr30k and Flickr8k; a
`CaptionSet` from these, from the Karpathy layout and from `SPLIT_caps.txt`.
"""

import re
from pathlib import Path
from typing import NamedTuple

from keras_teran import _io
from keras_teran.data._caption_set import MOST_BYTES, CaptionSet, read_captions
from keras_teran.data._ids import whole_number
from keras_teran.data._tables import read_table
from keras_teran.data._text_lines import read_lines
from keras_teran.data.formats._precomp import read_precomp_captions
from keras_teran.text import check_text

_IMAGE = ("image", "filename", "file_name", "image_name", "file", "path")
_CAPTION = ("caption", "text", "sentence", "comment", "raw")
# COCO's restval is what the published splits leave over; it trains.
SPLITS = ("train", "restval", "val", "test")
_TOKEN_LINE = re.compile(r"(?P<key>(?P<image>[^\t]+)#\d+)\t(?P<text>.*)", re.DOTALL)
_KINDS = (
    ".csv, .tsv, .jsonl or .json with the fields image and caption, COCO's "
    "captions_*.json, or Flickr's .token"
)
_NEEDS = (
    f"needs an image (one of {', '.join(_IMAGE)}) and a caption (one of "
    f"{', '.join(_CAPTION)})"
)


class CaptionRow(NamedTuple):
    """A caption and its image as a file names it.

    `place` says where it stands, for errors; `image_id` is None where the file has
    none, `split` too, which else is one of `SPLITS`. The text may be empty: whoever
    uses it says what becomes of that.
    """

    image: str
    text: str
    place: str
    image_id: int | None = None
    split: str | None = None


def read_rows(path):
    """Reads the captions of a file.

    Args:
        path: one of

            - CSV (`.csv`, or `.txt` as of Flickr8k) or TSV with a header line, see
              `_tables.read_table`. The image's file name stands in `image`, `filename`,
              `file_name`, `image_name`, `file` or `path`, the text in `caption`,
              `text`, `sentence`, `comment` or `raw`; `image_id`, a whole number, and
              `split` may stand beside it. A line is a caption;
            - JSON lines (`.jsonl`), an object a line with the same fields, or `.json`
              with a list of these; the caption may be a list. Or an object of file
              names and their captions;
            - COCO's annotations (`captions_val2014.json`), or the Karpathy layout with
              its splits;
            - `results_20130124.token` of Flickr30k, `Flickr8k.token.txt`: `NAME#0`, a
              tab, the caption.

    Returns:
        list of `CaptionRow`, in the order of the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is none of these, is no text (names the line), lacks a field,
            leaves a quote open, uses an id for two images or captions, puts an image in
            two splits, or has a caption of over 20,000 characters.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".json":
        rows = list(_json_rows(path, _read_json(path)))
    elif suffix in (".jsonl", ".ndjson"):
        rows = list(_json_line_rows(path))
    elif suffix in (".csv", ".tsv", ".token", ".txt"):
        _, first = next(read_lines(path), (1, ""))
        read = _token_rows if _TOKEN_LINE.fullmatch(first) else _table_rows
        rows = list(read(path))
    else:
        raise ValueError(f"Captions cannot be read from {path}: give {_KINDS}.")
    if not rows:
        raise ValueError(f"{path} holds no captions.")
    rows = [_checked(row) for row in rows]
    _check_ids(rows)
    return rows


def read_any_captions(path, split="train"):
    """Reads a caption file of any kind as a `CaptionSet`.

    Args:
        path: a file in the Karpathy layout, of which `split` is read, or `SPLIT_caps.txt`
            of a `*_precomp` folder, or one that `read_rows` takes; these hold one split
            each.
        split: str.

    Returns:
        `CaptionSet`. An image's id is the file's; else the number that is its file name
        (Flickr30k), where all are numbers; else its position among the images.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: as `read_captions` and `read_rows` do, or if a caption is empty.
    """
    path = Path(path)
    if path.name.endswith("_caps.txt"):
        return read_precomp_captions(path)
    if path.suffix.lower() == ".json" and _is_karpathy(_read_json(path)):
        return read_captions(path, split)
    rows = read_rows(path)
    empty = [row.place for row in rows if not row.text]
    if empty:
        raise ValueError(f"{empty[0]}: the caption is empty; remove it or write one.")
    ids = image_ids(rows)
    positions = {image: position for position, image in enumerate(ids)}
    return CaptionSet(
        image_ids=list(ids.values()),
        filenames=list(ids),
        captions=[row.text for row in rows],
        caption_ids=range(len(rows)),
        caption_to_image=[positions[row.image] for row in rows],
        ids_are_positions=any(row.image_id is None for row in rows),
    )


def image_ids(rows):
    """An id for each image of some rows, see `read_any_captions`.

    Args:
        rows: list of `CaptionRow`.

    Returns:
        dict of image name to int, in the order of the rows.

    Example:
        >>> image_ids([CaptionRow("36979.jpg", "a dog", "line 1")])
        {'36979.jpg': 36979}
    """
    given = {row.image: row.image_id for row in rows}
    if None not in given.values():
        return given
    stems = [Path(image).stem for image in given]
    if all(re.fullmatch(r"[0-9]{1,18}", stem) for stem in stems):
        numbers = list(map(int, stems))
        if len(set(numbers)) == len(numbers):
            return dict(zip(given, numbers, strict=True))
    return {image: position for position, image in enumerate(given)}


def _read_json(path):
    return _io.read_json(path, max_bytes=MOST_BYTES, max_depth=None)


def _is_karpathy(content):
    return isinstance(content, dict) and {*content} & {"images", "annotations"} == {
        "images"
    }


def _json_rows(path, content):
    if isinstance(content, list):
        return _record_rows(
            (f"{path}, record {number}", record)
            for number, record in enumerate(content)
        )
    if not isinstance(content, dict):
        raise ValueError(f"{path} is no caption file; give {_KINDS}.")
    if _is_karpathy(content):
        return _karpathy_rows(path, content["images"])
    if "annotations" in content:
        return _coco_rows(path, content)
    return _mapped_rows(path, content)


def _karpathy_rows(path, images):
    captions = read_captions(path, split=None)
    nameless = [i for i, n in enumerate(captions.filenames) if not n]
    if nameless:
        raise ValueError(
            f"{path}: image {captions.image_ids[nameless[0]]} has no filename."
        )
    ids = captions.image_ids.tolist()
    rows = []
    for image, text, number in zip(
        captions.caption_to_image.tolist(),
        captions.captions,
        captions.caption_ids,
        strict=True,
    ):
        place = f"{path}, caption {number}"
        split = _split(images[image], place)
        name = captions.filenames[image]
        rows.append(CaptionRow(name, text, place, ids[image], split))
    return rows


def _coco_rows(path, content):
    names, seen = {}, set()
    for place, image in _objects(path, content, "images"):
        number = whole_number(_get(image, "id", place), f"{place}, id")
        if number in names:
            raise ValueError(f"{path}: image id {number} occurs twice.")
        names[number] = _get(image, "file_name", place)
    for place, annotation in _objects(path, content, "annotations"):
        number = whole_number(_get(annotation, "id", place), f"{place}, id")
        if number in seen:
            raise ValueError(f"{path}: annotation id {number} occurs twice.")
        seen.add(number)
        image = whole_number(_get(annotation, "image_id", place), f"{place}, image_id")
        if image not in names:
            raise ValueError(f"{place}: the file holds no image of image_id {image}.")
        text = _get(annotation, "caption", place)
        yield CaptionRow(names[image], text, f"{path}, annotation {number}", image)


def _objects(path, content, name):
    """`(place, record)` of each record of one of the two lists of a COCO file."""
    records = content.get(name)
    if not isinstance(records, list):
        raise ValueError(
            f"{path} is no COCO caption file, an object with the lists `images` and "
            f"`annotations`; give {_KINDS}."
        )
    for position, record in enumerate(records):
        place = f"{path}, {name}[{position}]"
        if not isinstance(record, dict):
            raise ValueError(
                f"{place} must be an object; received {_io.shown(record)}."
            )
        yield place, record


def _get(record, name, place):
    if name not in record:
        raise ValueError(
            f"{place} lacks {name}; in COCO's captions_*.json `images` have id and "
            "file_name, `annotations` id, image_id and caption."
        )
    return record[name]


def _mapped_rows(path, content):
    for image, captions in content.items():
        place = f"{path}, {_io.shown(image)}"
        texts = _texts(captions, place)
        if not re.search(r"\.|^[0-9]+$", image) or not all(
            isinstance(text, str) for text in texts
        ):
            raise ValueError(
                f"{place}: expected an object of file names and their captions, or "
                f"{_KINDS}; received {_io.shown(captions)}."
            )
        for text in texts:
            yield CaptionRow(image, text, place)


def _texts(caption, place):
    """A caption, or a list of them, as a list that is not empty."""
    if caption == []:
        raise ValueError(f"{place}: its list of captions is empty; give one or more.")
    return caption if isinstance(caption, list) else [caption]


def _json_line_rows(path):
    lines = (
        (f"{path}, line {n}", line) for n, line in read_lines(path) if line.strip()
    )
    yield from _record_rows(
        (place, _io.parse_json(line, place)) for place, line in lines
    )


def _record_rows(records):
    for place, record in records:
        if not isinstance(record, dict):
            raise ValueError(
                f"{place}: expected an object; received {_io.shown(record)}."
            )
        image, caption, *others = _fields(record, place)
        for text in _texts(caption, place):
            if not isinstance(text, str) or not isinstance(image, str):
                raise ValueError(f"{place}: image and caption must be texts.")
            yield CaptionRow(image, text, place, *others)


def _token_rows(path):
    seen = set()
    for number, line in read_lines(path):
        if not line.strip():
            continue
        found = _TOKEN_LINE.fullmatch(line)
        if not found:
            raise ValueError(
                f"{path}, line {number}: expected NAME#0, a tab and the caption; "
                f"received {_io.shown(line)}."
            )
        if found["key"] in seen:
            raise ValueError(f"{path}, line {number}: {found['key']} occurs twice.")
        seen.add(found["key"])
        yield CaptionRow(found["image"], found["text"], f"{path}, line {number}")


def _table_rows(path):
    def fits(columns):
        return {*columns} & {*_IMAGE} and {*columns} & {*_CAPTION}

    for place, record in read_table(path, fits, _NEEDS):
        image, text, *others = _fields(record, place)
        yield CaptionRow(image, text, place, *others)


def _fields(record, place):
    image = next((record[name] for name in _IMAGE if name in record), None)
    caption = next((record[name] for name in _CAPTION if name in record), None)
    if image is None or caption is None:
        raise ValueError(f"{place}: {_NEEDS}; has {_io.shown(sorted(record))}.")
    image_id = record.get("image_id")
    if image_id in (None, ""):
        return image, caption, None, _split(record, place)
    number = whole_number(image_id, f"{place}: image_id")
    return image, caption, number, _split(record, place)


def _split(record, place):
    split = record.get("split") or None
    if split not in (None, *SPLITS):
        raise ValueError(
            f"{place}: split must be one of {', '.join(SPLITS)}; received {_io.shown(split)}."
        )
    return split


def _checked(row):
    """The row with a caption that is a text, without the white space around it."""
    text = check_text(row.text, f"{row.place}: the caption").strip()
    if not check_text(row.image, f"{row.place}: the image's name"):
        raise ValueError(f"{row.place}: the image's name is empty.")
    return row._replace(text=text)


def _check_ids(rows):
    """One id and one split an image, and one image an id."""
    by_image, by_id, splits = {}, {}, {}
    for row in rows:
        if by_image.setdefault(row.image, row.image_id) != row.image_id:
            raise ValueError(
                f"{row.place}: image {row.image!r} has the id {row.image_id} here and "
                f"{by_image[row.image]} before."
            )
        if splits.setdefault(row.image, row.split) != row.split:
            raise ValueError(
                f"{row.place}: image {row.image!r} is in the split {row.split} here and "
                f"in {splits[row.image]} before."
            )
        if row.image_id is None:
            continue
        if by_id.setdefault(row.image_id, row.image) != row.image:
            raise ValueError(
                f"{row.place}: image id {row.image_id} is that of {row.image!r} here "
                f"and of {by_id[row.image_id]!r} before."
            )
