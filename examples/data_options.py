"""The options that name data, shared by the examples here."""

from keras_teran.data.splits import open_split


def add_data_options(parser):
    """Add --split, --captions, --regions, --images and --sizes to an argument parser."""
    group = parser.add_argument_group("data (default: what the run was trained on)")
    group.add_argument(
        "--split", default="test", help="train, val or test (%(default)s)"
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
        help="image sizes, needed for features in the original layout: COCO "
        "annotations, the image folder or a CSV",
    )


def open_data(args, matcher):
    """Open what the options name, or else the data of the run.

    Returns:
        `(captions, regions, drawn)`: a `CaptionSet`, a `RegionStore`, and the
        `EmbeddedSet` they come from, or None for data from files.
    """
    source = matcher.config["data"]
    backbone = matcher.model.config["image_backbone"]
    if args.regions and args.images:
        raise SystemExit("--regions and --images exclude each other.")
    if bool(args.captions) != bool(args.regions or args.images):
        raise SystemExit(
            "--captions goes with --regions or --images: give both or neither."
        )
    if args.captions and bool(args.images) != bool(backbone):
        taken = "pictures: give --images" if backbone else "regions: give --regions"
        raise SystemExit(f"This model takes {taken}.")
    if args.images:
        source = {"captions": args.captions, "images": args.images}
        source["backbone"] = backbone
    elif args.regions:
        source = {"captions": args.captions, "regions": args.regions}
        source["sizes"] = args.sizes
    return open_split(source, args.split, progress=True)
