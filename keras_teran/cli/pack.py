"""`keras-teran pack`: its arguments, and what it calls."""

import re


def add(commands):
    """Adds `pack` to the parser.

    Args:
        commands: what `add_subparsers` gave.
    """
    text = "features of other layouts, with their captions, into mapped arrays"
    command = commands.add_parser("pack", help=text, description=text)
    command.add_argument(
        "regions",
        metavar="FEATURES",
        nargs="+",
        help="folder with bu_att/ and bu_box/, bottom-up .tsv or its parts (.tsv.0 "
        ".tsv.1), SPLIT_ims.npy, .h5, .hdf5 or an LMDB",
    )
    command.add_argument("out", metavar="OUT", help="folder to write; resumes")
    command.add_argument(
        "--captions",
        metavar="FILE",
        required=True,
        help="Karpathy's, COCO's, Flickr's .token, SPLIT_caps.txt, .csv, .tsv or .jsonl",
    )
    command.add_argument(
        "--split",
        default="train",
        help="to take, or what a file without splits is: train, val, test (%(default)s)",
    )
    command.add_argument(
        "--sizes",
        metavar="PATH",
        help="of the images, where boxes are in pixels (not for a .tsv): COCO's "
        "annotations, the image folder or a CSV",
    )
    command.add_argument(
        "--dtype",
        choices=["float16", "float32"],
        default="float16",
        help="(%(default)s)",
    )
    command.set_defaults(command=run)


def run(arguments):
    """`keras-teran pack`."""
    from keras_teran.data import PackedRegions, open_regions, pack
    from keras_teran.data.formats import read_any_captions

    if not re.fullmatch(r"\w[\w-]*", arguments.split):
        raise ValueError(
            f"--split: {arguments.split!r} is no name of a split, such as test."
        )
    captions = read_any_captions(arguments.captions, arguments.split)
    store = open_regions(arguments.regions, captions, arguments.sizes, progress=True)
    if isinstance(store, PackedRegions):
        raise ValueError(f"{arguments.regions[0]} is packed already; use it as it is.")
    folder = pack(
        store, arguments.out, arguments.dtype, captions=captions, split=arguments.split
    )
    print(f"packed {len(store.image_ids)} images into {folder}")
    if not getattr(store, "has_boxes", True):
        print("without boxes in that layout, each is the whole image")
