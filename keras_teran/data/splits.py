"""One split of any data set that a run can name: its captions and its regions."""

from pathlib import Path

from keras_teran.data.captions import read_captions
from keras_teran.data.embedded import embedded
from keras_teran.data.regions import open_regions

EMBEDDED = "embedded"
_FILE_KEYS = {"captions", "regions", "sizes"}


def open_split(source, split, progress=False):
    """Opens a split of a data set.

    Args:
        source: what to open:
            - "embedded": the embedded scenes;
            - a folder with `train/`, `val/` and so on, each a packed region store that
              also holds its captions as `dataset_*.json`;
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
    if source == EMBEDDED:
        drawn = embedded(split, progress=progress)
        return drawn.captions, drawn.regions, drawn
    if isinstance(source, dict) and "images" in source:
        return *_pictures(source, split), None
    if isinstance(source, dict):
        captions_file, folder, sizes = _files(source)
    else:
        folder, sizes = Path(source) / split, None
        captions_file = _captions_file(folder)
    captions = read_captions(captions_file, split)
    return captions, open_regions(folder, captions, sizes, progress), None


def _pictures(source, split):
    from keras_teran.regions.listing import list_pictures
    from keras_teran.regions.picture_store import PictureStore

    if set(source) != {"captions", "images", "backbone"}:
        raise ValueError(
            f"data has the keys {sorted(source)}; captions and images, the folder of "
            "the pictures, are for a training with image_backbone. Without one, give "
            "captions and regions."
        )
    captions = read_captions(source["captions"], split)
    listed = list_pictures(source["images"], source["captions"], split)
    return captions, PictureStore(listed.image_ids, listed.paths, source["backbone"])


def _files(source):
    unknown = sorted(set(source) - _FILE_KEYS)
    missing = sorted({"captions", "regions"} - set(source))
    if unknown or missing:
        raise ValueError(
            f"data has the keys {sorted(source)}; give captions and regions, and sizes "
            "for features in the original layout."
        )
    return source["captions"], source["regions"], source.get("sizes")


def _captions_file(folder):
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is missing: a data folder holds one folder a split, each with "
            "its packed regions and its dataset_*.json."
        )
    found = sorted(folder.glob("dataset_*.json"))
    if len(found) != 1:
        raise FileNotFoundError(
            f"{folder} holds {len(found)} files named dataset_*.json; it must hold "
            "the captions of its split in one."
        )
    return found[0]
