"""A folder of pictures and a caption file into a data folder."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_teran import _io
from keras_teran.data._caption_set import CaptionSet
from keras_teran.data._names import Names
from keras_teran.data._packed_files import new_folder
from keras_teran.data._picture_list import list_pictures
from keras_teran.data.formats._caption_files import image_ids, read_rows
from keras_teran.data.formats._karpathy import write_karpathy
from keras_teran.data.prepare._duplicates import alike
from keras_teran.data.prepare._fingerprint import look_at_all
from keras_teran.data.prepare._page import write_page
from keras_teran.data.prepare._split import read_share, split_images
from keras_teran.data.prepare._words import find_unknown, open_vocabulary
from keras_teran.vision import MOST_THREADS, BadImage

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
        duplicates: list of dict of `images`, their names; `splits`, theirs;
            `identical`, whether their files are equal to the byte; and `torn`, whether
            the caption file puts them into several splits.
        unknown: `_words.Unknown`, or None where no vocabulary was given.
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
        """The duplicates that are torn: list of dict."""
        return [group for group in self.duplicates if group["torn"]]


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
        threads: int, that decode, from 1 to 1,024; None for one a core.
        bar: bool, show one.

    Returns:
        `Prepared`.

    Raises:
        FileExistsError: if the folder exists.
        FileNotFoundError: if pictures, captions or vocabulary are missing.
        ValueError: if the captions are unusable as a whole, or no image can be used; or
            a share or `threads` is no such number.
    """
    out = new_folder(out)
    for share in (val, test):
        read_share(share, images=1)
    _io.whole("seed", seed)
    if threads is not None:
        _io.whole("threads", threads, least=1, most=MOST_THREADS)
    tokenizer = None if vocabulary is None else open_vocabulary(vocabulary)
    rows, listed = read_rows(captions), list_pictures(images)
    left_out = [(row.image, f"{row.place}: no text") for row in rows if not row.text]
    found = _find(images, listed, rows, left_out)
    looks = _look(images, found, left_out, threads, bar)
    if not looks:
        name, why = left_out[0]
        raise ValueError(
            f"None of the {len({row.image for row in rows})} images of {captions} can "
            f"be used; {name}: {why}."
        )
    groups = alike(np.stack([each.miniature for each in looks.values()]))
    splits, torn = _split(rows, list(looks), groups, val, test, seed)
    chosen = _caption_set(rows, {name: found[name] for name in looks})
    prepared = Prepared(
        folder=Path(images),
        source=Path(captions),
        captions=chosen,
        splits=splits,
        left_out=left_out,
        without_captions=sorted(set(listed.names) - set(found.values())),
        duplicates=_describe(groups, looks, chosen.filenames, splits, torn),
        unknown=tokenizer and find_unknown(tokenizer, chosen.captions, vocabulary),
    )
    _write(out, prepared, {"val": val, "test": test, "seed": seed})
    return prepared


class Finder:
    """Finds files of a folder by the names that a caption file gives them.

    A name is a path below the folder; or ends in one (`val2014/a.jpg` where the folder
    is that of val2014, or a path of another machine); or is a file's name alone; see
    `Names`. Only what was listed is found, so no name leads out of the folder.

    Args:
        folder: for errors.
        names: list of str, the files of the folder, relative to it, `/` between.

    Example:
        >>> Finder("photos", ["a.jpg", "sea/b.jpg"]).find("C:\\\\photos\\\\sea\\\\b.jpg")
        'sea/b.jpg'
    """

    def __init__(self, folder, names):
        self._folder, self._files = folder, list(names)
        self._names = Names(self._files)

    def find(self, name):
        """The file that a name means: str, relative to the folder.

        Raises:
            BadImage: if there is none, or several.
        """
        places = [self._files[position] for position in self._names.find(name)]
        if len(places) > 1:
            raise BadImage(
                f"{name} may be {' or '.join(places[:3])}: captions must name the folder"
            )
        if not places:
            raise BadImage(f"{name} is missing: no such file in {self._folder}")
        return places[0]


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


def _look(images, found, left_out, threads, bar):
    """The `Look` of each image that can be used, by name; others are listed."""
    paths = [Path(images) / file for file in found.values()]
    looks = dict(zip(found, look_at_all(paths, threads, bar), strict=True))
    for name in found:
        if isinstance(looks[name], BadImage):
            left_out.append((name, str(looks.pop(name))))
    return looks


def _split(rows, names, groups, val, test, seed):
    given = {row.image: row.split for row in rows}
    wanted = {
        split: read_share(share, len(names))
        for split, share in (("val", val), ("test", test))
    }
    return split_images(names, groups, [given[name] for name in names], wanted, seed)


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
        # A Karpathy file's `cocoid` and `imgid` are not told apart here.
        ids_are_positions=True,
    )


def _describe(groups, looks, files, splits, torn):
    members, digests = {}, [each.digest for each in looks.values()]
    for row, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(row)
    return [
        {
            "images": [files[row] for row in rows],
            "splits": [splits[row] for row in rows],
            "identical": len({digests[row] for row in rows}) == 1,
            "torn": group in torn,
        }
        for group, rows in members.items()
        if len(rows) > 1
    ]


def _write(out, prepared, asked):
    with _io.whole_folder(out) as partial:
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
        _io.write_json(partial / PREPARED_FILE, record)
        write_page(partial / REPORT_FILE, prepared)


def captions_file(folder, out=None):
    """Where a data folder has its captions: Path.

    Args:
        folder: the data folder.
        out: what it will be called, where that is another name.
    """
    return Path(folder) / f"dataset_{Path(out or folder).name}.json"
