"""What an index is made of: region features, pictures, or images encoded already."""

from pathlib import Path

from keras_teran.data import (
    EMBEDDED,
    CaptionSet,
    open_regions,
    open_split,
    read_captions,
)


def open_data(arguments):
    """Opens the images and captions of `keras-teran index`.

    Args:
        arguments: of the command: `run`, `regions`, `pictures`, `encoded`, `captions`,
            `sizes`, `split`.

    Returns:
        `(captions, regions)`: a `CaptionSet`, and a `RegionStore`, or the `Shards` of
        encoded images in its place.

    Raises:
        ValueError: where options do not go together, or not with the run.
    """
    source = arguments.regions
    given = [source, arguments.pictures, arguments.encoded]
    if arguments.pictures and (source or arguments.encoded) or not any(given):
        raise ValueError(
            "Give --regions DATA, --pictures FOLDER, or --encoded FOLDER; the last may "
            "stand beside --regions, for its captions."
        )
    if arguments.pictures:
        return _pictures(arguments)
    if arguments.encoded:
        return _with_encoded(arguments)
    if arguments.captions:
        source = {"captions": arguments.captions, "regions": source}
        if arguments.sizes:
            source["sizes"] = arguments.sizes
    elif source != EMBEDDED and any(Path(source).glob("regions*.npy")):
        regions = open_regions(source)
        return _without_captions(regions.image_ids), regions
    return open_split(source, arguments.split, progress=True)[:2]


def _pictures(arguments):
    from keras_teran.data import PictureStore, list_pictures
    from keras_teran.run import read_image_backbone

    backbone = read_image_backbone(arguments.run)
    if backbone is None:
        raise ValueError(
            f"--pictures: the model of {arguments.run} takes region features; make "
            "some with `keras-teran regions` and give --regions."
        )
    if arguments.captions:
        source = {"captions": arguments.captions, "images": arguments.pictures}
        source["backbone"] = backbone
        captions, store, _ = open_split(source, arguments.split)
    else:
        listed = list_pictures(arguments.pictures)
        captions = CaptionSet(listed.image_ids, listed.names, [], [], [])
        store = PictureStore(listed.image_ids, listed.paths, backbone)
    return captions, store


def without_bad(captions, regions):
    """Leaves out the pictures that cannot be used.

    Args:
        captions: `CaptionSet`.
        regions: what `open_data` gave beside it.

    Returns:
        `(captions, faults)`: the `CaptionSet` of the rest, and a dict of the ids of the
        pictures that it lacks to a line on each; all and none where there are none.

    Raises:
        ValueError: if no picture can be used.
    """
    from keras_teran.data import PictureStore

    if not isinstance(regions, PictureStore):
        return captions, {}
    faults = regions.faults(captions.image_ids, progress=True)
    lines = list(faults.values())
    if len(faults) == len(captions.image_ids):
        raise ValueError(f"None of the {len(lines)} pictures can be used; {lines[0]}.")
    good = [n for n, each in enumerate(captions.image_ids) if each not in faults]
    return (captions.select_images(good) if faults else captions), faults


def _with_encoded(arguments):
    from keras_teran.search._shards import Shards

    shards = Shards(arguments.encoded)
    if arguments.captions:
        captions = read_captions(arguments.captions, arguments.split)
    elif arguments.regions:
        captions = open_split(arguments.regions, arguments.split, progress=True)[0]
    else:
        return _without_captions(shards.image_ids), shards
    return captions, shards


def _without_captions(image_ids):
    return CaptionSet(image_ids, [""] * len(image_ids), [], [], [])
