"""`keras-teran pack`."""

import re

from keras_teran.cli._parsers import add_command


def add(commands):
    """Adds `pack` to the subparsers of `keras-teran`."""
    text = "features of other layouts, with their captions, into mapped arrays"
    command = add_command(commands, "pack", run, text)
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


def run(arguments):
    """`keras-teran pack`."""
    from keras_teran.data import DataSource, PackedRegions, pack
    from keras_teran.data.formats import read_any_captions

    if not re.fullmatch(r"\w[\w-]*", arguments.split):
        raise ValueError(
            f"--split: {arguments.split!r} is no name of a split, such as test."
        )
    source = DataSource(
        captions=arguments.captions, regions=arguments.regions, sizes=arguments.sizes
    )
    captions, store, _ = source.open(arguments.split, True, read_any_captions)
    if isinstance(store, PackedRegions):
        raise ValueError(f"{arguments.regions[0]} is packed already; use it as it is.")
    folder = pack(
        store, arguments.out, arguments.dtype, captions=captions, split=arguments.split
    )
    print(f"packed {len(store.image_ids)} images into {folder}")
    if not getattr(store, "has_boxes", True):
        print("without boxes in that layout, each is the whole image")
