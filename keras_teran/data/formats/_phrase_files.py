"""Phrases with boxes in whichever layout people have them."""

from pathlib import Path

from keras_teran import _io
from keras_teran.data._caption_set import MOST_BYTES
from keras_teran.data._phrases import drawn_phrases
from keras_teran.data.formats._caption_files import read_any_captions
from keras_teran.data.formats._category_boxes import read_category_boxes
from keras_teran.data.formats._entities import read_entities
from keras_teran.data.formats._phrase_json import read_phrase_json
from keras_teran.data.formats._referring import find_refs, read_refs, refuse_pickle
from keras_teran.data.scenes import embedded

_KINDS = (
    "an object with `phrases` (our JSON), a list of refs (RefCOCO), or an object with "
    "`images`, `annotations` and `categories` (COCO's instances)"
)


def read_phrases(source, split=None, captions=None):
    """Reads phrases and the boxes that people drew for them.

    Args:
        source: one of

            - the word "embedded": the nouns of the embedded scenes;
            - a folder with `Sentences/` and `Annotations/`, Flickr30k Entities;
            - our JSON: an object with `phrases`, see `read_phrase_json`;
            - refs of RefCOCO, RefCOCO+ or RefCOCOg as JSON, `instances.json` in the same
              folder; or that folder;
            - COCO's instances: the phrases are the names of categories in `captions`.

        split: str, which split of the source; None where it has one alone ("test" of the
            embedded scenes).
        captions: for COCO's instances, a `CaptionSet`, or the path of a file of which
            `split` is read, see `read_any_captions`.

    Returns:
        list of `Phrase`: file name of the image, caption, characters, relative boxes.

    Raises:
        FileNotFoundError: if a file or folder is missing.
        ValueError: of one line that names the file, the place and what would do; for a
            pickle, which is never opened.
    """
    if source == "embedded":
        return drawn_phrases(embedded(split or "test"))
    path = Path(source)
    if (path / "Sentences").is_dir() or (path / "Annotations").is_dir():
        return read_entities(path, split)
    if path.is_dir():
        path = find_refs(path)
    refuse_pickle(path)
    missing = f"There is no {path} to read phrases from."
    content = _io.read_json(path, missing=missing, max_bytes=MOST_BYTES, max_depth=None)
    if isinstance(content, list):
        return read_refs(path, content, split)
    keys = set(content) if isinstance(content, dict) else set()
    if "phrases" in keys:
        return read_phrase_json(path, content, split)
    if {"images", "annotations", "categories"} <= keys:
        if isinstance(captions, str | Path):
            captions = read_any_captions(captions, split)
        return read_category_boxes(path, content, captions)
    raise ValueError(f"{path} holds no phrases with boxes: expected {_KINDS}.")
