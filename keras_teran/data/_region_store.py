"""Region features: what every store offers, and which store a folder holds."""

from pathlib import Path
from typing import Protocol

import numpy as np

from keras_teran import _io
from keras_teran.data._packed_store import PackedRegions
from keras_teran.data._sizes import read_sizes
from keras_teran.data.formats._bottom_up import BottomUpTsv, tsv_parts
from keras_teran.data.formats._hdf5 import open_hdf5
from keras_teran.data.formats._lmdb import LmdbRegions
from keras_teran.data.formats._original import OriginalRegions
from keras_teran.data.formats._precomp import PrecompRegions

__all__ = ["OriginalRegions", "PackedRegions", "RegionStore", "open_regions"]


class RegionStore(Protocol):
    """What batches, evaluation and explanation ask of region features.

    Attributes:
        region_dim: int. Numbers in a region's feature vector.
        max_regions: int. The most regions that an image has; every ``read`` is padded
            to it, so that the shape does not depend on which images are asked for
            (TensorFlow and JAX compile a step per shape).
        image_ids: int64, (images,). The images it holds.
    """

    region_dim: int
    max_regions: int
    image_ids: np.ndarray

    def rows(self, image_ids):
        """Rows of images; ValueError that names unknown ids. int64, (n,)."""

    def read(self, image_ids):
        """Features and boxes of images, in the order asked for.

        Returns:
            dict with ``regions`` float32 (n, max_regions, region_dim), ``boxes``
            float32 (n, max_regions, 4): x0, y0, x1, y1 divided by width and height,
            0..1; ``region_mask`` bool (n, max_regions): True where there is a region.
        """

    def check(self, image_ids, progress=False):
        """Raises ValueError or FileNotFoundError unless all of them can be trained on.

        Called once before training, so that a bad file stops it then and not hours
        later.
        """


def open_regions(path, captions=None, sizes=None, progress=False):
    """Opens region features, whichever layout they have.

    Args:
        path: a folder with packed arrays (``regions*.npy``, see ``PackedRegions``) or
            with ``bu_att`` and ``bu_box`` (see ``OriginalRegions``); or what other
            projects left: a bottom-up ``.tsv``, or its parts ``.tsv.0``, ``.tsv.1`` as
            a list, a folder or a pattern (``BottomUpTsv``), ``SPLIT_ims.npy``
            (``PrecompRegions``), ``.h5`` or ``.hdf5`` (``open_hdf5``), an LMDB
            (``LmdbRegions``).
        captions: the ``CaptionSet`` of the images wanted; the original layout needs
            it, and files that name their images by file name.
        sizes: where image sizes are known, as in ``read_sizes``; needed for boxes in
            pixels where the file does not hold the sizes (all but the TSV).
        progress: whether to show bars over many files.

    Returns:
        A ``RegionStore``.

    Raises:
        FileNotFoundError: if there is no such folder or file.
        ValueError: if it has no known layout, ``captions`` or ``sizes`` is missing, or
            ``sizes`` would not be read.
    """
    if isinstance(path, list | tuple) and len(path) != 1:
        return _open_parts(path, captions, sizes)
    path = Path(path[0] if isinstance(path, list | tuple) else path)
    if (path.exists() and not path.is_dir()) or (path / "data.mdb").exists():
        return _open_foreign(path, captions, sizes)
    if path.is_dir() and any(path.glob("regions*.npy")):
        _refuse_sizes(path, sizes, "has relative boxes")
        return PackedRegions(path, captions)
    if parts := tsv_parts(path):
        return _open_tsv(parts, captions, sizes)
    if not path.is_dir():
        raise FileNotFoundError(f"There is no folder {path} with region features.")
    if not ((path / "bu_att").is_dir() and (path / "bu_box").is_dir()):
        raise ValueError(
            f"{path} holds no region features: expected packed arrays (regions*.npy "
            "and boxes.npy), the folders bu_att and bu_box, or an LMDB's data.mdb; or "
            "give a file: .tsv, SPLIT_ims.npy, .h5, .hdf5."
        )
    if captions is None or sizes is None:
        raise ValueError(
            f"{path} has the original layout, boxes in pixels: give captions (which "
            "images) and sizes (a COCO annotation JSON, the image folder or a CSV), or "
            "pack the features once."
        )
    sizes = read_sizes(sizes, captions.image_ids, captions.filenames, progress)
    return OriginalRegions(path, captions.image_ids, sizes, progress, captions)


def _refuse_sizes(path, sizes, why):
    """Nothing would read them, and so nobody would notice that they are wrong."""
    if sizes is not None:
        raise ValueError(
            f"sizes={_io.shown(sizes)} would not be read: {path} {why}. Leave it out."
        )


def _open_tsv(parts, captions, sizes):
    first = parts[0] if isinstance(parts, list) else parts
    _refuse_sizes(first, sizes, "has the sizes of its images")
    return BottomUpTsv(parts, captions)


def _open_parts(paths, captions, sizes):
    parts = [part for path in paths for part in tsv_parts(path) or [None]]
    if None in parts or len({*parts}) < len(parts):
        raise ValueError(
            f"{', '.join(map(str, paths))}: several files must be the parts of a "
            "bottom-up .tsv, each once, such as NAME.tsv.0 and NAME.tsv.1."
        )
    return _open_tsv(parts, captions, sizes)


def _open_foreign(path, captions, sizes):
    if parts := [] if path.is_dir() else tsv_parts(path):
        return _open_tsv(parts[0], captions, sizes)
    if path.name.endswith("_ims.npy"):
        return PrecompRegions(path, captions, sizes)
    if path.suffix in (".h5", ".hdf5", ".hdf"):
        return open_hdf5(path, captions, sizes)
    if path.suffix in (".lmdb", ".mdb") or path.is_dir():
        return LmdbRegions(path, captions, sizes)
    raise ValueError(
        f"{path} holds no region features of a known layout: a file must be a bottom-up "
        ".tsv, SPLIT_ims.npy, .h5, .hdf5 or .lmdb."
    )


def check_width(regions, width, model):
    """Raises ValueError for features of another width than a model takes.

    Args:
        regions: `RegionStore`.
        width: int, `region_dim` of the model.
        model: str, how errors call the model.
    """
    if regions.region_dim != width:
        raise ValueError(
            f"The regions have {regions.region_dim} features each and the model of "
            f"{model} takes {width}: give features of the kind that it was trained on "
            "by --regions or --data."
        )
