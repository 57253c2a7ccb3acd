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
        As `open_split` takes it, paths absolute, but pictures without the `backbone`;
        None where the options name nothing.

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
    if arguments.data:
        is_word = arguments.data == "embedded"
        return arguments.data if is_word else _absolute(arguments.data)
    if not given:
        return None
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
    return {name: _absolute(path) for name, path in given.items()}


def named_phrases(arguments):
    """What `--grounding` names, as `read_phrases` takes it: an absolute path or a word.

    Returns:
        str; None where it is not given.
    """
    if arguments.grounding in (None, "embedded"):
        return arguments.grounding
    return _absolute(arguments.grounding)


def source_for(arguments, backbone, model):
    """What the options name, for a model that is there already.

    Args:
        arguments: as above.
        backbone: the model's `config["image_backbone"]`, a dict or None.
        model: str, how errors call the model, such as the path of its RUN.

    Returns:
        As `open_split` takes it; None where the options name nothing.

    Raises:
        ValueError: for pictures where the model takes regions, and the reverse.
    """
    source = named_source(arguments)
    if source is None:
        return None
    pictures = isinstance(source, dict) and "images" in source
    if pictures and backbone is None:
        raise ValueError(
            f"--images: the model of {model} takes region features; make some with "
            "`keras-teran regions` and give --regions."
        )
    if not pictures:
        _refuse_regions(backbone, model)
        return source
    from keras_teran.data import OPENING

    return {**source, "backbone": {name: backbone[name] for name in OPENING}}


def _refuse_regions(backbone, model):
    if backbone is not None:
        raise ValueError(
            f"The model of {model} takes pictures and makes regions of them itself; "
            "give --captions and --images."
        )


def open_data(arguments, data, backbone, model, check=True):
    """Opens the split that the options name, or else the data of a run.

    Args:
        arguments: as above, and `split`.
        data: what the RUN was trained on, as `open_split` takes it; None: not known.
        backbone, model: see `source_for`.
        check: bool, decode all pictures now, so that bad ones are named before a long
            work begins.

    Returns:
        `(captions, regions, drawn)`, see `open_split`.

    Raises:
        ValueError: as `source_for`; where neither names data; or for bad pictures.
    """
    from keras_teran.data import PictureStore, open_split

    source = source_for(arguments, backbone, model) or data
    if source is None:
        raise ValueError(
            f"No data are named, and {model} names none; give --data, or --captions and "
            "--regions or --images."
        )
    captions, regions, drawn = open_split(source, arguments.split, progress=True)
    if check and isinstance(regions, PictureStore):
        regions.check(captions.image_ids, progress=True)
    return captions, regions, drawn


def _absolute(path):
    """So that a RUN knows its data wherever it is used from."""
    return str(Path(path).resolve())


def source_of_run(arguments):
    """What the data options name for the model of `arguments.run`; None: nothing."""
    from keras_teran.run import read_image_backbone

    run = arguments.run
    return source_for(arguments, read_image_backbone(run), run)


def open_for_run(arguments, run, check=True):
    """The split that the data options name, or else the data of a RUN."""
    from keras_teran.data import check_width
    from keras_teran.run import read_architecture, read_run_config

    data, model = read_run_config(run).get("data"), read_architecture(run)
    opened = open_data(arguments, data, model.get("image_backbone"), run, check)
    check_width(opened[1], model.get("region_dim"), run)
    return opened


def open_store(arguments, run):
    """Captions and regions to look for phrases in, see `open_for_run`.

    `--regions` may stand alone: a store of one's own with a `dataset_*.json` in its folder
    has these captions, any other has none. A file of captions may be of any kind. All its
    splits are taken: those of phrases may be others (RefCOCO's val are images of COCO's
    train).

    Returns:
        `(captions, regions)`: a `CaptionSet` or None, and a `RegionStore`.
    """
    from keras_teran.data import check_width, open_regions, read_captions
    from keras_teran.data.formats import read_any_captions
    from keras_teran.run import read_architecture

    if arguments.regions is None or arguments.data or arguments.images:
        split = arguments.split or "test"
        return open_for_run(Namespace(**{**vars(arguments), "split": split}), run)[:2]
    model, captions = read_architecture(run), None
    _refuse_regions(model.get("image_backbone"), run)
    if arguments.captions:
        captions = read_any_captions(arguments.captions, split=None)
    elif len(found := sorted(Path(arguments.regions).glob("dataset_*.json"))) == 1:
        captions = read_captions(found[0], split=None)
    regions = open_regions(arguments.regions, captions, arguments.sizes, progress=True)
    check_width(regions, model.get("region_dim"), run)
    return captions, regions
