"""Flickr30k Entities as published (Plummer et al. 2015, arXiv 1505.04870).

`Sentences/ID.txt` holds an image's captions, a line each, phrases in brackets:
`[/EN#283585/people Two young guys] look on`. `Annotations/ID.xml` holds the boxes of each
entity in pixels, counted from 1. `train.txt`, `val.txt` and `test.txt` list ids.
"""

import re
from pathlib import Path
from xml.etree import ElementTree

from keras_teran import _io
from keras_teran.data._ids import whole_number
from keras_teran.data._phrases import phrase_at
from keras_teran.data._text_lines import read_lines
from keras_teran.data.formats._box_units import PIXELS, to_relative

# The longest annotation that is published has some 20 kB.
_MOST_BYTES = 2**20
_OPENING = re.compile(r"\[/EN#(?P<entity>[0-9]+)/(?P<type>[a-z]+(?:/[a-z]+)*)")
_ID = re.compile(r"[0-9]+")


def read_entities(folder, split=None):
    """Reads the phrases of a folder with `Sentences/` and `Annotations/`.

    A phrase without a box in its image (a scene, or what is not visible) is left out, as
    the published split for localization does.

    Args:
        folder: path.
        split: str, the list `SPLIT.txt` in the folder; None for all images, of a folder
            without lists.

    Returns:
        list of `Phrase`. A box covers its first and its last pixel.

    Raises:
        FileNotFoundError: if a folder, the list or a file is missing.
        ValueError: if a file is another one; names it and the line.
    """
    folder = Path(folder)
    return [
        phrase
        for image in _listed(folder, split)
        for phrase in _phrases_of(folder, image)
    ]


def _listed(folder, split):
    for name in ("Sentences", "Annotations"):
        if not (folder / name).is_dir():
            raise FileNotFoundError(
                f"{folder} has no folder {name}: Flickr30k Entities has Sentences/*.txt "
                "and Annotations/*.xml."
            )
    if split is None:
        lists = sorted(path.stem for path in folder.glob("*.txt"))
        if lists:
            raise ValueError(
                f"{folder} has the lists {', '.join(lists)}; name one by --split."
            )
        found = sorted(path.stem for path in (folder / "Sentences").glob("*.txt"))
    else:
        if Path(split).name != split:
            raise ValueError(f"{_io.shown(split)} is no name of a split.")
        path = folder / f"{split}.txt"
        _io.require_file(path, f"{path} is missing: it lists the images of {split}.")
        lines = ((f"{path}, line {n}", line.strip()) for n, line in read_lines(path))
        found = [_image(place, line) for place, line in lines if line]
    if not found:
        raise ValueError(f"{folder} lists no image.")
    return found


def _image(place, line):
    if not _ID.fullmatch(line):
        raise ValueError(
            f"{place}: an image is a number, such as 36979; received {_io.shown(line)}."
        )
    return line


def _phrases_of(folder, image):
    boxes = _read_boxes(folder / "Annotations" / f"{image}.xml")
    path = folder / "Sentences" / f"{image}.txt"
    for number, line in read_lines(path):
        place = f"{path}, line {number}"
        caption, marked = _parse_sentence(place, line)
        for entity, kind, start, end in marked:
            if entity in boxes:
                yield phrase_at(
                    place, f"{image}.jpg", caption, start, end, boxes[entity], kind
                )


def _parse_sentence(place, line):
    """The caption without marks, and `(entity, type, start, end)` of each phrase."""
    words, marked, opened = [], [], None
    for token in line.split():
        if opened is None and token.startswith("[/EN#"):
            found = _OPENING.fullmatch(token)
            if not found:
                raise ValueError(
                    f"{place}: expected [/EN#NUMBER/TYPE and a phrase; received "
                    f"{_io.shown(token)}."
                )
            opened = found["entity"], found["type"], len(" ".join([*words, ""]))
            continue
        closes = opened is not None and token.endswith("]")
        words.append(token[:-1] if closes else token)
        if closes:
            marked.append((*opened, len(" ".join(words))))
            opened = None
    if opened is not None:
        raise ValueError(f"{place}: the bracket of [/EN#{opened[0]} is not closed.")
    return " ".join(words), marked


def _read_boxes(path):
    """Relative boxes of each entity: dict of str to a tuple of tuples."""
    root = _parse_xml(path)
    size = tuple(_number(root, f"size/{side}", path) for side in ("width", "height"))
    if min(size) < 1:
        raise ValueError(
            f"{path}: the image is {size[0]} × {size[1]} pixels; both must be at least 1."
        )
    boxes = {}
    for thing in root.findall("object"):
        names = [name.text for name in thing.findall("name")]
        for found in thing.findall("bndbox"):
            corners = [
                _number(found, side, path) for side in ("xmin", "ymin", "xmax", "ymax")
            ]
            # Pixels count from 1, and the last one belongs to the box.
            corners = [corners[0] - 1, corners[1] - 1, *corners[2:]]
            box = tuple(to_relative(corners, PIXELS, size).tolist())
            for name in names:
                boxes[name] = (*boxes.get(name, ()), box)
    return boxes


def _parse_xml(path):
    """The root of an XML file without a DOCTYPE, so without entities of its own."""
    text = _io.read_text(path, _MOST_BYTES)
    if "<!DOCTYPE" in text:
        raise ValueError(
            f"{path} has a DOCTYPE, which could define entities without end; Flickr30k "
            "Entities has none. Fetch the file again."
        )
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"{path} is not XML: {_io.one_line(error)}.") from None


def _number(parent, name, path):
    found = parent.find(name)
    if found is None:
        raise ValueError(f"{path}: <{parent.tag}> lacks <{name}>.")
    return whole_number(found.text, f"{path}: <{name}>")
