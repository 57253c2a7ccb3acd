"""Published probes in their own layouts, read as `ProbeItem`s.

SugarCrepe (Hsieh et al. 2023), VALSE (Parcalabescu et al. 2022), ARO (Yuksekgonul et
al. 2023), Winoground (Thrush et al. 2022), NegBench (Alhamoud et al. 2025), and the
half-truths of this project.
"""

from pathlib import Path
from typing import NamedTuple

from keras_teran import _io
from keras_teran.data._ids import whole_number
from keras_teran.data._tables import read_table
from keras_teran.data._text_lines import read_lines
from keras_teran.data.probes._items import ProbeItem, ProbeSet
from keras_teran.data.probes._shuffles import (
    ALL_SHUFFLES,
    MADE_BY_SHUFFLING,
    shuffled_items,
)
from keras_teran.text import check_text

# VALSE: an item is valid where so many of three people chose the caption, not the foil.
_LEAST_VOTES = 2
_VG_NOTE = (
    "ARO cuts each picture to bbox_x, bbox_y, bbox_w, bbox_h; here an image has all "
    "its regions, so the figures are not those of the paper's table"
)


def read_probe(name, paths, seed=0):
    """Reads the files of a published probe.

    Args:
        name: str, a key of `LAYOUTS`.
        paths: list of paths. The items of all files make one set.
        seed: int, of the shuffles of "order", for files that hold captions alone.

    Returns:
        `ProbeSet`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for an unknown name, or a file that is not in the layout: names the
            file, the record, what was found and what would do.
    """
    if name not in LAYOUTS:
        raise ValueError(
            f"probe={_io.shown(name)} is unknown; choose one of {', '.join(LAYOUTS)}."
        )
    layout = LAYOUTS[name]
    items, notes = [], []
    for path in map(Path, paths):
        found, told = layout.read(path, layout.needs, seed)
        if not found:
            raise ValueError(f"{path} holds no item to ask: {layout.needs}.")
        items += found
        notes += [note for note in told if note not in notes]
    total = None if name == "order" else "all"
    return ProbeSet(name, layout.rule, items, tuple(notes), total)


def _read_sugarcrepe(path, needs, _):
    """`add_att.json`, `swap_obj.json`, ...: an object of records; a file is a kind."""
    keys = "filename", "caption", "negative_caption"
    items = []
    for place, record in _records(path, needs):
        image, right, wrong = _texts(record, keys, place, needs)
        items.append(ProbeItem((image,), (right,), (wrong,), path.stem, place))
    return items, ()


def _read_valse(path, needs, _):
    """`existence.json`, ...: an object of records with the votes of three people."""
    keys = "image_file", "caption", "foil", "linguistic_phenomena"
    items, left_out = [], 0
    for place, record in _records(path, needs):
        image, right, wrong, kind = _texts(record, keys, place, needs)
        votes = record.get("mturk")
        votes = votes.get("caption") if isinstance(votes, dict) else votes
        if not isinstance(votes, int) or isinstance(votes, bool):
            raise _fault(place, "mturk.caption", votes, needs)
        if votes < _LEAST_VOTES:
            left_out += 1
        else:
            items.append(ProbeItem((image,), (right,), (wrong,), kind, place))
    if not left_out:
        return items, ()
    return items, (
        f"{path.name}: {left_out} of {left_out + len(items)} records are left out, as "
        f"published: fewer than {_LEAST_VOTES} of 3 people chose their caption",
    )


def _read_aro_relation(path, needs, _):
    """`visual_genome_relation.json`: a list; a relation is a kind."""
    keys = "image_path", "true_caption", "false_caption", "relation_name"
    items = []
    for place, record in _records(path, needs):
        image, right, wrong, kind = _texts(record, keys, place, needs)
        items.append(ProbeItem((image,), (right,), (wrong,), kind, place))
    return items, (_VG_NOTE,)


def _read_aro_attribution(path, needs, _):
    """`visual_genome_attribution.json`: a list; a pair of attributes is a kind."""
    keys = "image_path", "true_caption", "false_caption"
    items = []
    for place, record in _records(path, needs):
        image, right, wrong = _texts(record, keys, place, needs)
        pair = record.get("attributes")
        if not isinstance(pair, list) or not all(isinstance(a, str) for a in pair):
            raise _fault(place, "attributes", pair, needs)
        items.append(ProbeItem((image,), (right,), (wrong,), ", ".join(pair), place))
    return items, (_VG_NOTE,)


def _read_order(path, needs, seed):
    """`coco_karpathy_test.json`, `flickr30k_test.json`: lists of images and captions.

    With `caption_options`, the first is the right one, the others are wrong.
    """
    rows, items = [], []
    for place, record in _records(path, needs):
        (image,) = _texts(record, ("image",), place, needs)
        options = record.get("caption_options")
        if options is None:
            captions = record.get("caption")
            captions = [captions] if isinstance(captions, str) else captions
            texts = _listed(captions, "caption", place, needs)
            rows += [(image, text, place) for text in texts]
        else:
            first, *others = _listed(options, "caption_options", place, needs)
            if not others:
                raise _fault(place, "caption_options", options, needs)
            items.append(
                ProbeItem((image,), (first,), tuple(others), ALL_SHUFFLES, place)
            )
    if not rows:
        return items, ()
    return items + shuffled_items(rows, seed), MADE_BY_SHUFFLING


