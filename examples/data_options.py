"""The options that name data, shared by the examples here."""

from keras_teran.data.splits import open_split


def add_data_options(parser):
    """Add --split, --captions, --regions and --sizes to an argument parser."""
    group = parser.add_argument_group("data (default: what the run was trained on)")
    group.add_argument(
        "--split", default="test", help="train, val or test (%(default)s)"
    )
    group.add_argument("--captions", metavar="FILE", help="captions, Karpathy layout")
    group.add_argument("--regions", metavar="FOLDER", help="region features")
    group.add_argument(
        "--sizes",
        metavar="PATH",
        help="image sizes, needed for features in the original layout: COCO "
        "annotations, the image folder or a CSV",
    )


def open_data(args, matcher):
    """Open what the options name, or else the data of the run.

    Returns:
        `(captions, regions, drawn)`: a `CaptionSet`, a `RegionStore`, and the
        `EmbeddedSet` they come from, or None for data from files.
    """
    if bool(args.captions) != bool(args.regions):
        raise SystemExit("--captions and --regions go together: give both or neither.")
    source = matcher.config["data"]
    if args.captions:
        source = {"captions": args.captions, "regions": args.regions}
        source["sizes"] = args.sizes
    return open_split(source, args.split, progress=True)
