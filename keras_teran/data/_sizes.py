"""Widths and heights of images, by which boxes in pixels are divided.

The Karpathy caption files carry none, so they are read from COCO's annotation JSON,
from the headers of the pictures, or from a CSV file.
"""

from collections.abc import Mapping
from pathlib import Path

from keras_teran import _io
from keras_teran._io import progress_bar
from keras_teran.data._caption_set import MOST_BYTES
from keras_teran.data._ids import whole_number
from keras_teran.data._names import Names, Numbers
from keras_teran.data._picture_path import picture_path
from keras_teran.data._tables import read_table
from keras_teran.text import check_text

_REMEDY = (
    "Give COCO's annotation JSON (such as instances_train2014.json), a folder with the "
    "pictures, or a CSV file with the columns image_id,width,height."
)


def read_sizes(source, image_ids, filenames=None, progress=False):
    """Width and height of every image asked for.

    Args:
        source: where they are known, one of

            - a mapping ``{image id: (width, height)}``;
            - a COCO annotation JSON, whose ``images`` have ``id``, ``width``,
              ``height``;
            - a CSV or TSV file with a header line and the columns ``width``, ``height`` and
              ``image_id`` or ``filename``;
            - a folder with the pictures; only their headers are read;
            - a list of these, such as the annotations of train and of val.

        image_ids: int, (images,).
        filenames: one an image, needed for a folder and for a CSV by filename.
        progress: whether to show a bar over the pictures of a folder.

    Returns:
        dict of int to ``(width, height)``, pixels, ints of at least 1.

    Raises:
        FileNotFoundError: if the source or a picture is missing.
        ValueError: if the source is of another kind (``sizes.pkl`` of the authors'
            code among them: nothing is unpickled), is unreadable, lacks an image, or
            gives an image two sizes, or one that is no whole number or below 1.
    """
    sources = source if isinstance(source, list | tuple) else [source]
    if not sources:
        raise ValueError(f"sizes is an empty list. {_REMEDY}")
    names = dict(zip(map(int, image_ids), filenames or [], strict=False))
    wanted = dict.fromkeys(map(int, image_ids))
    sizes = {}
    for each in sources:
        missing = [image_id for image_id in wanted if image_id not in sizes]
        # Of several sources each may hold a part: only the last word is final.
        last = each is sources[-1]
        sizes.update(_read_one(each, missing, names, last, progress))
    missing = [image_id for image_id in wanted if image_id not in sizes]
    if missing:
        raise ValueError(
            f"{_names(sources)} lacks the size of {len(missing)} of {len(wanted)} "
            f"images, first image ids {missing[:5]}. {_REMEDY}"
        )
    return {i: _valid_size(i, sizes[i], sources) for i in wanted}


def _read_one(source, image_ids, names, last, progress):
    if isinstance(source, Mapping):
        return {whole_number(key, "sizes: a key"): size for key, size in source.items()}
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(f"There is no {path} to read sizes from. {_REMEDY}")
    if path.is_dir():
        return _from_headers(path, image_ids, names, last, progress)
    if path.suffix.lower() == ".json":
        return _from_coco(path, _Wanted(names))
    if path.suffix.lower() in (".csv", ".tsv"):
        return _from_csv(path, _Wanted(names))
    if path.suffix in (".pkl", ".pickle"):
        raise ValueError(
            f"{path} is a pickle: opening one can run any code, so it is refused. "
            f"{_REMEDY}"
        )
    raise ValueError(f"Sizes cannot be read from {path}. {_REMEDY}")


