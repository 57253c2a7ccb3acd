"""RefCOCO, RefCOCO+ and RefCOCOg: sentences that each mean one object of COCO.

Their refs (Yu et al. 2016, arXiv 1608.00272; Mao et al. 2016) are published as a pickle,
which is never opened here. The same as JSON is read, with `instances.json` in its folder.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from keras_teran import _io
from keras_teran.data._caption_set import MOST_BYTES
from keras_teran.data._phrases import phrase_at
from keras_teran.data.formats._coco_boxes import CocoBoxes

INSTANCES = "instances.json"
PICKLES = (".p", ".pkl", ".pickle")


class _Sentence(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    sent: str


class _Ref(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    ref_id: int
    ann_id: int
    image_id: int
    split: str
    sentences: list[_Sentence]


def refuse_pickle(path):
    """Raises ValueError for a pickle, and says how to turn it into JSON."""
    path = Path(path)
    if path.suffix in PICKLES and path.exists():
        raise ValueError(
            f"{path} is a pickle: opening one can run any code, so it is refused. Where "
            "you trust it, convert it: python -c 'import json, pickle, sys; "
            'json.dump(pickle.load(open(sys.argv[1], "rb")), open(sys.argv[2], "w"))\' '
            f"'{path.name}' '{path.stem}.json'"
        )


def find_refs(folder):
    """The refs of a folder as JSON.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if there are several, or a pickle alone.
    """
    folder = Path(folder)
    found = sorted(folder.glob("refs*.json"))
    if len(found) > 1:
        raise ValueError(
            f"{folder} holds {', '.join(path.name for path in found)}; name one of them."
        )
    if not found:
        for path in sorted(folder.glob("refs*")):
            refuse_pickle(path)
        raise FileNotFoundError(
            f"{folder} holds no phrases: neither Sentences/ and Annotations/ of Flickr30k "
            f"Entities, nor refs*.json and {INSTANCES} of RefCOCO."
        )
    return found[0]


def read_refs(path, content, split=None):
    """Reads refs: each sentence is a caption, and the phrase is all of it.

    Args:
        path: of the refs; `instances.json` lies in the same folder.
        content: list, what the refs hold.
        split: str: "train", "val", "test", "testA" or "testB"; None where the file has
            one split alone.

    Returns:
        list of `Phrase`, each with one box.

    Raises:
        FileNotFoundError: if `instances.json` is missing.
        ValueError: for another kind, an unknown object, or a split that is not there.
    """
    path = Path(path)
    refs = _io.check(content, list[_Ref], path)
    splits = sorted({ref.split for ref in refs})
    if split is None and len(splits) > 1:
        raise ValueError(
            f"{path} has the splits {', '.join(splits)}; name one by --split."
        )
    refs = [ref for ref in refs if split in (None, ref.split)]
    if not refs:
        raise ValueError(
            f"{path} holds no ref of the split {_io.shown(split)}; its splits are "
            f"{', '.join(splits)}."
        )
    file = path.parent / INSTANCES
    missing = f"{file} is missing: it holds the boxes of {path.name}."
    boxes = CocoBoxes(
        file,
        _io.read_json(file, missing=missing, max_bytes=MOST_BYTES, max_depth=None),
    )
    return [phrase for ref in refs for phrase in _phrases_of(path, ref, boxes)]


def _phrases_of(path, ref, boxes):
    place = f"{path}, ref {ref.ref_id}"
    annotation = boxes.annotations.get(ref.ann_id)
    if annotation is None or annotation.image_id != ref.image_id:
        raise ValueError(
            f"{place}: {boxes.path} has no annotation {ref.ann_id} of image "
            f"{ref.image_id}; give the refs and the instances of one data set."
        )
    for sentence in ref.sentences:
        caption = sentence.sent
        yield phrase_at(
            place,
            image=boxes.images[ref.image_id].file_name,
            caption=caption,
            start=0,
            end=len(caption),
            boxes=(boxes.box(annotation),),
            type=boxes.type_of(annotation.category_id),
            image_id=ref.image_id,
        )
