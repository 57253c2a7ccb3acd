"""The common form of every probe: images, right captions, wrong captions, a kind."""

from dataclasses import dataclass
from typing import NamedTuple


class ProbeItem(NamedTuple):
    """One question to a score.

    Attributes:
        images: tuple of the images' keys: a file name (str) or an image id (int). Two
            images under the rule "both ways", else one.
        right: tuple of str. "choice": captions that are true of the image. "both ways":
            the caption of each image. "half-truth": the caption, and it with a true
            addition.
        wrong: tuple of str. "choice": captions that are false of the image. "both
            ways": none. "half-truth": the caption with a wrong addition.
        kind: str, the category; each has a row of its own in the result.
        place: str, where the item comes from, for errors.
    """

    images: tuple
    right: tuple
    wrong: tuple
    kind: str
    place: str


@dataclass(frozen=True)
class ProbeSet:
    """The items of one probe.

    Attributes:
        name: str, such as "sugarcrepe".
        rule: str, what is counted: "choice", "both ways" or "half-truth", see
            `evaluation.probe`.
        items: list of `ProbeItem`, one or more.
        notes: tuple of str, what a reader of the figures has to know.
        total: str, the name of the row over all items; None for no such row, where some
            items ask again what others ask.
    """

    name: str
    rule: str
    items: list
    notes: tuple = ()
    total: str | None = "all"