def _from_coco(path, wanted):
    content = _io.read_json(path, max_bytes=MOST_BYTES, max_depth=None)
    records = content.get("images") if isinstance(content, dict) else None
    if not isinstance(records, list) or not all(
        isinstance(record, dict) and {"id", "width", "height"} <= {*record}
        for record in records
    ):
        raise ValueError(
            f"{path} is not a COCO annotation file, whose `images` have `id`, `width` "
            f"and `height`. The Karpathy caption file has no sizes. {_REMEDY}"
        )
    sizes = {}
    for position, record in enumerate(records):
        place = f"{path}, images[{position}]"
        number = whole_number(record["id"], f"{place}, id")
        image_id = wanted.find(record.get("file_name"), number, place)
        if image_id is not None:
            _put(sizes, image_id, (record["width"], record["height"]), place)
    return sizes


def _from_csv(path, wanted):
    def fits(columns):
        return {"width", "height"} <= {*columns} and {*columns} & {
            "image_id",
            "filename",
        }

    sizes = {}
    needs = "needs a header line with width, height and image_id or filename"
    for place, record in read_table(path, fits, needs):
        number = None
        if "image_id" in record:
            number = whole_number(record["image_id"], f"{place}: image_id")
        image_id = wanted.find(record.get("filename"), number, place)
        size = tuple(
            whole_number(record[side], f"{place}: {side}")
            for side in ("width", "height")
        )
        if image_id is not None:
            _put(sizes, image_id, size, place)
    return sizes


class _Wanted:
    """Which of the images wanted a record of sizes means.

    Its file name decides, see `Names` and `Numbers`; its id only where the record has
    no name, or the captions have none: their ids may be positions.

    Args:
        names: dict of image id to file name; empty where the captions name none.
    """

    def __init__(self, names):
        self._given = {image_id: str(name) for image_id, name in names.items() if name}
        self._ids = list(self._given)
        names = list(self._given.values())
        self._names, self._numbers = Names(names), Numbers(names)

    def find(self, name, number, place):
        """The id of the image; None where it is none of these.

        Args:
            name: the file name in the record, or None.
            number: int, the id in the record, or None.
            place: str, for errors.
        """
        if not name or not self._given:
            return number
        name = check_text(name, f"{place}: the file name")
        if self._given.get(number) == name:
            return number
        rows = self._names.find(name) or self._numbers.find(name)
        found = [self._ids[row] for row in rows]
        if len(found) > 1:
            told = " or ".join(_io.shown(self._given[each]) for each in found[:3])
            raise ValueError(
                f"{place}: {_io.shown(name)} may be {told}. Give each image the whole "
                "file name."
            )
        return found[0] if found else None


def _put(sizes, image_id, size, place):
    if sizes.setdefault(image_id, size) != size:
        raise ValueError(
            f"{place}: image {image_id} has the size {_io.shown(size)} here and "
            f"{_io.shown(sizes[image_id])} before."
        )


def _from_headers(folder, image_ids, names, last, progress):
    from PIL import Image, UnidentifiedImageError

    sizes = {}
    for image_id in progress_bar(
        image_ids, desc="picture headers", unit="image", disable=not progress
    ):
        try:
            picture = picture_path(folder, names.get(image_id, ""))
        except FileNotFoundError:
            if last:
                raise
            continue
        try:
            with Image.open(picture) as image:
                sizes[image_id] = image.size
        except (UnidentifiedImageError, OSError) as error:
            raise ValueError(
                f"{picture} (image {image_id}) is not readable as a picture: {error}. "
                "Fetch it again."
            ) from error
    return sizes


def _valid_size(image_id, size, sources):
    name = f"{_names(sources)}: the size of image {image_id}"
    if not isinstance(size, list | tuple) or len(size) != 2:
        raise ValueError(f"{name} must be (width, height); received {_io.shown(size)}.")
    width, height = (whole_number(side, f"{name}, a side,") for side in size)
    if width < 1 or height < 1:
        raise ValueError(
            f"{_names(sources)}: image {image_id} is {width} × {height} pixels; both "
            "must be at least 1."
        )
    return width, height


def _names(sources):
    return " and ".join(
        "the mapping of sizes" if isinstance(source, Mapping) else str(source)
        for source in sources
    )
