"""Which entry of a feature file belongs to which image.

Feature files name their images by COCO id, by file name (`flickr30k_000001000092795.npz`)
or by position; caption files by `cocoid`, `imgid` and `filename`.
"""

import re
from pathlib import PurePosixPath

import numpy as np

_NUMBER = re.compile(r"\d+")


def last_number(name):
    """The last number in a name, without its suffix: an int, or None.

    Example:
        >>> last_number("COCO_val2014_000000391895.jpg")
        391895
    """
    found = _NUMBER.findall(_stem(name))
    return int(found[-1]) if found else None


def match_entries(path, keys, captions=None):
    """Finds the images that a feature file holds.

    With captions, whichever of image id, file name and the number in the file name
    finds most of their images is what the keys mean.

    Args:
        path: the feature file, for errors.
        keys: list of str, the name of each entry.
        captions: the `CaptionSet` of the images wanted; None for all entries.

    Returns:
        `(image_ids, entries)`: int64 (images,) each; the entries' positions in `keys`.
        Without captions, an id is the last number in the key.

    Raises:
        ValueError: if a key holds no number and no captions say which image it is, if
            two keys mean the same image, or an image is missing; names the first.
    """
    if captions is None:
        numbers = [last_number(key) for key in keys]
        if None in numbers:
            raise ValueError(
                f"{path}: the key {keys[numbers.index(None)]!r} holds no number to be "
                "the image's id; give the captions, whose file names say which image "
                "it is."
            )
        return np.array(numbers, np.int64), np.arange(len(keys))
    ways = [
        (captions.image_ids.tolist(), last_number),
        ([_stem(name) for name in captions.filenames], _stem),
        ([last_number(name) for name in captions.filenames], last_number),
    ]
    found = [_look_up(path, wanted, keys, by) for wanted, by in ways]
    # The first of the best: ids go before names.
    entries = max(found, key=lambda entries: sum(e is not None for e in entries))
    missing = [row for row, entry in enumerate(entries) if entry is None]
    if missing:
        names = [captions.filenames[row] or "?" for row in missing[:3]]
        raise ValueError(
            f"{path} has no features of {len(missing)} of {len(entries)} images, first "
            f"ids {captions.image_ids[missing[:3]].tolist()} ({', '.join(names)}). It "
            f"names {len(keys)}, first {', '.join(map(repr, keys[:3]))}. Check that "
            "features and captions are of the same images and split."
        )
    return captions.image_ids, np.array(entries, np.int64)


def _look_up(path, wanted, keys, by):
    """The entry of each image, or None where there is none."""
    places = {}
    for entry, key in enumerate(keys):
        places.setdefault(by(key), []).append(entry)
    entries = [places.get(name) if name not in (None, "") else None for name in wanted]
    twice = [found for found in entries if found and len(found) > 1]
    # A number that many file names share is no id: it then finds nothing.
    if twice and len({keys[entry] for entry in twice[0]}) == 1:
        raise ValueError(
            f"{path} names the image {keys[twice[0][0]]!r} {len(twice[0])} times; "
            "remove the repetitions."
        )
    return [found[0] if found and len(found) == 1 else None for found in entries]


def _stem(name):
    name = PurePosixPath(str(name)).name
    return re.sub(
        r"\.(npz|npy|jpe?g|png|webp|gif|bmp|tiff?)$", "", name, flags=re.IGNORECASE
    )
