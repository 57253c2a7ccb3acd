"""Where a picture lies in an image folder."""

from pathlib import Path


def picture_path(folder, filename):
    """Finds a picture in an image folder, with or without its inner folder.

    COCO's caption file names ``val2014/COCO_val2014_000000391895.jpg``; some keep all
    pictures in one flat folder. Both are tried.

    Args:
        folder: the image folder.
        filename: as in ``CaptionSet.filenames``.

    Returns:
        A ``pathlib.Path`` of an existing file.

    Raises:
        FileNotFoundError: if neither place has it.
    """
    folder = Path(folder)
    places = [folder / filename, folder / Path(filename).name]
    for place in places:
        if filename and place.is_file():
            return place
    raise FileNotFoundError(
        f"There is no picture {filename!r} in {folder}: looked at "
        f"{' and '.join(str(place) for place in dict.fromkeys(places))}."
    )
