"""The options of the command that name data, and the data that they name."""

from argparse import Namespace
from pathlib import Path


def add_data_options(command, default):
    """Adds them to a parser.

    Args:
        command: of `argparse`.
        default: str, what is taken where none is given.
    """
    group = command.add_argument_group(f"data (default: {default})")
    group.add_argument(
        "--data",
        metavar="FOLDER",
        help="with dataset_*.json and regions/, or with train/ and val/, each packed "
        "regions and their dataset_*.json; or the word embedded",
    )
    group.add_argument("--captions", metavar="FILE", help="captions, Karpathy layout")
    group.add_argument("--regions", metavar="FOLDER", help="region features")
    group.add_argument(
        "--images",
        metavar="FOLDER",
        help="pictures, in place of --regions, of a model with an image backbone",
    )
    group.add_argument(
        "--sizes",
        metavar="PATH",
        help="image sizes, for features of one file an image: COCO's annotations, the "
        "image folder or a CSV",
    )


def named_source(arguments):
    """What the options name.

    Args:
        arguments: with `data`, `captions`, `regions`, `images` and `sizes`.

    Returns:
        A `DataSource`, paths absolute; None where the options name nothing.

    Raises:
        ValueError: for options that do not go together.
    """
    given = {
        name: value
        for name in ("captions", "regions", "images", "sizes")
        if (value := getattr(arguments, name)) is not None
    }
    for name, value in {"data": arguments.data, **given}.items():
        if value == "":
            raise ValueError(f"--{name} is empty; name a file or folder.")
    if given and arguments.data:
        raise ValueError(
            "--data goes without --captions, --regions, --images and --sizes."
        )
    if not given and not arguments.data:
        return None
    if given:
        _refuse_odd(given)
    from keras_teran.data import EMBEDDED, DataSource

    if arguments.data == EMBEDDED:
        return DataSource(folder=EMBEDDED)
    named = given or {"folder": arguments.data}
    return DataSource(**{name: _absolute(path) for name, path in named.items()})


def _refuse_odd(given):
    """Refuses options that do not go together."""
    if {"regions", "images"} <= set(given):
        raise ValueError(
            "--regions and --images exclude each other: a model with an image backbone "
            "takes pictures, any other takes region features."
        )
    if {"sizes", "images"} <= set(given):
        raise ValueError("--sizes goes with --regions; pictures have their own.")
    if "captions" not in given or not {"regions", "images"} & set(given):
        named = ", ".join(f"--{name}" for name in given)
        raise ValueError(
            f"{named} alone is no data: give --captions and --regions, or --captions "
            "and --images."
        )


def named_phrases(arguments):
    """What `--grounding` names, as `read_phrases` takes it: an absolute path or a word.

    Returns:
        str; None where it is not given.
    """
    if arguments.grounding in (None, "embedded"):
        return arguments.grounding
    return _absolute(arguments.grounding)


def _absolute(path):
    """So that a RUN knows its data wherever it is used from."""
    return str(Path(path).resolve())


def source_of_run(arguments, run):
    """What the options name for the model of a RUN: a `DataSource`; None: nothing."""
    from keras_teran.run import read_image_backbone

    source = named_source(arguments)
    return source and source.for_model(read_image_backbone(run), run)


def open_source(source, split, check=True):
    """Opens a split of a `DataSource`, see `DataSource.open`.

    Args:
        source: `DataSource`.
        split: str.
        check: bool, decode all pictures now, so that bad ones are named before a long
            work begins.

    Raises:
        ValueError: for bad pictures; else as `DataSource.open`.
    """
    from keras_teran.data import PictureStore

    captions, regions, drawn = source.open(split, progress=True)
    if check and isinstance(regions, PictureStore):
        regions.check(captions.image_ids, progress=True)
    return captions, regions, drawn


def open_data(arguments, data, architecture, model, opened=open_source):
    """Opens the split that the options name, or else the data of a run.

    Args:
        arguments: as of `named_source`, and `split`.
        data: what the RUN was trained on, as `DataSource.of` takes it; None: not known.
        architecture: dict, the model's `region_dim` and `image_backbone`.
        model: str, how errors call the model.
        opened: function of a `DataSource` and a split.

    Returns:
        What `opened` gives.

    Raises:
        ValueError: for data of another kind than the model takes; where neither names
            data; or as `opened`.
    """
    from keras_teran.data import DataSource, check_width

    source = named_source(arguments)
    if source is not None:
        source = source.for_model(architecture.get("image_backbone"), model)
    elif data is not None:
        source = DataSource.of(data)
    else:
        raise ValueError(
            f"No data are named, and {model} names none; give --data, or --captions and "
            "--regions or --images."
        )
    found = opened(source, arguments.split)
    check_width(found[1], architecture.get("region_dim"), model)
    return found


def open_for_run(arguments, run, opened=open_source):
    """The split that the data options name, or else the data of a RUN."""
    from keras_teran.run import read_architecture, read_run_config

    data, architecture = read_run_config(run).get("data"), read_architecture(run)
    return open_data(arguments, data, architecture, run, opened)


def open_store(arguments, run):
    """Captions and regions to look for phrases in, see `open_for_run`.

    `--regions` may stand alone: a store of one's own with a `dataset_*.json` in its folder
    has these captions, any other has none. A file of captions may be of any kind. All its
    splits are taken: those of phrases may be others (RefCOCO's val are images of COCO's
    train).

    Returns:
        `(captions, regions)`: a `CaptionSet` or None, and a `RegionStore`.
    """
    from keras_teran.data import DataSource, check_width, open_regions, read_captions
    from keras_teran.data.formats import read_any_captions
    from keras_teran.run import read_architecture

    if arguments.regions is None or arguments.data or arguments.images:
        split = arguments.split or "test"
        return open_for_run(Namespace(**{**vars(arguments), "split": split}), run)[:2]
    model, captions = read_architecture(run), None
    source = DataSource(regions=arguments.regions, sizes=arguments.sizes)
    source.for_model(model.get("image_backbone"), run)
    if arguments.captions:
        captions = read_any_captions(arguments.captions, split=None)
    elif len(found := sorted(Path(arguments.regions).glob("dataset_*.json"))) == 1:
        captions = read_captions(found[0], split=None)
    regions = open_regions(arguments.regions, captions, arguments.sizes, progress=True)
    check_width(regions, model.get("region_dim"), run)
    return captions, regions
