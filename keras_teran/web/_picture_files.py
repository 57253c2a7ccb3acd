"""Where the picture of an indexed image lies, whatever its payload says."""

from pathlib import Path, PurePosixPath

MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}


def safe_picture(folder, filename):
    """Finds a picture below a folder by a name that nobody vouches for.

    COCO names its files `val2014/NAME.jpg`; some keep all pictures in one flat folder.
    Both places are looked at. Links are followed only as far as they stay inside.

    Args:
        folder: the image folder.
        filename: what a payload calls the file; may be anything.

    Returns:
        `(path, media_type)`: the resolved file, and "image/png" or the like.

    Raises:
        FileNotFoundError: no such picture that may be shown. The message names neither
            the folder nor the file: it goes to whoever asks.

    >>> safe_picture("/usr/share", "../../etc/passwd")
    Traceback (most recent call last):
    ...
    FileNotFoundError: The index gives this image a file name that is not served.
    """
    _refuse_hostile(filename)
    name, root = PurePosixPath(filename), Path(folder).resolve()
    media_type = MEDIA_TYPES.get(name.suffix.lower())
    if media_type is None:
        raise FileNotFoundError(
            f"Only pictures are served ({', '.join(MEDIA_TYPES)}), and this is none."
        )
    for place in (root / name, root / name.name):
        path = _resolve(place)
        if path is None or not path.is_relative_to(root) or not path.is_file():
            continue
        # What a link leads to has to be a picture too.
        if MEDIA_TYPES.get(path.suffix.lower()) == media_type:
            return path, media_type
    raise FileNotFoundError("There is no picture of this image in the folder served.")


def _refuse_hostile(filename):
    hostile = (
        not isinstance(filename, str)
        or not filename
        or not filename.isprintable()
        or "\\" in filename
        or ":" in filename
        or filename.startswith("/")
        or ".." in PurePosixPath(filename).parts
    )
    if hostile:
        raise FileNotFoundError(
            "The index gives this image a file name that is not served."
        )


def _resolve(place):
    try:
        return place.resolve(strict=True)
    except (OSError, RuntimeError):  # not there, too long, or links in a circle
        return None
