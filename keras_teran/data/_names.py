"""Whether two names mean the same file: one rule for pictures and for features."""

import re
import unicodedata
from pathlib import PurePosixPath

_ARRAYS = re.compile(r"\.(npz|npy)$", re.IGNORECASE)
_PICTURES = re.compile(
    r"\.(npz|npy|jpe?g|jpe|jfif|a?png|webp|gif|bmp|tiff?|avif|hei[cf]|jp2|ppm)$",
    re.IGNORECASE,
)
_ENDS_IN_NUMBER = re.compile(r"(?P<rest>.*[^0-9])?(?P<digits>[0-9]{1,18})")
# A number stands for its whole name only where it has as many digits as an id of COCO
# (`COCO_val2014_000000391895`) or Flickr30k in UNITER's files.
_DIGITS_OF_AN_ID = 9


class Names:
    """Finds names by other names of the same files.

    The first rule under which there is one decides: the same text, composed or
    decomposed (NFC and NFD); `\\` for `/`; without `.npz` or `.npy`; without the suffix
    of a picture; in any case. Under each rule folders agree: `val2014/a.jpg` is
    `a.jpg`, and never `train2014/a.jpg`.

    Args:
        names: list of str.

    Example:
        >>> names = Names(["sea/a.jpg", "b.npz", "hill/c.jpg", "lake/c.jpg"])
        >>> names.find("photos/sea/a.jpg"), names.find("b.jpg"), names.find("c.jpg")
        ([0], [1], [2, 3])
    """

    def __init__(self, names):
        self._names = list(names)
        self._levels = {}

    def find(self, name):
        """Positions of the names that mean what a name means: list of int."""
        for level, form in enumerate(_FORMS):
            found = self._find(level, form(name))
            if found:
                return found
        return []

    def _find(self, level, name):
        if level not in self._levels:
            self._levels[level] = self._indexed(_FORMS[level])
        paths, tails = self._levels[level]
        parts = PurePosixPath(name).parts
        for start in range(len(parts)):
            found = paths.get("/".join(parts[start:]))
            if found:
                return found
        return tails.get("/".join(parts), [])

    def _indexed(self, form):
        paths, tails = {}, {}
        for position, name in enumerate(self._names):
            parts = PurePosixPath(form(name)).parts
            paths.setdefault("/".join(parts), []).append(position)
            for start in range(1, len(parts)):
                tails.setdefault("/".join(parts[start:]), []).append(position)
        return paths, tails


class Numbers:
    """Finds names by the number in which they end, where the rest of the name agrees.

    The rest is the same (`img_7` and `img_007`), or one of the two is the number alone
    and the other has one of nine digits or more, as ids of COCO have. Folders agree as
    in `Names`.

    Args:
        names: list of str.

    Example:
        >>> numbers = Numbers(["COCO_val2014_000000391895", "scene_20"])
        >>> numbers.find("391895.jpg"), numbers.find("20.jpg"), numbers.find("scene_020")
        ([0], [], [1])
    """

    def __init__(self, names):
        self._found = {}
        for position, name in enumerate(names):
            rest, digits = split_number(name)
            if digits:
                known = position, _folders(name), rest, digits
                self._found.setdefault(int(digits), []).append(known)

    def find(self, name):
        """Positions of the names that agree: list of int."""
        rest, digits = split_number(name)
        if not digits:
            return []
        folders = _folders(name)
        return [
            position
            for position, others, other, other_digits in self._found.get(
                int(digits), []
            )
            if all(map(str.__eq__, reversed(folders), reversed(others)))
            and (
                other == rest
                or (not other and len(digits) >= _DIGITS_OF_AN_ID)
                or (not rest and len(other_digits) >= _DIGITS_OF_AN_ID)
            )
        ]


def same_file(name, other):
    """Whether two names mean the same file, by `Names` or by `Numbers`.

    Example:
        >>> same_file("val2014/a.jpg", "a.npz"), same_file("1.tif", "2.tif")
        (True, False)
    """
    if name == other:
        return True
    return bool(Names([name]).find(other) or Numbers([name]).find(other))


def split_number(name):
    """A file's name without folder and suffix, cut before the number at its end.

    Returns:
        `(rest, digits)`, str; no digits where it ends in none, or in over 18.

    Example:
        >>> split_number("val2014/COCO_val2014_000000391895.jpg")
        ('coco_val2014_', '000000391895')
    """
    name = _any_case(name).rsplit("/", 1)[-1]
    found = _ENDS_IN_NUMBER.fullmatch(name)
    return (found["rest"] or "", found["digits"]) if found else (name, "")


def _folders(name):
    return PurePosixPath(_slashed(name)).parts[:-1]


def _composed(name):
    return unicodedata.normalize("NFC", str(name))


def _slashed(name):
    return _composed(name).replace("\\", "/")


def _without_array_suffix(name):
    return _ARRAYS.sub("", _slashed(name))


def _without_suffix(name):
    return _PICTURES.sub("", _without_array_suffix(name))


def _any_case(name):
    return _composed(_without_suffix(name).casefold())


_FORMS = (_composed, _slashed, _without_array_suffix, _without_suffix, _any_case)
