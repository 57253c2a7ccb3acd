"""A folder of pictures and a caption file into a data folder."""

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_teran.data.caption_files import image_ids, read_rows
from keras_teran.data.captions import CaptionSet
from keras_teran.data.karpathy import write_karpathy
from keras_teran.data.preparing.duplicates import alike
from keras_teran.data.preparing.finding import Finder
from keras_teran.data.preparing.looking import look_at_all
from keras_teran.data.preparing.page import write_page
from keras_teran.data.preparing.splitting import read_share, split_images
from keras_teran.data.preparing.words import find_unknown, open_vocabulary
from keras_teran.regions.decode import BadImage
from keras_teran.regions.listing import list_pictures

PREPARED_FILE = "prepared.json"
REPORT_FILE = "report.html"


@dataclass(frozen=True)
class Prepared:
    """What a data folder was made of, and what was left out.

    Attributes:
        folder: Path of the pictures.
        source: Path of the caption file.
        captions: `CaptionSet`, file names relative to the folder.
        splits: list of str, one an image.
        left_out: list of `(name, why)`, of images and captions that cannot be used.
        without_captions: list of str, pictures that no caption names.
        duplicates: list of dict of `images`, their names; `splits`, theirs; and
            `identical`, whether their files are equal to the byte.
        unknown: `words.Unknown`, or None where no vocabulary was given.
    """

    folder: Path
    source: Path
    captions: CaptionSet
    splits: list
    left_out: list
    without_captions: list
    duplicates: list
    unknown: object

    @property
    def torn(self):
        """The duplicates that the caption file puts into several splits."""
        return [group for group in self.duplicates if len(set(group["splits"])) > 1]


def prepare(
    images,
    captions,
    out,
    val="0.1",
    test="0.1",
    seed=0,
    vocabulary=None,
    threads=None,
    bar=True,
):
    """Makes a data folder, which is written aside and renamed.

    It holds `dataset_NAME.json`, the captions in the Karpathy layout with their splits;
    `report.html`, which needs nothing beside it; and `prepared.json`, what was left out
    and which pictures are duplicates. `keras-teran regions` writes the stores beside
    them. Each picture is decoded once; those that cannot be are left out and listed.

    Args:
        images: folder of the pictures.
        captions: a caption file, see `read_rows`; splits that it has are kept.
        out: the new folder; its name is NAME.
        val: str, what share of the images is held out, see `read_share`.
        test: str, the same.
        seed: int, of the splits.
        vocabulary: RUN, BERT's folder or `vocab.txt`; its unknown words are reported.
        threads: int, that decode; None for one a core.
        bar: bool, show one.

    Returns:
        `Prepared`.

    Raises:
        FileExistsError: if the folder exists.
        FileNotFoundError: if pictures, captions or vocabulary are missing.
        ValueError: if the captions are unusable as a whole, or no image can be used.
    """
    out = Path(out)
    if out.exists():
        raise FileExistsError(
            f"{out} exists already. Use it, give another folder, or remove it."
        )
    tokenizer = None if vocabulary is None else open_vocabulary(vocabulary)
    rows = read_rows(captions)
    listed = list_pictures(images)
    left_out = [(row.image, f"{row.place}: no text") for row in rows if not row.text]
    found = _find(images, listed, rows, left_out)
    looks = look_at_all([Path(images) / name for name in found.values()], threads, bar)
    faults = {
        name: look
        for name, look in zip(found, looks, strict=True)
        if isinstance(look, BadImage)
    }
    left_out += [(name, str(fault)) for name, fault in faults.items()]
    kept = {name: file for name, file in found.items() if name not in faults}
    if not kept:
        raise ValueError(
            f"None of the {len({row.image for row in rows})} images of {captions} can "
            f"be used; {left_out[0][0]}: {left_out[0][1]}."
        )
    looks = [look for look in looks if not isinstance(look, BadImage)]
    groups = alike(np.stack([look.miniature for look in looks]))
    split_of = {row.image: row.split for row in rows}
    wanted = {"val": read_share(val, len(kept)), "test": read_share(test, len(kept))}
    splits, _ = split_images(
        list(kept), groups, [split_of[name] for name in kept], wanted, seed
    )
    chosen = _caption_set(rows, kept)
    prepared = Prepared(
        folder=Path(images),
        source=Path(captions),
        captions=chosen,
        splits=splits,
        left_out=left_out,
        without_captions=sorted(set(listed.names) - set(found.values())),
        duplicates=_describe(groups, looks, chosen.filenames, splits),
        unknown=tokenizer and find_unknown(tokenizer, chosen.captions, vocabulary),
    )
    _write(out, prepared, {"val": val, "test": test, "seed": seed})
    return prepared


def _find(images, listed, rows, left_out):
    """The file of each image that a caption with a text names; others are listed."""
    finder = Finder(images, [*listed.names, *listed.left_aside])
    found, names = {}, {}
    for name in dict.fromkeys(row.image for row in rows if row.text):
        try:
            file = finder.find(name)
        except BadImage as error:
            left_out.append((name, str(error)))
            continue
        if names.setdefault(file, name) != name:
            raise ValueError(
                f"The captions name {file} twice, as {names[file]!r} and {name!r}: give "
                "it one name."
            )
        found[name] = file
    return found


def _caption_set(rows, kept):
    """Of the images that are kept, those of one image behind each other."""
    texts = {name: [] for name in kept}
    for row in rows:
        if row.image in kept and row.text:
            texts[row.image].append(row.text)
    ids = image_ids(rows)
    captions = [text for own in texts.values() for text in own]
    return CaptionSet(
        image_ids=[ids[name] for name in kept],
        filenames=list(kept.values()),
        captions=captions,
        caption_ids=range(len(captions)),
        caption_to_image=np.repeat(
            np.arange(len(kept)), list(map(len, texts.values()))
        ),
    )


def _describe(groups, looks, files, splits):
    sizes = Counter(groups.tolist())
    described = []
    for group in (group for group, size in sizes.items() if size > 1):
        rows = np.flatnonzero(groups == group).tolist()
        described.append(
            {
                "images": [files[row] for row in rows],
                "splits": [splits[row] for row in rows],
                "identical": len({looks[row].digest for row in rows}) == 1,
            }
        )
    return described


def _write(out, prepared, asked):
    partial = out.with_name(out.name + ".partial")
    partial.mkdir(parents=True, exist_ok=True)
    write_karpathy(captions_file(partial, out), prepared.captions, prepared.splits)
    record = {
        "images": str(prepared.folder.resolve()),
        "captions": str(prepared.source.resolve()),
        "asked": asked,
        "splits": dict(Counter(prepared.splits)),
        "left_out": prepared.left_out,
        "without_captions": prepared.without_captions,
        "duplicates": prepared.duplicates,
    }
    text = json.dumps(record, indent=1) + "\n"
    (partial / PREPARED_FILE).write_text(text, encoding="utf-8")
    write_page(partial / REPORT_FILE, prepared)
    os.replace(partial, out)


def captions_file(folder, out=None):
    """Where a data folder has its captions: Path.

    Args:
        folder: the data folder.
        out: what it will be called, where that is another name.
    """
    return Path(folder) / f"dataset_{Path(out or folder).name}.json"
