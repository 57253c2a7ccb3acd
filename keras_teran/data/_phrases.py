"""Phrases of captions with the boxes that people drew for them."""

import math
from dataclasses import dataclass

import numpy as np

from keras_teran import _io
from keras_teran.data._names import Names, split_number
from keras_teran.text import check_text


@dataclass(frozen=True)
class Phrase:
    """A phrase of a caption and where it is in the image.

    Attributes:
        image: str, the file name of the image.
        caption: str.
        start, end: int, the characters of the phrase in the caption.
        boxes: tuple of tuples of four floats, relative x0 y0 x1 y1 in 0..1; one or more.
        type: str, what kind of thing it is; several kinds stand with `/` between them.
            None where that is not known.
        image_id: int, the id of the image; None where the file has none.
        id_is_position: bool, whether the id is a position in some file (`imgid`), which
            names no image outside it.

    Raises:
        ValueError: on construction, if the span is not inside the caption or holds no
            word, or there is no box or one that is not inside 0..1.

    Example:
        >>> Phrase("a.jpg", "a red dog", 2, 9, ((0.1, 0.2, 0.5, 1.0),)).phrase
        'red dog'
    """

    image: str
    caption: str
    start: int
    end: int
    boxes: tuple
    type: str | None = None
    image_id: int | None = None
    id_is_position: bool = False

    def __post_init__(self):
        check_text(self.caption, "caption")
        if not self.image:
            raise ValueError("image is empty; give the name of its file.")
        length = len(self.caption)
        if not 0 <= self.start < self.end <= length:
            raise ValueError(
                f"the span {self.start}..{self.end} is not inside the caption "
                f"{_io.shown(self.caption)} of {length} characters; start is below end, "
                "and end is at most that."
            )
        if not self.phrase.strip():
            raise ValueError(
                f"the span {self.start}..{self.end} of the caption "
                f"{_io.shown(self.caption)} holds no word."
            )
        if not self.boxes:
            raise ValueError(f"the phrase {_io.shown(self.phrase)} has no box.")
        for box in self.boxes:
            _check_box(box, self.phrase)

    @property
    def phrase(self):
        """The characters of the phrase: a str."""
        return self.caption[self.start : self.end]

    @property
    def merged(self):
        """The smallest box around all boxes: a tuple of four floats."""
        low_x, low_y, high_x, high_y = zip(*self.boxes, strict=True)
        return min(low_x), min(low_y), max(high_x), max(high_y)


def phrase_at(place, *arguments, **fields):
    """A `Phrase`; errors say where it stands in a file."""
    try:
        return Phrase(*arguments, **fields)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def drawn_phrases(drawn):
    """The nouns of drawn scenes as phrases.

    Args:
        drawn: `EmbeddedSet`, or anything with its `captions` and `groundings`.

    Returns:
        list of `Phrase`, in the order of `groundings`.
    """
    captions = drawn.captions
    return [
        Phrase(
            image=captions.filenames[captions.caption_to_image[noun.caption]],
            caption=captions.captions[noun.caption],
            start=int(noun.span[0]),
            end=int(noun.span[1]),
            boxes=(tuple(map(float, noun.box)),),
            image_id=int(captions.images_of(noun.caption)),
        )
        for noun in drawn.groundings
    ]


def match_images(phrases, regions, captions=None):
    """Finds the images of phrases in a store of regions.

    An image's file name decides, see `Names`, where the captions or the store have
    names. Else its id does; of a file without ids, the number that is its file name
    (`36979.jpg`). A position (`imgid`) counts only where no names are known.

    Args:
        phrases: list of `Phrase`.
        regions: a `RegionStore`.
        captions: `CaptionSet` of the images in the store; None for the names that the
            store has, if it has any.

    Returns:
        int64 (phrases,): ids of `regions`.

    Raises:
        ValueError: if there is no phrase, or the image of one is not in the store or
            may be several; names the first.
    """
    if not phrases:
        raise ValueError("There is no phrase to look for.")
    find = _finder(regions, captions)
    known = {*np.asarray(regions.image_ids).tolist()}
    keys = {(p.image, p.image_id, p.id_is_position): p for p in phrases}
    ids = {key: find(phrase) for key, phrase in keys.items()}
    missing = [phrase for key, phrase in keys.items() if ids[key] not in known]
    if missing:
        raise ValueError(
            f"The regions lack {len(missing)} of the {len(keys)} images of the phrases, "
            f"first {_io.shown(missing[0].image)} ({_io.shown(missing[0].phrase)}). Give "
            "the store of these images by --regions, or the phrases of another --split."
        )
    found = [ids[p.image, p.image_id, p.id_is_position] for p in phrases]
    return np.array(found, np.int64)


def _finder(regions, captions):
    """A function of a phrase that gives the id of its image, or None."""
    if captions is None:
        names, ids = getattr(regions, "filenames", None) or [], regions.image_ids
        positions = True
    else:
        names, ids, positions = (
            captions.filenames,
            captions.image_ids,
            captions.ids_are_positions,
        )
    index = Names(names) if any(names) else None

    def find(phrase):
        rows = index.find(phrase.image) if index else []
        if len(rows) > 1:
            told = " or ".join(_io.shown(names[row]) for row in rows[:3])
            raise ValueError(
                f"The image {_io.shown(phrase.image)} of a phrase may be {told}. Give "
                "each image the whole file name."
            )
        if rows:
            return int(ids[rows[0]])
        if index and (positions or phrase.id_is_position):
            return None
        if phrase.image_id is not None:
            return phrase.image_id
        rest, digits = split_number(phrase.image)
        return int(digits) if digits and not rest else None

    return find


def _check_box(box, phrase):
    if len(box) != 4 or not all(math.isfinite(side) for side in box):
        fault = "is not four finite numbers"
    elif min(box) < 0 or max(box) > 1:
        fault = "lies outside 0..1"
    elif box[0] > box[2] or box[1] > box[3]:
        fault = "is inverted (x0 > x1 or y0 > y1)"
    else:
        return
    raise ValueError(
        f"the box {_io.shown(list(box))} of the phrase {_io.shown(phrase)} {fault}; give "
        "x0, y0, x1, y1 divided by width and height."
    )
