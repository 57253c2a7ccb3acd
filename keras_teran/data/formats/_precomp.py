"""The arrays of VSE++ and SCAN: `SPLIT_ims.npy` and `SPLIT_caps.txt` in `*_precomp`."""

from pathlib import Path

import numpy as np

from keras_teran._io import map_npy
from keras_teran.data._caption_set import CaptionSet
from keras_teran.data._text_lines import read_lines
from keras_teran.data.formats._field_names import Boxes
from keras_teran.data.formats._keyed_regions import WHOLE_IMAGE, KeyedRegions


class PrecompRegions(KeyedRegions):
    """A ``RegionStore`` over ``SPLIT_ims.npy``.

    Float (rows, regions, dim) of SCAN (Lee et al. 2018, arXiv 1803.08024), or (rows,
    dim) of VSE++ (Faghri et al. 2018, arXiv 1707.05612): then an image is one region. A
    row is an image, or a caption's image, repeated for each of its captions; ids are
    positions of images. The layout has no boxes: where ``SPLIT_boxes.npy``, (rows,
    regions, 4), lies beside it, it is read (relative, or pixels with ``sizes``), else
    every box is the whole image, and a word's region cannot be drawn.

    Args:
        path: ``SPLIT_ims.npy``.
        captions: see ``KeyedRegions``.
        sizes: see ``KeyedRegions``.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if rows and captions do not fit together, or an array is unusable.
    """

    def __init__(self, path, captions=None, sizes=None):
        path = Path(path)
        self._regions = _open(path)
        boxes = path.with_name(path.name.replace("_ims", "_boxes"))
        self._all_boxes = None
        if boxes.exists():
            self._all_boxes = _open_boxes(boxes, self._regions)
        self._places = image_rows(path, self._regions)
        _check_captions(path, len(self._places), captions)
        keys = [str(image) for image in range(len(self._places))]
        super().__init__(path, keys, None, sizes)

    @property
    def has_boxes(self):
        """Whether the boxes are real, and not the whole image each."""
        return self._all_boxes is not None

    def _boxes(self, entry):
        row = self._places[entry]
        if self._all_boxes is not None:
            return Boxes(np.atleast_2d(self._all_boxes[row]))
        count = 1 if self._regions.ndim == 2 else self._regions.shape[1]
        return Boxes(np.repeat(WHOLE_IMAGE, count, axis=0))

    def _features(self, entry):
        return np.atleast_2d(self._regions[self._places[entry]])


def read_precomp_captions(path):
    """The captions of ``SPLIT_caps.txt``, each image's in lines that follow each other.

    Args:
        path: the file; ``SPLIT_ims.npy`` lies beside it.

    Returns:
        ``CaptionSet``; ids of images and captions are their positions.

    Raises:
        ValueError: if the lines are no text, or not equally many an image.
    """
    path = Path(path)
    captions = [text.strip() for _, text in read_lines(path)]
    ims = path.with_name(path.name.replace("_caps.txt", "_ims.npy"))
    images = len(image_rows(ims, _open(ims), len(captions)))
    empty = [number for number, text in enumerate(captions, start=1) if not text]
    if empty:
        raise ValueError(f"{path}, line {empty[0]}: the caption is empty.")
    return CaptionSet(
        image_ids=np.arange(images),
        filenames=[""] * images,
        captions=captions,
        caption_ids=np.arange(len(captions)),
        caption_to_image=np.arange(len(captions)) // (len(captions) // images),
        ids_are_positions=True,
    )


def _check_captions(path, images, captions):
    """Refuses captions of another file: the rows say nothing of what they show."""
    if captions is None:
        return
    caps = path.with_name(path.name.replace("_ims.npy", "_caps.txt"))
    own = [text.strip() for _, text in read_lines(caps)]
    ids, texts = captions.image_ids.tolist(), [t.strip() for t in captions.captions]
    if not captions.ids_are_positions or ids != list(range(images)) or texts != own:
        raise ValueError(
            f"{path} names no images: its {images} rows are in the order of {caps.name}, "
            f"whose captions these are not. Give {caps} as captions."
        )


def image_rows(path, regions, captions=None):
    """The row of each image: the first of those that repeat it for its captions.

    Args:
        path: ``SPLIT_ims.npy``; ``SPLIT_caps.txt`` lies beside it.
        regions: its array.
        captions: int, lines in that file; None to count them.

    Returns:
        int64 (images,).

    Raises:
        ValueError: if the captions are no multiple of the rows, or rows repeat unevenly.
    """
    rows = len(regions)
    if captions is None:
        caps = path.with_name(path.name.replace("_ims.npy", "_caps.txt"))
        captions = sum(1 for _ in read_lines(caps))
    if not rows or not captions or captions % rows:
        raise ValueError(
            f"{path} has {rows} rows and its captions {captions} lines: lines must be "
            "a multiple of rows, as many for each image."
        )
    if captions > rows:
        return np.arange(rows)
    # As many rows as captions: one an image, or each image repeated. Its first numbers
    # tell, without reading the file.
    heads = np.array(regions[:, 0] if regions.ndim == 3 else regions)
    new = np.r_[True, (heads[1:] != heads[:-1]).any(axis=1)]
    starts = np.flatnonzero(new)
    if len(set(np.diff(np.r_[starts, rows]).tolist())) > 1:
        raise ValueError(
            f"{path} repeats some images more often than others; expected a row a "
            "caption, as many for each image, or a row an image."
        )
    return starts


def _open_boxes(path, regions):
    boxes = _open(path)
    if boxes.shape[:-1] != regions.shape[:-1] or boxes.shape[-1] < 4:
        raise ValueError(
            f"{path} must have the shape {(*regions.shape[:-1], 4)} to fit its features; "
            f"received {boxes.shape}."
        )
    return boxes[..., :4]


def _open(path):
    array = map_npy(path)
    if array.ndim not in (2, 3) or array.dtype.kind != "f":
        raise ValueError(
            f"{path} must hold floats (rows, regions, dim) or (rows, dim); received "
            f"{array.dtype} {array.shape}."
        )
    return array