def _read_winoground(path, needs, _):
    """`examples.jsonl`: two images, two captions of the same words."""
    keys = "image_0", "image_1", "caption_0", "caption_1"
    items = []
    for place, record in _records(path, needs):
        *images, first, second = _texts(record, keys, place, needs)
        kind = record.get("collapsed_tag") or "no tag"
        kind = check_text(kind, f"{place}: collapsed_tag")
        items.append(ProbeItem(tuple(images), (first, second), (), kind, place))
    return items, ()


def _read_negbench(path, needs, _):
    """`COCO_val_mcq_llama3.1_rephrased.csv`, ...: one of several captions is right."""
    wanted = {"image_path", "correct_answer", "caption_0", "caption_1"}
    items = []
    for place, record in read_table(path, lambda names: wanted <= {*names}, needs):
        keys = [f"caption_{n}" for n in range(len(record)) if f"caption_{n}" in record]
        image, *captions = _texts(record, ("image_path", *keys), place, needs)
        answer = whole_number(record["correct_answer"], f"{place}: correct_answer")
        if not 0 <= answer < len(captions):
            raise _fault(place, "correct_answer", answer, needs)
        right = captions.pop(answer)
        kind = record.get("correct_answer_template") or "multiple choice"
        items.append(ProbeItem((image,), (right,), tuple(captions), kind, place))
    return items, ()


def _read_half_truths(path, needs, _):
    """An object whose `rows` are records with an image's id and three texts."""
    content = _io.read_json(path)
    rows = content.get("rows") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise _fault(path, "rows", rows, needs)
    items = []
    for place, record in _records(path, needs, rows):
        image = record.get("imgid")
        if not isinstance(image, int) or isinstance(image, bool):
            raise _fault(place, "imgid", image, needs)
        caption, true, wrong = _texts(
            record, ("caption", "true", "wrong"), place, needs
        )
        kind = check_text(record.get("kind", "noun"), f"{place}: kind")
        items.append(ProbeItem((image,), (caption, true), (wrong,), kind, place))
    return items, ()


class _Layout(NamedTuple):
    """A probe's rule, its reader, and what its files must hold."""

    rule: str
    read: object
    needs: str


LAYOUTS = {
    "sugarcrepe": _Layout(
        "choice",
        _read_sugarcrepe,
        "SugarCrepe's files are JSON objects of records with filename, caption and "
        "negative_caption",
    ),
    "valse": _Layout(
        "choice",
        _read_valse,
        "VALSE's files are JSON objects of records with image_file, caption, foil, "
        "linguistic_phenomena and mturk, the votes, a whole number under caption",
    ),
    "aro-relation": _Layout(
        "choice",
        _read_aro_relation,
        "visual_genome_relation.json is a list of records with image_path, "
        "true_caption, false_caption and relation_name",
    ),
    "aro-attribution": _Layout(
        "choice",
        _read_aro_attribution,
        "visual_genome_attribution.json is a list of records with image_path, "
        "true_caption, false_caption and attributes, a list of texts",
    ),
    "order": _Layout(
        "choice",
        _read_order,
        "ARO's order files are JSON lists of records with image and caption, a list of "
        "texts, or with image and caption_options, the right text first",
    ),
    "winoground": _Layout(
        "both ways",
        _read_winoground,
        "Winoground's examples.jsonl has image_0, image_1, caption_0 and caption_1 on "
        "each line",
    ),
    "negbench": _Layout(
        "choice",
        _read_negbench,
        "needs NegBench's columns of a multiple choice: image_path, correct_answer "
        "(the number of the right caption, from 0), caption_0, caption_1, ...",
    ),
    "half-truths": _Layout(
        "half-truth",
        _read_half_truths,
        "a file of half-truths is a JSON object whose list rows holds records with "
        "imgid, a whole number, caption, true and wrong",
    ),
}


_FROM_FILE = object()


def _records(path, needs, content=_FROM_FILE):
    """Yields `(place, record)` of a JSON list, a JSON object or JSON lines."""
    if content is _FROM_FILE and path.suffix.lower() in (".jsonl", ".ndjson"):
        numbered = [
            (f"line {number}", _io.parse_json(line, f"{path}, line {number}"))
            for number, line in read_lines(path)
            if line.strip()
        ]
    else:
        if content is _FROM_FILE:
            content = _io.read_json(path)
        if not isinstance(content, list | dict):
            raise ValueError(f"{path} holds {_io.shown(content)}: {needs}.")
        pairs = content.items() if isinstance(content, dict) else enumerate(content)
        numbered = [(f"record {_io.shown(key)}", record) for key, record in pairs]
    for where, record in numbered:
        if not isinstance(record, dict):
            raise ValueError(f"{path}, {where} is {_io.shown(record)}: {needs}.")
        yield f"{path}, {where}", record


def _texts(record, keys, place, needs):
    """Texts that are not empty, one a key."""
    for key in keys:
        if not isinstance(record.get(key), str) or not record[key].strip():
            raise _fault(place, key, record.get(key), needs)
    return [check_text(record[key], f"{place}: {key}") for key in keys]


def _listed(values, key, place, needs):
    """A list of one text or more."""
    if not isinstance(values, list) or not values:
        raise _fault(place, key, values, needs)
    numbered = {f"{key}[{number}]": text for number, text in enumerate(values)}
    return _texts(numbered, numbered, place, needs)


def _fault(place, key, value, needs):
    found = "is missing" if value is None else f"is {_io.shown(value)}"
    return ValueError(f"{place}: {key} {found}; {needs}.")
