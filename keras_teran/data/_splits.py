"""One split of any data set that a run can name: its captions and its regions."""

from pathlib import Path

from keras_teran import _io
from keras_teran.data._caption_set import read_captions
from keras_teran.data._region_store import open_regions
from keras_teran.data.scenes._embedded import embedded

EMBEDDED = "embedded"
# The store in a data folder that serves all its splits.
ALL_SPLITS = "regions"
_FILE_KEYS = {"captions", "regions", "sizes"}


def open_split(source, split, progress=False):
    """Opens a split of a data set.

    Args:
        source: what to open:
            - "embedded": the embedded scenes;
            - a folder with `train/`, `val/` and so on, each a packed region store that
              also holds its captions as `dataset_*.json`; or with one `dataset_*.json`
              of all splits, and `regions/`, one store of all, or a store a split;
            - a dict of `captions` (a file in the Karpathy layout), `regions` (a packed
              store or features in the original layout) and, for the latter, `sizes`
              (see `read_sizes`); one file and one store serve all splits;
            - a dict of `captions`, `images`, the folder of the pictures, and `backbone`,
              what a model with pixels inside makes of them (see `PictureStore`).
        split: str, "train", "val" or "test".
        progress: bool, show bars.

    Returns:
        `(captions, regions, drawn)`: a `CaptionSet`, a `RegionStore`, and the
        `EmbeddedSet` they come from, or None for data from files.

    Raises:
        FileNotFoundError: when a folder or file is missing.
        ValueError: for a source of another form.
    """
    check_source(source)
    if source == EMBEDDED:
        drawn = embedded(split, progress=progress)
        return drawn.captions, drawn.regions, drawn
    if isinstance(source, dict) and "images" in source:
        return *_pictures(source, split), None
    if isinstance(source, dict):
        captions_file, folder = source["captions"], source["regions"]
        sizes = source.get("sizes")
    else:
        captions_file, folder = _in_folder(Path(source), split)
        sizes = None
    captions = read_captions(captions_file, split)
    return captions, open_regions(folder, captions, sizes, progress), None


def check_source(source):
    """Refuses what names no data: a source of another kind, or with other keys.

    Args:
        source: see `open_split`; of pictures, `backbone` may be missing.

    Returns:
        The source.

    Raises:
        ValueError: of one line.
    """
    if isinstance(source, Path):
        return source
    if not isinstance(source, str | dict):
        raise ValueError(
            f"data is {_io.shown(source)}; give the word {EMBEDDED}, a folder, or a "
            "mapping of captions and regions"
        )
    files = source if isinstance(source, dict) else {"data": source}
    if files is source:
        _check_keys(files)
        _check_backbone(files.get("backbone"))
    for name, path in files.items():
        if name != "backbone" and not (isinstance(path, str | Path) and str(path)):
            raise ValueError(f"{name} of data is {_io.shown(path)}; give a path")
        if "\0" in str(path):
            raise ValueError(f"{name}={_io.shown(path)} holds a NUL character")
    return source


def _check_keys(files):
    keys = set(files)
    if "images" in keys:
        if keys | {"backbone"} == {"captions", "images", "backbone"}:
            return
        raise ValueError(
            f"data has the keys {_names(keys)}; beside images, the folder of the "
            "pictures, give captions alone"
        )
    if not {"captions", "regions"} <= keys <= _FILE_KEYS:
        raise ValueError(
            f"data has the keys {_names(keys)}; give captions and regions, and sizes "
            "for features in the original layout"
        )


def _check_backbone(backbone):
    """Refuses what `PictureStore` cannot take; None: not known yet."""
    if backbone is None:
        return
    told = backbone if isinstance(backbone, dict) else {}
    pairs = [told.get("size"), told.get("grid")]
    if not (
        all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs)
        and all(type(side) is int and side > 0 for pair in pairs for side in pair)
        and type(told.get("region_dim")) is int
    ):
        raise ValueError(
            f"backbone of data is {_io.shown(backbone)}; it must have size and grid, two "
            "whole numbers each, and region_dim"
        )


def _names(keys):
    return _io.shown(sorted(map(str, keys)))


def _pictures(source, split):
    from keras_teran.data._picture_list import list_pictures
    from keras_teran.data._picture_store import PictureStore

    if "backbone" not in source:
        raise ValueError(
            f"data has the keys {_names(source)}; captions and images, the folder of "
            "the pictures, are for a training with image_backbone. Without one, give "
            "captions and regions."
        )
    captions = read_captions(source["captions"], split)
    listed = list_pictures(source["images"], source["captions"], split)
    return captions, PictureStore(listed.image_ids, listed.paths, source["backbone"])


def _in_folder(folder, split):
    """The captions and the store of a split; its own go before those of all splits."""
    if split in ("", ".", "..") or Path(split).name != split:
        raise ValueError(
            f"{_io.shown(split)} is no name of a split; give train, val or test."
        )
    own, common = folder / split, folder / ALL_SPLITS
    store = own if own.is_dir() or not common.is_dir() else common
    if not store.is_dir():
        raise FileNotFoundError(
            f"{store} is missing: a data folder holds one folder a split, each with "
            f"its packed regions, or {ALL_SPLITS}/ for all splits."
        )
    found = sorted(own.glob("dataset_*.json")) or sorted(folder.glob("dataset_*.json"))
    if len(found) != 1:
        raise FileNotFoundError(
            f"{folder} holds {len(found)} files named dataset_*.json for {split}; it "
            "must hold the captions in one, beside the stores or in that of the split."
        )
    return found[0], store
