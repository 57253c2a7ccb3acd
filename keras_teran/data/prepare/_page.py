"""The report of a data set: one HTML file that needs nothing beside it."""

import io
from base64 import b64encode
from pathlib import Path

import numpy as np

from keras_teran._io import write_text
from keras_teran.data.prepare._words import count_words
from keras_teran.report import render
from keras_teran.vision import decode

# Of each; the rest is counted here and listed in prepared.json.
_MOST_LINES, _MOST_NAMES, _MOST_WORDS = 1000, 200, 100
_MOST_GROUPS, _MOST_OF_GROUP = 20, 6
_SHEET = 48
_THUMBNAIL = 160
_LONGEST = 30


def write_page(path, prepared):
    """Writes counts, lengths, unknown words, what was left out, and pictures.

    Args:
        path: the file.
        prepared: `_prepare.Prepared`.
    """
    captions, unknown = prepared.captions, prepared.unknown
    page = render(
        Path(__file__).with_name("page.html"),
        title=f"The data set {prepared.source.stem}",
        summary=[f"Captions of {prepared.source}, pictures of {prepared.folder}."],
        prepared=prepared,
        splits=_splits(prepared),
        several=_count_ambiguous(captions),
        lengths=_lengths(captions.captions),
        unknown=unknown,
        common=unknown.words.most_common(_MOST_WORDS) if unknown else [],
        sheet=_sheet(prepared),
        groups=_groups(prepared),
        most_lines=_MOST_LINES,
        most_names=_MOST_NAMES,
    )
    write_text(path, page)


def _splits(prepared):
    """The rows of the table of splits."""
    captions, splits = prepared.captions, np.array(prepared.splits)
    words = count_words(captions.captions)
    rows = []
    for split in ("train", "restval", "val", "test"):
        images = np.flatnonzero(splits == split)
        if not images.size:
            continue
        own = np.isin(captions.caption_to_image, images)
        each = np.bincount(captions.caption_to_image[own], minlength=len(splits))
        counts = [f"{len(images):,}", f"{own.sum():,}"]
        rows.append([split, *counts, _range(each[images]), _range(words[own])])
    return rows


def _range(values):
    return f"{values.min()} – {np.median(values):g} – {values.max()}"


def _count_ambiguous(captions):
    """How many captions cannot tell their image from another."""
    images = {}
    for text, image in zip(captions.captions, captions.caption_to_image, strict=True):
        images.setdefault(text.lower(), []).append(image)
    return sum(len(own) for own in images.values() if len(set(own)) > 1)


def _lengths(captions):
    """How many captions have 1, 2 ... words; the last counts the longer ones too."""
    lengths = np.minimum(count_words(captions), _LONGEST)
    return np.bincount(lengths, minlength=_LONGEST + 1)[1:].tolist()


def _groups(prepared):
    """Pictures that are alike; groups that leak from split to split stand first."""
    groups = sorted(prepared.duplicates, key=lambda group: not group["torn"])
    return [
        {
            "identical": group["identical"],
            "count": len(group["images"]),
            "pictures": [
                _picture(prepared.folder, name, f"{name}, {split}")
                for name, split in list(
                    zip(group["images"], group["splits"], strict=True)
                )[:_MOST_OF_GROUP]
            ],
        }
        for group in groups[:_MOST_GROUPS]
    ]


def _sheet(prepared):
    """Pictures at equal distances in the order of the file, with a caption each."""
    captions, total = prepared.captions, len(prepared.splits)
    rows = np.unique(np.linspace(0, total - 1, min(_SHEET, total)).round().astype(int))
    return [
        _picture(
            prepared.folder,
            captions.filenames[row],
            f"{captions.captions_of(row)[0]} ({prepared.splits[row]})",
        )
        for row in rows
    ]


def _picture(folder, name, text):
    from PIL import Image

    picture = Image.fromarray(decode(folder / name, _THUMBNAIL // 2))
    picture.thumbnail((_THUMBNAIL, _THUMBNAIL))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=75)
    uri = f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"
    return {"name": name, "text": text, "uri": uri}
