"""TREC runs and qrels, as trec_eval, pytrec_eval and ir-measures read them."""

import re
from pathlib import Path

import numpy as np

from keras_teran import _io
from keras_teran.evaluation._ndcg import RANK
from keras_teran.evaluation._recall import DIRECTIONS
from keras_teran.evaluation._topk import first_documents

DEPTH = 100
# Qrels hold whole numbers: gains are counted in ten-thousandths.
GAIN_UNIT = 10_000


class TrecFolder:
    """A folder of runs and qrels, written aside and renamed when it is whole.

    For each direction (`image_to_text`, `text_to_image`) it holds:

    - `NAME.DIRECTION.run`, a model's first documents for each query. A score that ties
      with the one before is lowered by one step of float32, so that every reader keeps
      our order, in which ties rank against the model;
    - `DIRECTION.qrels`, 1 for an image and its captions: `success_K` is our R@K;
    - `DIRECTION.RELEVANCE.qrels`, the gains `2**relevance - 1` in ten-thousandths:
      `ndcg_cut_25`, which takes the number as the gain, is our NDCG@25. They list, for
      each query, the 25 most relevant documents and those among the first 25 of any
      run here. So they are exact for these runs; another run needs qrels of its own.

    Queries and documents are named by image and caption ids.

    Args:
        folder: path; must not exist, or be empty.

    Raises:
        FileExistsError: there is something in the folder.
        FileNotFoundError: the folder that shall hold it is missing.

    Use it in a `with`: leaving it by an exception leaves nothing behind.
    """

    def __init__(self, folder):
        self._folder = Path(folder)
        check_new_folder(self._folder)
        self._whole = _io.whole_folder(self._folder)
        self._pools = {}

    def __enter__(self):
        self._aside = self._whole.__enter__()
        return self

    def __exit__(self, kind, error, trace):
        return self._whole.__exit__(kind, error, trace)

    def add_run(self, name, fold, captions, similarity):
        """Adds a model's answers in a fold to its runs.

        Args:
            name: str, of the model; letters, digits, `_`, `-` and `.` are kept.
            fold: int, number of the fold.
            captions: `CaptionSet` of the fold.
            similarity: float32, (images, captions).
        """
        own = captions.caption_to_image == np.arange(len(similarity))[:, None]
        name = re.sub(r"[^\w.-]+", "_", name)
        for way, scores, right in _both_ways(similarity, own):
            scores = np.ascontiguousarray(scores, np.float32)
            first = first_documents(scores, np.ascontiguousarray(right), DEPTH)
            self._pools.setdefault((way, fold), []).append(first[:, :RANK])
            found = strictly_falling(np.take_along_axis(scores, first, axis=1))
            queries, documents = _names(way, captions)
            with self._append(f"{name}.{way}.run") as file:
                for query, row, values in zip(queries, first, found, strict=True):
                    file.writelines(
                        f"{query} Q0 {documents[document]} {place} {value:.9g} {name}\n"
                        for place, (document, value) in enumerate(
                            zip(row, values.tolist(), strict=True), start=1
                        )
                    )

    def add_qrels(self, fold, captions, relevances):
        """Adds the right answers of a fold, after all its runs.

        Args:
            fold: int, number of the fold.
            captions: `CaptionSet` of the fold.
            relevances: dict, name to float32 (captions, images).
        """
        owners = captions.caption_to_image
        pairs = {"image_to_text": (owners, np.arange(len(owners)))}
        pairs["text_to_image"] = pairs["image_to_text"][::-1]
        for way, (rows, columns) in pairs.items():
            lines = sorted(zip(rows.tolist(), columns.tolist(), strict=True))
            judged = ((row, column, 1) for row, column in lines)
            self._judge(f"{way}.qrels", way, captions, judged)
        for name, relevance in relevances.items():
            for way, grades, _ in _both_ways(relevance.T, relevance.T):
                judged = self._graded(way, fold, np.ascontiguousarray(grades))
                self._judge(f"{way}.{name}.qrels", way, captions, judged)

    def _graded(self, way, fold, grades):
        most = first_documents(grades, grades, RANK)
        pools = np.concatenate([most, *self._pools[way, fold]], axis=1)
        for query, pool in enumerate(pools):
            for document in np.unique(pool).tolist():
                gain = GAIN_UNIT * (2.0 ** float(grades[query, document]) - 1)
                yield query, document, round(gain)

    def _judge(self, filename, way, captions, judged):
        queries, documents = _names(way, captions)
        with self._append(filename) as file:
            file.writelines(
                f"{queries[row]} 0 {documents[column]} {grade}\n"
                for row, column, grade in judged
            )

    def _append(self, filename):
        return open(self._aside / filename, "a", encoding="ascii")


def check_new_folder(folder):
    """Refuses a folder that cannot be written as a new one.

    Raises:
        FileExistsError: there is something in it, or it is a file.
        FileNotFoundError: the folder that shall hold it is missing.
    """
    folder = Path(folder)
    if not folder.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {folder.absolute().parent} to write {folder.name} "
            "into: make it first."
        )
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise FileExistsError(
            f"{folder} is there already: name a new folder, or remove it first."
        )


def strictly_falling(scores):
    """Lowers scores that do not fall by as little as float32 allows.

    Args:
        scores: float32, (queries, places), each row falling or level.

    Returns:
        float32, the same shape, each row strictly falling.

    >>> strictly_falling(np.array([[1, 0.5, 0.5]], np.float32))
    array([[1.        , 0.5       , 0.49999997]], dtype=float32)
    """
    scores = scores.copy()
    for place in range(1, scores.shape[1]):
        below = np.nextafter(scores[:, place - 1], np.float32(-np.inf))
        scores[:, place] = np.minimum(scores[:, place], below)
    return scores


def _both_ways(matrix, other):
    """(direction, queries x documents of both) of matrices (images, captions)."""
    yield DIRECTIONS[0], matrix, other
    yield DIRECTIONS[1], matrix.T, other.T


def _names(way, captions):
    images, texts = captions.image_ids.tolist(), captions.caption_ids.tolist()
    return (images, texts) if way == "image_to_text" else (texts, images)
