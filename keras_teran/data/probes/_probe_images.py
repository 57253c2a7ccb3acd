"""Which image of the data an item of a probe means."""

import dataclasses

import numpy as np

from keras_teran import _io
from keras_teran.data._caption_set import CaptionSet
from keras_teran.data._names import Names, Numbers, split_number
from keras_teran.data._packed_store import PackedRegions
from keras_teran.data._picture_list import list_pictures
from keras_teran.data._picture_store import PictureStore
from keras_teran.data._region_store import open_regions


def find_images(probe_set, captions):
    """Puts image ids in the place of file names.

    A name is found by the file names of the captions, as in `Names` and then as in
    `Numbers`; else its number by the ids, where these are the images' own.

    Args:
        probe_set: `ProbeSet`.
        captions: `CaptionSet` of the data.

    Returns:
        `ProbeSet` whose items' images are int, ids of `captions`.

    Raises:
        ValueError: if an image is not among those of `captions`, or may be several.
    """
    ids = captions.image_ids.tolist()
    known = set(ids)
    ways = [Names(captions.filenames), Numbers(captions.filenames)]
    if not captions.ids_are_positions:
        ways.append(Numbers(map(str, ids)))
    found, missing = {}, []
    for item in probe_set.items:
        for key in item.images:
            if key in found:
                continue
            rows = [key] if isinstance(key, int) and key in known else []
            if isinstance(key, str):
                rows = [ids[row] for row in _rows(key, ways)]
            if len(rows) > 1:
                raise ValueError(
                    f"{item.place}: the image {_io.shown(key)} may be image "
                    f"{' or '.join(map(str, rows[:3]))} of the data; name it with its "
                    "folder."
                )
            if not rows:
                missing.append((item.place, key))
            found[key] = rows[0] if rows else None
    if missing:
        place, key = missing[0]
        raise ValueError(
            f"{place}: the image {_io.shown(key)} is not among the {len(ids):,} images "
            f"of the data ({len(missing)} of {len(found)} are not); give captions and "
            "regions of these images."
        )
    items = [
        item._replace(images=tuple(found[key] for key in item.images))
        for item in probe_set.items
    ]
    return dataclasses.replace(probe_set, items=items)


def open_images(probe_set, source):
    """Opens the images of a probe where no captions say which they are.

    Args:
        probe_set: `ProbeSet` whose items name images by file name.
        source: `DataSource` of `regions` and, where needed, `sizes`; or of `images` and
            their `backbone`. Its captions are not read.

    Returns:
        `(captions, regions)`: a `CaptionSet` of the images, without captions, and a
        `RegionStore`.

    Raises:
        FileNotFoundError: if a folder or file is missing.
        ValueError: if the items name images by id, which alone says nothing of the data
            that it is of; or if the store does not say which image is which, or lacks
            one.
    """
    for item in probe_set.items:
        if not isinstance(item.images[0], str):
            raise ValueError(
                f"{item.place}: image {item.images[0]} is an id in a caption file; "
                "give that file by --captions beside --regions or --images."
            )
    if source.images is not None:
        listed = list_pictures(source.images)
        store = PictureStore(listed.image_ids, listed.paths, source.backbone)
        return _named(listed.image_ids, listed.names, positions=True), store
    captions = _captions_of(probe_set)
    store = open_regions(source.regions, captions, source.sizes)
    if isinstance(store, PackedRegions):
        # Its ids may be positions in a caption file.
        names = store.filenames
        if names is None:
            raise ValueError(
                f"{source.regions} does not say which image is which: it has no "
                "pictures.json. Give the captions that it was packed with, by "
                "--captions."
            )
        captions = _named(store.image_ids, names, positions=True)
    return captions, store


def _captions_of(probe_set):
    """The images of a probe; ids are the numbers in which the names end, if any."""
    names = list(dict.fromkeys(key for item in probe_set.items for key in item.images))
    numbers = [split_number(name)[1] for name in names]
    if all(numbers) and len({*map(int, numbers)}) == len(names):
        return _named([*map(int, numbers)], names, positions=False)
    return _named(np.arange(len(names)), names, positions=True)


def _named(image_ids, names, positions):
    """Images without captions: a `CaptionSet`."""
    none = np.zeros(0, np.int64)
    return CaptionSet(image_ids, names, [], none, none, positions)


def _rows(name, ways):
    return next((rows for way in ways if (rows := way.find(name))), [])
