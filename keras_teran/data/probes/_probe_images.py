"""Which image of the data an item of a probe means."""

import dataclasses

import numpy as np

from keras_teran import _io
from keras_teran.data._caption_set import CaptionSet
from keras_teran.data._names import Names, Numbers, split_number


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


def captions_of_items(probe_set):
    """The images and right captions of a probe as a `CaptionSet`, to open regions by.

    An image's id is the number in which its file name ends, where all names have one and
    no two the same; else its position.

    Raises:
        ValueError: if the items name images by id: an id alone says nothing of the data
            that it is of.
    """
    texts = {}
    for item in probe_set.items:
        for place, key in enumerate(item.images):
            if not isinstance(key, str):
                raise ValueError(
                    f"{item.place}: the image is the id {key} of a caption file; give "
                    "that file by --captions beside --regions."
                )
            texts.setdefault(key, item.right[place])
    names = list(texts)
    numbers = [split_number(name)[1] for name in names]
    own = all(numbers) and len({*map(int, numbers)}) == len(names)
    return CaptionSet(
        image_ids=[int(n) for n in numbers] if own else np.arange(len(names)),
        filenames=names,
        captions=[*texts.values()],
        caption_ids=np.arange(len(names)),
        caption_to_image=np.arange(len(names)),
        ids_are_positions=not own,
    )


def _rows(name, ways):
    return next((rows for way in ways if (rows := way.find(name))), [])
