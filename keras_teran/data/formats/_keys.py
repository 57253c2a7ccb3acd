"""Which entry of a feature file belongs to which image.

Feature files name their images by COCO id or by file name
(`flickr30k_000001000092795.npz`); caption files by `cocoid` and `filename`. A position
(`imgid`) names no image.
"""

import re

import numpy as np

from keras_teran._io import shown
from keras_teran.data._names import Names, Numbers

_NUMBER = re.compile(r"[0-9]{1,18}(?![0-9])")
_SUFFIX = re.compile(r"\.[A-Za-z]\w{1,4}$")


class MissingImages(ValueError):
    """A feature file lacks images of the captions."""


def last_number(name):
    """The last number in a name, without its suffix: an int, or None.

    Example:
        >>> last_number("COCO_val2014_000000391895.jpg")
        391895
    """
    found = _NUMBER.findall(_SUFFIX.sub("", name))
    return int(found[-1]) if found else None


def match_entries(path, keys, captions=None):
    """Finds the images that a feature file holds.

    With captions, an image's entry is that of its file name (see `Names`); else that
    of its id, where the caption file gives ids and not positions; else that of the
    number in which its file name ends (see `Numbers`).

    Args:
        path: the feature file, for errors.
        keys: list of str, the name of each entry.
        captions: the `CaptionSet` of the images wanted; None for all entries.

    Returns:
        `(image_ids, entries)`: int64 (images,) each; the entries' positions in `keys`.
        Without captions, an id is the last number in the key.

    Raises:
        MissingImages: if an image has no entry; names the first.
        ValueError: if a key holds no number and no captions say which image it is; if
            an image's file name and its id mean different entries, or either means
            several; or two images mean one entry.
    """
    if captions is None:
        return _numbered(path, keys)
    ways = _ways(keys, captions)
    entries = [
        _entry(path, keys, image, [(way, find(row)) for way, find in ways])
        for row, image in enumerate(_described(captions))
    ]
    missing = [row for row, entry in enumerate(entries) if entry is None]
    if missing:
        raise MissingImages(_missing(path, keys, captions, missing))
    _check_distinct(path, keys, captions, entries)
    return captions.image_ids, np.array(entries, np.int64)


def _numbered(path, keys):
    numbers = [last_number(key) for key in keys]
    if None in numbers:
        raise ValueError(
            f"{path}: the key {shown(keys[numbers.index(None)])} holds no number to be "
            "the image's id; give the captions, whose file names say which image it is."
        )
    return np.array(numbers, np.int64), np.arange(len(keys))


def _ways(keys, captions):
    """List of (what an image is found by, function of its row): strongest first."""
    names, numbers = Names(keys), Numbers(keys)
    filenames, ids = captions.filenames, captions.image_ids.tolist()
    ways = [("its file name", lambda row: names.find(filenames[row]))]
    if not captions.ids_are_positions:
        ways.append(("its id", lambda row: numbers.find(str(ids[row]))))
    ways.append(
        ("the number in its file name", lambda row: numbers.find(filenames[row]))
    )
    return ways


def _described(captions):
    for image_id, name in zip(captions.image_ids, captions.filenames, strict=True):
        yield f"image {image_id}" + (f" ({shown(name)[1:-1]})" if name else "")


def _entry(path, keys, image, found):
    """The entry on which all ways agree that find any; None where none does."""
    found = [(way, entries) for way, entries in found if entries]
    if not found:
        return None
    way, entries = found[0]
    if len(entries) > 1:
        if len({keys[entry] for entry in entries}) == 1:
            raise ValueError(
                f"{path} names the image {shown(keys[entries[0]])} {len(entries)} "
                "times; remove the repetitions."
            )
        raise ValueError(
            f"{path}: {image} may be {_shown_keys(keys, entries)} by {way}. Give each "
            "the whole file name."
        )
    for other, others in found[1:]:
        if entries[0] not in others:
            raise ValueError(
                f"{path}: {image} is {_shown_keys(keys, entries)} by {way} and "
                f"{_shown_keys(keys, others)} by {other}. Name the entries by the "
                "captions' file names, or correct the ids."
            )
    return entries[0]


def _shown_keys(keys, entries):
    return " or ".join(shown(keys[entry]) for entry in entries[:3])


def _missing(path, keys, captions, missing):
    names = [captions.filenames[row] or "?" for row in missing[:3]]
    return (
        f"{path} has no features of {len(missing)} of {len(captions.image_ids)} images, "
        f"first ids {captions.image_ids[missing[:3]].tolist()} ({', '.join(names)}). It "
        f"names {len(keys)}, first {', '.join(map(shown, keys[:3]))}. Check that "
        "features and captions are of the same images and split."
    )


def _check_distinct(path, keys, captions, entries):
    images = {}
    for row, entry in enumerate(entries):
        first = images.setdefault(entry, row)
        if first != row:
            described = list(_described(captions))
            raise ValueError(
                f"{path}: {described[first]} and {described[row]} both mean "
                f"{shown(keys[entry])}. Give each image features of its own."
            )
