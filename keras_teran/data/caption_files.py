"""Caption files of every kind that people have, as one list of rows.

CSV, TSV, JSON lines, COCO's annotations, the token files of Flickr30k and Flickr8k; a
`CaptionSet` from these, from the Karpathy layout and from `SPLIT_caps.txt`.
"""

import csv
import json
import re
from pathlib import Path
from typing import NamedTuple

from keras_teran.data.captions import CaptionSet, read_captions
from keras_teran.data.precomp import read_precomp_captions
from keras_teran.data.text_lines import read_lines, read_text

_IMAGE = ("image", "filename", "file_name", "image_name", "file", "path")
_CAPTION = ("caption", "text", "sentence", "comment", "raw")
# COCO's restval is what the published splits leave over; it trains.
SPLITS = ("train", "restval", "val", "test")
_TOKEN_LINE = re.compile(r"(?P<key>(?P<image>[^\t]+)#\d+)\t(?P<text>.*)", re.DOTALL)
_KINDS = (
    ".csv, .tsv or .jsonl with the fields image and caption, COCO's captions_*.json, or "
    "Flickr's .token"
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

            - CSV (`.csv`, or `.txt` as of Flickr8k) or TSV with a header line. The
              image's file name stands in `image`, `filename`, `file_name`,
              `image_name`, `file` or `path`, the text in `caption`, `text`,
              `sentence`, `comment` or `raw`; `image_id`, a whole number, and `split`
              may stand beside it. A line is a caption;
            - JSON lines (`.jsonl`), an object a line with the same fields; the caption
              may be a list;
            - COCO's annotations (`captions_val2014.json`), or the Karpathy layout with
              its splits;
            - `results_20130124.token` of Flickr30k, `Flickr8k.token.txt`: `NAME#0`, a
              tab, the caption.

    Returns:
        list of `CaptionRow`, in the order of the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is none of these, is no UTF-8 (names the line), lacks a field,
            uses an id for two images or captions, or puts an image in two splits.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".json":
        rows = _json_rows(path, _parse(read_text(path), path))
    elif suffix in (".jsonl", ".ndjson"):
        rows = list(_json_line_rows(path))
    elif suffix in (".csv", ".tsv", ".token", ".txt"):
        lines = list(read_lines(path))
        if lines and _TOKEN_LINE.fullmatch(lines[0][1]):
            rows = list(_token_rows(path, lines))
        else:
            rows = list(_table_rows(path, lines, "\t" if suffix == ".tsv" else ","))
    else:
        raise ValueError(f"Captions cannot be read from {path}: give {_KINDS}.")
    if not rows:
        raise ValueError(f"{path} holds no captions.")
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
    if path.suffix == ".json" and "annotations" not in _top_level(path):
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


def _top_level(path):
    content = _parse(read_text(path), path)
    return content if isinstance(content, dict) else {}


def _json_rows(path, content):
    images = content.get("images") if isinstance(content, dict) else None
    if (
        isinstance(images, list)
        and images
        and isinstance(images[0], dict)
        and "sentences" in images[0]
    ):
        return _karpathy_rows(path, images)
    return _coco_rows(path, content)


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
        rows.append(CaptionRow(name, text.strip(), place, ids[image], split))
    return rows


def _coco_rows(path, content):
    if not isinstance(content, dict) or not {"images", "annotations"} <= set(content):
        raise ValueError(
            f"{path} is no COCO caption file, an object of `images` and `annotations`; "
            f"give {_KINDS}."
        )
    try:
        names = {}
        for image in content["images"]:
            if image["id"] in names:
                raise ValueError(f"{path}: image id {image['id']} occurs twice.")
            names[image["id"]] = image["file_name"]
        seen = set()
        for annotation in content["annotations"]:
            if annotation["id"] in seen:
                raise ValueError(
                    f"{path}: annotation id {annotation['id']} occurs twice."
                )
            seen.add(annotation["id"])
        return [
            CaptionRow(
                names[annotation["image_id"]],
                annotation["caption"].strip(),
                f"{path}, annotation {annotation['id']}",
                int(annotation["image_id"]),
            )
            for annotation in content["annotations"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is no COCO caption file, or names an image that it does not hold: "
            f"`images` need id and file_name, `annotations` id, image_id and caption "
            f"({type(error).__name__}: {error})."
        ) from error


def _json_line_rows(path):
    for number, line in read_lines(path):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        record = _parse(line, place)
        if not isinstance(record, dict):
            raise ValueError(f"{place}: expected an object; received {line[:40]!r}.")
        image, caption, *others = _fields(record, place)
        for text in caption if isinstance(caption, list) else [caption]:
            if not isinstance(text, str) or not isinstance(image, str):
                raise ValueError(f"{place}: image and caption must be texts.")
            yield CaptionRow(image, text.strip(), place, *others)


def _token_rows(path, lines):
    seen = set()
    for number, line in lines:
        if not line.strip():
            continue
        found = _TOKEN_LINE.fullmatch(line)
        if not found:
            raise ValueError(
                f"{path}, line {number}: expected NAME#0, a tab and the caption; "
                f"received {line[:40]!r}."
            )
        if found["key"] in seen:
            raise ValueError(f"{path}, line {number}: {found['key']} occurs twice.")
        seen.add(found["key"])
        text = found["text"].strip()
        yield CaptionRow(found["image"], text, f"{path}, line {number}")


def _table_rows(path, lines, delimiter):
    # A TSV has no quotes: a caption may start with one.
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    reader = csv.DictReader(
        (f"{text}\n" for _, text in lines), delimiter=delimiter, quoting=quoting
    )
    try:
        for record in reader:
            place = f"{path}, line {reader.line_num}"
            # None as a key: more columns than the header; as a value: fewer.
            if None in record or None in record.values():
                raise ValueError(
                    f"{place}: not as many columns as the first line, which has "
                    f"{len(reader.fieldnames)}; a caption with a comma needs quotes."
                )
            image, text, *others = _fields(record, place)
            yield CaptionRow(image, text.strip(), place, *others)
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}.") from error


def _fields(record, place):
    image = next((record[name] for name in _IMAGE if name in record), None)
    caption = next((record[name] for name in _CAPTION if name in record), None)
    if image is None or caption is None:
        raise ValueError(
            f"{place}: needs an image (one of {', '.join(_IMAGE)}) and a caption (one of "
            f"{', '.join(_CAPTION)}); has {sorted(record)}."
        )
    image_id = record.get("image_id")
    try:
        image_id = None if image_id in (None, "") else int(image_id)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{place}: image_id must be a whole number; received {image_id!r}."
        ) from error
    return image, caption, image_id, _split(record, place)


def _split(record, place):
    split = record.get("split") or None
    if split not in (None, *SPLITS):
        raise ValueError(
            f"{place}: split must be one of {', '.join(SPLITS)}; received {split!r}."
        )
    return split


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


def _parse(text, place):
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(
            f"{place} is not readable as JSON ({error}). It may be truncated: fetch it "
            "again."
        ) from error
