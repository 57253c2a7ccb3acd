"""Files of graded relevances between every caption and every image.

The layout is that of TERAN's authors: float32, (captions, images), row by row, without
a header; a cell below 0 was never computed. Their precomputed files are read as they
are, and the files written here can be read by their code.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from keras_teran._io import progress_bar, put_in_place
from keras_teran.evaluation._rouge import RougeL

ROWS_PER_BLOCK = 64
_ROWS_COMPARED = 16
_LEAST_EQUAL = 0.9


def write_rouge_l(captions, path, progress=False):
    """Computes the ROUGE-L relevance of every image for every caption into a file.

    Killed at any point, the same call goes on from the last whole row: what is there
    so far stands beside `path`, in a file named after the captions, and gets its name
    once it is whole.

    Args:
        captions: `CaptionSet`, every image with at least one caption.
        path: the file to write; its folder must be there.
        progress: bool, show a bar over captions.

    Raises:
        ValueError: `path` is a folder, or an image has no caption.
        FileNotFoundError: the folder of `path` is missing.
    """
    path = Path(path)
    images = len(captions.image_ids)
    scorer = RougeL(captions.captions, captions.caption_to_image, images)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {path.parent} to write {path.name} into: make it, or "
            "name another file."
        )
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file for the relevances.")
    aside = path.with_name(f"part.{_digest(captions)}.{path.name}")
    with open(aside, "ab") as file:
        done = file.tell() // (4 * images)
        file.truncate(4 * images * done)
        with progress_bar(
            total=len(captions), initial=done, desc="ROUGE-L", disable=not progress
        ) as bar:
            for start in range(done, len(captions), ROWS_PER_BLOCK):
                block = captions.captions[start : start + ROWS_PER_BLOCK]
                file.write(scorer.rows(block).tobytes())
                bar.update(len(block))
    put_in_place(aside, path)


def open_relevance(path, captions, name="relevance"):
    """Opens a relevance file, memory-mapped.

    Args:
        path: headerless float32, (captions, images).
        captions: `CaptionSet` that it belongs to, in the same order.
        name: str, what kind of relevance it is, for the messages.

    Returns:
        `numpy.memmap`, float32, (captions, images), read-only, every cell in 0..1.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: its size does not fit, it has a NumPy header, a cell is below 0
            (never computed), above 1 or NaN.
    """
    path = Path(path)
    shape = (len(captions), len(captions.image_ids))
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no {name} file {path}: headerless float32, {shape[0]} captions "
            f"x {shape[1]} images, is wanted."
        )
    _check_size(path, shape, name)
    found = np.memmap(path, np.float32, "r", shape=shape)
    for start in range(0, shape[0], ROWS_PER_BLOCK):
        block = found[start : start + ROWS_PER_BLOCK]
        if not (block.min() >= 0 and block.max() <= 1):
            row, column = np.argwhere(~((block >= 0) & (block <= 1)))[0]
            _refuse_cell(path, name, row + start, column, block[row, column])
    return found


def open_rouge_l(path, captions):
    """Opens a file of ROUGE-L relevances and checks that it is of these captions.

    A file of another split, or in another order, may have the right size. So some rows
    are computed again: nine cells in ten must agree.

    Args:
        path: headerless float32, (captions, images).
        captions: `CaptionSet` that it belongs to, in the same order.

    Returns:
        As `open_relevance`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: see `open_relevance`; or it belongs to other captions.
    """
    found = open_relevance(path, captions, "ROUGE-L")
    scorer = RougeL(
        captions.captions, captions.caption_to_image, len(captions.image_ids)
    )
    rows = np.unique(np.linspace(0, len(captions) - 1, _ROWS_COMPARED).astype(int))
    expected = scorer.rows([captions.captions[row] for row in rows])
    equal = np.mean(np.abs(found[rows] - expected) < 1e-3)
    if equal < _LEAST_EQUAL:
        raise ValueError(
            f"{path} holds ROUGE-L relevances of other captions, or in another order: "
            f"{100 * equal:.0f} % of {expected.size} cells computed again agree. Give "
            "the file of this split, captions in the order of the caption file."
        )
    return found


def open_spice(path, captions):
    """Opens a file of SPICE relevances (Anderson et al. 2016).

    They are read, not computed: SPICE is a Java program with a parser of its own. The
    authors of TERAN offer theirs, and their code computes others.

    Args:
        path: headerless float32, (captions, images).
        captions: `CaptionSet` that it belongs to, in the same order.

    Returns:
        As `open_relevance`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: see `open_relevance`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"There is no SPICE file {path}. SPICE relevances are not computed here "
            "(that needs Java): give the file that TERAN's authors offer, or one that "
            "their code wrote."
        )
    return open_relevance(path, captions, "SPICE")


def _check_size(path, shape, name):
    with open(path, "rb") as file:
        if file.read(6) == b"\x93NUMPY":
            raise ValueError(
                f"{path} has a NumPy header, which {name} files have not: write the "
                "array with `array.astype('float32').tofile(path)`."
            )
    size, expected = path.stat().st_size, 4 * shape[0] * shape[1]
    if size != expected:
        raise ValueError(
            f"{path} has {size} bytes; {name} relevances of {shape[0]} captions x "
            f"{shape[1]} images have {expected} (float32). It is truncated, or of "
            "another split: fetch it again or compute it."
        )


def _refuse_cell(path, name, caption, image, value):
    reason = (
        "it was never computed: let the computation end, or delete the file and "
        "compute it"
        if value < 0
        else f"{name} relevances lie in 0..1: this is another kind of file"
    )
    raise ValueError(f"{path}: caption {caption}, image {image} has {value}; {reason}.")


def _digest(captions):
    """Names the captions, so that no one else's rows are taken for theirs."""
    content = [captions.captions, captions.caption_to_image.tolist()]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
