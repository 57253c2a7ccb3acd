"""COCO's boxes by the names of their categories, where captions have these words."""

import re

from keras_teran import _io
from keras_teran.data._names import Names
from keras_teran.data._phrases import phrase_at
from keras_teran.data.formats._coco_boxes import CocoBoxes

_IRREGULAR = {
    "person": "people",
    "mouse": "mice",
    "knife": "knives",
    "sheep": "sheep",
    "man": "men",
    "woman": "women",
    "child": "children",
}


def plural(name):
    """The plural of a name of a category, by its last word.

    >>> [plural(name) for name in ("wine glass", "bus", "person", "baby", "toy")]
    ['wine glasses', 'buses', 'people', 'babies', 'toys']
    """
    *words, last = name.split(" ")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif re.search(r"(s|x|z|ch|sh)$", last):
        last += "es"
    elif re.search(r"[^aeiou]y$", last):
        last = f"{last[:-1]}ies"
    else:
        last += "s"
    return " ".join([*words, last])


def read_category_boxes(path, content, captions):
    """Finds names of categories in captions, with the boxes of all such objects.

    A name counts in the singular and the plural, as whole words, in any case; the longest
    name goes first (`hot dog` is no `dog`). A name of which the image has no box is left
    out. Boxes of crowds (`iscrowd`) are left out too.

    Args:
        path: of COCO's instances, for errors.
        content: what they hold.
        captions: `CaptionSet`.

    Returns:
        list of `Phrase`.

    Raises:
        ValueError: if `captions` is None, the file is another one, an image of the
            captions is not in it, or no caption names a thing that its image has.
    """
    if captions is None:
        raise ValueError(
            f"{path} has boxes by category, whose names are looked for in captions; give "
            "the captions by --captions or --data."
        )
    boxes = CocoBoxes(path, content)
    names, pattern = _names(boxes.categories)
    by_image = _boxes_of_images(boxes)
    ids = _ids_of_images(boxes, captions)
    found = []
    for caption, row in zip(captions.captions, captions.caption_to_image, strict=True):
        image = boxes.images[ids[row]]
        for name in pattern.finditer(caption):
            category = names[name[0].casefold()]
            if own := by_image.get((image.id, category)):
                phrase = phrase_at(
                    f"{path}, image {image.id}",
                    image=captions.filenames[row] or image.file_name,
                    caption=caption,
                    start=name.start(),
                    end=name.end(),
                    boxes=tuple(own),
                    type=boxes.type_of(category),
                    image_id=int(captions.image_ids[row]),
                    id_is_position=captions.ids_are_positions,
                )
                found.append(phrase)
    if not found:
        raise ValueError(
            f"{path}: no caption names a category of which its image has a box; give the "
            "captions of these images."
        )
    return found


def _names(categories):
    """Category by each form of its name, and a pattern that finds them all."""
    names = {}
    for number, category in categories.items():
        name = category.name.casefold()
        one = name.removesuffix("s") if name in ("skis", "scissors") else name
        for form in (one, name, plural(one)):
            names.setdefault(form, number)
    longest_first = sorted(names, key=len, reverse=True)
    words = "|".join(map(re.escape, longest_first))
    return names, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)


def _boxes_of_images(boxes):
    found = {}
    for annotation in boxes.annotations.values():
        if not annotation.iscrowd:
            key = annotation.image_id, annotation.category_id
            found.setdefault(key, []).append(boxes.box(annotation))
    return found


def _ids_of_images(boxes, captions):
    """The id in COCO's file of each image of the captions: by its name, else its id."""
    ids = list(boxes.images)
    names = Names([boxes.images[number].file_name for number in ids])
    found = []
    for image_id, name in zip(
        captions.image_ids.tolist(), captions.filenames, strict=True
    ):
        rows = names.find(name) if name else []
        known = not captions.ids_are_positions and image_id in boxes.images
        if len(rows) != 1 and not known:
            raise ValueError(
                f"{boxes.path} has no image {_io.shown(name or image_id)} of the captions; "
                "give the instances and the captions of one split."
            )
        found.append(ids[rows[0]] if len(rows) == 1 else image_id)
    return found
