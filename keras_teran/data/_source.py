"""What a command or a configuration names as its data, and how it is opened."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from keras_teran import _io
from keras_teran.data._caption_set import CaptionSet, read_captions
from keras_teran.data._region_store import open_regions
from keras_teran.data.scenes._embedded import embedded

EMBEDDED = "embedded"
# The store in a data folder that serves all its splits.
ALL_SPLITS = "regions"
_FILE_KEYS = {"captions", "regions", "sizes"}
# What of a model's image backbone opening its pictures needs to know.
_OPENING = ("size", "grid", "region_dim")


@dataclass(frozen=True)
class DataSource:
    """The names of data: of a folder, or of captions and what they are of.

    A folder stands alone. Captions stand beside regions or images. Regions that are
    packed, and images, may stand without captions.

    Attributes:
        folder: the word "embedded", the embedded scenes; or a folder with `train/`,
            `val/` and so on, each a packed region store that also holds its captions as
            `dataset_*.json`; or with one `dataset_*.json` of all splits, and `regions/`,
            one store of all, or a store a split.
        captions: a file in the Karpathy layout, of all splits.
        regions: what `open_regions` opens, of all splits; several files as a list.
        sizes: of the images, for regions in the original layout (see `read_sizes`).
        images: the folder of the pictures.
        backbone: dict, what a model with pixels inside makes of pictures (see
            `PictureStore`); None where the model is not known yet.
    """

    folder: str | Path | None = None
    captions: str | Path | None = None
    regions: str | Path | list | None = None
    sizes: str | Path | None = None
    images: str | Path | None = None
    backbone: dict | None = dataclasses.field(default=None, hash=False)

    @classmethod
    def of(cls, value):
        """The source that a configuration or a caller names.

        Args:
            value: the folder; or a dict of `captions`, `regions` and perhaps `sizes`,
                or of `captions`, `images` and perhaps `backbone`; or a `DataSource`.

        Raises:
            ValueError: of one line: for another kind, or other keys.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, Path):
            return cls(folder=value)
        if not isinstance(value, str | dict):
            raise ValueError(
                f"data is {_io.shown(value)}; give the word {EMBEDDED}, a folder, or a "
                "mapping of captions and regions"
            )
        files = value if isinstance(value, dict) else {"data": value}
        if files is value:
            _check_keys(files)
            _check_backbone(files.get("backbone"))
        for name, path in files.items():
            if name != "backbone" and not (isinstance(path, str | Path) and str(path)):
                raise ValueError(f"{name} of data is {_io.shown(path)}; give a path")
            if "\0" in str(path):
                raise ValueError(f"{name}={_io.shown(path)} holds a NUL character")
        return cls(**value) if files is value else cls(folder=value)

    def plain(self):
        """What `of` takes and a configuration holds: the folder, or a dict."""
        if self.folder is not None:
            return self.folder
        return {name: value for name, value in vars(self).items() if value is not None}

    def for_model(self, backbone, model, option="--images"):
        """The source with what opening its pictures needs to know of a model.

        Args:
            backbone: the model's `config["image_backbone"]`, a dict or None.
            model: str, how errors call the model, such as the path of its RUN.
            option: str, how errors call `images`.

        Raises:
            ValueError: for pictures where the model takes regions, and the reverse.
        """
        if self.images is not None and backbone is None:
            raise ValueError(
                f"{option}: the model of {model} takes region features; make some with "
                "`keras-teran regions` and give --regions."
            )
        if backbone is not None and self.images is None:
            raise ValueError(
                f"The model of {model} takes pictures and makes regions of them itself; "
                "give --captions and --images."
            )
        if backbone is None:
            return self
        known = {name: backbone[name] for name in _OPENING}
        return dataclasses.replace(self, backbone=known)

    def open(self, split, progress=False, read=read_captions):
        """Opens one split.

        Args:
            split: str, "train", "val" or "test"; without captions it says nothing.
            progress: bool, show bars.
            read: function of a caption file and a split, gives the `CaptionSet`.

        Returns:
            `(captions, regions, drawn)`: a `CaptionSet`, a `RegionStore`, and the
            `EmbeddedSet` they come from, or None for data from files.

        Raises:
            FileNotFoundError: when a folder or file is missing.
            ValueError: when a file is unusable, or pictures lack their backbone.
        """
        if self.folder == EMBEDDED:
            drawn = embedded(split, progress=progress)
            return drawn.captions, drawn.regions, drawn
        if self.images is not None:
            return *self._open_pictures(split), None
        file, store = self._files(split)
        captions = None if file is None else read(file, split)
        regions = open_regions(store, captions, self.sizes, progress)
        if captions is None:
            captions = CaptionSet.without_captions(regions.image_ids)
        return captions, regions, None

    def open_captions(self, split, progress=False):
        """The `CaptionSet` of a split alone; errors as of `open`."""
        if self.folder == EMBEDDED:
            return embedded(split, progress=progress).captions
        return read_captions(self._files(split)[0], split)

    def _files(self, split):
        """The caption file, or None, and the store of a split."""
        if self.folder is None:
            return self.captions, self.regions
        return _in_folder(Path(self.folder), split)

    def _open_pictures(self, split):
        from keras_teran.data._picture_list import list_pictures
        from keras_teran.data._picture_store import PictureStore

        if self.backbone is None:
            raise ValueError(
                f"data has the keys {_names(self.plain())}; captions and images, the "
                "folder of the pictures, are for a training with image_backbone. Without "
                "one, give captions and regions."
            )
        captions = None
        if self.captions is not None:
            captions = read_captions(self.captions, split)
        listed = list_pictures(self.images, captions)
        if captions is None:
            captions = CaptionSet.without_captions(listed.image_ids, listed.names)
        return captions, PictureStore(listed.image_ids, listed.paths, self.backbone)


def open_split(source, split, progress=False):
    """Opens a split of a data set.

    Args:
        source: what `DataSource.of` takes: "embedded", a data folder, a dict of
            `captions`, `regions` and perhaps `sizes`, or a dict of `captions`, `images`
            and `backbone`.
        split, progress: see `DataSource.open`.

    Returns:
        `(captions, regions, drawn)`, see `DataSource.open`.

    Raises:
        FileNotFoundError: when a folder or file is missing.
        ValueError: for a source of another form.
    """
    return DataSource.of(source).open(split, progress)


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
