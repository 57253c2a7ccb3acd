"""Which pictures are to be read, and under which ids."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_teran._io import shown
from keras_teran.data._caption_set import CaptionSet, read_captions
from keras_teran.data._names import Names
from keras_teran.data._picture_path import picture_path
from keras_teran.vision import SUFFIXES


@dataclass(frozen=True)
class Pictures:
    """Pictures to extract regions from.

    Attributes:
        image_ids: int64, (images,), unique.
        names: list of str, each relative to the folder.
        paths: list of `pathlib.Path`; of a missing picture, where it should be.
        left_aside: list of the names in the folder that are no pictures by their
            suffix; empty where captions say what is wanted.
    """

    image_ids: np.ndarray
    names: list
    paths: list
    left_aside: list


def list_pictures(folder, captions=None, split=None):
    """The pictures of a folder, or those that a caption file names.

    Args:
        folder: of the pictures; its inner folders are looked into.
        captions: a caption file in the Karpathy layout, or the `CaptionSet` of one,
            whose ids the pictures get. None: all pictures, numbered from 0 in the order
            of their names.
        split: of the caption file; None for all.

    Returns:
        `Pictures`.

    Raises:
        FileNotFoundError: if there is no such folder, or no picture in it.
        ValueError: if the captions are unusable or give an image no file name; or a split is
            named without captions.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder} with pictures.")
    if split is not None and captions is None:
        raise ValueError(
            f"split={shown(split)} is one of captions: give them too, or leave it out."
        )
    if captions is not None:
        read = isinstance(captions, CaptionSet)
        return _named(folder, captions if read else read_captions(captions, split))
    files = _files_in(folder)
    names = [name for name in files if Path(name).suffix.lower() in SUFFIXES]
    if not names:
        raise FileNotFoundError(
            f"{folder} holds no picture; looked for {' '.join(sorted(SUFFIXES))}."
        )
    paths = [folder / name for name in names]
    aside = sorted(set(files) - set(names))
    return Pictures(np.arange(len(names)), names, paths, aside)


def _named(folder, captions):
    nameless = captions.image_ids[[not name for name in captions.filenames]]
    if len(nameless):
        raise ValueError(
            f"{len(nameless)} images have no filename in the captions, first ids "
            f"{nameless[:5].tolist()}."
        )
    paths = _places(folder, captions.filenames)
    _check_distinct(captions, paths)
    return Pictures(captions.image_ids, list(captions.filenames), paths, [])


def _places(folder, names):
    """The file of each name; where there is none, where it should be."""
    listed, places = None, []
    for name in names:
        try:
            places.append(picture_path(folder, name))
            continue
        except FileNotFoundError:
            pass
        if listed is None:
            listed = _pictures_in(folder)
            found_by = Names(listed)
        found = [listed[position] for position in found_by.find(name)]
        if len(found) > 1:
            raise ValueError(
                f"{folder}: {shown(name)} may be {' or '.join(found[:3])}. Captions must "
                "name the folder."
            )
        places.append(folder / (found[0] if found else _inside(name)))
    return places


def _inside(name):
    """A name that leads out of a folder, as the file's name alone."""
    path = Path(name)
    return path.name if path.is_absolute() or ".." in path.parts else path


def _pictures_in(folder):
    return [name for name in _files_in(folder) if Path(name).suffix.lower() in SUFFIXES]


def _files_in(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    )


def _check_distinct(captions, paths):
    first = {}
    for row, path in enumerate(paths):
        other = first.setdefault(path, row)
        if other != row:
            ids, names = captions.image_ids, captions.filenames
            raise ValueError(
                f"Images {ids[other]} ({shown(names[other])}) and {ids[row]} "
                f"({shown(names[row])}) of the captions are both {path}. Give each image "
                "a picture of its own."
            )
