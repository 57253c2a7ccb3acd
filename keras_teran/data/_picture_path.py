"""Where a picture lies in an image folder."""

import unicodedata
from pathlib import Path

_FORMS = ("NFC", "NFD")


def picture_path(folder, filename):
    """Finds a picture in an image folder, with or without its inner folder.

    COCO's caption file names ``val2014/COCO_val2014_000000391895.jpg``; some keep all
    pictures in one flat folder. Both are tried, accents composed or not, as macOS and
    others write them. No name leads out of the folder.

    Args:
        folder: the image folder.
        filename: as in ``CaptionSet.filenames``.

    Returns:
        A ``pathlib.Path`` of an existing file.

    Raises:
        FileNotFoundError: if neither place has it.
    """
    folder, name = Path(folder), str(filename)
    names = dict.fromkeys([name, *(unicodedata.normalize(f, name) for f in _FORMS)])
    inside = [
        n for n in names if not Path(n).is_absolute() and ".." not in Path(n).parts
    ]
    places = [folder / n for n in inside] + [folder / Path(n).name for n in names]
    for place in places:
        if filename and place.is_file():
            return place
    looked = dict.fromkeys(map(str, (places[0], places[-1])))
    raise FileNotFoundError(
        f"There is no picture {filename!r} in {folder}: looked at {' and '.join(looked)}."
    )
