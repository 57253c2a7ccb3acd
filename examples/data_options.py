"""The options that name data, shared by the examples here."""

from keras_teran.data.captions import read_captions
from keras_teran.data.embedded import embedded
from keras_teran.data.regions import open_regions


def add_data_options(parser):
    """Add --split, --captions, --regions and --sizes to an argument parser."""
    group = parser.add_argument_group("data (default: the embedded set)")
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


def open_data(args):
    """Open what the options name.

    Returns:
        `(captions, regions, drawn)`: a `CaptionSet`, a `RegionStore`, and the
        `EmbeddedSet` they come from, or None for data from files.
    """
    if bool(args.captions) != bool(args.regions):
        raise SystemExit("--captions and --regions go together: give both or neither.")
    if not args.captions:
        drawn = embedded(args.split, progress=True)
        return drawn.captions, drawn.regions, drawn
    captions = read_captions(args.captions, args.split)
    regions = open_regions(args.regions, captions, args.sizes, progress=True)
    return captions, regions, None
